//! Quiesce: the last look at every server before anything is touched, and sync kept out of the way.
//!
//! Before: the candidate is staged. After: every server is as planned, no cycle runs, none starts soon, nobody has the
//! configuration open; with `disable` the scheduler is off, its value before stands in the intent, and the server has a
//! task of its own that restores it. If we die here: with `gap` nothing is changed; with `disable` Release puts the
//! journaled value back on every way out, and the server's task does so without us.

use jiff::SignedDuration;
use providers::port::{Fault, QuiesceMode, ServerFacts};

use crate::engine::Question;
use crate::engine::scene::{Acted, Before, Scene};
use crate::rotation::{EngineMethod, Inventory, Procedure, Seen, ServerUse};

/// The planned stop: from the reset in the directory to the restarted service, seconds.
pub const STOP_PLANNED_S: i64 = 30;

/// When the server turns the scheduler on by itself, should nobody else.
const RESTORE_AFTER: SignedDuration = SignedDuration::from_hours(2);

pub(super) async fn before(scene: &Scene<'_>, server: &str) -> Result<Before, Fault> {
    let facts = scene.ports.server(server)?.describe().await?;
    answers(server, &facts)?;
    // What another rotation paused and did not release yet is not the value before.
    let enabled = scene.plan.inventory.scheduler_owed.unwrap_or(facts.scheduler.enabled);
    Ok(Before::Clear(Seen::Scheduler { enabled }))
}

pub(super) async fn apply(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    let inventory = &scene.plan.inventory;
    let mut enabled = clear(scene, server).await?;
    if inventory.engine_method == EngineMethod::Attended && inventory.attended() {
        scene.ports.operator.ask(&ready(inventory)).await?;
        // The answer may have taken minutes.
        enabled = clear(scene, server).await?;
    }
    if inventory.quiesce == QuiesceMode::Disable {
        let restore_at = scene.ports.clock.now() + RESTORE_AFTER;
        scene.ports.server(server)?.pause_scheduler(enabled, restore_at).await?;
    }
    Ok(Acted::Done(Seen::Scheduler { enabled }))
}

/// Whether every server is as planned and in a gap that is long enough; the scheduler's value before anybody paused it.
async fn clear(scene: &Scene<'_>, server: &str) -> Result<bool, Fault> {
    let inventory = &scene.plan.inventory;
    let mut enabled = true;
    for used in &inventory.servers {
        let facts = scene.ports.server(&used.server)?.describe().await?;
        answers(&used.server, &facts)?;
        still_as_planned(inventory, used, &facts)?;
        let waiting = || format!("waiting for a gap on {}", used.server);
        if facts.scheduler.cycle_running {
            return Err(Fault::later(waiting(), "a sync cycle runs"));
        }
        let left = facts.scheduler.next_cycle_at.map(|at| at.duration_since(scene.ports.clock.now()));
        let needed = SignedDuration::from_secs(2 * STOP_PLANNED_S);
        if inventory.quiesce == QuiesceMode::Gap
            && facts.scheduler.enabled
            && let Some(left) = left.filter(|left| *left < needed)
        {
            let cause = format!("the next sync cycle starts in {} s", left.as_secs().max(0));
            return Err(Fault::later(waiting(), cause));
        }
        if used.server == server {
            enabled = inventory.scheduler_owed.unwrap_or(facts.scheduler.enabled);
        }
    }
    Ok(enabled)
}

/// What nobody could tell is not taken for a scheduler that is off, or a connector that is gone.
fn answers(server: &str, facts: &ServerFacts) -> Result<(), Fault> {
    if facts.engine_answers {
        return Ok(());
    }
    let cause = format!("its engine does not answer, the ADSync service is {}", facts.service.state);
    Err(Fault::later(format!("looking at {server} before anything is touched"), cause)
        .hint("start ADSync on the server"))
}

/// Asked before anything is touched: from then on the engine fails until the password is entered.
fn ready(inventory: &Inventory) -> Question {
    let mut lines = vec![format!("The vault holds the new password as {}, pending.", inventory.vault_name)];
    for server in &inventory.servers {
        let connectors: Vec<&str> = server.connectors.iter().map(|used| used.connector.as_str()).collect();
        lines.push(format!("You will enter it on {} for {}.", server.server, connectors.join(", ")));
    }
    lines.push("When you confirm, the directory is set, and sync fails until you have entered it.".to_owned());
    Question { title: format!("be ready to enter the password of {}", inventory.account), lines, word: "ready" }
}

/// What must hold when anything is touched, as it did when the plan was made. Also looked at before the end.
pub(super) fn still_as_planned(inventory: &Inventory, used: &ServerUse, facts: &ServerFacts) -> Result<(), Fault> {
    let server = &used.server;
    let doing = format!("looking at {server} before anything is touched");
    if facts.staging != used.staging {
        let role = |staging: bool| if staging { "in staging mode" } else { "active" };
        let cause = format!("it is {} now, and was {} when the plan was made", role(facts.staging), role(used.staging));
        return Err(Fault::refused(doing, cause).hint("start again: the next plan is made for the servers' new roles"));
    }
    if facts.scheduler.suspended || facts.upgrading {
        let cause = if facts.upgrading { "a setup or an upgrade runs on it" } else { "its scheduler is suspended" };
        return Err(Fault::refused(doing, cause).hint("finish the upgrade or the wizard on it"));
    }
    let attended = inventory.engine_method == EngineMethod::Attended;
    let in_the_way = |program: &&String| !(attended && program.eq_ignore_ascii_case("miisclient.exe"));
    if let Some(program) = facts.open_programs.iter().find(in_the_way) {
        return Err(Fault::refused(doing, format!("{program} is open on it")).hint("close it and start again"));
    }
    if !used.build.is_empty() && facts.build != used.build {
        let cause = format!("its build is {} now, and was {} when the plan was made", facts.build, used.build);
        return Err(Fault::refused(doing, cause).hint("start again"));
    }
    let of_service = matches!(inventory.procedure, Procedure::Service | Procedure::ServiceKeyLost);
    if of_service && facts.service.account != used.start_name {
        let cause = format!("its service runs as {} now, and ran as {}", facts.service.account, used.start_name);
        return Err(Fault::refused(doing, cause).hint("the password may change, the account may not: start again"));
    }
    for connector in &used.connectors {
        if !facts.connectors.iter().any(|facts| facts.name == connector.connector) {
            let cause = format!("the connector {} is gone", connector.connector);
            return Err(Fault::refused(doing, cause).hint("start again"));
        }
    }
    Ok(())
}
