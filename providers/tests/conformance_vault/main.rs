//! Every vault adapter, held to every promise of the port; and models with a defect each, which the suite must catch by
//! name.
//!
//! A subject is a file here and a row in [`SUBJECTS`]. Arguments choose: the names of subjects, and names of checks or
//! parts of them. With `ENTRA_ROTATOR_CONFORMANCE_URL` or `ENTRA_ROTATOR_CONFORMANCE_KEY_VAULT_URL` set, the vaults there
//! are the only subjects (`openbao.rs`, `key_vault.rs`; docs/vault-conformance.md).

#[cfg(feature = "azure-key-vault")]
mod key_vault;
#[cfg(feature = "azure-key-vault")]
#[path = "../key_vault/bed.rs"]
#[expect(dead_code, reason = "the adapter's own tests need more of the stand-in")]
mod key_vault_bed;
mod lab;
#[cfg(feature = "hashicorp-vault")]
mod openbao;
#[cfg(feature = "hashicorp-vault")]
mod openbao_server;
#[cfg(feature = "sealed-file")]
mod sealed;

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use providers::conformance::Outcome::{Failed, NotApplicable, Passed};
use providers::conformance::vault::model::{Defect, Model};
use providers::conformance::vault::{Subject, clause, names, run, run_some};
use providers::conformance::{Report, listen};

/// A subject that runs, or why it does not.
type Started = Result<Arc<dyn Subject>, String>;

/// A vault to hold the suite to.
struct Row {
    name: &'static str,
    start: fn() -> Pin<Box<dyn Future<Output = Started>>>,
    /// Checks that it can't show, all of which another one does.
    lacks: &'static [&'static str],
    /// How long the whole suite may take on it, on a machine that has other things to do.
    limit_s: u64,
}

/// Its wait is a connection's, and the test of that is `https/gate.rs`.
const ASKED_LAST: &str = "the_tenure_is_asked_last";
const RESTARTS: &[&str] = &["what_is_done_survives_a_restart", "promote_cut_by_a_restart_is_carried_on"];

const SUBJECTS: &[Row] = &[
    Row { name: "lab", start: || Box::pin(async { lab::start() }), lacks: RESTARTS, limit_s: 60 },
    #[cfg(feature = "hashicorp-vault")]
    Row {
        name: "openbao-dev",
        start: || Box::pin(openbao::dev()),
        lacks: &[RESTARTS[0], RESTARTS[1], ASKED_LAST],
        limit_s: 240,
    },
    #[cfg(feature = "hashicorp-vault")]
    Row { name: "openbao-raft", start: || Box::pin(openbao::raft()), lacks: &[ASKED_LAST], limit_s: 240 },
    #[cfg(feature = "sealed-file")]
    Row { name: "sealed", start: || Box::pin(async { sealed::start() }), lacks: RESTARTS, limit_s: 60 },
    #[cfg(feature = "azure-key-vault")]
    Row { name: "key-vault", start: || Box::pin(key_vault::stand_in()), lacks: &[ASKED_LAST], limit_s: 240 },
];

/// A vault that runs elsewhere and nobody here may end.
#[cfg(feature = "hashicorp-vault")]
const EXTERNAL: Row = Row {
    name: "openbao-external",
    start: || Box::pin(openbao::external()),
    lacks: &[RESTARTS[0], RESTARTS[1], ASKED_LAST],
    limit_s: 600,
};

/// Without a reader's token nobody sees what readers see.
#[cfg(feature = "azure-key-vault")]
const KEY_VAULT_EXTERNAL: Row = Row {
    name: "key-vault-external",
    start: || Box::pin(key_vault::external()),
    lacks: &[
        RESTARTS[0],
        RESTARTS[1],
        ASKED_LAST,
        "readers_see_current_and_nothing_else",
        "announce_names_the_candidate",
        "announce_again_is_the_same",
        "announce_stays_when_another_does_nothing",
        "announce_of_what_is_not_pending_is_refused",
        "announce_ends_with_the_promotion",
        "announce_ends_with_the_discard",
        "announce_cut_anywhere_is_made_again",
    ],
    limit_s: 600,
};

