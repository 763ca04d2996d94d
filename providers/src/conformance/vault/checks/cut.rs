//! Calls that are cut where they wait, as by the end of the process, and made again.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use super::{Verdict, done, ensure};
use crate::conformance::vault::polls::{counted, cut, moments};
use crate::conformance::vault::scene::{Adopted, Scene, attempt, value};
use crate::conformance::vault::together::together;
use crate::conformance::{Able, Stop};
use crate::port::{Fault, Meaning, Secret, Slot};

/// Looks that go on beside a promotion; each is several calls.
const LOOKS_MAX: u32 = 10_000;

/// A call of the port.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// An account whose readers are told of the candidate of `r1`.
pub(super) async fn ready(scene: &Scene) -> Able<(Adopted, Secret)> {
    let adopted = scene.adopted().await?;
    let (at, secret) = scene.staged(&adopted.name, "r1", &[]).await?;
    done(scene.vault.announce(&at).await, "the announcement")?;
    Ok((adopted, secret))
}

/// The candidate is readable, and so is what was current before. Pending is asked first: whatever leaves it is in
/// current by then.
pub(super) async fn nothing_is_lost(scene: &Scene, adopted: &Adopted, candidate: &Secret, when: &str) -> Verdict {
    for (slots, secret, what) in [
        ([Slot::Pending, Slot::Current], candidate, "the candidate"),
        ([Slot::Current, Slot::Previous], &adopted.secret, "what was current before"),
    ] {
        let mut found = false;
        for slot in slots {
            found |= value(&*scene.other, &adopted.name, slot).await?.is_some_and(|(_, held)| held == *secret);
        }
        ensure!(found, "{when}: {what} is neither in {:?} nor in {:?}", slots[0], slots[1]);
    }
    Ok(())
}

/// All is as after a promotion of `r1`.
pub(super) async fn is_promoted(scene: &Scene, adopted: &Adopted, candidate: &Secret, when: &str) -> Verdict {
    scene.holds(&adopted.name, Slot::Current, Some("r1"), candidate, when).await?;
    scene.holds(&adopted.name, Slot::Previous, None, &adopted.secret, when).await?;
    scene.empty(&adopted.name, Slot::Pending, when).await?;
    match scene.told(&adopted.name, None, when).await {
        Err(Stop::NotApplicable(_)) => Ok(()),
        verdict => verdict,
    }
}

/// Whoever looks while a promotion is under way finds the candidate.
pub(super) async fn candidate_is_readable_while_it_is_promoted(scene: &Scene) -> Verdict {
    for _ in 0..3 {
        let (adopted, secret) = ready(scene).await?;
        let attempt = attempt("r1", &[]);
        let mut promotion = pin!(scene.vault.promote(&adopted.name, &attempt));
        let mut answer = None;
        for look in 0..LOOKS_MAX {
            let looking = nothing_is_lost(scene, &adopted, &secret, "in the middle of a promotion");
            let mut looking = pin!(looking);
            loop {
                tokio::select! {
                    biased;
                    done = &mut promotion, if answer.is_none() => answer = Some(done),
                    seen = &mut looking => break seen?,
                }
            }
            if answer.is_some() {
                break;
            }
            ensure!(look + 1 < LOOKS_MAX, "a promotion does not end");
        }
        done(answer.transpose().map(|_| ()), "the promotion")?;
        is_promoted(scene, &adopted, &secret, "promoted while somebody looks").await?;
    }
    Ok(())
}

/// The moments to cut a promotion at: as many as an uncut one has.
pub(super) async fn moments_of_a_promotion(scene: &Scene) -> Able<usize> {
    let (adopted, _) = ready(scene).await?;
    let attempt = attempt("r1", &[]);
    let (answer, polls) = counted(scene.vault.promote(&adopted.name, &attempt)).await;
    done(answer, "the promotion")?;
    Ok(polls)
}

