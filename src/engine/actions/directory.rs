//! Directory and Seal: the account's password is set at one domain controller, by reset, or by change where the
//! account is the rotator's own.
//!
//! Before: the target is durable in the vault. After: key version one more than in the intent, pwdLastSet not
//! before it. If we die here: a look compares key version and pwdLastSet on the same domain controller with
//! the intent, and only when exactly one set happened since asks once whether the target is the password in use.

use providers::port::{Fault, Fingerprint, Meaning};

use crate::engine::logon;
use crate::engine::scene::{Acted, Before, Scene};
use crate::rotation::{Direction, Event, Method, Seen, Side, Step};

pub(super) async fn before(scene: &Scene<'_>, step: &Step) -> Result<Before, Fault> {
    let first_try = scene.progress.mark(step).is_some_and(|mark| mark.tries == 0);
    if first_try {
        working_dc_is_the_planned_one(scene, step).await?;
        if let Some(seen) = scene.overtaken().await? {
            return Ok(Before::Found(Side::Foreign, Seen::Directory(seen)));
        }
    } else if let (side @ (Side::New | Side::Foreign | Side::Blind), seen) = look(scene, step).await? {
        // The world moved in the pause: our own late effect, or somebody else.
        return Ok(Before::Found(side, seen));
    }
    if *step == Step::Directory {
        scene.announce().await?;
    }
    Ok(Before::Clear(Seen::Directory(scene.fingerprint().await?)))
}

/// Before anything is set: the role may have moved since the plan was made. Later everything stays on the domain
/// controller of the plan, because metadata of two can't be compared.
async fn working_dc_is_the_planned_one(scene: &Scene<'_>, step: &Step) -> Result<(), Fault> {
    let untouched = *step == Step::Directory
        && scene.progress.direction == Direction::Forward
        && !scene.progress.touched(&Step::Directory);
    if !untouched {
        return Ok(());
    }
    let now = scene.ports.directory.working_dc(scene.dn()).await?;
    if now.eq_ignore_ascii_case(scene.dc()) {
        return Ok(());
    }
    Err(Fault::refused(
        format!("looking at {} before the directory is touched", scene.dc()),
        format!("the PDC emulator's role has moved to {now} since the plan was made"),
    )
    .hint("start again: the next plan is made for that domain controller"))
}

pub(super) async fn apply(scene: &Scene<'_>, step: &Step) -> Result<Acted, Fault> {
    let target = scene.target().await?;
    match scene.plan.inventory.method {
        Method::LocalChange => {
            return Err(Fault::broken(format!("applying {step}"), "a local user is in no directory"));
        }
        Method::Reset => scene.ports.directory.set_password(scene.dn(), scene.dc(), &target).await?,
        Method::Change => {
            let old = scene.old().await?;
            scene.ports.directory.change_password(scene.dn(), scene.dc(), &old, &target).await?;
        }
    }
    drop(target);
    // The reply says that it happened; the metadata must say so too, and give the next step its reference.
    let after = scene.fingerprint().await.map_err(|fault| Fault { meaning: Meaning::Unclear, ..fault })?;
    match scene.before(step) {
        Some(Seen::Directory(before)) if after.key_version == before.key_version + 1 => {
            Ok(Acted::Done(Seen::Directory(after)))
        }
        Some(Seen::Directory(before)) if after.key_version <= before.key_version => Err(Fault::unclear(
            format!("reading {} back after its reset", scene.dn()),
            "the directory reported success and its key version did not move",
        )),
        _ => Ok(Acted::Foreign(Seen::Directory(after))),
    }
}

pub(super) async fn look(scene: &Scene<'_>, step: &Step) -> Result<(Side, Seen), Fault> {
    let now = scene.fingerprint().await?;
    let seen = Seen::Directory(now.clone());
    let Some(Seen::Directory(before)) = scene.before(step) else {
        return Err(Fault::broken(format!("looking at {step}"), "its intent holds no key version"));
    };
    if now.dc != before.dc {
        // Key versions of two domain controllers can't be compared: two resets on separated ones gave the same.
        return Ok((Side::Foreign, seen));
    }
    if now.same_set(before) {
        return Ok((Side::Old, seen));
    }
    let one_set_since = now.key_version == before.key_version + 1 && now.password_last_set >= before.dc_time;
    if !one_set_since {
        return Ok((Side::Foreign, seen));
    }
    if seen_as_foreign(scene, step, &now) {
        // The same question to the same set: another wrong password would only count toward the lockout.
        return Ok((Side::Foreign, seen));
    }
    let target = scene.target().await?;
    // A logon alone would not do: of the seal, and on the way back, the target had been the password already, so that
    // it is still accepted when a person has set another one and our own set never arrived.
    let in_use = logon::in_use(&*scene.ports.directory, scene.dn(), scene.dc(), &target).await?;
    Ok((if in_use { Side::New } else { Side::Foreign }, seen))
}

/// Whether this very set was looked at before and was not ours.
fn seen_as_foreign(scene: &Scene<'_>, step: &Step, now: &Fingerprint) -> bool {
    scene.log.iter().rev().any(|entry| {
        matches!(&entry.event, Event::Looked { step: of, side: Side::Foreign, seen: Seen::Directory(print) }
            if of == step && print.dc == now.dc && print.same_set(now))
    })
}
