//! Discard: the candidate is removed from the vault, on the way back.
//!
//! Before: the old password is live, and proven where the directory had been touched. After: pending is gone.
//! If we die here: it is repeated. No candidate goes before the live state was looked at: whatever the journal
//! says, metadata that is not the last we know of means that the candidate may be the live password.

use providers::port::{Fault, Slot};

use crate::engine::scene::{Acted, Scene};
use crate::rotation::Seen;

pub(super) async fn apply(scene: &Scene<'_>) -> Result<Acted, Fault> {
    let Some(known) = scene.last_known() else {
        return Err(Fault::broken("removing the candidate", "it is open whether the directory holds it"));
    };
    let now = scene.fingerprint().await?;
    if !scene.same_set(&now, known) {
        return Ok(Acted::Foreign(Seen::Directory(now)));
    }
    let vault = &scene.ports.vault;
    vault.discard(scene.vault_name(), &scene.attempt()).await?;
    // A candidate that was taken over may be the live password: readers of current are told of it again.
    if let Some(back) = vault.find(scene.vault_name(), Slot::Pending).await?
        && back.rotation.as_ref().is_some_and(|of| scene.plan.inventory.takes_over.contains(of))
    {
        vault.announce(&back).await?;
    }
    Ok(Acted::Done(Seen::Nothing))
}
