use askama::Template;

use super::link::{link, of_held, of_running};
use super::{Frame, Word};
use crate::journal::Entry;
use crate::report::{At, Proof, RotationFacts, StepFacts, Text};
use crate::rotation::Step;

/// Entries that are shown; a rotation that went on failing for days has more.
const ENTRIES_MAX: usize = 1_000;

/// One rotation, with all that the journal has of it.
#[derive(Debug, Template)]
#[template(path = "page/rotation.html")]
pub struct OneRotation {
    /// Around it.
    pub frame: Frame,
    /// How it stands.
    pub state: Word,
    /// What is known of it.
    pub facts: RotationFacts,
    /// For each server, from the set to the end of its restart, in seconds.
    pub stop_windows: Vec<(Text, String)>,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// An entry, as it is shown.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) seq: i64,
    pub(super) position: i64,
    pub(super) at: At,
    pub(super) text: Text,
    /// What to do next, where it tells of a failure.
    pub(super) next: Option<Text>,
    pub(super) hash: String,
}

impl OneRotation {
    pub(super) fn lines(&self) -> Vec<Line> {
        let shown = self.entries.iter().skip(self.entries.len().saturating_sub(ENTRIES_MAX));
        shown
            .map(|entry| Line {
                seq: entry.seq,
                position: entry.position,
                at: At(entry.at),
                text: Text(entry.event.line()),
                next: entry.event.fault().filter(|fault| !fault.hint.is_empty()).map(|fault| Text::of(&fault.hint)),
                hash: entry.hash.clone(),
            })
            .collect()
    }

    /// How many earlier entries are not shown.
    pub(super) fn left_out(&self) -> usize {
        self.entries.len().saturating_sub(ENTRIES_MAX)
    }

    pub(super) fn sentence(&self, step: &StepFacts) -> Option<Text> {
        step.step.0.parse::<Step>().ok().map(|step| Text(step.sentence()))
    }

    pub(super) fn result(&self, step: &StepFacts) -> Word {
        Word::of_step(step.result)
    }

    pub(super) fn phase(&self, proof: &Proof) -> &'static str {
        match proof.phase {
            "before" => "before, with the password in use",
            "after" => "after, with the one set",
            "back" => "back, with the old one again",
            _ => "late, an hour or more after the end",
        }
    }

    pub(super) fn held(&self) -> String {
        of_held(&self.facts.account.0)
    }

    pub(super) fn running(&self) -> String {
        of_running(&self.facts.account.0)
    }

    pub(super) fn past(&self) -> String {
        link("/history", &[("account", &self.facts.account.0)])
    }
}
