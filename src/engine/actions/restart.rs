//! Restart: the ADSync service starts anew, so that nothing of the password before stays in its memory.
//!
//! Before: the engine stores the target. After: the service runs as another process than the intent says. If
//! we die here: process id and creation time tell whether it happened; a stopped service is started again.

use providers::port::{Fault, ServiceFacts};

use crate::engine::scene::{Acted, Before, Scene};
use crate::rotation::{Seen, Side, Step};

pub(super) async fn service(scene: &Scene<'_>, server: &str) -> Result<ServiceFacts, Fault> {
    Ok(scene.aside(scene.ports.server(server)?.describe()).await?.service)
}

pub(super) fn process(service: &ServiceFacts) -> Seen {
    Seen::Service { process_id: service.process_id, started_at: service.started_at }
}

pub(super) async fn before(scene: &Scene<'_>, server: &str) -> Result<Before, Fault> {
    Ok(Before::Clear(process(&service(scene, server).await?)))
}

pub(super) async fn apply(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    scene.ports.server(server)?.restart().await?;
    running(scene, server).await
}

/// The process that runs now; a service that does not run makes it unclear what became of the request.
pub(super) async fn running(scene: &Scene<'_>, server: &str) -> Result<Acted, Fault> {
    let after = service(scene, server).await.map_err(|fault| Fault::unclear(fault.doing, fault.cause))?;
    if after.state == "running" {
        return Ok(Acted::Done(process(&after)));
    }
    let cause = format!("the service is {} after its restart", after.state);
    Err(Fault::unclear(format!("restarting ADSync on {server}"), cause).hint("look at the server's System event log"))
}

pub(super) async fn look(scene: &Scene<'_>, step: &Step, server: &str) -> Result<(Side, Seen), Fault> {
    let now = service(scene, server).await?;
    let seen = process(&now);
    let restarted = now.state == "running" && scene.before(step) != Some(&seen);
    Ok((if restarted { Side::New } else { Side::Old }, seen))
}
