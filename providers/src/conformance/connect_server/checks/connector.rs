//! The password that the engine binds with.

use super::{Verdict, done, ensure, fault};
use crate::conformance::connect_server::scene::{At, Scene};
use crate::conformance::connect_server::subject::{Held, Mishap, Situation};
use crate::port::{ConnectorFacts, FailureClass, Meaning};

async fn connector(at: &At) -> super::Able<ConnectorFacts> {
    let facts = done(at.server.describe().await, "the description")?;
    let ours = facts.connectors.into_iter().find(|connector| connector.name == at.known.connector);
    ours.ok_or_else(|| super::failed(format!("{} is not shown", at.known.connector)))
}

/// What was set is stored, and nobody else holds another password for it.
pub(super) async fn connector_password_is_stored(scene: &Scene) -> Verdict {
    for situation in [Situation::AsInstalled, Situation::LocalService] {
        let (at, secret) = (scene.at(situation).await?, scene.secret());
        at.must_hold(Held::Stored, &at.known.connector_secret, "before").await?;
        done(at.server.set_connector_password(&at.known.connector, &secret).await, "setting the password")?;
        at.must_hold(Held::Stored, &secret, "set").await?;
        if let Some(service) = &at.known.service_secret {
            at.must_hold(Held::ByServiceManager, service, "a connector's password set").await?;
        }
    }
    Ok(())
}

/// The running engine goes on with the old one, a restart brings the new one.
pub(super) async fn connector_password_waits_for_the_restart(scene: &Scene) -> Verdict {
    let (at, secret) = (scene.at(Situation::AsInstalled).await?, scene.secret());
    let before = at.service().await?;
    done(at.server.set_connector_password(&at.known.connector, &secret).await, "setting the password")?;
    ensure!(at.service().await? == before, "the service was restarted on the way: {:?}", at.service().await?);
    at.must_hold(Held::InMemory, &at.known.connector_secret, "set, and not restarted").await?;
    let proof = done(at.server.prove(&at.known.connector).await, "a run before the restart")?;
    ensure!(proof.result == "success", "the running engine did not go on: {proof:?}");
    done(at.server.restart().await, "the restart")?;
    at.must_hold(Held::InMemory, &secret, "set and restarted").await?;
    let proof = done(at.server.prove(&at.known.connector).await, "a run after the restart")?;
    ensure!(proof.result == "no-start-credentials", "the engine binds with a wrong password: {proof:?}");
    Ok(())
}

/// Set again, the same is stored; set back, the first.
pub(super) async fn connector_password_again_is_the_same(scene: &Scene) -> Verdict {
    let (at, secret) = (scene.at(Situation::AsInstalled).await?, scene.secret());
    for (password, when) in [(&secret, "set"), (&secret, "set again"), (&at.known.connector_secret, "set back")] {
        done(at.server.set_connector_password(&at.known.connector, password).await, when)?;
        at.must_hold(Held::Stored, password, when).await?;
        done(at.server.restart().await, "the restart")?;
        at.must_hold(Held::InMemory, password, when).await?;
    }
    let proof = done(at.server.prove(&at.known.connector).await, "a run")?;
    ensure!(proof.result == "success", "set back, the run gives {proof:?}");
    Ok(())
}

/// Every change of the connector moves its version and its time, and nothing else does.
pub(super) async fn connector_password_moves_the_version(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    let first = connector(&at).await?;
    ensure!(connector(&at).await? == first, "looked at, the connector changes");
    done(at.server.set_connector_password(&at.known.connector, &scene.secret()).await, "setting the password")?;
    let second = connector(&at).await?;
    ensure!(second.version > first.version, "the version was {} and is {}", first.version, second.version);
    ensure!(second.modified_at > first.modified_at, "modified {:?}, then {:?}", first.modified_at, second.modified_at);
    Ok(())
}

/// A connector that the server does not have, and the one to Entra ID.
pub(super) async fn connector_unknown_or_to_entra_is_refused(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    let before = at.site.snapshot().await?;
    for name in ["fabrikam.test", "", &at.known.entra_connector] {
        let call = format!("setting the password of {name:?}");
        fault(at.server.set_connector_password(name, &scene.secret()).await, Meaning::Refused, &call)?;
        at.unchanged(&before, &call).await?;
    }
    Ok(())
}

/// An engine that says no has changed nothing.
pub(super) async fn connector_password_refused_changes_nothing(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    at.order(Mishap::EngineRefuses).await?;
    let before = at.site.snapshot().await?;
    let answer = at.server.set_connector_password(&at.known.connector, &scene.secret()).await;
    fault(answer, Meaning::Refused, "a password that the engine refuses")?;
    at.unchanged(&before, "the engine refused").await?;
    at.must_hold(Held::Stored, &at.known.connector_secret, "the engine refused").await
}

/// Somebody else is at it: worth another try, and nothing has changed.
pub(super) async fn connector_busy_is_for_later(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    at.order(Mishap::ConnectorBusy).await?;
    let before = at.site.snapshot().await?;
    let answer = at.server.set_connector_password(&at.known.connector, &scene.secret()).await;
    let busy = fault(answer, Meaning::Later, "a password while somebody else configures the connector")?;
    ensure!(busy.class == Some(FailureClass::Busy), "it is of class {:?}", busy.class);
    at.unchanged(&before, "the connector is busy").await?;
    at.site.take_back().await?;
    done(at.server.set_connector_password(&at.known.connector, &scene.secret()).await, "the next try")
}
