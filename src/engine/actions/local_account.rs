//! Directory, where the account is a user of the server itself: its password is changed, the old one shown, because a
//! reset there would cost the account its keys (DPAPI).
//!
//! Before: the target is durable in the vault. After: the server accepts the target, and the password is younger than
//! the intent. If we die here: the server, unlike a directory, accepts the password in use alone, so a logon tells.

use providers::port::{Fault, Meaning};

use crate::engine::scene::{Acted, Before, Scene};
use crate::rotation::{Direction, Seen, Side, Step};

pub(super) async fn before(scene: &Scene<'_>, step: &Step) -> Result<Before, Fault> {
    let first_try = scene.progress.mark(step).is_some_and(|mark| mark.tries == 0);
    if first_try {
        if let Some(seen) = scene.overtaken().await? {
            return Ok(Before::Found(Side::Foreign, Seen::Directory(seen)));
        }
    } else if let (side @ (Side::New | Side::Foreign | Side::Blind), seen) = look(scene, step).await? {
        return Ok(Before::Found(side, seen));
    }
    scene.announce().await?;
    Ok(Before::Clear(Seen::Directory(scene.fingerprint().await?)))
}

pub(super) async fn apply(scene: &Scene<'_>) -> Result<Acted, Fault> {
    let server = scene.ports.server(scene.dc())?;
    let target = scene.target().await?;
    let back = scene.progress.direction == Direction::Back;
    // The way there may never have taken effect: then the old password is in use, and there is nothing to change.
    if !(back && scene.aside(server.local_logon(scene.dn(), &target)).await?) {
        let shown = if back { scene.candidate().await? } else { scene.old().await? };
        server.change_local_password(scene.dn(), &shown, &target).await?;
    }
    drop(target);
    let after = scene.fingerprint().await.map_err(|fault| Fault { meaning: Meaning::Unclear, ..fault })?;
    Ok(Acted::Done(Seen::Directory(after)))
}

pub(super) async fn look(scene: &Scene<'_>, step: &Step) -> Result<(Side, Seen), Fault> {
    let now = scene.fingerprint().await?;
    let seen = Seen::Directory(now.clone());
    let Some(Seen::Directory(before)) = scene.before(step) else {
        return Err(Fault::broken(format!("looking at {step}"), "its intent holds no age of the password"));
    };
    let unchanged = scene.same_set(&now, before);
    // A set just before the intent can't be told from one just after it by their age.
    let just_before = scene.same_set(before, &at_the_intent(before));
    if unchanged && !just_before {
        return Ok((Side::Old, seen));
    }
    let target = scene.target().await?;
    if scene.ports.server(scene.dc())?.local_logon(scene.dn(), &target).await? {
        return Ok((Side::New, seen));
    }
    Ok((if unchanged { Side::Old } else { Side::Foreign }, seen))
}

fn at_the_intent(before: &providers::port::Fingerprint) -> providers::port::Fingerprint {
    providers::port::Fingerprint { password_last_set: before.dc_time, ..before.clone() }
}
