//! A repair takes over the candidates of held rotations: any of them may be the live password.

use super::{Verdict, done, ensure};
use crate::conformance::vault::scene::{Scene, attempt};
use crate::port::Slot;

/// Three candidates after one another, and back, each with its value.
pub(super) async fn takeover_keeps_the_candidates_before(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let chain: [(&str, &[&str]); 4] = [("r1", &[]), ("r2", &["r1"]), ("r3", &["r1", "r2"]), ("r4", &["r3"])];
    let mut secrets = Vec::new();
    for (rotation, takes_over) in chain {
        let (_, secret) = scene.staged(&name, rotation, takes_over).await?;
        scene.holds(&name, Slot::Pending, Some(rotation), &secret, "taken over").await?;
        secrets.push(secret);
    }
    for at in (1..chain.len()).rev() {
        let (rotation, takes_over) = chain[at];
        done(scene.other.discard(&name, &attempt(rotation, takes_over)).await, &format!("discarding {rotation}"))?;
        let when = format!("{rotation}, which took it over, is discarded");
        scene.holds(&name, Slot::Pending, Some(chain[at - 1].0), &secrets[at - 1], &when).await?;
    }
    scene.discarded(&name, "r1").await?;
    scene.empty(&name, Slot::Pending, "the first is discarded").await
}

/// A takeover that is asked for again is the same takeover, not one more.
pub(super) async fn takeover_again_is_the_same(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let (_, first) = scene.staged(&name, "r1", &[]).await?;
    let (at, second) = scene.staged(&name, "r2", &["r1"]).await?;
    for vault in [&scene.vault, &scene.other] {
        let again = vault.stage(&name, &attempt("r2", &["r1", "r2"]), &scene.secret()).await;
        let again = done(again, "taking over again")?;
        ensure!(again == at, "taken over as {at:?}, and again as {again:?}");
        scene.holds(&name, Slot::Pending, Some("r2"), &second, "taken over again").await?;
    }
    scene.discarded(&name, "r2").await?;
    scene.holds(&name, Slot::Pending, Some("r1"), &first, "the takeover is discarded").await?;
    scene.discarded(&name, "r1").await?;
    scene.empty(&name, Slot::Pending, "both are discarded").await
}

/// The promotion ends what was taken over: none of it comes back.
pub(super) async fn takeover_ends_with_the_promotion(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let name = &adopted.name;
    scene.staged(name, "r1", &[]).await?;
    let (_, second) = scene.staged(name, "r2", &["r1"]).await?;
    scene.promoted(name, "r2").await?;
    for rotation in ["r2", "r1"] {
        scene.discarded(name, rotation).await?;
        scene.empty(name, Slot::Pending, &format!("promoted, then {rotation} is discarded")).await?;
    }
    scene.holds(name, Slot::Current, Some("r2"), &second, "promoted").await?;
    scene.holds(name, Slot::Previous, None, &adopted.secret, "promoted").await?;
    let (_, third) = scene.staged(name, "r3", &[]).await?;
    scene.discarded(name, "r3").await?;
    scene.empty(name, Slot::Pending, "the next is discarded").await?;
    let _ = third;
    Ok(())
}
