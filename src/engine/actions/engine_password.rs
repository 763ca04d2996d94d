//! Engine: the sync engine is given the password.
//!
//! Before: the directory has it. After: the engine stores it; the running service still uses the one before.
//! If we die here: what the engine stores can't be read. Its change marks tell only whether it was touched, so
//! a touched one is given the same password again.

use providers::port::{ConnectorFacts, Fault};

use super::restart;
use crate::engine::Question;
use crate::engine::scene::{Acted, Before, Scene};
use crate::rotation::{Direction, EngineMethod, Seen, Side, Step};

pub(super) async fn connector(scene: &Scene<'_>, server: &str, connector: &str) -> Result<ConnectorFacts, Fault> {
    seen(scene, server, connector).await?.ok_or_else(|| {
        Fault::later(format!("looking at {connector} on {server}"), "the engine does not answer")
            .hint("start ADSync on the server")
    })
}

/// The connector; `None` = the engine that would tell of it stands still.
async fn seen(scene: &Scene<'_>, server: &str, connector: &str) -> Result<Option<ConnectorFacts>, Fault> {
    let facts = scene.aside(scene.ports.server(server)?.describe()).await?;
    if !facts.engine_answers {
        return Ok(None);
    }
    facts.connectors.into_iter().find(|facts| facts.name == connector).map(Some).ok_or_else(|| {
        Fault::refused(format!("looking at {connector} on {server}"), "the server no longer has this connector")
    })
}

pub(super) fn marks(facts: &ConnectorFacts) -> Seen {
    Seen::Connector { version: facts.version, modified_at: facts.modified_at }
}

pub(super) async fn before(scene: &Scene<'_>, step: &Step, server: &str, name: &str) -> Result<Before, Fault> {
    // Applying it starts the engine; until then nobody can tell what it stores.
    let Some(now) = seen(scene, server, name).await? else { return Ok(Before::Clear(Seen::Nothing)) };
    let now = marks(&now);
    let by_a_person = scene.plan.inventory.engine_method == EngineMethod::Attended;
    if by_a_person && never_touched(scene, step, &now) {
        // Nobody is asked to type what is there already.
        return Ok(Before::Found(Side::New, now));
    }
    Ok(Before::Clear(now))
}

/// On the way back: whether the connector is as it was before this rotation first gave it a password. Then it holds the
/// old one, which is the target.
pub(super) fn never_touched(scene: &Scene<'_>, step: &Step, now: &Seen) -> bool {
    scene.progress.direction == Direction::Back && scene.before_ever(step) == Some(now)
}

pub(super) async fn apply(scene: &Scene<'_>, server: &str, name: &str) -> Result<Acted, Fault> {
    match scene.plan.inventory.engine_method {
        EngineMethod::ObjectModel => {
            // A restart that failed half-way must not block the way back: the engine takes passwords only while it runs.
            if restart::service(scene, server).await?.state == "stopped" {
                scene.ports.server(server)?.start().await?;
            }
            let target = scene.target().await?;
            scene.ports.server(server)?.set_connector_password(name, &target).await?;
        }
        EngineMethod::Attended => by_a_person(scene, server, name).await?,
    }
    // Whether the engine really holds it, the proof shows; that it was touched at all, this must.
    let after = connector(scene, server, name).await;
    Ok(Acted::Done(after.map_or(Seen::Nothing, |facts| marks(&facts))))
}

pub(super) async fn look(scene: &Scene<'_>, step: &Step, server: &str, name: &str) -> Result<(Side, Seen), Fault> {
    let Some(now) = seen(scene, server, name).await? else { return Ok((Side::Blind, Seen::Nothing)) };
    let now = marks(&now);
    let side = if scene.before(step) == Some(&now) { Side::Old } else { Side::Blind };
    Ok((side, now))
}

/// The documented way: the Synchronization Service Manager. It must be closed again before the proof.
async fn by_a_person(scene: &Scene<'_>, server: &str, name: &str) -> Result<(), Fault> {
    let slot = if scene.target_is_pending() { "pending" } else { "current" };
    let question = Question {
        title: format!("enter the password of {name} on {server}"),
        lines: vec![
            format!("1. Read the password from the vault: {}, {slot}.", scene.vault_name()),
            format!(
                "2. On {server} open the Synchronization Service Manager (miisclient.exe), Connectors, {name}, Properties."
            ),
            "3. Connect to Active Directory Forest: enter it as the password, OK.".to_owned(),
            "4. Close the Synchronization Service Manager.".to_owned(),
        ],
        word: "entered",
    };
    scene.ports.operator.ask(&question).await?;
    let facts = scene.aside(scene.ports.server(server)?.describe()).await?;
    match facts.open_programs.first() {
        Some(program) => Err(Fault::unclear(question.title, format!("{program} is still open on {server}"))
            .hint("close it, and confirm again: it holds the configuration, and the test sync would fail")),
        None => Ok(()),
    }
}