/// A promotion that is cut anywhere loses nothing, and is carried on by the next call, whoever makes it.
pub(super) async fn promote_cut_anywhere_is_carried_on(scene: &Scene) -> Verdict {
    let whole = moments_of_a_promotion(scene).await?;
    together(scene, moments(whole).into_iter().enumerate(), |scene, (number, polls)| async move {
        let (adopted, secret) = ready(&scene).await?;
        let attempt = attempt("r1", &[]);
        let when = format!("a promotion is cut after {polls} polls");
        cut(scene.vault.promote(&adopted.name, &attempt), polls).await;
        nothing_is_lost(&scene, &adopted, &secret, &when).await?;
        let next = if number % 2 == 0 { &scene.vault } else { &scene.other };
        again(|| next.promote(&adopted.name, &attempt), &format!("{when}, and promoting again")).await?;
        is_promoted(&scene, &adopted, &secret, &format!("{when}, and made again")).await
    })
    .await
}

/// Staging that is cut anywhere leaves one value: the first, or, when nothing was written, the second.
pub(super) async fn stage_cut_anywhere_leaves_one_value(scene: &Scene) -> Verdict {
    let mine = attempt("r1", &[]);
    let (answer, whole) = counted(scene.vault.stage(&scene.name().await?, &mine, &scene.secret())).await;
    done(answer, "staging")?;
    together(scene, moments(whole), |scene, polls| async move {
        let (name, first, second) = (scene.name().await?, scene.secret(), scene.secret());
        let (mine, when) = (attempt("r1", &[]), format!("staging is cut after {polls} polls"));
        cut(scene.vault.stage(&name, &mine, &first), polls).await;
        let at = again(|| scene.other.stage(&name, &mine, &second), &format!("{when}, and again")).await?;
        let held = done(scene.other.read(&at).await, "reading what was staged")?;
        ensure!(held == first || held == second, "{when}: pending holds neither value");
        scene.holds(&name, Slot::Pending, Some("r1"), &held, &when).await.map(|_| ())
    })
    .await
}

/// A takeover that is cut anywhere loses no candidate.
pub(super) async fn takeover_cut_anywhere_loses_nothing(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    scene.staged(&name, "r1", &[]).await?;
    let (answer, whole) = counted(scene.vault.stage(&name, &attempt("r2", &["r1"]), &scene.secret())).await;
    done(answer, "the takeover")?;
    together(scene, moments(whole), |scene, polls| async move {
        let (name, second, takeover) = (scene.name().await?, scene.secret(), attempt("r2", &["r1"]));
        let (_, first) = scene.staged(&name, "r1", &[]).await?;
        let when = format!("a takeover is cut after {polls} polls");
        cut(scene.vault.stage(&name, &takeover, &second), polls).await;
        again(|| scene.other.stage(&name, &takeover, &second), &format!("{when}, and again")).await?;
        scene.holds(&name, Slot::Pending, Some("r2"), &second, &when).await?;
        scene.discarded(&name, "r2").await?;
        scene.holds(&name, Slot::Pending, Some("r1"), &first, &format!("{when}, made again and discarded")).await?;
        scene.discarded(&name, "r1").await?;
        scene.empty(&name, Slot::Pending, &format!("{when}, and all is discarded")).await
    })
    .await
}

/// Discarding that is cut anywhere brings back what was taken over, once, and never discards that too.
pub(super) async fn discard_cut_anywhere_brings_back_once(scene: &Scene) -> Verdict {
    let name = scene.name().await?;
    scene.staged(&name, "r1", &[]).await?;
    scene.staged(&name, "r2", &["r1"]).await?;
    let (answer, whole) = counted(scene.vault.discard(&name, &attempt("r2", &["r1"]))).await;
    done(answer, "discarding")?;
    together(scene, moments(whole), |scene, polls| async move {
        let (name, mine) = (scene.name().await?, attempt("r2", &["r1"]));
        let (_, first) = scene.staged(&name, "r1", &[]).await?;
        scene.staged(&name, "r2", &["r1"]).await?;
        let when = format!("discarding is cut after {polls} polls");
        cut(scene.vault.discard(&name, &mine), polls).await;
        again(|| scene.other.discard(&name, &mine), &format!("{when}, and again")).await?;
        scene.holds(&name, Slot::Pending, Some("r1"), &first, &when).await.map(|_| ())
    })
    .await
}

