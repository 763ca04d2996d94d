//! The right to act: whoever lost it writes nothing, and who loses it on the way says so.

use std::time::Instant;

use super::cut::{again, is_promoted, nothing_is_lost, ready};
use super::{Verdict, done, ensure, fault};
use crate::conformance::tenures::{AFTERWARDS, granted, lost, lost_after};
use crate::conformance::vault::scene::{Places, Scene, attempt};
use crate::conformance::vault::together::together;
use crate::conformance::{Able, Stop};
use crate::port::{Fault, Meaning, Secret, SecretRef, Slot};

/// More requests than any operation sends.
const REQUESTS_MAX: usize = 12;

/// What changes a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Adopt,
    Stage,
    TakeOver,
    Announce,
    Promote,
    Discard,
    GoBack,
}

const ALL: [Act; 7] = [Act::Adopt, Act::Stage, Act::TakeOver, Act::Announce, Act::Promote, Act::Discard, Act::GoBack];

/// An account on which an act is to be done.
struct Ready {
    act: Act,
    name: String,
    current: Option<Secret>,
    first: Option<(SecretRef, Secret)>,
    new: Secret,
}

/// What can be seen of an account.
struct Seen(Places, Option<String>);

impl Ready {
    async fn new(scene: &Scene, act: Act) -> Able<Self> {
        let new = scene.secret();
        if act == Act::Adopt {
            return Ok(Self { act, name: scene.name().await?, current: None, first: None, new });
        }
        let adopted = scene.adopted().await?;
        let (name, current) = (adopted.name, Some(adopted.secret));
        let mut first = None;
        if act != Act::Stage {
            let (at, secret) = scene.staged(&name, "r1", &[]).await?;
            if act != Act::Announce {
                done(scene.vault.announce(&at).await, "the announcement")?;
            }
            first = Some((at, secret));
        }
        if act == Act::GoBack {
            let (at, _) = scene.staged(&name, "r2", &["r1"]).await?;
            done(scene.vault.announce(&at).await, "the announcement of a takeover")?;
        }
        Ok(Self { act, name, current, first, new })
    }

    async fn make(&self, scene: &Scene) -> Result<(), Fault> {
        let (vault, name) = (&scene.vault, self.name.as_str());
        match (self.act, &self.first) {
            (Act::Adopt, _) => vault.adopt(name, &self.new).await.map(drop),
            (Act::Stage, _) => vault.stage(name, &attempt("r1", &[]), &self.new).await.map(drop),
            (Act::TakeOver, _) => vault.stage(name, &attempt("r2", &["r1"]), &self.new).await.map(drop),
            (Act::Announce, Some((at, _))) => vault.announce(at).await,
            (Act::Announce, None) => Ok(()),
            (Act::Promote, _) => vault.promote(name, &attempt("r1", &[])).await.map(drop),
            (Act::Discard, _) => vault.discard(name, &attempt("r1", &[])).await,
            (Act::GoBack, _) => vault.discard(name, &attempt("r2", &["r1"])).await,
        }
    }

    async fn seen(&self, scene: &Scene) -> Able<Seen> {
        let told = match scene.subject.announced(&self.name).await {
            Err(Stop::NotApplicable(_)) => None,
            told => told?,
        };
        Ok(Seen(scene.places(&self.name).await?, told))
    }

    async fn unchanged(&self, scene: &Scene, before: &Seen, when: &str) -> Verdict {
        let now = self.seen(scene).await?;
        ensure!(now.0 == before.0, "{when}: {:?}became {:?}", before.0, now.0);
        ensure!(now.1 == before.1, "{when}: readers were told of {:?}, and now of {:?}", before.1, now.1);
        Ok(())
    }

    /// The act was done as a whole.
    async fn is_done(&self, scene: &Scene, when: &str) -> Verdict {
        let (name, first) = (self.name.as_str(), self.first.as_ref().map(|(_, secret)| secret));
        let told = match (self.act, &self.current, first) {
            (Act::Adopt, ..) => {
                scene.holds(name, Slot::Current, None, &self.new, when).await?;
                None
            }
            (Act::Stage, ..) => {
                scene.holds(name, Slot::Pending, Some("r1"), &self.new, when).await?;
                None
            }
            (Act::TakeOver, ..) => {
                // The mark goes on naming the one that was taken over until the next is announced.
                scene.holds(name, Slot::Pending, Some("r2"), &self.new, when).await?;
                return Ok(());
            }
            (Act::Promote, Some(_), Some(_)) => return self.is_promoted(scene, when).await,
            (Act::Discard, ..) => {
                scene.empty(name, Slot::Pending, when).await?;
                None
            }
            (Act::Announce | Act::GoBack, _, Some(first)) => {
                scene.holds(name, Slot::Pending, Some("r1"), first, when).await?;
                Some("r1")
            }
            (Act::Announce | Act::GoBack | Act::Promote, ..) => None,
        };
        match scene.told(name, told, when).await {
            Err(Stop::NotApplicable(_)) => Ok(()),
            verdict => verdict,
        }
    }

