//! Runs the checks one after the other, each in a task of its own and in bounded time.

use std::sync::Arc;
use std::time::Duration;

use super::bench::Bench;
use super::checks::{ALL, Check, NO_SECRET};
use super::watch::Watched;
use crate::conformance::Stop;
use crate::conformance::bounded::bounded;
use crate::conformance::heard::Heard;
use crate::conformance::report::{Outcome, Report};
use crate::port::Directory;

/// Calls that a check may make one after the other, each of which may use up its time.
const SLOW_CALLS_MAX: u32 = 4;

/// The names of all checks, in their order.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|check| check.name).collect()
}

/// Holds `directory` to every promise of the port.
pub async fn run(directory: Arc<dyn Directory>, bench: Arc<dyn Bench>) -> Report {
    run_some(directory, bench, |_| true).await
}

/// The same, with the checks whose name is `wanted`.
pub async fn run_some(directory: Arc<dyn Directory>, bench: Arc<dyn Bench>, wanted: impl Fn(&str) -> bool) -> Report {
    let heard = Arc::new(Heard::default());
    for secret in bench.own_secrets() {
        heard.secret(&secret);
    }
    let watched: Arc<dyn Directory> = Arc::new(Watched { inner: directory, heard: Arc::clone(&heard) });
    let mut report = Report::default();
    for check in ALL.iter().filter(|check| wanted(check.name)) {
        let mut outcome = one(check, &watched, &bench).await;
        if check.name == NO_SECRET && outcome == Outcome::Passed {
            for text in bench.shown() {
                heard.word("the adapter itself", text);
            }
            // It comes last: what all the others heard counts too.
            if let Some(leak) = heard.leak() {
                outcome = Outcome::Failed(leak);
            }
        }
        report.lines.push((check.name, outcome));
    }
    report
}

async fn one(check: &'static Check, directory: &Arc<dyn Directory>, bench: &Arc<dyn Bench>) -> Outcome {
    let limit: Duration = bench.call_limit() * SLOW_CALLS_MAX;
    let (directory, bench) = (Arc::clone(directory), Arc::clone(bench));
    bounded(limit, async move {
        if let Err(Stop::Failed(why) | Stop::NotApplicable(why)) = bench.settle().await {
            return Err(Stop::Failed(format!("the bench does not settle: {why}")));
        }
        (check.run)(&*directory, &*bench).await
    })
    .await
}
