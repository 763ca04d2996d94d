//! Baseline: a test sync before anything changes.
//!
//! Before: nothing is changed. After: the server is known to sync with the password in use. If we die here:
//! nothing is changed; it is repeated.

use providers::port::Fault;

use super::prove;
use crate::engine::scene::{Acted, Scene};
use crate::rotation::Seen;

pub(super) async fn apply(scene: &Scene<'_>, server: &str, connector: &str) -> Result<Acted, Fault> {
    let proof = scene.ports.server(server)?.prove(connector).await?;
    prove::judge(server, proof).map(|proof| Acted::Done(Seen::Sync(proof))).map_err(|fault| {
        fault.hint(format!("{server} was broken before this rotation: mend it first, nothing was changed"))
    })
}
