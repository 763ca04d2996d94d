use std::collections::BTreeMap;

use serde::Serialize;

use super::statement::Says;
use super::{Checked, Finding, Gap, Word};
use crate::signing::PublicKey;

/// The keys that a verifier was given.
#[derive(Clone, Debug, Default)]
pub struct Given(Vec<String>);

impl Given {
    /// These.
    pub fn new(keys: &[PublicKey]) -> Self {
        Self(keys.iter().map(ToString::to_string).collect())
    }

    /// Whether there are none: then every key with an entry of its own is believed, which proves nothing against whoever wrote all
    /// of it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|given| given == key)
    }
}

/// Who vouches for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vouched {
    /// The verifier was given it.
    Given,
    /// The key before it signed its first entry too.
    ByOld,
    /// It is the first one, and no key was given.
    First,
    /// Nobody for it, as the key before it did not sign it; no key was given, so it is believed.
    Believed,
    /// Nobody for it, but one that somebody vouches for signed after it.
    Later,
    /// Nobody.
    Nobody,
}

/// A key of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// It, in hex.
    pub key: String,
    /// Its first entry.
    pub entry: i64,
    /// When that was written.
    pub at: String,
    /// Who vouches for it.
    pub vouched: Vouched,
    /// The entry of the key that replaced it.
    pub replaced: Option<i64>,
}

/// What the last good signature covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The last entry that it covers.
    pub position: i64,
    /// When it was signed.
    pub at: String,
    /// By which key.
    pub key: String,
}

/// The fold of what was signed, in the chain's order.
#[derive(Debug, Default)]
pub struct Trust {
    given: Given,
    pub(super) keys: Vec<Key>,
    pub(super) signed: Option<Signed>,
    pub(super) heads: u64,
    /// The first statement since the last good one that nobody vouches for, and why.
    unvouched: Option<(i64, String)>,
    forged: Option<Finding>,
    tombstones: Vec<Tombstone>,
    handovers: Vec<Handover>,
}

/// That somebody signed that entries were pruned.
#[derive(Debug)]
struct Tombstone {
    position: i64,
    key: String,
    /// Whether the key counted there.
    is_good: bool,
    gap: Gap,
}

/// That a key's first entry was signed by the one before it too.
#[derive(Debug)]
struct Handover {
    position: i64,
    key: String,
    /// Whether the key counted there.
    is_good: bool,
    old: String,
}

impl Trust {
    /// With the keys that are known from elsewhere.
    pub fn new(given: Given) -> Self {
        Self { given, ..Self::default() }
    }

    /// Takes the next statement in, in the chain's order.
    pub fn take(&mut self, said: Checked) {
        let Checked { position, at, read } = said;
        let (key, says) = match read {
            Ok(read) => read,
            Err(cause) => {
                self.forged.get_or_insert_with(|| Finding::new(position, Word::Forged, cause));
                return;
            }
        };
        if let Says::Key { replaces, by_old } = &says {
            self.introduce((position, &at), &key, replaces.as_deref(), *by_old);
        }
        let objection = self.objection(&key);
        let is_good = objection.is_none();
        match says {
            Says::Head => self.heads += 1,
            Says::Key { replaces: Some(old), by_old: true } => {
                self.handovers.push(Handover { position, key: key.clone(), is_good, old });
            }
            Says::Key { .. } => {}
            Says::Pruned(ranges) => {
                let gaps = ranges.into_iter().map(|range| Gap { from: range.from, to: range.to, hash: range.hash });
                let tombstone = |gap| Tombstone { position, key: key.clone(), is_good, gap };
                self.tombstones.extend(gaps.map(tombstone));
            }
        }
        match objection {
            None => {
                self.unvouched = None;
                self.signed = Some(Signed { position: position - 1, at, key });
            }
            Some(why) => drop(self.unvouched.get_or_insert((position, why))),
        }
    }

    fn introduce(&mut self, (position, at): (i64, &str), key: &str, replaces: Option<&str>, by_old: bool) {
        let old_vouches = by_old && replaces.is_some_and(|old| self.objection(old).is_none());
        // Nobody is dismissed on a stranger's word, nor on that of one who was dismissed himself.
        let is_dismissed = self.keys.iter().any(|known| known.key == key && known.replaced.is_some());
        let dismisses = old_vouches || (!is_dismissed && self.given.has(key));
        if let Some(old) =
            replaces.filter(|_| dismisses).and_then(|old| self.keys.iter_mut().find(|known| known.key == old))
        {
            old.replaced.get_or_insert(position);
        }
        if let Some(known) = self.keys.iter_mut().find(|known| known.key == key) {
            // Two processes may have written it at once; the second entry says no more, unless it says who vouches.
            if old_vouches && matches!(known.vouched, Vouched::Nobody | Vouched::Believed) {
                known.vouched = Vouched::ByOld;
            }
            return;
        }
        let vouched = if self.given.has(key) {
            Vouched::Given
        } else if old_vouches {
            Vouched::ByOld
        } else if self.given.is_empty() {
            if self.keys.is_empty() { Vouched::First } else { Vouched::Believed }
        } else {
            Vouched::Nobody
        };
        let (key, at) = (key.to_owned(), at.to_owned());
        self.keys.push(Key { key, entry: position, at, vouched, replaced: None });
    }

