//! Quiesce: the last look at the active server before the directory is touched, and sync kept out of the way.
//!
//! Before: the candidate is staged. After: no cycle runs, none starts soon, nobody has the configuration
//! open; with `disable` the scheduler is off and its value before stands in the intent. If we die here: with
//! `gap` nothing is changed; with `disable` Release puts the journaled value back on every way out.

use jiff::SignedDuration;
use providers::port::{Fault, QuiesceMode, ServerFacts};

use crate::engine::scene::{Acted, Before, Scene};
use crate::rotation::Seen;

/// The planned stop: from the reset in the directory to the restarted service, seconds.
const STOP_PLANNED_S: i64 = 30;

/// When the server turns the scheduler on by itself, should nobody else.
const RESTORE_AFTER: SignedDuration = SignedDuration::from_hours(2);

pub(super) async fn before(scene: &Scene<'_>, server: &str) -> Result<Before, Fault> {
    let facts = scene.ports.server(server)?.describe().await?;
    Ok(Before::Clear(Seen::Scheduler { enabled: facts.scheduler.enabled }))
}

pub(super) async fn apply(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    let port = scene.ports.server(server)?;
    let facts = port.describe().await?;
    still_as_planned(&facts)?;
    if facts.scheduler.cycle_running {
        return Err(Fault::later(format!("waiting for a gap on {server}"), "a sync cycle runs"));
    }
    match scene.plan.inventory.quiesce {
        QuiesceMode::Gap => {
            let needed = SignedDuration::from_secs(2 * STOP_PLANNED_S);
            let left = facts.scheduler.next_cycle_at.map(|at| at.duration_since(scene.ports.clock.now()));
            if let Some(left) = left.filter(|left| facts.scheduler.enabled && *left < needed) {
                let cause = format!("the next sync cycle starts in {} s", left.as_secs().max(0));
                return Err(Fault::later(format!("waiting for a gap on {server}"), cause));
            }
        }
        QuiesceMode::Disable => {
            let restore_at = scene.ports.clock.now() + RESTORE_AFTER;
            port.pause_scheduler(facts.scheduler.enabled, restore_at).await?;
        }
    }
    Ok(Acted::Done(Seen::Scheduler { enabled: facts.scheduler.enabled }))
}

fn still_as_planned(facts: &ServerFacts) -> Result<(), Fault> {
    let server = &facts.server;
    let doing = format!("looking at {server} before the directory is touched");
    if facts.staging {
        return Err(Fault::refused(doing, "it is in staging mode now, and was active when the plan was made"));
    }
    if facts.scheduler.suspended {
        return Err(Fault::refused(doing, "its scheduler is suspended").hint("finish the upgrade or the wizard on it"));
    }
    if let Some(program) = facts.open_programs.first() {
        return Err(Fault::refused(doing, format!("{program} is open on it")).hint("close it and start again"));
    }
    Ok(())
}
