use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Lines;
use crate::engine::Rotation;
use crate::history::Line;
use crate::journal::{Cut, Journal, JournalError, Query, Range, State};
use crate::rotation::{Outcome, Procedure};

/// What may be pruned: closed rotations wholly before a time that nothing needs any more. Kept are, of each account, its newest
/// rotation, its newest finished one of each procedure, and all since the last that set its password.
pub async fn cut(journal: &dyn Journal, before: Timestamp) -> Result<Cut, JournalError> {
    let mut accounts: BTreeMap<String, Kept> = BTreeMap::new();
    let mut gone = BTreeSet::new();
    for listed in journal.list(&Query::default()).await?.into_iter().rev() {
        let kept = accounts.entry(listed.account).or_default();
        let rotation = Rotation::read(journal, &listed.id).await?;
        let is_needed = kept.needs(&rotation);
        let is_old = rotation.log().iter().all(|entry| entry.at < before);
        if listed.state == State::Closed && is_old && !is_needed {
            gone.insert(listed.id);
        }
    }
    let (ranges, entries) = ranges(journal, &gone).await?;
    Ok(Cut { rotations: gone.into_iter().collect(), ranges, entries })
}

/// What is kept of an account, told from its newest rotation back.
#[derive(Default)]
struct Kept {
    /// Whether any was met.
    any: bool,
    /// Whether the last that set the password was met.
    password: bool,
    procedures: BTreeSet<String>,
}

impl Kept {
    fn needs(&mut self, rotation: &Rotation) -> bool {
        let procedure = rotation.plan().inventory.procedure;
        let is_finished = rotation.progress().ended == Some(Outcome::Finished);
        let is_first = !std::mem::replace(&mut self.any, true);
        let is_newest = is_finished && self.procedures.insert(format!("{procedure:?}"));
        let is_since = !self.password;
        self.password |= is_finished && !matches!(procedure, Procedure::Adoption | Procedure::Rehearsal);
        is_first || is_newest || is_since
    }
}

/// The gaps that there are when these rotations are gone, as far as they are new or grow; and how many entries go.
async fn ranges(journal: &dyn Journal, gone: &BTreeSet<String>) -> Result<(Vec<Range>, u64), JournalError> {
    let (mut lines, mut ranges, mut entries) = (Lines::new(), Vec::new(), 0);
    // The gap that goes on up to here, and whether anything in it is new.
    let mut open: Option<(Range, bool)> = None;
    while let Some(page) = lines.page(journal).await? {
        for line in page.lines() {
            let (from, to, hash, is_new) = match Line::read(line) {
                Ok(Line::Gap(gap)) => (gap.from, gap.to, gap.hash, false),
                Ok(Line::Entry(entry)) if std::str::from_utf8(entry.rotation).is_ok_and(|id| gone.contains(id)) => {
                    entries += 1;
                    (entry.position, entry.position, String::from_utf8_lossy(entry.hash).into_owned(), true)
                }
                _ => {
                    ranges.extend(open.take().filter(|(_, is_new)| *is_new).map(|(range, _)| range));
                    continue;
                }
            };
            let (begun, was_new) = open.take().map_or((from, false), |(range, was_new)| (range.from, was_new));
            open = Some((Range { from: begun, to, hash }, was_new || is_new));
        }
    }
    ranges.extend(open.filter(|(_, is_new)| *is_new).map(|(range, _)| range));
    Ok((ranges, entries))
}
