//! The vault ends without warning and starts again.

use std::pin::pin;

use super::cut::{again, is_promoted, moments_of_a_promotion, nothing_is_lost, ready};
use super::{Verdict, ensure};
use crate::conformance::vault::polls::some_polls;
use crate::conformance::vault::scene::{Scene, attempt};
use crate::port::{Meaning, Slot};

/// How often a vault is restarted in the middle of a promotion: after a quarter, a half, and three.
const QUARTERS: usize = 4;

/// What a call said is done is there after the vault ended in the next moment.
pub(super) async fn what_is_done_survives_a_restart(scene: &Scene) -> Verdict {
    let (adopted, _) = ready(scene).await?;
    let name = &adopted.name;
    let (_, second) = scene.staged(name, "r2", &["r1"]).await?;
    scene.subject.restart().await?;
    scene.holds(name, Slot::Pending, Some("r2"), &second, "staged, and the vault restarted").await?;
    scene.holds(name, Slot::Current, None, &adopted.secret, "staged, and the vault restarted").await?;
    scene.promoted(name, "r2").await?;
    scene.subject.restart().await?;
    scene.empty(name, Slot::Pending, "promoted, and the vault restarted").await?;
    scene.holds(name, Slot::Current, Some("r2"), &second, "promoted, and the vault restarted").await?;
    scene.holds(name, Slot::Previous, None, &adopted.secret, "promoted, and the vault restarted").await.map(|_| ())
}

/// A promotion in whose middle the vault ends loses nothing, does not say no, and is carried on.
pub(super) async fn promote_cut_by_a_restart_is_carried_on(scene: &Scene) -> Verdict {
    let whole = moments_of_a_promotion(scene).await?;
    for quarter in 1..QUARTERS {
        let (adopted, secret) = ready(scene).await?;
        let attempt = attempt("r1", &[]);
        let mut promotion = pin!(scene.vault.promote(&adopted.name, &attempt));
        let early = some_polls(promotion.as_mut(), quarter * whole / QUARTERS).await;
        let (answer, restarted) = match early {
            Some(answer) => (answer, scene.subject.restart().await),
            None => tokio::join!(promotion, scene.subject.restart()),
        };
        restarted?;
        let when = format!("the vault ended after {quarter} quarters of a promotion");
        if let Err(fault) = answer {
            let fair = matches!(fault.meaning, Meaning::Later | Meaning::Unclear);
            ensure!(fair, "{when}, and it is {}: {fault}", fault.meaning);
        }
        nothing_is_lost(scene, &adopted, &secret, &when).await?;
        again(|| scene.other.promote(&adopted.name, &attempt), &format!("{when}, and promoting")).await?;
        is_promoted(scene, &adopted, &secret, &format!("{when}, and it is promoted again")).await?;
    }
    Ok(())
}
