//! Candidates: beside current, the first write wins, one rotation at a time.

use super::{Verdict, done, ensure, fault};
use crate::conformance::vault::scene::{Scene, attempt};
use crate::port::{Meaning, Slot};

/// What is staged is there for everybody.
pub(super) async fn stage_done_is_there(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let (at, secret) = scene.staged(&name, "r1", &[]).await?;
    let found = scene.holds(&name, Slot::Pending, Some("r1"), &secret, "staged").await?;
    ensure!(found == at, "stage says {at:?}, and {found:?} is found");
    Ok(())
}

/// A candidate lies beside current: there is none where there was none, and one that is there stays as it is.
pub(super) async fn stage_lies_beside_current(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    scene.staged(&name, "r1", &[]).await?;
    scene.empty(&name, Slot::Current, "staged where no current is").await?;
    scene.empty(&name, Slot::Previous, "staged where no current is").await?;

    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    let current = scene.holds(&adopted.name, Slot::Current, None, &adopted.secret, "staged").await?;
    ensure!(current == adopted.at, "staged, and current was {:?} and is {current:?}", adopted.at);
    scene.empty(&adopted.name, Slot::Previous, "staged").await
}

/// One attempt has one value: the first, whoever asks again and with what.
pub(super) async fn stage_again_returns_the_first_value(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let (first, secret) = scene.staged(&name, "r1", &[]).await?;
    for vault in [&scene.vault, &scene.other] {
        let again = done(vault.stage(&name, &attempt("r1", &[]), &scene.secret()).await, "staging again")?;
        ensure!(again == first, "staged as {first:?}, and again as {again:?}");
        scene.holds(&name, Slot::Pending, Some("r1"), &secret, "staged again with another secret").await?;
    }
    Ok(())
}

/// Another rotation's candidate is safe, whoever comes.
pub(super) async fn stage_beside_another_rotations_is_refused(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    let before = scene.places(&adopted.name).await?;
    for vault in [&scene.vault, &scene.other] {
        let foreign = vault.stage(&adopted.name, &attempt("r2", &[]), &scene.secret()).await;
        fault(foreign, Meaning::Refused, "staging where another rotation's candidate lies")?;
        scene.unchanged(&adopted.name, &before, "a foreign rotation staged").await?;
    }
    Ok(())
}

/// What is taken over is named: that somebody takes over another one is no leave.
pub(super) async fn stage_takes_over_what_it_names_alone(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    scene.staged(&name, "r1", &[]).await?;
    scene.staged(&name, "r2", &["r1"]).await?;
    let before = scene.places(&name).await?;
    for takes_over in [&["r1"][..], &["r0", "r3"], &["R2"], &["r22"], &[""]] {
        let foreign = scene.vault.stage(&name, &attempt("r3", takes_over), &scene.secret()).await;
        fault(foreign, Meaning::Refused, &format!("staging beside r2 with leave for {takes_over:?}"))?;
    }
    scene.unchanged(&name, &before, "staged with leave for others").await
}

/// A call that arrives after its rotation was promoted brings no candidate back.
pub(super) async fn stage_after_its_promotion_brings_no_candidate(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let (_, secret) = scene.staged(&adopted.name, "r1", &[]).await?;
    scene.promoted(&adopted.name, "r1").await?;
    let before = scene.places(&adopted.name).await?;
    for (vault, late) in [(&scene.vault, scene.secret()), (&scene.other, secret)] {
        match vault.stage(&adopted.name, &attempt("r1", &[]), &late).await {
            Ok(at) => ensure!(at.slot == Slot::Current, "staged after its promotion, and {at:?} is the answer"),
            answer => drop(fault(answer, Meaning::Refused, "staging after the promotion")?),
        }
        scene.unchanged(&adopted.name, &before, "staged after its promotion").await?;
    }
    Ok(())
}

/// The same, when the next rotation has its candidate there already.
pub(super) async fn stage_after_its_promotion_leaves_the_next_candidate(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    scene.staged(&adopted.name, "r1", &[]).await?;
    scene.promoted(&adopted.name, "r1").await?;
    scene.staged(&adopted.name, "r2", &[]).await?;
    let before = scene.places(&adopted.name).await?;
    if let answer @ Err(_) = scene.vault.stage(&adopted.name, &attempt("r1", &[]), &scene.secret()).await {
        fault(answer, Meaning::Refused, "staging after the promotion")?;
    }
    scene.unchanged(&adopted.name, &before, "staged after its promotion").await
}
