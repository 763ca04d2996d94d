//! What a store keeps about a rotation beside its entries, so that a list needs not read them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Became, Entry, JournalError, NOTES, Stored};
use crate::rotation::{Event, Procedure};

/// Entries read at a time.
pub(super) const PAGE: i64 = 5_000;

/// Stored times have fractions of different lengths and are compared as text, so a question reaches back a little further.
pub(super) const MARGIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

/// Steps that write a password, or a credential, into an engine.
const ENGINE_STEPS: [&str; 3] = ["engine", "reenter", "entra-reset"];

/// The state that a rotation has after an event; `None` = the one before. Taking a held rotation up does not
/// end the hold, only the operator's word does; a late proof does not open a closed one again.
pub(super) fn state_after(event: &Event) -> Option<&'static str> {
    became_after(event).map(|became| match became {
        Became::Held => "held",
        Became::Finished | Became::RolledBack | Became::Repaired => "closed",
        Became::Running => "running",
    })
}

/// The same, told more closely.
pub(super) fn became_after(event: &Event) -> Option<Became> {
    match event {
        Event::Claimed { .. } | Event::LateProof { .. } => None,
        Event::Held { .. } => Some(Became::Held),
        Event::Finished => Some(Became::Finished),
        Event::RolledBack => Some(Became::RolledBack),
        Event::Superseded { .. } => Some(Became::Repaired),
        _ => Some(Became::Running),
    }
}

/// Who asked for the rotation that an event begins.
pub(super) fn initiator_of(event: &Event) -> &str {
    match event {
        Event::Begun { initiator, .. } => initiator,
        _ => "",
    }
}

/// The procedure of the rotation that an event begins.
pub(super) fn procedure_of(event: &Event) -> String {
    match event {
        Event::Begun { plan, .. } => word_of(plan.inventory.procedure),
        _ => String::new(),
    }
}

/// The stored word of a procedure.
pub(super) fn word_of(procedure: Procedure) -> String {
    serde_json::to_value(procedure).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The condition for entries that tell when an engine was given a password. By how an event begins: reading them all out
/// to look at their steps would take most of a preflight's time.
pub(super) fn of_engines() -> String {
    let kinds = ["intent", "done"].iter();
    let kinds = kinds
        .flat_map(|event| ENGINE_STEPS.map(|step| format!(r#"event LIKE '{{"event":"{event}","step":"{step}:%'"#)));
    kinds.collect::<Vec<_>>().join(" OR ")
}

/// The condition for rotations that began in a time. The times of a clock that was set are in no order, the places are: their
/// bounds come from an index alone, so that a page of long ago is not looked for from the newest on.
pub(super) fn in_time((from, to): (Option<Timestamp>, Option<Timestamp>)) -> String {
    if from.is_none() && to.is_none() {
        return String::new();
    }
    // Where there is no bound, one that no time reaches.
    let second = |at: Option<Timestamp>, none: Timestamp| at.unwrap_or(none).as_second();
    let time = format!("began_s >= {} AND began_s < {}", second(from, Timestamp::MIN), second(to, Timestamp::MAX));
    let bound = |which: &str| format!("(SELECT {which}(begun) FROM rotations WHERE begun > 0 AND {time})");
    format!(" AND {time} AND begun >= {} AND begun <= {}", bound("MIN"), bound("MAX"))
}

/// A rotation as a store's index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folded {
    /// The account's name in the configuration.
    pub(super) account: String,
    /// The latest epoch.
    pub(super) epoch: i64,
    /// How many entries it has.
    pub(super) entries: i64,
    /// The word of its state.
    pub(super) state: &'static str,
    /// The same, told more closely.
    pub(super) became: Became,
    /// Who asked for it.
    pub(super) initiator: String,
    /// The time of its first entry, in seconds since 1970.
    pub(super) began_s: i64,
    /// What is done, as its plan has it.
    pub(super) procedure: String,
    /// The position of its first entry.
    pub(super) begun: i64,
    /// When its last entry was written.
    pub(super) last_at: String,
}

/// The index of a journal, folded from its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    rotations: BTreeMap<String, Folded>,
    notes: i64,
}

impl Index {
    /// Takes the next entry in. `true` = it is a rotation's first.
    pub(super) fn take(&mut self, stored: &Stored) -> Result<bool, JournalError> {
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
    pub(super) fn rotations(&self) -> impl Iterator<Item = (&String, &Folded)> {
        self.rotations.iter()
    }
}