/// Discarding that is cut anywhere leaves readers the name of a candidate that is held: the one that took over as long as
/// it is there, or else the one that comes back.
pub(super) async fn discard_cut_anywhere_blinds_no_reader(scene: &Scene) -> Verdict {
    let mine = attempt("r2", &["r1"]);
    let (answer, whole) = counted(scene.vault.discard(&taken_over(scene).await?, &mine)).await;
    done(answer, "discarding")?;
    together(scene, moments(whole), |scene, polls| async move {
        let (name, mine) = (taken_over(&scene).await?, attempt("r2", &["r1"]));
        let when = format!("discarding is cut after {polls} polls");
        cut(scene.vault.discard(&name, &mine), polls).await;
        // What was cut may still be on its way, so the place is looked at before and after the mark.
        let before = done(scene.other.find(&name, Slot::Pending).await, "finding what is pending")?;
        let told = scene.subject.announced(&name).await?;
        let named_own = told.as_deref() == Some("r2") && before.is_some_and(|at| at.rotation.as_deref() == Some("r2"));
        ensure!(named_own || told.as_deref() == Some("r1"), "{when}: readers are told of {told:?}");
        again(|| scene.other.discard(&name, &mine), &format!("{when}, and again")).await?;
        scene.told(&name, Some("r1"), &when).await
    })
    .await
}

/// An account whose candidate was taken over; readers are told of the one that did.
async fn taken_over(scene: &Scene) -> Able<String> {
    let (adopted, _) = ready(scene).await?;
    let (at, _) = scene.staged(&adopted.name, "r2", &["r1"]).await?;
    done(scene.vault.announce(&at).await, "the announcement of a takeover")?;
    Ok(adopted.name)
}

/// An announcement that is cut anywhere moves no value, and is made by the next call.
pub(super) async fn announce_cut_anywhere_is_made_again(scene: &Scene) -> Verdict {
    let adopted = scene.adopted().await?;
    let (at, _) = scene.staged(&adopted.name, "r1", &[]).await?;
    let (answer, whole) = counted(scene.vault.announce(&at)).await;
    done(answer, "the announcement")?;
    together(scene, moments(whole), |scene, polls| async move {
        let adopted = scene.adopted().await?;
        let (at, _) = scene.staged(&adopted.name, "r1", &[]).await?;
        let before = scene.places(&adopted.name).await?;
        let when = format!("an announcement is cut after {polls} polls");
        cut(scene.vault.announce(&at), polls).await;
        scene.unchanged(&adopted.name, &before, &when).await?;
        again(|| scene.other.announce(&at), &format!("{when}, and announcing again")).await?;
        scene.unchanged(&adopted.name, &before, &when).await?;
        scene.told(&adopted.name, Some("r1"), &when).await
    })
    .await
}

/// The answer of a call after one that was cut. What was cut may still be on its way, so this one may have to be made a
/// few times, as the engine would.
pub(super) async fn again<'a, T>(call: impl Fn() -> Answer<'a, T>, what: &str) -> Able<T> {
    const TRIES_MAX: u32 = 5;
    const PAUSE: Duration = Duration::from_millis(100);
    for _ in 1..TRIES_MAX {
        match call().await {
            Err(fault) if matches!(fault.meaning, Meaning::Later | Meaning::Unclear) => tokio::time::sleep(PAUSE).await,
            answer => return done(answer, what),
        }
    }
    done(call().await, what)
}