    async fn is_promoted(&self, scene: &Scene, when: &str) -> Verdict {
        let (Some(current), Some((_, first))) = (&self.current, &self.first) else { return Ok(()) };
        scene.holds(&self.name, Slot::Current, Some("r1"), first, when).await?;
        scene.holds(&self.name, Slot::Previous, None, current, when).await?;
        scene.empty(&self.name, Slot::Pending, when).await?;
        match scene.told(&self.name, None, when).await {
            Err(Stop::NotApplicable(_)) => Ok(()),
            verdict => verdict,
        }
    }
}

/// Whatever writes is refused, nothing has changed, and it does not come later either.
pub(super) async fn without_tenure_nothing_is_written(scene: &Scene) -> Verdict {
    together(scene, ALL, |scene, act| async move {
        let ready = Ready::new(&scene, act).await?;
        let (before, when) = (ready.seen(&scene).await?, format!("{act:?} without the tenure"));
        fault(lost(ready.make(&scene)).await, Meaning::Refused, &when)?;
        ready.unchanged(&scene, &before, &when).await?;
        tokio::time::sleep(AFTERWARDS).await;
        ready.unchanged(&scene, &before, &format!("some time after {when}")).await
    })
    .await
}

/// A tenure that is lost after any of an operation's requests stops it there, with a true word for what is left, and the
/// same call under a good one completes it.
pub(super) async fn a_tenure_lost_on_the_way_is_told_truly(scene: &Scene) -> Verdict {
    together(scene, ALL, |scene, act| async move {
        for times in 1..=REQUESTS_MAX {
            let ready = Ready::new(&scene, act).await?;
            let (before, when) = (ready.seen(&scene).await?, format!("{act:?} with the tenure for {times} requests"));
            let Err(fault) = granted(times, ready.make(&scene)).await else {
                return ready.is_done(&scene, &when).await;
            };
            match fault.meaning {
                Meaning::Refused => ready.unchanged(&scene, &before, &when).await?,
                Meaning::Unclear => {}
                other => return Err(Stop::Failed(format!("{when} is {other}: {fault}"))),
            }
            tokio::time::sleep(AFTERWARDS).await;
            again(|| Box::pin(ready.make(&scene)), &format!("{when}, and again under a good one")).await?;
            ready.is_done(&scene, &format!("{when}, and made again")).await?;
        }
        Err(Stop::Failed(format!("{act:?} does not end within {REQUESTS_MAX} requests")))
    })
    .await
}

/// A promotion that is stopped after any of its requests loses neither value.
pub(super) async fn a_tenure_lost_on_the_way_loses_no_value(scene: &Scene) -> Verdict {
    for times in 1..=REQUESTS_MAX {
        let (adopted, secret) = ready(scene).await?;
        let mine = attempt("r1", &[]);
        let answer = granted(times, scene.vault.promote(&adopted.name, &mine)).await;
        let when = format!("a promotion with the tenure for {times} requests");
        nothing_is_lost(scene, &adopted, &secret, &when).await?;
        if answer.is_ok() {
            return is_promoted(scene, &adopted, &secret, &when).await;
        }
    }
    Err(Stop::Failed(format!("a promotion does not end within {REQUESTS_MAX} requests")))
}

/// Reading needs no tenure.
pub(super) async fn without_tenure_reading_goes_on(scene: &Scene) -> Verdict {
    let (adopted, secret) = ready(scene).await?;
    let nobody = scene.name().await?;
    let at = done(lost(scene.vault.find(&adopted.name, Slot::Pending)).await, "finding without the tenure")?;
    let Some(at) = at else { return Err(Stop::Failed("without the tenure nothing is pending".to_owned())) };
    let read = done(lost(scene.vault.read(&at)).await, "reading without the tenure")?;
    ensure!(read == secret, "without the tenure another value is read");
    let nothing = done(lost(scene.vault.find(&nobody, Slot::Current)).await, "finding nobody without the tenure")?;
    ensure!(nothing.is_none(), "without the tenure somebody is found who is not there: {nothing:?}");
    Ok(())
}

/// A tenure that ends while the adapter waits on its way is missed: what was asked before the wait does not count.
pub(super) async fn the_tenure_is_asked_last(scene: &Scene) -> Verdict {
    let ready = Ready::new(scene, Act::Stage).await?;
    let before = ready.seen(scene).await?;
    let wait = scene.subject.delay_the_next_write().await?;
    let begun = Instant::now();
    let answer = lost_after(wait / 2, ready.make(scene)).await;
    ensure!(begun.elapsed() >= wait / 2, "the write was not delayed: {:?}", begun.elapsed());
    let when = "staging that was delayed until the tenure was lost";
    fault(answer, Meaning::Refused, when)?;
    ready.unchanged(scene, &before, when).await?;
    tokio::time::sleep(AFTERWARDS).await;
    ready.unchanged(scene, &before, "some time after the delayed staging").await
}