fn rows() -> Vec<&'static Row> {
    let mut elsewhere: Vec<&Row> = Vec::new();
    #[cfg(feature = "hashicorp-vault")]
    if openbao::is_external() {
        elsewhere.push(&EXTERNAL);
    }
    #[cfg(feature = "azure-key-vault")]
    if key_vault::is_external() {
        elsewhere.push(&KEY_VAULT_EXTERNAL);
    }
    if elsewhere.is_empty() { SUBJECTS.iter().collect() } else { elsewhere }
}

/// What passed and what did not.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
}

impl Tally {
    fn count(&mut self, name: &str, verdict: Result<(), String>) {
        println!("{name} ... {}", if verdict.is_ok() { "ok" } else { "FAILED" });
        match verdict {
            Ok(()) => self.passed += 1,
            Err(why) => self.failed.push(format!("{name}: {why}")),
        }
    }

    /// Every check of a run on an adapter that must keep every promise. `lacks`: what it need not show.
    fn judge(&mut self, subject: &str, report: &Report, lacks: &[&str]) {
        for (check, outcome) in &report.lines {
            let verdict = match outcome {
                Passed => Ok(()),
                NotApplicable(why) if lacks.contains(check) => {
                    println!("{subject}, {check}: not applicable: {why}");
                    continue;
                }
                NotApplicable(why) => Err(format!("this subject must show it: {why}")),
                Failed(why) => Err(format!("{why}\n  the port: {:?}", clause(check).unwrap_or_default())),
            };
            self.count(&format!("{subject}, {check}"), verdict);
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let rows = rows();
    let is_subject = |argument: &String| argument == "model" || rows.iter().any(|row| row.name == argument);
    let (subjects, parts): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|argument| is_subject(argument));
    let asked = |name: &str| subjects.is_empty() || subjects.iter().any(|subject| *subject == name);
    let wanted = |check: &str| parts.is_empty() || parts.iter().any(|part| check.contains(part.as_str()));
    let whole = parts.is_empty();

    let mut tally = Tally::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        if asked("model") {
            model(&mut tally, &wanted).await;
        }
        for row in rows.iter().filter(|row| asked(row.name)) {
            one(row, &mut tally, &wanted, whole).await;
        }
    });
    for failure in &tally.failed {
        println!("failed: {failure}");
    }
    let (passed, failed) = (tally.passed, tally.failed.len());
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    println!("{passed} passed, {failed} failed, 0 skipped");
    // A filter that matches nothing has proven nothing.
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The model keeps every promise, and with a defect it breaks just those that it must.
async fn model(tally: &mut Tally, wanted: &impl Fn(&str) -> bool) {
    let begun = Instant::now();
    let good = run(Arc::new(Model::new(None))).await;
    tally.judge("model", &good, &[]);
    assert_eq!(good.lines.len(), names().len());
    for &defect in Defect::ALL {
        let report = run_some(Arc::new(Model::new(Some(defect))), wanted).await;
        println!("{defect:?} fails {:?}", report.failed());
        let mut verdict = defect.judge(&good, &report).map_err(|how| format!("{how}\n{report}"));
        if defect.caught_by().is_empty() {
            verdict = Err("no check is meant for it".to_owned());
        }
        tally.count(&format!("model, {defect:?}"), verdict);
    }
    println!("the model after {:.1} s", begun.elapsed().as_secs_f64());
}

async fn one(row: &Row, tally: &mut Tally, wanted: &impl Fn(&str) -> bool, whole: bool) {
    let begun = Instant::now();
    let subject = match (row.start)().await {
        Ok(subject) => subject,
        Err(why) => return tally.failed.push(format!("{}: no vault to test against: {why}", row.name)),
    };
    println!("{} is there after {:.1} s: {}", row.name, begun.elapsed().as_secs_f64(), subject.vault().describe());
    let begun = Instant::now();
    let report = run_some(subject, wanted).await;
    let taken = begun.elapsed();
    tally.judge(row.name, &report, row.lacks);
    println!("{} after {:.1} s; heard so far: {:?}", row.name, taken.as_secs_f64(), listen().map(|ear| ear.crates()));
    if whole {
        let late = format!("the suite took {:.1} s, and {} are enough", taken.as_secs_f64(), row.limit_s);
        let verdict = if taken.as_secs() < row.limit_s { Ok(()) } else { Err(late) };
        tally.count(&format!("{}, in time", row.name), verdict);
    }
}
