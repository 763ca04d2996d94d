//! ServiceLogon: the Service Control Manager is given the password of the service's account.
//!
//! Before: the account's authority has it, and the one before is refused there. After: the next start logs on with it;
//! the running service is not touched. If we die here: what the service manager holds can't be read, so it is given the
//! same password again.

use providers::port::Fault;

use crate::engine::scene::{Acted, Scene};
use crate::rotation::Seen;

pub(super) async fn apply(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    let start_name = scene.plan.inventory.server(server).map(|used| used.start_name.clone()).unwrap_or_default();
    let target = scene.target().await?;
    scene.ports.server(server)?.set_service_logon(&start_name, &target).await?;
    Ok(Acted::Done(Seen::Nothing))
}
