//! Engine: the sync engine is given the password.
//!
//! Before: the directory has it. After: the engine stores it; the running service still uses the one before.
//! If we die here: what the engine stores can't be read. Its change marks tell only whether it was touched, so
//! a touched one is given the same password again.

use providers::port::{ConnectorFacts, Fault};

use crate::engine::scene::{Acted, Before, Scene};
use crate::rotation::{Seen, Side, Step};

async fn connector(scene: &Scene<'_>, server: &str, connector: &str) -> Result<ConnectorFacts, Fault> {
    let facts = scene.aside(scene.ports.server(server)?.describe()).await?;
    facts.connectors.into_iter().find(|facts| facts.name == connector).ok_or_else(|| {
        Fault::refused(format!("looking at {connector} on {server}"), "the server no longer has this connector")
    })
}

fn marks(facts: &ConnectorFacts) -> Seen {
    Seen::Connector { version: facts.version, modified_at: facts.modified_at }
}

pub(super) async fn before(scene: &Scene<'_>, server: &str, name: &str) -> Result<Before, Fault> {
    Ok(Before::Clear(marks(&connector(scene, server, name).await?)))
}

pub(super) async fn apply(scene: &Scene<'_>, server: &str, name: &str) -> Result<Acted, Fault> {
    let target = scene.target().await?;
    scene.ports.server(server)?.set_connector_password(name, &target).await?;
    drop(target);
    // Evidence only: whether the engine really holds it, the proof shows.
    let after = connector(scene, server, name).await;
    Ok(Acted::Done(after.map_or(Seen::Nothing, |facts| marks(&facts))))
}

pub(super) async fn look(scene: &Scene<'_>, step: &Step, server: &str, name: &str) -> Result<(Side, Seen), Fault> {
    let now = marks(&connector(scene, server, name).await?);
    let side = if scene.before(step) == Some(&now) { Side::Old } else { Side::Blind };
    Ok((side, now))
}
