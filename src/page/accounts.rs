use askama::Template;

use super::link::{link, of_rotation};
use super::{Frame, Tone, Word};
use crate::report::{At, Length, Text};
use crate::schedule::AgeState;

/// The accounts: a page of them.
#[derive(Debug, Template)]
#[template(path = "page/accounts.html")]
pub struct Accounts {
    /// Around it.
    pub frame: Frame,
    /// By name.
    pub accounts: Vec<Account>,
    /// How many there are in all.
    pub of: usize,
    /// Which of them come first here, from 1.
    pub first: usize,
    /// Pages before and after.
    pub pages: (Option<usize>, Option<usize>),
    /// What holds now, the gravest first.
    pub conditions: usize,
    /// Whether something can be ordered.
    pub may_order: bool,
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

impl Account {
    pub(super) fn past(&self) -> String {
        link("/history", &[("account", &self.name.0)])
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
        let late = self.accounts.iter().filter(is_late).count();
        let number = |count: usize, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let held = (held > 0).then(|| number(held, "rotation waits for a person", "rotations wait for a person"));
        let late = (late > 0).then(|| {
            number(
                late,
                "password is over its maximum age or of unknown age",
                "passwords are over their maximum age or of unknown age",
            )
        });
        let wrong: Vec<String> = held.into_iter().chain(late).collect();
        if !wrong.is_empty() {
            return Word::new(Tone::Bad, "✕", format!("{}.", wrong.join("; ")));
        }
        if self.conditions > 0 {
            let holds = number(self.conditions, "condition holds", "conditions hold");
            return Word::new(Tone::Warn, "△", format!("{holds} that a person should know of."));
        }
        Word::new(Tone::Good, "✓", "Nothing waits for a person.")
    }
}
