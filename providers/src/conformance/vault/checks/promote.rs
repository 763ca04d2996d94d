//! The promotion: the candidate becomes current, once.

use super::{Verdict, done, ensure, fault};
use crate::conformance::vault::scene::{Scene, attempt};
use crate::port::{Meaning, Slot};

/// The candidate is current, and pending is empty, for everybody.
pub(super) async fn promote_makes_the_candidate_current(scene: &Scene) -> Verdict {
    for first in [false, true] {
        let name = if first { scene.name().await? } else { scene.adopted().await?.name };
        let (_, secret) = scene.staged(&name, "r1", &[]).await?;
        let at = scene.promoted(&name, "r1").await?;
        let found = scene.holds(&name, Slot::Current, Some("r1"), &secret, "promoted").await?;
        ensure!(found == at, "promote says {at:?}, and {found:?} is found");
        scene.empty(&name, Slot::Pending, "promoted").await?;
    }
    Ok(())
}

/// What was current is previous: the last one, not an older one, and nothing where there was none.
pub(super) async fn promote_keeps_what_was_current(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let (_, first) = scene.staged(&name, "r1", &[]).await?;
    scene.promoted(&name, "r1").await?;
    scene.empty(&name, Slot::Previous, "promoted where no current was").await?;
    let (_, second) = scene.staged(&name, "r2", &[]).await?;
    scene.promoted(&name, "r2").await?;
    scene.holds(&name, Slot::Previous, Some("r1"), &first, "promoted").await?;
    scene.staged(&name, "r3", &[]).await?;
    scene.promoted(&name, "r3").await?;
    scene.holds(&name, Slot::Previous, Some("r2"), &second, "promoted again").await?;

    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    scene.promoted(&adopted.name, "r1").await?;
    scene.holds(&adopted.name, Slot::Previous, None, &adopted.secret, "promoted over an adopted one").await.map(|_| ())
}

/// A promotion that is done is done: the same answer, and nothing moves.
pub(super) async fn promote_again_is_done_already(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    let first = scene.promoted(&adopted.name, "r1").await?;
    let before = scene.places(&adopted.name).await?;
    for vault in [&scene.vault, &scene.other] {
        let again = done(vault.promote(&adopted.name, &attempt("r1", &[])).await, "promoting again")?;
        ensure!(again == first, "promoted as {first:?}, and again as {again:?}");
        scene.unchanged(&adopted.name, &before, "promoted again").await?;
    }
    Ok(())
}

/// A promotion that is asked for again leaves the next rotation's candidate where it is.
pub(super) async fn promote_again_leaves_the_next_candidate(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    let first = scene.promoted(&adopted.name, "r1").await?;
    scene.staged(&adopted.name, "r2", &[]).await?;
    let before = scene.places(&adopted.name).await?;
    let again = scene.promoted(&adopted.name, "r1").await?;
    ensure!(again == first, "promoted as {first:?}, and again as {again:?}");
    scene.unchanged(&adopted.name, &before, "promoted again").await
}

/// Where no candidate is there is nothing to promote.
pub(super) async fn promote_of_nothing_is_refused(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    fault(scene.vault.promote(&name, &attempt("r1", &[])).await, Meaning::Refused, "promoting for nobody")?;
    scene.empty(&name, Slot::Current, "promoted nothing").await?;
    let adopted = scene.adopted().await?;
    let before = scene.places(&adopted.name).await?;
    let nothing = scene.vault.promote(&adopted.name, &attempt("r1", &[])).await;
    fault(nothing, Meaning::Refused, "promoting no candidate")?;
    scene.unchanged(&adopted.name, &before, "promoted nothing").await
}

/// Another rotation's candidate is not promoted, not even by one that might have taken it over.
pub(super) async fn promote_of_anothers_is_refused(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    let before = scene.places(&adopted.name).await?;
    for (vault, takes_over) in [(&scene.vault, &[][..]), (&scene.other, &["r1"])] {
        let foreign = vault.promote(&adopted.name, &attempt("r2", takes_over)).await;
        fault(foreign, Meaning::Refused, "promoting another rotation's candidate")?;
        scene.unchanged(&adopted.name, &before, "promoted another rotation's").await?;
    }
    Ok(())
}

/// A rotation whose value is current no more is not promoted again.
pub(super) async fn promote_of_a_past_rotation_is_refused(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    for rotation in ["r1", "r2"] {
        scene.staged(&adopted.name, rotation, &[]).await?;
        scene.promoted(&adopted.name, rotation).await?;
    }
    let before = scene.places(&adopted.name).await?;
    let past = scene.vault.promote(&adopted.name, &attempt("r1", &[])).await;
    fault(past, Meaning::Refused, "promoting a rotation that is past")?;
    scene.unchanged(&adopted.name, &before, "promoted a rotation that is past").await
}
