//! The first day, and empty places.

use super::{Verdict, done, ensure, fault};
use crate::conformance::vault::scene::{Scene, attempt};
use crate::port::{Meaning, SecretRef, Slot};

/// What was adopted is current, for every handle, and nothing else is there.
pub(super) async fn adopt_makes_current(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let found = scene.holds(&adopted.name, Slot::Current, None, &adopted.secret, "adopted").await?;
    ensure!(found == adopted.at, "adopt says {:?}, and {found:?} is found", adopted.at);
    scene.empty(&adopted.name, Slot::Pending, "adopted").await?;
    scene.empty(&adopted.name, Slot::Previous, "adopted").await
}

/// An account that has a current value is not adopted, whoever wrote it.
pub(super) async fn adopt_over_a_current_value_is_refused(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let before = scene.places(&adopted.name).await?;
    for vault in [&scene.vault, &scene.other] {
        let again = vault.adopt(&adopted.name, &scene.secret()).await;
        fault(again, Meaning::Refused, "an adoption over a current value")?;
        scene.unchanged(&adopted.name, &before, "adopted over a current value").await?;
    }
    Ok(())
}

/// A candidate that is there already stays.
pub(super) async fn adopt_leaves_the_candidate(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let (_, candidate) = scene.staged(&name, "r1", &[]).await?;
    let secret = scene.secret();
    done(scene.vault.adopt(&name, &secret).await, "the adoption beside a candidate")?;
    scene.holds(&name, Slot::Pending, Some("r1"), &candidate, "adopted beside a candidate").await?;
    scene.holds(&name, Slot::Current, None, &secret, "adopted beside a candidate").await.map(|_| ())
}

/// Nothing is found where nothing lies, and nothing is read there.
pub(super) async fn find_of_an_empty_place_is_none(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    for slot in [Slot::Current, Slot::Pending, Slot::Previous] {
        scene.empty(&name, slot, "never heard of").await?;
        let at = SecretRef { name: name.clone(), slot, version: "1".to_owned(), rotation: Some("r1".to_owned()) };
        fault(scene.vault.read(&at).await, Meaning::Refused, &format!("reading an empty {slot:?}"))?;
    }
    Ok(())
}

/// Every value of a place has a version word of its own. A rotation whose candidate was discarded may be over for the
/// vault: the port does not promise that it stages again.
pub(super) async fn versions_tell_values_apart(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let (mut current, mut pending) = (vec![adopted.at.version], Vec::new());
    for rotation in ["r1", "r2"] {
        let ends = format!("{rotation} that ends");
        pending.push(scene.staged(&adopted.name, &ends, &[]).await?.0.version);
        scene.discarded(&adopted.name, &ends).await?;
        match scene.vault.stage(&adopted.name, &attempt(&ends, &[]), &scene.secret()).await {
            Ok(at) => pending.push(at.version),
            answer => drop(fault(answer, Meaning::Refused, "staging again what was discarded")?),
        }
        scene.discarded(&adopted.name, &ends).await?;
        pending.push(scene.staged(&adopted.name, rotation, &[]).await?.0.version);
        current.push(scene.promoted(&adopted.name, rotation).await?.version);
    }
    for versions in [current, pending] {
        let mut apart = versions.clone();
        apart.sort();
        apart.dedup();
        ensure!(apart.len() == versions.len(), "values after one another have the versions {versions:?}");
    }
    Ok(())
}

/// A reference ends with its value: its slot is empty, or carries another rotation's.
pub(super) async fn read_by_a_past_reference_is_refused(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let name = &adopted.name;
    let (first, _) = scene.staged(name, "r1", &[]).await?;
    scene.discarded(name, "r1").await?;
    fault(scene.vault.read(&first).await, Meaning::Refused, "reading a candidate that was discarded")?;
    scene.staged(name, "r2", &[]).await?;
    fault(scene.vault.read(&first).await, Meaning::Refused, "reading by another rotation's reference")?;
    fault(scene.other.read(&first).await, Meaning::Refused, "reading by another rotation's reference elsewhere")?;
    let promoted = scene.promoted(name, "r2").await?;
    fault(scene.vault.read(&adopted.at).await, Meaning::Refused, "reading what was current before")?;
    scene.staged(name, "r3", &[]).await?;
    done(scene.other.promote(name, &attempt("r3", &[])).await, "promoting r3")?;
    fault(scene.vault.read(&promoted).await, Meaning::Refused, "reading what was current before")?;
    Ok(())
}
