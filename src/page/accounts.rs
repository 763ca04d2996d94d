use askama::Template;

use super::link::{link, of_held, of_rotation, of_running};
use super::{Frame, Pairs, Part, Tone, Word, value_of};
use crate::report::{At, Length, Text};
use crate::schedule::AgeState;

/// The word of a query for the accounts that a person should look at.
const ATTENTION: &str = "attention";

/// The accounts: a page of them.
#[derive(Debug, Template)]
#[template(path = "page/accounts.html")]
pub struct Accounts {
    /// Around it.
    pub frame: Frame,
    /// By name.
    pub accounts: Vec<Account>,
    /// Which of those that were asked for these are.
    pub part: Part,
    /// Which were asked for.
    pub filter: AccountsFilter,
    /// How many the configuration names.
    pub configured: usize,
    /// How many of those have a password that is too old, or of unknown age; `None` = nobody has counted them.
    pub late: Option<usize>,
    /// What holds now, the gravest first.
    pub conditions: usize,
    /// Whether something can be ordered.
    pub may_order: bool,
}

/// Which accounts are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountsFilter {
    /// Whose name has this in it, in capital letters or small ones.
    pub name: String,
    /// That a person should look at.
    pub attention: bool,
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: Text,
    /// `connector`, `service`, `entra` or `self`.
    pub kind: Text,
    /// How its last rotation stands, by the word of `status`.
    pub state: Word,
    /// Since when.
    pub since: Option<At>,
    /// That rotation.
    pub rotation: Option<Text>,
    /// What is wrong, where something is.
    pub why: Option<Text>,
    /// The password's age.
    pub age: AgeOf,
    /// When the schedule rotates it next.
    pub next: Next,
    /// When that is, in words; empty = by hand only.
    pub schedule: Text,
    /// Failed attempts since the last success.
    pub failures: u32,
    /// The late proof, where there is one.
    pub late_proof: Option<Word>,
    /// Whether a rotation of it waits for a person.
    pub is_held: bool,
    /// Whether one is open, held or not, or about to begin.
    pub is_open: bool,
}

/// How old a password is.
#[derive(Clone, Copy, Debug)]
pub struct AgeOf {
    /// How that stands to what is asked.
    pub state: AgeState,
    /// In whole days.
    pub days: Option<i64>,
    /// When it was set.
    pub set_at: Option<At>,
    /// How old it may become.
    pub max_days: Option<u32>,
    /// When it is that old.
    pub over_at: Option<At>,
}

/// When an account is rotated next.
#[derive(Clone, Debug)]
pub enum Next {
    /// Then; and how long that is from now, in words.
    At(At, Option<Length>),
    /// Not by itself; why.
    Not(Text),
}

impl AgeOf {
    pub(super) fn word(&self) -> Word {
        match self.state {
            AgeState::Unlimited => Word::new(Tone::Plain, "–", "no maximum age"),
            AgeState::Fresh => Word::new(Tone::Good, "✓", "within its maximum age"),
            AgeState::Near => Word::new(Tone::Warn, "△", "near its maximum age"),
            AgeState::Urgent => Word::new(Tone::Bad, "△", "very near its maximum age"),
            AgeState::Overdue => Word::new(Tone::Bad, "✕", "over its maximum age"),
            AgeState::Unknown => Word::new(Tone::Bad, "?", "of unknown age"),
        }
    }
}

impl AccountsFilter {
    /// Of a query's fields.
    pub fn of(pairs: &Pairs) -> Self {
        Self { name: value_of(pairs, "name").to_owned(), attention: value_of(pairs, "only") == ATTENTION }
    }

    /// The fields of it.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let only = if self.attention { ATTENTION } else { "" };
        vec![("name", self.name.clone()), ("only", only.to_owned())]
    }

    /// Whether a name is asked for.
    pub fn has(&self, name: &str) -> bool {
        self.name.is_empty() || name.to_lowercase().contains(&self.name.to_lowercase())
    }

    pub(super) fn is_set(&self) -> bool {
        *self != Self::default()
    }
}

impl Account {
    pub(super) fn past(&self) -> String {
        link("/history", &[("account", &self.name.0)])
    }

    pub(super) fn held(&self) -> String {
        of_held(&self.name.0)
    }

    pub(super) fn running(&self) -> String {
        of_running(&self.name.0)
    }

    pub(super) fn order(&self) -> String {
        link("/order", &[("what", "rotate"), ("account", &self.name.0)])
    }

    pub(super) fn of_rotation(&self) -> Option<String> {
        self.rotation.as_ref().map(|id| of_rotation(&id.0))
    }
}

impl Accounts {
    /// The sentence that a person looks for first.
    pub(super) fn verdict(&self) -> Word {
        let held = self.frame.open.1;
        let is_late = |account: &&Account| matches!(account.age.state, AgeState::Overdue | AgeState::Unknown);
        // Of all of them; where nobody has counted those, of the ones that are shown.
        let late = self.late.unwrap_or_else(|| self.accounts.iter().filter(is_late).count());
        let (of_these, is_counted) =
            if self.is_counted() { ("", true) } else { (" (of the accounts that are shown here)", false) };
        let number = |count: usize, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let held = (held > 0).then(|| number(held, "rotation waits for a person", "rotations wait for a person"));
        let late = (late > 0).then(|| {
            let late = number(
                late,
                "password is over its maximum age or of unknown age",
                "passwords are over their maximum age or of unknown age",
            );
            format!("{late}{of_these}")
        });
        let wrong: Vec<String> = held.into_iter().chain(late).collect();
        if !wrong.is_empty() {
            return Word::new(Tone::Bad, "✕", format!("{}.", wrong.join("; ")));
        }
        if self.conditions > 0 {
            let holds = number(self.conditions, "condition holds", "conditions hold");
            return Word::new(Tone::Warn, "△", format!("{holds} that a person should know of."));
        }
        if !is_counted {
            let told = "Nothing waits for a person here. How old the passwords of the other accounts are, this process has not counted.";
            return Word::new(Tone::Plain, "–", told);
        }
        Word::new(Tone::Good, "✓", "Nothing waits for a person.")
    }

    /// Whether what the sentence says is so of all accounts.
    fn is_counted(&self) -> bool {
        self.late.is_some() || self.accounts.len() == self.configured
    }

    /// Whether those that it counts can be shown.
    pub(super) fn late_link(&self) -> Option<String> {
        (self.late > Some(0) && !self.filter.attention).then(|| link("/", &[("only", ATTENTION)]))
    }

    pub(super) fn has_filter(&self) -> bool {
        !self.part.is_whole() || self.filter.is_set()
    }
}
