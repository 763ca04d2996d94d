//! Discarding: one's own candidate, and nothing else.

use super::{Verdict, done};
use crate::conformance::vault::scene::{Scene, attempt};
use crate::port::Slot;

/// One's own candidate is gone, for everybody; current stays.
pub(super) async fn discard_removes_its_own(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let before = scene.places(&adopted.name).await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    scene.discarded(&adopted.name, "r1").await?;
    scene.empty(&adopted.name, Slot::Pending, "discarded").await?;
    scene.unchanged(&adopted.name, &before, "staged and discarded").await
}

/// Where nothing of the attempt is there is nothing to do.
pub(super) async fn discard_of_nothing_is_done(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    scene.discarded(&name, "r1").await?;
    let adopted = scene.adopted().await?;
    let before = scene.places(&adopted.name).await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    for vault in [&scene.vault, &scene.vault, &scene.other] {
        done(vault.discard(&adopted.name, &attempt("r1", &[])).await, "discarding")?;
        scene.unchanged(&adopted.name, &before, "discarded").await?;
    }
    Ok(())
}

/// Another rotation's candidate stays, also for one that might have taken it over.
pub(super) async fn discard_leaves_anothers_alone(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    scene.discarded(&adopted.name, "r1").await?;
    scene.staged(&adopted.name, "r2", &[]).await?;
    let before = scene.places(&adopted.name).await?;
    // r1 again, as a call that arrives late, and a rotation that was never there.
    for (vault, rotation, takes_over) in
        [(&scene.vault, "r1", &[][..]), (&scene.other, "r1", &[]), (&scene.vault, "r3", &["r2"])]
    {
        let answer = vault.discard(&adopted.name, &attempt(rotation, takes_over)).await;
        done(answer, "discarding where another rotation's lies")?;
        scene.unchanged(&adopted.name, &before, &format!("{rotation} is discarded while r2 is pending")).await?;
    }
    Ok(())
}

/// What is current stays current, also when its own rotation discards.
pub(super) async fn discard_never_touches_current(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    scene.promoted(&adopted.name, "r1").await?;
    let before = scene.places(&adopted.name).await?;
    for vault in [&scene.vault, &scene.other] {
        done(vault.discard(&adopted.name, &attempt("r1", &[])).await, "discarding after the promotion")?;
        scene.unchanged(&adopted.name, &before, "promoted and discarded").await?;
    }
    Ok(())
}
