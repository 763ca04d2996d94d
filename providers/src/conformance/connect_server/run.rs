//! Runs the checks one after the other, each in a task of its own and in bounded time.

use std::sync::Arc;
use std::time::Duration;

use super::checks::{ALL, Check, NO_SECRET};
use super::scene::{MARK, Scene};
use super::subject::Subject;
use crate::conformance::bounded::bounded;
use crate::conformance::heard::Heard;
use crate::conformance::report::{Outcome, Report};
use crate::conformance::{Able, Ear, Stop, listen};
use crate::port::Secret;

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
    let scene = Arc::new(Scene::new(subject, heard));
    let mut report = Report::default();
    for check in ALL.iter().filter(|check| wanted(check.name)) {
        let mut outcome = one(check, &scene).await;
        if check.name == NO_SECRET && outcome == Outcome::Passed {
            // It comes last: what all the others heard counts too.
            outcome = match scene.heard.leak() {
                Some(leak) => Outcome::Failed(leak),
                None => logged(&ear, before, &*scene.subject).into(),
            };
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

async fn one(check: &'static Check, scene: &Arc<Scene>) -> Outcome {
    let limit: Duration = scene.subject.call_limit() * SLOW_CALLS_MAX;
    let scene = Arc::clone(scene);
    bounded(limit, async move { (check.run)(&scene).await }).await
}
