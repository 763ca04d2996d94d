//! Logon: the account itself logs on with the password that was set.
//!
//! Before: the directory was changed, and its metadata says that nobody set another password since. After: the new
//! password was accepted; it can't be the one before, so this is no grace. If we die here: nothing is changed; it
//! is repeated.

use providers::port::Fault;

use crate::engine::logon;
use crate::engine::scene::{Acted, Scene};
use crate::rotation::{Procedure, Seen};

pub(super) async fn apply(scene: &Scene<'_>) -> Result<Acted, Fault> {
    if let Some(seen) = scene.overtaken().await? {
        return Ok(Acted::Foreign(Seen::Directory(seen)));
    }
    let target = scene.target().await?;
    let directory = &*scene.ports.directory;
    let accepted = match scene.plan.inventory.procedure {
        // Nothing was set: what a person gave may be the password before, which is accepted for an hour.
        Procedure::Adoption => logon::in_use(directory, scene.dn(), scene.dc(), &target).await?,
        _ => logon::accepts(directory, scene.dn(), scene.dc(), &target).await?,
    };
    drop(target);
    if !accepted {
        return Err(Fault::refused(
            format!("logging on to {} as {}", scene.dc(), scene.dn()),
            "it is not the password in use",
        )
        .hint("look at the account, at replication, and at who else sets its password"));
    }
    // A password that somebody set in between would leave ours as the previous one, still accepted.
    Ok(match scene.overtaken().await? {
        Some(seen) => Acted::Foreign(Seen::Directory(seen)),
        None => Acted::Done(Seen::Directory(scene.fingerprint().await?)),
    })
}
