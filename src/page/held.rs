use askama::Template;

use super::link::{link, of_rotation};
use super::{Frame, Part, Word};
use crate::journal::Entry;
use crate::report::{At, Length, Text};
use crate::rotation::{Event, Plan, Progress};

/// What waits for a person.
#[derive(Debug, Template)]
#[template(path = "page/held.html")]
pub struct Held {
    /// Around it.
    pub frame: Frame,
    /// Oldest first.
    pub rotations: Vec<HeldRotation>,
    /// Which of all of them these are.
    pub part: Part,
    /// Only those of this account, where one is asked for.
    pub account: Option<Text>,
    /// Whether something can be ordered here.
    pub may_order: bool,
}

/// A held rotation.
#[derive(Clone, Debug)]
pub struct HeldRotation {
    /// Its id.
    pub rotation: Text,
    /// The account.
    pub account: Text,
    /// Since when.
    pub since: At,
    /// How long that is.
    pub length: Length,
    /// Why.
    pub why: Text,
    /// The word of the reason, as the runbooks have it.
    pub reason: &'static str,
    /// What holds now.
    pub meaning: &'static str,
    /// The last failure, and what it says to do.
    pub cause: Option<(Text, Text)>,
    /// What is still paused, and how it is turned on.
    pub paused: Option<&'static str>,
    /// What to do, in order.
    pub runbook: &'static [&'static str],
    /// Why it can't be rolled back.
    pub no_way_back: Option<&'static str>,
    /// The commands, each with what it is for.
    pub commands: Vec<(&'static str, String)>,
}

impl HeldRotation {
    /// Of a rotation's plan and what the journal has of it. `None` = it is not held.
    pub fn of(plan: &Plan, progress: &Progress, log: &[Entry], paused: Option<&'static str>, now: At) -> Option<Self> {
        let why = progress.held.as_ref()?;
        let held = log.iter().rev().find(|entry| matches!(entry.event, Event::Held { .. }))?;
        let runbook = why.runbook();
        let fault = log.iter().rev().find_map(|entry| match &entry.event {
            Event::Failed { step, fault } | Event::LookFailed { step, fault } => Some((step, fault)),
            _ => None,
        });
        let no_way_back = plan.no_way_back(progress);
        Some(Self {
            rotation: Text::of(&held.rotation),
            account: Text::of(&plan.inventory.account),
            since: At(held.at),
            length: Length::between(held.at, now.0),
            why: Text::of(why),
            reason: why.word(),
            meaning: runbook.meaning,
            cause: fault.map(|(step, fault)| (Text(format!("{step}: {fault}")), Text::of(&fault.hint))),
            paused,
            runbook: runbook.steps,
            commands: commands(&plan.inventory.account, &held.rotation, no_way_back.is_none()),
            no_way_back,
        })
    }

    pub(super) fn state(&self) -> Word {
        Word::of_state("held")
    }

    pub(super) fn link(&self) -> String {
        of_rotation(&self.rotation.0)
    }

    pub(super) fn order(&self, what: &str) -> String {
        link("/order", &[("what", what), ("account", &self.account.0)])
    }

    /// A step of a runbook, in parts: what stands between its backquotes is a command.
    pub(super) fn parts<'s>(&self, step: &'s str) -> Vec<(&'s str, bool)> {
        step.split('`')
            .enumerate()
            .map(|(place, part)| (part, place % 2 == 1))
            .filter(|(part, _)| !part.is_empty())
            .collect()
    }
}

/// The commands for one account; none where its name can't be written in a shell without doubt.
fn commands(account: &str, rotation: &str, may_go_back: bool) -> Vec<(&'static str, String)> {
    let (Some(account), Some(rotation)) = (quoted(account), quoted(rotation)) else { return Vec::new() };
    let mut commands = vec![
        ("See what happened", format!("entra-rotator history --rotation {rotation}")),
        ("See how it is now; changes nothing", format!("entra-rotator doctor --account {account}")),
        ("Look at every step anew, and go on", format!("entra-rotator resume --account {account}")),
    ];
    if may_go_back {
        commands.push(("Turn back to the old password", format!("entra-rotator rollback --account {account}")));
    }
    commands.push(("Set a fresh password everywhere", format!("entra-rotator rotate --repair --account {account}")));
    commands
}

/// A word as every shell reads it: as it is, or in single quotes, in which nothing means anything but a single quote.
fn quoted(word: &str) -> Option<String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.@".contains(letter);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return Some(word.to_owned());
    }
    let shown = Text::of(word).to_string();
    (shown == word && !word.contains('\'') && !word.starts_with('-') && !word.is_empty()).then(|| format!("'{word}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_for_a_shell_or_is_not_written() {
        assert_eq!(quoted("MSOL_1a2b").as_deref(), Some("MSOL_1a2b"));
        assert_eq!(quoted("NT SERVICE\\ADSync").as_deref(), Some("'NT SERVICE\\ADSync'"));
        assert_eq!(quoted("a; rm -rf $HOME `x`").as_deref(), Some("'a; rm -rf $HOME `x`'"));
        for odd in ["it's", "--repair", "two\nlines", "turned\u{202e}", ""] {
            assert_eq!(quoted(odd), None, "{odd:?}");
        }
    }
}
