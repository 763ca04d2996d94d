//! Stage: the candidate becomes durable in the vault, beside current.
//!
//! Before: nothing is changed. After: pending holds the candidate and was read back. If we die here: pending
//! may hold a candidate that nobody uses; a look finds it and it is used, so that there is one candidate only.

use providers::port::{Fault, Secret, Slot};

use crate::engine::scene::{Acted, Scene};
use crate::password::Rules;
use crate::rotation::{Procedure, Seen, Side};

pub(super) async fn apply(scene: &Scene<'_>) -> Result<Acted, Fault> {
    let secret = candidate(scene)?;
    let staged = scene.ports.vault.stage(scene.vault_name(), &scene.attempt(), &secret).await?;
    drop(secret);
    // The first write of an attempt wins, so the value read back is the candidate, whoever wrote it.
    let read = scene.aside(scene.ports.vault.read(&staged)).await;
    match read {
        Ok(value) if may_be_ours(scene, &value) => Ok(Acted::Done(Seen::Secret(staged))),
        Ok(_) => {
            Err(Fault::broken("reading the staged password back", "the vault holds another value than was stored")
                .hint("look at the pending secret in the vault and at who writes there"))
        }
        Err(fault) => Err(Fault { meaning: providers::port::Meaning::Unclear, ..fault }),
    }
}

/// A new password, or for an adoption the one that a person gave.
fn candidate(scene: &Scene<'_>) -> Result<Secret, Fault> {
    if scene.plan.inventory.procedure == Procedure::Adoption {
        return scene.ports.given.clone().ok_or_else(|| {
            Fault::refused("storing the password that was given", "the program that was given it has ended")
                .hint("give it once more: `adopt` begins anew after this one was put back")
        });
    }
    scene.ports.entropy.password(&rules(scene)).ok_or_else(|| {
        Fault::broken("making a new password", "no candidate in a thousand met the account's rules")
            .hint("the account's names leave no room for a password; look at its displayName")
    })
}

/// Whether a value under our mark can be one that we made. A password that a person gave follows no rules of ours.
fn may_be_ours(scene: &Scene<'_>, value: &Secret) -> bool {
    scene.plan.inventory.procedure == Procedure::Adoption || rules(scene).are_met_by(value.expose())
}

fn rules(scene: &Scene<'_>) -> Rules {
    let inventory = &scene.plan.inventory;
    Rules { length: inventory.length, forbidden: inventory.forbidden_names.clone() }
}

pub(super) async fn look(scene: &Scene<'_>) -> Result<(Side, Seen), Fault> {
    let Some(pending) = scene.ports.vault.find(scene.vault_name(), Slot::Pending).await? else {
        return promoted_or_old(scene).await;
    };
    if pending.rotation.as_deref() == Some(scene.rotation) {
        let value = scene.ports.vault.read(&pending).await?;
        // Under our mark, and not made by us.
        let side = if may_be_ours(scene, &value) { Side::New } else { Side::Foreign };
        return Ok((side, Seen::Secret(pending)));
    }
    let ours_to_take = pending.rotation.as_ref().is_some_and(|of| scene.plan.inventory.takes_over.contains(of));
    Ok((if ours_to_take { Side::Old } else { Side::Foreign }, Seen::Secret(pending)))
}

/// On `resume` after a promotion the candidate is current.
async fn promoted_or_old(scene: &Scene<'_>) -> Result<(Side, Seen), Fault> {
    let current = scene.ports.vault.find(scene.vault_name(), Slot::Current).await?;
    Ok(match current {
        Some(current) if current.rotation.as_deref() == Some(scene.rotation) => (Side::New, Seen::Secret(current)),
        _ => (Side::Old, Seen::Nothing),
    })
}
