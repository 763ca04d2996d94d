//! Runs the checks, each in a task of its own and in bounded time: one after the other, or several at once where the
//! subject says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::checks::{ALL, ALONE, Check, NO_SECRET};
use super::scene::{MARK, Scene};
use super::subject::Subject;
use super::watch::Watched;
use crate::conformance::bounded::bounded;
use crate::conformance::heard::Heard;
use crate::conformance::report::{Outcome, Report};
use crate::conformance::{Able, Ear, Stop, listen};
use crate::port::{Secret, Vault};

/// Calls that a check may make one after the other, each of which may use up its time.
const SLOW_CALLS_MAX: u32 = 4;

/// The names of all checks, in their order.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|check| check.name).collect()
}

/// The words of the port that a check rests on.
pub fn clause(name: &str) -> Option<&'static str> {
    ALL.iter().find(|check| check.name == name).map(|check| check.clause)
}

/// Holds the subject's adapter to every promise of the port.
pub async fn run(subject: Arc<dyn Subject>) -> Report {
    run_some(subject, |_| true).await
}

/// The same, with the checks whose name is `wanted`.
pub async fn run_some(subject: Arc<dyn Subject>, wanted: impl Fn(&str) -> bool) -> Report {
    let heard = Arc::new(Heard::default());
    let ear = listen();
    for secret in subject.own_secrets().iter().chain(&[Secret::new(MARK)]) {
        heard.secret(secret);
        if let Ok(ear) = &ear {
            ear.secret(secret);
        }
    }
    let before = ear.as_ref().map_or(0, |ear| ear.leaks().len());
    let watched = |inner| -> Arc<dyn Vault> { Arc::new(Watched { inner, heard: Arc::clone(&heard) }) };
    let (vault, other) = (watched(subject.vault()), watched(subject.other()));
    let scene = Arc::new(Scene::new(vault, other, Arc::clone(&subject)));
    let mut report = Report::default();
    let (alone, together): (Vec<_>, Vec<_>) =
        ALL.iter().filter(|check| wanted(check.name)).partition(|check| ALONE.contains(&check.name));
    report.lines = at_once(together, &scene).await;
    for check in alone {
        let mut outcome = one(check, &scene).await;
        if check.name == NO_SECRET && outcome == Outcome::Passed {
            for text in subject.shown() {
                heard.word("the adapter itself", text);
            }
            // It comes last: what all the others heard counts too.
            if let Some(leak) = heard.leak() {
                outcome = Outcome::Failed(leak);
            } else {
                outcome = logged(&ear, before, &*subject).into();
            }
        }
        report.lines.push((check.name, outcome));
    }
    report
}

/// What was logged shows no secret, and those whose log is asked for did log something.
fn logged(ear: &Able<&'static Ear>, before: usize, subject: &dyn Subject) -> Able<()> {
    let ear = ear.clone()?;
    if let Some(leak) = ear.leaks().get(before) {
        return Err(Stop::Failed(format!("a secret is logged by {leak}")));
    }
    let crates = ear.crates();
    match subject.log_of().iter().find(|name| !crates.contains_key(**name)) {
        None => Ok(()),
        Some(deaf) => Err(Stop::Failed(format!("nothing was heard of {deaf}, only of {crates:?}"))),
    }
}

/// As many of these checks at once as the subject allows, begun in their order.
async fn at_once(checks: Vec<&'static Check>, scene: &Arc<Scene>) -> Vec<(&'static str, Outcome)> {
    let room = Arc::new(Semaphore::new(scene.subject.checks_at_once().max(1)));
    let mut running = JoinSet::new();
    for check in &checks {
        // It is never closed, so there is always a permit to come.
        let permit = Arc::clone(&room).acquire_owned().await;
        let (check, scene) = (*check, Arc::clone(scene));
        running.spawn(async move {
            let outcome = one(check, &scene).await;
            drop(permit);
            (check.name, outcome)
        });
    }
    let mut ended = BTreeMap::new();
    while let Some(outcome) = running.join_next().await {
        ended.extend(outcome);
    }
    let lost = || Outcome::Failed("it did not end by itself".to_owned());
    checks.iter().map(|check| (check.name, ended.remove(check.name).unwrap_or_else(lost))).collect()
}

async fn one(check: &'static Check, scene: &Arc<Scene>) -> Outcome {
    let limit: Duration = scene.subject.call_limit() * SLOW_CALLS_MAX;
    let scene = Arc::clone(scene);
    bounded(limit, async move { (check.run)(&scene).await }).await
}
