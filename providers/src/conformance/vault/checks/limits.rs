//! What holds for every call: reading is reading, and no secret is shown; and what an administrator is told.

use super::{Verdict, done, ensure, fault};
use crate::conformance::vault::scene::{Scene, attempt};
use crate::port::{Meaning, Slot, Standing};

/// The questions that an administrator's checks answer.
const QUESTIONS: [&str; 8] = ["reachable", "identity", "right", "retention", "recovery", "clock", "credential", "file"];

/// The tool's own credential has a name, and an age or a reason why not.
pub(super) async fn own_credential_is_named(scene: &Scene) -> Verdict {
    let own = done(scene.vault.own_credential().await, "the tool's own credential")?;
    ensure!(own.holder == "vault", "it is used in {:?}", own.holder);
    ensure!(!own.name.is_empty() && !own.kind.is_empty(), "nobody knows whose it is, or what: {own:?}");
    let dated = own.set_at.is_some() && own.expires_at.is_some();
    ensure!(dated || !own.note.is_empty(), "its age or end is not known, and no word why: {own:?}");
    Ok(())
}

/// A vault that works is said to be reachable, nothing of it is bad, and what is not good comes with what to do.
pub(super) async fn examine_tells_how_things_stand(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let checks = scene.vault.examine(std::slice::from_ref(&adopted.name)).await;
    let reachable = checks.iter().any(|check| check.name == "reachable" && check.standing == Standing::Good);
    ensure!(reachable, "a vault that answers is not said to be reachable: {checks:?}");
    for check in &checks {
        ensure!(QUESTIONS.contains(&check.name.as_str()), "nobody asks for {:?}", check.name);
        ensure!(!check.seen.is_empty(), "it is not said what was seen: {check:?}");
        ensure!(check.standing != Standing::Bad, "all is well, and it is said to be bad: {check:?}");
        ensure!(check.standing != Standing::Doubtful || !check.todo.is_empty(), "no word what to do: {check:?}");
    }
    Ok(())
}

/// Calls that read change nothing, of this account and of one that is not there.
pub(super) async fn reading_changes_nothing(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let (at, _) = scene.staged(&adopted.name, "r1", &[]).await?;
    let (before, nobody) = (scene.places(&adopted.name).await?, scene.name().await?);
    for slot in [Slot::Current, Slot::Pending, Slot::Previous] {
        done(scene.vault.find(&adopted.name, slot).await, "finding")?;
        done(scene.vault.find(&nobody, slot).await, "finding nobody")?;
    }
    done(scene.vault.read(&at).await, "reading")?;
    done(scene.vault.own_credential().await, "the tool's own credential")?;
    scene.vault.examine(&[adopted.name.clone(), nobody.clone()]).await;
    scene.unchanged(&adopted.name, &before, "only read").await?;
    for slot in [Slot::Current, Slot::Pending, Slot::Previous] {
        scene.empty(&nobody, slot, "only read").await?;
    }
    // What was examined is free: a rotation finds nothing in its way.
    scene.staged(&nobody, "r1", &[]).await?;
    done(scene.vault.adopt(&nobody, &scene.secret()).await, "adopting what was examined").map(|_| ())
}

/// No secret ever reaches an error, a `Debug` output, a description or a log. Provokes faults; what every other check
/// heard is judged together with it.
pub(super) async fn no_secret_is_shown(scene: &Scene) -> Verdict {
    ensure!(!scene.vault.describe().trim().is_empty(), "the vault does not describe itself");
    let adopted = scene.adopted().await?;
    let (at, _) = scene.staged(&adopted.name, "r1", &[]).await?;
    let foreign = attempt("r2", &[]);
    let name = &adopted.name;
    fault(scene.vault.stage(name, &foreign, &scene.secret()).await, Meaning::Refused, "staging beside another's")?;
    fault(scene.vault.adopt(name, &scene.secret()).await, Meaning::Refused, "adopting again")?;
    fault(scene.vault.promote(name, &foreign).await, Meaning::Refused, "promoting another's")?;
    scene.discarded(name, "r1").await?;
    fault(scene.vault.read(&at).await, Meaning::Refused, "reading what is gone").map(|_| ())
}
