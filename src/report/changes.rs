use jiff::Timestamp;
use providers::port::{Fingerprint, Meaning};

use super::Period;
use crate::journal::Entry;
use crate::rotation::{Event, Seen, Side, Step};

/// A password of an account that a rotation set, as far as the journal knows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change<'e> {
    /// The entry that says what was about to be done.
    pub(super) intent: &'e Entry,
    /// Which step did it.
    pub(super) step: &'e Step,
    /// Whether it put the old password back.
    pub(super) back: bool,
    /// The entry that shows that it took effect; `None` = nobody could say whether it did.
    pub(super) shown: Option<&'e Entry>,
    /// What the last failure said, where there is no such entry.
    pub(super) doubt: String,
}

impl<'e> Change<'e> {
    /// When it took effect; in doubt, when it was about to.
    pub(super) fn at(&self) -> Timestamp {
        self.shown.unwrap_or(self.intent).at
    }

    /// What the directory said of the password afterwards.
    pub(super) fn print(&self) -> Option<&'e Fingerprint> {
        match self.shown.map(|entry| &entry.event) {
            Some(
                Event::Done { proof: Seen::Directory(print), .. } | Event::Looked { seen: Seen::Directory(print), .. },
            ) => Some(print),
            _ => None,
        }
    }
}

/// An application of a step that is not settled yet.
struct Open<'e> {
    change: Change<'e>,
    /// A look said that it had no effect. A later one may see it all the same, where a replica answered first.
    denied: bool,
}

/// The changes that a rotation made before the period's end: in the journal's order, each once. What was surely refused, or
/// looked at afterwards and not there, is none.
pub(super) fn changes<'e>(entries: &'e [Entry], period: &Period) -> Vec<Change<'e>> {
    let (mut made, mut open, mut back) = (Vec::new(), None::<Open<'e>>, false);
    for entry in entries.iter().filter(|entry| period.reaches(entry.at)) {
        match &entry.event {
            Event::Turned { .. } => back = true,
            Event::Intent { step, .. } if sets(step) => {
                made.extend(doubtful(open.take()));
                let change = Change { intent: entry, step, back, shown: None, doubt: String::new() };
                open = Some(Open { change, denied: false });
            }
            Event::Done { step, .. } | Event::Looked { step, side: Side::New, .. } if is(&open, step) => {
                made.extend(open.take().map(|open| Change { shown: Some(entry), ..open.change }));
            }
            Event::Looked { step, side: Side::Old, .. } if is(&open, step) => {
                open = open.map(|open| Open { denied: true, ..open });
            }
            Event::Failed { step, fault } if is(&open, step) => match fault.meaning {
                Meaning::Unclear => {
                    let doubt = fault.to_string();
                    open = open.map(|open| Open { change: Change { doubt, ..open.change }, ..open });
                }
                Meaning::Refused | Meaning::Later | Meaning::Broken => open = None,
            },
            _ => {}
        }
    }
    made.extend(doubtful(open));
    made
}

/// Whether the step sets a password where the account lives.
fn sets(step: &Step) -> bool {
    matches!(step, Step::Directory | Step::Seal | Step::EntraReset { .. })
}

fn is(open: &Option<Open<'_>>, step: &Step) -> bool {
    open.as_ref().is_some_and(|open| open.change.step == step)
}

fn doubtful(open: Option<Open<'_>>) -> Option<Change<'_>> {
    open.filter(|open| !open.denied).map(|open| open.change)
}
