//! Conditions, from when they were raised to when they were cleared.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{At, Condition, KindCount, Length, Period, Tally, Text};
use crate::journal::{Note, Noted};

const DRIFT: &str = "drift-";
/// What the service calls a maximum age that is near.
const NEAR: [&str; 2] = ["age-near", "age-urgent"];

/// Every condition before the period's end.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    all: Vec<Condition>,
    /// Those that hold, by key.
    open: BTreeMap<String, usize>,
}

impl Conditions {
    pub(super) fn take(&mut self, noted: &Noted) {
        match &noted.note {
            Note::Raised { key, kind, severity, account, title, text } => {
                // A condition that is raised again holds since the first time.
                if self.open.contains_key(key) {
                    return;
                }
                self.open.insert(key.clone(), self.all.len());
                self.all.push(Condition {
                    kind: Text::of(kind),
                    severity: Text::of(severity),
                    account: account.as_ref().map(Text::of),
                    title: Text::of(title),
                    text: Text::of(text),
                    raised: At(noted.at),
                    cleared: None,
                    length: Length::between(noted.at, noted.at),
                    position: noted.position,
                });
            }
            Note::Cleared { key, .. } => {
                if let Some(index) = self.open.remove(key) {
                    self.all[index].cleared = Some(At(noted.at));
                }
            }
            _ => {}
        }
    }

    /// Whether the service had warned, at the end, that the account's password comes near its maximum age.
    pub(super) fn warned(&self, account: &str) -> bool {
        self.open.values().any(|index| {
            let condition = &self.all[*index];
            NEAR.contains(&condition.kind.0.as_str())
                && condition.account.as_ref().is_some_and(|about| about.0 == account)
        })
    }

    /// Those that held at some time of the period, drift first, with the tallies by kind and of drift.
    pub(super) fn end(self, period: &Period) -> (Vec<Condition>, Vec<KindCount>, Tally) {
        let mut all = self.all;
        all.retain_mut(|condition| {
            let end = condition.cleared.map_or(period.to.0, |at| at.0);
            condition.length = Length::between(condition.raised.0, end);
            end >= period.from.0
        });
        all.sort_by_key(|condition| (!is_drift(condition), condition.raised, condition.position));
        let (mut drift, mut kinds) = (Tally::default(), BTreeMap::<Text, Tally>::new());
        for condition in &all {
            count(kinds.entry(condition.kind.clone()).or_default(), condition, period);
            if is_drift(condition) {
                count(&mut drift, condition, period);
            }
        }
        (all, kinds.into_iter().map(|(kind, tally)| KindCount { kind, tally }).collect(), drift)
    }
}

fn is_drift(condition: &Condition) -> bool {
    condition.kind.0.starts_with(DRIFT)
}

fn count(tally: &mut Tally, condition: &Condition, period: &Period) {
    let has = |at: Timestamp| u64::from(period.has(at));
    tally.raised += has(condition.raised.0);
    match condition.cleared {
        Some(at) => tally.cleared += has(at.0),
        None => tally.open_at_end += 1,
    }
    tally.longest = tally.longest.take().max(Some(condition.length));
}