    /// Why a key's signature does not count now.
    fn objection(&self, key: &str) -> Option<String> {
        match self.keys.iter().find(|known| known.key == key) {
            None => Some(format!("key {key} has no entry of its own in the history")),
            Some(Key { vouched: Vouched::Nobody, entry, .. }) => Some(format!(
                "nobody vouches for key {key} of entry {entry}: it was not given, and the key before it did not sign it"
            )),
            Some(Key { replaced: Some(entry), .. }) => Some(format!("key {key} was replaced in entry {entry}")),
            Some(_) => None,
        }
    }

    /// Whether one of the keys signs for this history, whether or not it was replaced since.
    pub(super) fn is_ours(&self, key: &str) -> bool {
        self.given.has(key)
            || self.keys.iter().any(|known| known.key == key && known.vouched != Vouched::Nobody)
            || (self.given.is_empty() && self.keys.is_empty())
    }

    /// Until where keys count that were replaced, by what those say that replaced them: whoever signs that he takes over from a
    /// key, and has its signature under that, vouches for what it signed before.
    fn predecessors(&self) -> BTreeMap<&str, i64> {
        let mut until: BTreeMap<&str, i64> = BTreeMap::new();
        for Handover { position, key, is_good, old } in self.handovers.iter().rev() {
            if *is_good || until.get(key.as_str()).is_some_and(|until| position < until) {
                let known = until.entry(old).or_default();
                *known = (*known).max(*position);
            }
        }
        until
    }

    /// Whether a tombstone stands for these pruned entries that is good itself. One that only stands below a good signature is
    /// not: whoever can write to the journal can put it there, and wait for the next head.
    fn is_covered(&self, gap: &Gap, predecessors: &BTreeMap<&str, i64>) -> bool {
        let counts = |tombstone: &Tombstone| {
            let Tombstone { position, key, is_good, .. } = tombstone;
            let was_known = |known: &Key| {
                known.key == *key && known.entry < *position && known.replaced.is_none_or(|at| *position < at)
            };
            *is_good
                || predecessors.get(key.as_str()).is_some_and(|until| position < until)
                    && self.keys.iter().any(was_known)
        };
        self.tombstones
            .iter()
            .any(|tombstone| tombstone.gap == *gap && tombstone.position > gap.to && counts(tombstone))
    }

    /// How a key stands at the end of what was taken in: whether it has an entry and counts; `Err` = the entry that replaced it.
    pub fn standing(&self, key: &str) -> Result<bool, i64> {
        match self.keys.iter().find(|known| known.key == key).and_then(|known| known.replaced) {
            Some(entry) => Err(entry),
            None => Ok(self.objection(key).is_none()),
        }
    }

    /// The last key that counts.
    pub fn last_key(&self) -> Option<&str> {
        self.keys.iter().rev().map(|known| known.key.as_str()).find(|key| self.objection(key).is_none())
    }

    /// Whether a tombstone that counts says that what is pruned ends with this entry.
    pub fn has_gap_to(&self, position: i64, hash: &str) -> bool {
        let predecessors = self.predecessors();
        let mut gaps = self.tombstones.iter().map(|tombstone| &tombstone.gap);
        gaps.any(|gap| gap.to == position && gap.hash == hash && self.is_covered(gap, &predecessors))
    }

    /// What is wrong with it. `gaps` = those of a chain that was walked to its end: tombstones come after them.
    pub(super) fn findings(&mut self, gaps: Option<&[Gap]>) -> Vec<Finding> {
        let last = self.signed.as_ref().map_or(0, |signed| signed.position);
        for key in self.keys.iter_mut().filter(|key| key.vouched == Vouched::Nobody && key.entry <= last) {
            key.vouched = Vouched::Later;
        }
        let mut findings: Vec<Finding> = self.forged.clone().into_iter().collect();
        if let Some((position, why)) = &self.unvouched {
            findings.push(Finding::new(*position, Word::UnknownKey, why.clone()));
        }
        let Some(gaps) = gaps else { return findings };
        if self.signed.is_none() && self.unvouched.is_none() && !self.given.is_empty() {
            let cause = "a key was given, and nothing in this history is signed by it";
            findings.push(Finding::new(1, Word::Unsigned, cause));
        }
        let predecessors = self.predecessors();
        if let Some(gap) = gaps.iter().find(|gap| !self.is_covered(gap, &predecessors)) {
            let cause = format!(
                "entries {} to {} are missing, and no tombstone that is signed by a key that counts says so with the hash that the \
                 chain goes on from",
                gap.from, gap.to
            );
            findings.push(Finding::new(gap.from, Word::Removed, cause));
        }
        findings
    }
}
