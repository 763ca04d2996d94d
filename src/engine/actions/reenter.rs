//! Reenter: where the engine can't use what it stores for a connector, it is given that connector's own password from
//! the vault once more. The password is that of another account, and does not change.
//!
//! Before: the service runs. After: the stored password opens a search. If we die here: the search tells; where the
//! build has none, the same password is entered again.

use providers::port::{Fault, Secret, Slot};

use crate::engine::scene::{Acted, Before, Scene};
use crate::rotation::{Procedure, Seen, Side};

pub(super) async fn before(scene: &Scene<'_>, server: &str, connector: &str) -> Result<Before, Fault> {
    let (side, seen) = look(scene, server, connector).await?;
    // Without a search: only where the key was abandoned is it sure that nothing can be read any more.
    let abandoned = scene.plan.inventory.procedure == Procedure::ServiceKeyLost;
    Ok(match side {
        Side::New => Before::Found(Side::New, seen),
        Side::Blind if !abandoned => Before::Found(Side::New, seen),
        _ => Before::Clear(seen),
    })
}

pub(super) async fn apply(scene: &Scene<'_>, server: &str, connector: &str) -> Result<Acted, Fault> {
    let secret = own_password(scene, server, connector).await?;
    scene.ports.server(server)?.set_connector_password(connector, &secret).await?;
    Ok(Acted::Done(Seen::Nothing))
}

pub(super) async fn look(scene: &Scene<'_>, server: &str, connector: &str) -> Result<(Side, Seen), Fault> {
    let opens = scene.aside(scene.ports.server(server)?.stored_logon(connector)).await?;
    let side = match opens {
        Some(true) => Side::New,
        Some(false) => Side::Old,
        None => Side::Blind,
    };
    Ok((side, Seen::Nothing))
}

async fn own_password(scene: &Scene<'_>, server: &str, connector: &str) -> Result<Secret, Fault> {
    let doing = format!("reading the password of {connector} on {server} from the vault");
    let used = scene.plan.inventory.server(server);
    let used = used.and_then(|server| server.connectors.iter().find(|used| used.connector == connector));
    let Some(name) = used.and_then(|used| used.vault_name.as_ref()) else {
        return Err(Fault::broken(doing, "the plan does not say where it lies")
            .hint("enter it by hand in the Synchronization Service Manager, then `resume`"));
    };
    match scene.aside(scene.ports.vault.find(name, Slot::Current)).await? {
        Some(current) => scene.aside(scene.ports.vault.read(&current)).await,
        None => Err(Fault::refused(doing, format!("the vault has no current password as {name}"))
            .hint("store it, or enter it by hand in the Synchronization Service Manager, then `resume`")),
    }
}
