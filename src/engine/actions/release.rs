//! Release: what Quiesce paused goes on.
//!
//! Before: with `disable` the scheduler is off. After: it has the value that the first Quiesce intent holds.
//! If we die here: it is repeated. With `gap` nothing was written, and nothing is.

use providers::port::{Fault, QuiesceMode};

use crate::engine::scene::{Acted, Scene};
use crate::rotation::{Event, Seen, Step};

pub(super) async fn apply(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    if scene.plan.inventory.quiesce == QuiesceMode::Gap {
        return Ok(Acted::Done(Seen::Nothing));
    }
    // The first one: a later one, after a resume, may have seen what we ourselves wrote.
    let first = scene.log.iter().find_map(|entry| match &entry.event {
        Event::Intent { step: Step::Quiesce { .. }, before: Seen::Scheduler { enabled } } => Some(*enabled),
        _ => None,
    });
    let enabled = first.unwrap_or(true);
    scene.ports.server(server)?.release_scheduler(enabled).await?;
    Ok(Acted::Done(Seen::Scheduler { enabled }))
}
