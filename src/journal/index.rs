//! What a store keeps about a rotation beside its entries, so that a list needs not read them.

use jiff::Timestamp;

use super::Became;
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
