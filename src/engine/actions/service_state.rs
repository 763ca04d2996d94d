//! Stop and Start: the ADSync service, where a procedure has work to do between the two.
//!
//! Before: it runs, or is stopped. After: the other. If we die here: its state tells.

use providers::port::Fault;

use super::restart;
use crate::engine::scene::{Acted, Scene};
use crate::rotation::{Seen, Side};

pub(super) async fn stop(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    scene.ports.server(server)?.stop().await?;
    Ok(Acted::Done(Seen::Nothing))
}

pub(super) async fn start(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    scene.ports.server(server)?.start().await?;
    restart::running(scene, server).await
}

pub(super) async fn look(scene: &Scene<'_>, server: &str, wanted: &str) -> Result<(Side, Seen), Fault> {
    let now = restart::service(scene, server).await?;
    let seen = restart::process(&now);
    Ok((if now.state == wanted { Side::New } else { Side::Old }, seen))
}
