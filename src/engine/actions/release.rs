//! Release: what Quiesce paused goes on, and the servers are looked at once more.
//!
//! Before: with `disable` the scheduler is off. After: it has the value that the first Quiesce intent holds, and the
//! server's own task is gone. If we die here: it is repeated. With `gap` nothing was written, and nothing is, but what the
//! rotation owes that a repair replaces.

use providers::port::{Fault, QuiesceMode};

use crate::engine::scene::{Acted, Scene};
use crate::rotation::{Event, Seen, Step};

pub(super) async fn apply(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    let inventory = &scene.plan.inventory;
    if inventory.quiesce == QuiesceMode::Gap {
        // The held rotation that a repair replaces may have left the scheduler off: nobody else comes back for it.
        if let Some(owed) = inventory.owed_by_repaired {
            scene.ports.server(server)?.release_scheduler(owed).await?;
        }
        return Ok(Acted::Done(roles(scene).await));
    }
    // The first one: a later one, after a resume, may have seen what we ourselves wrote.
    let first = scene.log.iter().find_map(|entry| match &entry.event {
        Event::Intent { step: Step::Quiesce { .. }, before: Seen::Scheduler { enabled } } => Some(*enabled),
        _ => None,
    });
    let enabled = first.unwrap_or(true);
    scene.ports.server(server)?.release_scheduler(enabled).await?;
    match roles(scene).await {
        Seen::Nothing => Ok(Acted::Done(Seen::Scheduler { enabled })),
        swapped => Ok(Acted::Done(swapped)),
    }
}

/// Whether servers have other roles now than in the plan: worth a word, as all of them have the password. A server that
/// does not answer at this point is no news: it was proven, or is about to be held for.
async fn roles(scene: &Scene<'_>) -> Seen {
    let mut swapped = Vec::new();
    for used in &scene.plan.inventory.servers {
        let Ok(server) = scene.ports.server(&used.server) else { continue };
        if let Ok(facts) = scene.aside(server.describe()).await
            && facts.engine_answers
            && facts.staging != used.staging
        {
            swapped.push(used.server.clone());
        }
    }
    if swapped.is_empty() { Seen::Nothing } else { Seen::RolesSwapped { servers: swapped } }
}
