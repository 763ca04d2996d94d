//! One file for each step. Each says what is true before it, after it, and if the process dies in it.

mod abandon_key;
mod baseline;
mod converge;
mod directory;
mod discard;
mod engine_password;
mod entra_reset;
mod local_account;
mod own_logon;
mod promote;
mod prove;
mod quiesce;
mod reenter;
mod release;
mod restart;
mod service_logon;
mod service_state;
mod stage;

use providers::port::Fault;

pub(super) use prove::judge;
pub use quiesce::STOP_PLANNED_S;

use super::scene::{Acted, Before, Scene};
use crate::rotation::{Method, Seen, Side, Step};

/// What is seen before the step is applied; goes into its intent.
pub(super) async fn before(scene: &Scene<'_>, step: &Step) -> Result<Before, Fault> {
    // Who set another password meanwhile gave it to engine and service manager too: ours must not go over it there.
    if matches!(step, Step::Engine { .. } | Step::ServiceLogon { .. })
        && let Some(seen) = scene.overtaken().await?
    {
        return Ok(Before::Found(Side::Foreign, Seen::Directory(seen)));
    }
    match step {
        Step::Directory if local(scene) => local_account::before(scene, step).await,
        Step::Directory | Step::Seal => directory::before(scene, step).await,
        Step::Reenter { server, connector } => reenter::before(scene, server, connector).await,
        Step::Engine { server, connector } => engine_password::before(scene, step, server, connector).await,
        Step::Restart { server } => restart::before(scene, server).await,
        Step::Quiesce { server } => quiesce::before(scene, server).await,
        _ => Ok(Before::Clear(Seen::Nothing)),
    }
}

/// Applies the step.
pub(super) async fn apply(scene: &Scene<'_>, step: &Step) -> Result<Acted, Fault> {
    match step {
        Step::Baseline { server, connector } => baseline::apply(scene, server, connector).await,
        Step::Stage => stage::apply(scene).await,
        Step::Quiesce { server } => quiesce::apply(scene, server).await,
        Step::Directory if local(scene) => local_account::apply(scene).await,
        Step::Directory | Step::Seal => directory::apply(scene, step).await,
        Step::Converge { dc, .. } => converge::apply(scene, dc).await,
        Step::Engine { server, connector } => engine_password::apply(scene, server, connector).await,
        Step::Restart { server } => restart::apply(scene, server).await,
        Step::ServiceLogon { server } => service_logon::apply(scene, server).await,
        Step::Stop { server } => service_state::stop(scene, server).await,
        Step::Start { server } => service_state::start(scene, server).await,
        Step::Reenter { server, connector } => reenter::apply(scene, server, connector).await,
        Step::AbandonKey { server } => abandon_key::apply(scene, server).await,
        Step::EntraReset { server } => entra_reset::apply(scene, server).await,
        Step::Prove { server, connector } => prove::apply(scene, server, connector).await,
        Step::Logon => own_logon::apply(scene).await,
        Step::Promote => promote::apply(scene).await,
        Step::Release { server } => release::apply(scene, server).await,
        Step::Discard => discard::apply(scene).await,
    }
}

/// Looks whether the step took effect.
pub(super) async fn look(scene: &Scene<'_>, step: &Step) -> Result<(Side, Seen), Fault> {
    match step {
        Step::Stage => stage::look(scene).await,
        Step::Directory if local(scene) => local_account::look(scene, step).await,
        Step::Directory | Step::Seal => directory::look(scene, step).await,
        Step::Stop { server } => service_state::look(scene, server, "stopped").await,
        Step::Start { server } => service_state::look(scene, server, "running").await,
        Step::Reenter { server, connector } => reenter::look(scene, server, connector).await,
        Step::EntraReset { server } => entra_reset::look(scene, step, server).await,
        Step::Engine { server, connector } => engine_password::look(scene, step, server, connector).await,
        Step::Restart { server } => restart::look(scene, step, server).await,
        Step::Promote => promote::look(scene).await,
        // decide() asks for no look at the others; were it to, they are repeatable.
        _ => Ok((Side::Blind, Seen::Nothing)),
    }
}

fn local(scene: &Scene<'_>) -> bool {
    scene.plan.inventory.method == Method::LocalChange
}
