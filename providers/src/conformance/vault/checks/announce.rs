//! What readers of current are told.

use super::{Verdict, done, ensure, fault};
use crate::conformance::Able;
use crate::conformance::vault::scene::{Scene, attempt};
use crate::port::{Meaning, Secret, SecretRef};

/// An account with a current value and a candidate that its readers are told of.
async fn announced(scene: &Scene) -> Able<(String, SecretRef)> {
    let adopted = scene.adopted().await?;
    let (at, _) = scene.staged(&adopted.name, "r1", &[]).await?;
    done(scene.vault.announce(&at).await, "the announcement")?;
    Ok((adopted.name, at))
}

/// Readers of current are told of the candidate, and of none before.
pub(super) async fn announce_names_the_candidate(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    scene.told(&adopted.name, None, "adopted").await?;
    let (at, _) = scene.staged(&adopted.name, "r1", &[]).await?;
    scene.told(&adopted.name, None, "staged").await?;
    done(scene.vault.announce(&at).await, "the announcement")?;
    scene.told(&adopted.name, Some("r1"), "announced").await
}

/// No value and no version moves.
pub(super) async fn announce_leaves_all_values_as_they_are(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let (at, _) = scene.staged(&adopted.name, "r1", &[]).await?;
    let before = scene.places(&adopted.name).await?;
    for vault in [&scene.vault, &scene.other] {
        done(vault.announce(&at).await, "the announcement")?;
        scene.unchanged(&adopted.name, &before, "announced").await?;
    }
    Ok(())
}

/// Asked again, by anybody, it is the same.
pub(super) async fn announce_again_is_the_same(scene: &Scene) -> Verdict {
    let (name, at) = announced(scene).await?;
    for vault in [&scene.vault, &scene.other] {
        done(vault.announce(&at).await, "the announcement again")?;
        scene.told(&name, Some("r1"), "announced again").await?;
    }
    Ok(())
}

/// Without a current value there is nobody to be told.
pub(super) async fn announce_without_current_is_done(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let (at, _) = scene.staged(&name, "r1", &[]).await?;
    let before = scene.places(&name).await?;
    done(scene.vault.announce(&at).await, "the announcement without a current value")?;
    scene.unchanged(&name, &before, "announced without a current value").await
}

/// A reference that is past marks nothing.
pub(super) async fn announce_of_what_is_not_pending_is_refused(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let name = &adopted.name;
    let (past, _) = scene.staged(name, "r1", &[]).await?;
    scene.discarded(name, "r1").await?;
    fault(scene.vault.announce(&past).await, Meaning::Refused, "announcing where nothing is pending")?;
    let (at, _) = scene.staged(name, "r2", &[]).await?;
    for vault in [&scene.vault, &scene.other] {
        fault(vault.announce(&past).await, Meaning::Refused, "announcing where another rotation's is pending")?;
    }
    scene.promoted(name, "r2").await?;
    fault(scene.vault.announce(&at).await, Meaning::Refused, "announcing after the promotion")?;
    scene.told(name, None, "announced what was not pending").await
}

/// The promotion takes the mark away.
pub(super) async fn announce_ends_with_the_promotion(scene: &Scene) -> Verdict {
    let (name, _) = announced(scene).await?;
    scene.promoted(&name, "r1").await?;
    scene.told(&name, None, "promoted").await
}

/// So does the discarding.
pub(super) async fn announce_ends_with_the_discard(scene: &Scene) -> Verdict {
    let (name, _) = announced(scene).await?;
    scene.discarded(&name, "r1").await?;
    scene.told(&name, None, "discarded").await
}

/// What comes back may be the live password, so readers are told of it again.
pub(super) async fn announce_goes_over_to_what_comes_back(scene: &Scene) -> Verdict {
    let (name, _) = announced(scene).await?;
    for (rotation, takes_over) in [("r2", "r1"), ("r3", "r2")] {
        let (at, _) = scene.staged(&name, rotation, &[takes_over]).await?;
        scene.told(&name, Some(takes_over), "taken over, and not announced yet").await?;
        done(scene.vault.announce(&at).await, "the announcement of a takeover")?;
        scene.told(&name, Some(rotation), "a takeover is announced").await?;
    }
    for (rotation, back) in [("r3", Some("r2")), ("r2", Some("r1")), ("r1", None)] {
        scene.discarded(&name, rotation).await?;
        scene.told(&name, back, &format!("{rotation} is discarded")).await?;
    }
    Ok(())
}

/// What another rotation does in vain takes nothing away.
pub(super) async fn announce_stays_when_another_does_nothing(scene: &Scene) -> Verdict {
    let (name, _) = announced(scene).await?;
    let other = attempt("r9", &[]);
    done(scene.other.discard(&name, &other).await, "discarding where another rotation's lies")?;
    scene.told(&name, Some("r1"), "another rotation discarded nothing").await?;
    let refused = scene.other.promote(&name, &other).await;
    fault(refused, Meaning::Refused, "promoting another rotation's candidate")?;
    scene.told(&name, Some("r1"), "another rotation's promotion was refused").await
}

/// A reader of current finds this.
async fn readers_see(scene: &Scene, name: &str, secret: &Secret, when: &str) -> Verdict {
    let seen = scene.subject.seen_by_readers(name).await?;
    ensure!(seen.as_ref() == Some(secret), "{when}, and readers find another password, or none");
    Ok(())
}

/// A reader of current finds what is current, and never the candidate.
pub(super) async fn readers_see_current_and_nothing_else(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let none = scene.subject.seen_by_readers(&name).await?;
    ensure!(none.is_none(), "readers find a password before there is one");
    let secret = scene.secret();
    done(scene.vault.adopt(&name, &secret).await, "the adoption")?;
    readers_see(scene, &name, &secret, "adopted").await?;
    let (at, candidate) = scene.staged(&name, "r1", &[]).await?;
    readers_see(scene, &name, &secret, "staged").await?;
    done(scene.vault.announce(&at).await, "the announcement")?;
    readers_see(scene, &name, &secret, "announced").await?;
    scene.promoted(&name, "r1").await?;
    readers_see(scene, &name, &candidate, "promoted").await?;
    scene.staged(&name, "r2", &[]).await?;
    scene.discarded(&name, "r2").await?;
    readers_see(scene, &name, &candidate, "staged and discarded").await
}
