//! The Entra connector account.

use super::{Verdict, done, ensure, fault};
use crate::conformance::connect_server::call::ADMINISTRATOR;
use crate::conformance::connect_server::scene::Scene;
use crate::conformance::connect_server::subject::{Mishap, Situation};
use crate::port::{FailureClass, Meaning};

/// Both sides have the same afterwards: the connector to Entra ID runs.
pub(super) async fn entra_reset_is_on_both_sides(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    for when in ["the reset", "the reset again"] {
        done(at.server.reset_entra_account(ADMINISTRATOR, &scene.secret()).await, when)?;
        let proof = done(at.server.prove(&at.known.entra_connector).await, "a run to Entra ID")?;
        ensure!(proof.result == "success", "after {when} a run to Entra ID gives {proof:?}");
    }
    Ok(())
}

/// An administrator whom Entra ID refuses changes nothing, and the class says why.
pub(super) async fn entra_reset_refused_changes_nothing(scene: &Scene) -> Verdict {
    let at = scene.at(Situation::AsInstalled).await?;
    at.order(Mishap::EntraResetRefused).await?;
    let before = at.site.snapshot().await?;
    let answer = at.server.reset_entra_account(ADMINISTRATOR, &scene.secret()).await;
    let refused = fault(answer, Meaning::Refused, "a reset that Entra ID refuses")?;
    ensure!(refused.class == Some(FailureClass::CloudCredential), "it is of class {:?}", refused.class);
    at.unchanged(&before, "Entra ID refused").await
}
