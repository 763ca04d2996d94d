//! Promote: the candidate becomes current in the vault, and current becomes previous.
//!
//! Before: the active server is proven with the candidate. After: readers of current get the live password.
//! If we die here: the candidate is in pending or in current at every moment; the vault's own marks tell
//! which, and promoting again goes on where it stopped.

use providers::port::{Fault, Slot};

use crate::engine::scene::{Acted, Scene};
use crate::rotation::{Seen, Side};

pub(super) async fn apply(scene: &Scene<'_>) -> Result<Acted, Fault> {
    if let Some(seen) = scene.overtaken().await? {
        return Ok(Acted::Foreign(Seen::Directory(seen)));
    }
    scene.ports.vault.promote(scene.vault_name(), &scene.attempt()).await.map(|at| Acted::Done(Seen::Secret(at)))
}

pub(super) async fn look(scene: &Scene<'_>) -> Result<(Side, Seen), Fault> {
    let vault = &scene.ports.vault;
    let ours = |found: &providers::port::SecretRef| found.rotation.as_deref() == Some(scene.rotation);
    let pending = vault.find(scene.vault_name(), Slot::Pending).await?;
    if let Some(pending) = pending {
        return Ok((if ours(&pending) { Side::Old } else { Side::Foreign }, Seen::Secret(pending)));
    }
    Ok(match vault.find(scene.vault_name(), Slot::Current).await? {
        Some(current) if ours(&current) => (Side::New, Seen::Secret(current)),
        Some(current) => (Side::Foreign, Seen::Secret(current)),
        None => (Side::Foreign, Seen::Nothing),
    })
}
