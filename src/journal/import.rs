use std::collections::BTreeMap;

use async_trait::async_trait;

use super::index::{became_after, state_after, word_of};
use super::{Became, Entry, JournalError, NOTES, Stored};
use crate::rotation::Event;

/// Where imported entries come from.
#[async_trait]
pub trait Source: Send {
    /// The next ones, in order; none = there are no more, and all were good. An error ends the import without effect.
    async fn next(&mut self) -> Result<Vec<Stored>, JournalError>;
}

/// A rotation as a store's index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The account's name in the configuration.
    pub account: String,
    /// The latest epoch.
    pub epoch: i64,
    /// How many entries it has.
    pub entries: i64,
    /// The word of its state.
    pub state: &'static str,
    /// The same, told more closely.
    pub became: Became,
    /// Who asked for it.
    pub initiator: String,
    /// The time of its first entry, in seconds since 1970.
    pub began_s: i64,
    /// What is done, as its plan has it.
    pub procedure: String,
    /// The position of its first entry.
    pub begun: i64,
    /// When its last entry was written.
    pub last_at: String,
}

/// The index of a journal, folded from its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    rotations: BTreeMap<String, Folded>,
    notes: i64,
}

impl Index {
    /// Takes the next entry in. `true` = it is a rotation's first.
    pub fn take(&mut self, stored: &Stored) -> Result<bool, JournalError> {
        let unfit = |cause: &str| JournalError::Unreadable { position: stored.position, cause: cause.to_owned() };
        let known = self.rotations.get_mut(&stored.rotation);
        let expected = match &known {
            _ if stored.rotation == NOTES => self.notes,
            Some(known) => known.entries,
            None => 0,
        };
        if stored.seq != expected {
            return Err(unfit("it is not the next one of its rotation"));
        }
        if stored.rotation == NOTES {
            stored.clone().noted()?;
            self.notes += 1;
            return Ok(false);
        }
        let Entry { position, rotation, epoch, at, event, .. } = stored.clone().entry()?;
        if let Some(known) = known {
            if epoch < known.epoch {
                return Err(unfit("its epoch is lower than that of the entry before it in the same rotation"));
            }
            known.epoch = epoch;
            known.entries += 1;
            known.state = state_after(&event).unwrap_or(known.state);
            known.became = became_after(&event).unwrap_or(known.became);
            known.last_at.clone_from(&stored.at);
            return Ok(false);
        }
        let Event::Begun { plan, initiator, .. } = event else {
            return Err(unfit("its rotation does not begin with a plan"));
        };
        let folded = Folded {
            account: plan.inventory.account.clone(),
            epoch,
            entries: 1,
            state: "running",
            became: Became::Running,
            initiator,
            began_s: at.as_second(),
            procedure: word_of(plan.inventory.procedure),
            begun: position,
            last_at: stored.at.clone(),
        };
        self.rotations.insert(rotation, folded);
        Ok(true)
    }

    /// The rotations.
    pub fn rotations(&self) -> impl Iterator<Item = (&String, &Folded)> {
        self.rotations.iter()
    }
}
