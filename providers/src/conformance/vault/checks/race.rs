//! Two orchestrators that share no journal: creating pending is the lock.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Verdict, done, ensure};
use crate::conformance::vault::scene::{Scene, attempt};
use crate::conformance::{Able, Stop};
use crate::port::{Attempt, Fault, Meaning, Secret, SecretRef, Slot};

/// Callers at once, half of them by each handle.
const CALLERS: usize = 6;

/// What each caller staged, and was told.
type Answers = Vec<(Secret, Result<SecretRef, Fault>)>;

/// All of these at once, by both handles in turn.
async fn stage_at_once(scene: &Scene, name: &str, attempts: Vec<Attempt>) -> Able<Answers> {
    let mut callers = JoinSet::new();
    for (number, attempt) in attempts.into_iter().enumerate() {
        let vault = Arc::clone(if number % 2 == 0 { &scene.vault } else { &scene.other });
        let (name, secret) = (name.to_owned(), scene.secret());
        callers.spawn(async move {
            let answer = vault.stage(&name, &attempt, &secret).await;
            (secret, answer)
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = callers.join_next().await {
        answers.push(answer.map_err(|error| Stop::Failed(format!("a caller did not end: {error}")))?);
    }
    Ok(answers)
}

/// Exactly one is in, the others know it, and its value is what everybody reads.
async fn one_is_in(scene: &Scene, name: &str, answers: &Answers) -> Able<String> {
    let winners: Vec<_> = answers.iter().filter_map(|(secret, answer)| Some((secret, answer.as_ref().ok()?))).collect();
    ensure!(winners.len() == 1, "of {} rotations that staged at once {} got in", answers.len(), winners.len());
    let (secret, at) = winners[0];
    for fault in answers.iter().filter_map(|(_, answer)| answer.as_ref().err()) {
        let known = matches!(fault.meaning, Meaning::Refused | Meaning::Later);
        ensure!(known, "a rotation that did not get in is told {}: {fault}", fault.meaning);
    }
    let rotation = at.rotation.clone().unwrap_or_default();
    scene.holds(name, Slot::Pending, Some(&rotation), secret, "several rotations staged at once").await?;
    Ok(rotation)
}

/// Of several rotations that stage at once one gets in.
pub(super) async fn one_of_several_rotations_gets_in(scene: &Scene) -> Verdict {
    for _ in 0..3 {
        let name = scene.adopted().await?.name;
        let attempts = (0..CALLERS).map(|number| attempt(&format!("r{number}"), &[])).collect();
        let answers = stage_at_once(scene, &name, attempts).await?;
        let winner = one_is_in(scene, &name, &answers).await?;
        scene.discarded(&name, &winner).await?;
        scene.empty(&name, Slot::Pending, "the only one that got in is discarded").await?;
    }
    Ok(())
}

/// Of several that may take over the same candidate one does.
pub(super) async fn one_of_several_takes_over(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let (_, first) = scene.staged(&name, "held", &[]).await?;
    let attempts = (0..CALLERS).map(|number| attempt(&format!("r{number}"), &["held"])).collect();
    let answers = stage_at_once(scene, &name, attempts).await?;
    let winner = one_is_in(scene, &name, &answers).await?;
    scene.discarded(&name, &winner).await?;
    scene.holds(&name, Slot::Pending, Some("held"), &first, "the only takeover is discarded").await.map(|_| ())
}

/// Calls of one attempt get one value, whenever each of them reads it.
pub(super) async fn several_calls_of_one_attempt_agree(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let vault = Arc::clone(if number % 2 == 0 { &scene.vault } else { &scene.other });
        let (name, secret) = (name.clone(), scene.secret());
        callers.spawn(async move {
            let at = vault.stage(&name, &attempt("r1", &[]), &secret).await?;
            Ok::<_, Fault>((vault.read(&at).await?, at))
        });
    }
    let mut read = Vec::new();
    while let Some(answer) = callers.join_next().await {
        match answer.map_err(|error| Stop::Failed(format!("a caller did not end: {error}")))? {
            Ok(answer) => read.push(answer),
            Err(fault) => ensure!(fault.meaning == Meaning::Later, "a call of one attempt at once: {fault}"),
        }
    }
    let Some((secret, at)) = read.first() else {
        return Err(Stop::Failed("one attempt staged several times at once, and nobody got in".to_owned()));
    };
    let held = scene.holds(&name, Slot::Pending, Some("r1"), secret, "one attempt staged at once").await?;
    ensure!(held == *at, "one attempt staged at once as {at:?}, and {held:?} is there");
    ensure!(read.iter().all(|answer| *answer == read[0]), "calls of one attempt at once read different values");
    Ok(())
}

/// Promotions at once are one promotion.
pub(super) async fn promotions_at_once_are_one(scene: &Scene) -> Verdict {
    for _ in 0..3 {
        let adopted = scene.adopted().await?;
        let (name, attempt) = (&adopted.name, attempt("r1", &[]));
        let (_, secret) = scene.staged(name, "r1", &[]).await?;
        let (one, two) = tokio::join!(scene.vault.promote(name, &attempt), scene.other.promote(name, &attempt));
        for answer in [one, two] {
            if let Err(fault) = &answer {
                let fair = matches!(fault.meaning, Meaning::Later | Meaning::Unclear);
                ensure!(fair, "a promotion beside the same one is {}: {fault}", fault.meaning);
            }
        }
        done(scene.vault.promote(name, &attempt).await, "the promotion once more")?;
        scene.holds(name, Slot::Current, Some("r1"), &secret, "promoted twice at once").await?;
        scene.holds(name, Slot::Previous, None, &adopted.secret, "promoted twice at once").await?;
        scene.empty(name, Slot::Pending, "promoted twice at once").await?;
    }
    Ok(())
}
