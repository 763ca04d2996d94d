//! What a server says of itself.

use super::{Verdict, done, ensure};
use crate::conformance::connect_server::scene::Scene;
use crate::conformance::connect_server::subject::Situation;
use crate::port::{ConnectorKind, EntraIdentity};

/// The name is the configured one, both before anything is asked and in the facts.
pub(super) async fn describe_has_the_configured_name(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    let facts = done(at.server.describe().await, "the description")?;
    ensure!(at.server.name() == at.known.server, "it is named {:?}, not {:?}", at.server.name(), at.known.server);
    ensure!(facts.server == at.known.server, "its facts are of {:?}, not of {:?}", facts.server, at.known.server);
    ensure!(facts.host == at.known.host, "its host is {:?}, not {:?}", facts.host, at.known.host);
    Ok(())
}

/// Build, role, service.
pub(super) async fn describe_tells_build_and_service(scene: &Scene) -> Verdict {
    for situation in [Situation::AsInstalled, Situation::LocalService, Situation::OldBuild] {
        let at = scene.at(situation).await?;
        let facts = done(at.server.describe().await, "the description")?;
        ensure!(facts.build == at.known.build, "its build is {:?}, not {:?}", facts.build, at.known.build);
        ensure!(facts.engine_answers, "the engine of a service that runs is said not to answer: {facts:?}");
        ensure!(!facts.staging && !facts.upgrading, "it is said to stage or to be upgraded: {facts:?}");
        let service = &facts.service;
        ensure!(service.account == at.known.start_name, "its service runs as {:?}", service.account);
        ensure!(service.state == "running" && service.process_id != 0, "its service is said to be {service:?}");
        ensure!(service.started_at.is_some(), "nobody knows when its service started: {service:?}");
        ensure!(*service == at.service().await?, "its service is said to be {service:?}, and is not");
    }
    Ok(())
}

/// A stopped service has no process; what only its engine knows is right, or said not to be known.
pub(super) async fn describe_of_a_stopped_service_has_no_process(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    done(at.site.direct().stop().await, "stopping past the adapter")?;
    let facts = done(at.server.describe().await, "the description")?;
    let named = facts.connectors.iter().any(|connector| connector.name == at.known.connector);
    ensure!(named == facts.engine_answers, "its connectors are neither told nor said to be unknown: {facts:?}");
    let service = facts.service;
    ensure!(service.state == "stopped", "a stopped service is said to be {:?}", service.state);
    ensure!(service.process_id == 0 && service.started_at.is_none(), "a stopped service has {service:?}");
    Ok(())
}

/// Both kinds of connector, and who the AD connector binds as.
pub(super) async fn describe_shows_the_connectors(scene: &Scene) -> Verdict {
    for situation in [Situation::AsInstalled, Situation::NamesBeyondAscii] {
        let at = scene.at(situation).await?;
        let facts = done(at.server.describe().await, "the description")?;
        let named = |name: &str| facts.connectors.iter().find(|connector| connector.name == name);
        let Some(ours) = named(&at.known.connector) else {
            return Err(super::failed(format!("{} is not shown: {:?}", at.known.connector, facts.connectors)));
        };
        ensure!(ours.kind == ConnectorKind::ActiveDirectory, "{} is of kind {:?}", ours.name, ours.kind);
        ensure!(ours.user == at.known.connector_user, "{} binds as {:?}", ours.name, ours.user);
        ensure!(!ours.id.is_empty() && !ours.domain.is_empty(), "{} lacks words: {ours:?}", ours.name);
        let entra = named(&at.known.entra_connector).map(|connector| connector.kind);
        ensure!(entra == Some(ConnectorKind::Entra), "the connector to Entra ID is {entra:?}");
    }
    Ok(())
}

/// The switch, both ways, and the next cycle while there is one.
pub(super) async fn describe_shows_the_scheduler(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    for enabled in [true, false, true] {
        done(at.site.direct().release_scheduler(enabled).await, "switching past the adapter")?;
        let scheduler = done(at.server.describe().await, "the description")?.scheduler;
        ensure!(scheduler.enabled == enabled, "switched to {enabled}, it is said to be {scheduler:?}");
        ensure!(scheduler.next_cycle_at.is_some() == enabled, "switched to {enabled}, the next cycle is {scheduler:?}");
    }
    Ok(())
}

/// A build that can't tell how it logs on to Entra ID says so, and one that can tells.
pub(super) async fn describe_tells_the_identity_that_the_build_knows(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    let entra = done(at.server.describe().await, "the description")?.entra;
    ensure!(matches!(entra, Some(EntraIdentity::ServiceAccount { .. })), "it logs on to Entra ID as {entra:?}");
    let at = scene.at(Situation::OldBuild).await?;
    let entra = done(at.server.describe().await, "the description")?.entra;
    ensure!(entra.is_none(), "a build that can't tell logs on to Entra ID as {entra:?}");
    Ok(())
}
