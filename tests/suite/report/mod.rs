//! The report: every figure of a small journal checked by hand, the same bytes always, and hostile names in each form.

mod approval;
mod figures;
mod hostile;
mod lines;
mod program;
mod written;

use std::collections::BTreeMap;

use entra_rotator::journal::Note;
use entra_rotator::report::{Form, Report, Table, put};
use entra_rotator::rotation::{Event, LateProof, Trigger, TurnedBy, Why};
use providers::port::Fault;
use serde_json::Value;

use written::{Written, at, begun, exempt, member, print_of, promoted, set};

const FROM: &str = "2026-07-01T00:00:00Z";
const TO: &str = "2026-10-01T00:00:00Z";

/// Every form of a report.
fn forms(report: &Report) -> Vec<Vec<u8>> {
    let tables = [Table::Population, Table::Rotations, Table::Conditions].map(Form::Csv);
    tables.into_iter().chain([Form::Html, Form::Json, Form::Text, Form::Pdf]).map(|form| bytes(report, form)).collect()
}

fn bytes(report: &Report, form: Form) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(report, form, &mut bytes).expect("a report");
    bytes
}

fn text(report: &Report, form: Form) -> String {
    String::from_utf8(bytes(report, form)).expect("UTF-8")
}

fn value(report: &Report) -> Value {
    serde_json::from_slice(&bytes(report, Form::Json)).expect("JSON")
}

/// What stands in the elements that are marked as figures: JSON pointer to text.
fn shown(page: &str) -> Vec<(String, String)> {
    const MARK: &str = "data-figure=\"";
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find(MARK) {
        rest = &rest[start + MARK.len()..];
        let (key, after) = rest.split_once('"').expect("a key");
        let (_, after) = after.split_once('>').expect("an element");
        let (text, after) = after.split_once('<').expect("its end");
        found.push((key.to_owned(), text.to_owned()));
        rest = after;
    }
    found
}

/// A figure as the page shows it.
fn as_shown(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) if text.len() == 20 && text.ends_with('Z') => text.replace('T', " "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A quarter in which much happens; the figures are in `figures.rs`.
async fn quarter() -> Written {
    let written = Written::new().await;
    let mut gamma = member("gamma", "connector", Some(30));
    gamma.exempt = Some(exempt("migration", "Jane Roe", "2026-08-01T00:00:00Z"));
    let accounts = vec![
        member("alpha", "connector", Some(90)),
        member("beta", "service", Some(90)),
        gamma,
        member("delta", "service", None),
        member("epsilon", "connector", Some(90)),
    ];
    written.note("2026-05-01T00:00:00Z", Note::Population { accounts }).await;
    for (account, set_at) in [("beta", "2026-06-21T00:00:00Z"), ("gamma", "2026-06-01T00:00:00Z")] {
        written.note("2026-06-30T00:00:00Z", Note::Age { account: account.into(), set_at: at(set_at) }).await;
    }
    written.note(FROM, Note::Started { by: "host/1".into(), version: "0.1.0".into() }).await;
    let not_begun = |account: &str, outcome: &str| Note::NotBegun {
        account: account.into(),
        trigger: Trigger::Person,
        outcome: outcome.into(),
        why: "because".into(),
    };
    written.note("2026-07-02T00:00:00Z", not_begun("delta", "managed-by-windows")).await;
    written.note("2026-07-05T00:00:00Z", Note::Stopped { by: "host/1".into(), why: "SIGTERM".into() }).await;
    written.note("2026-07-06T00:00:00Z", Note::Started { by: "host/2".into(), version: "0.1.0".into() }).await;
    written.note("2026-07-07T00:00:00Z", Note::Started { by: "host/3".into(), version: "0.2.0".into() }).await;

    // alpha was 90 days old when the period began.
    let due = Trigger::Schedule { due: at("2026-07-10T00:00:00Z"), why: "the first window after it".into() };
    let [intent, done] = set(8, "2026-07-11T00:00:12Z");
    let [promoting, current] = promoted("alpha", "7");
    written
        .rotation(
            "r1",
            "alpha",
            &[
                ("2026-07-11T00:00:00Z", begun("alpha", print_of(7, "2026-04-02T00:00:00Z"), ["service", "", ""], due)),
                ("2026-07-11T00:00:10Z", intent),
                ("2026-07-11T00:00:12Z", done),
                ("2026-07-11T00:00:50Z", promoting),
                ("2026-07-11T00:00:51Z", current),
                ("2026-07-11T00:01:00Z", Event::Finished),
            ],
        )
        .await;
    written.note("2026-07-20T00:00:00Z", not_begun("epsilon", "refused")).await;
    written.note("2026-07-21T00:00:00Z", not_begun("epsilon", "later")).await;

    // beta fails, is put back, is held the day after, and repaired.
    let found = || print_of(3, "2026-06-21T00:00:00Z");
    let person = ["me@host", "quarterly", "CHG-1"];
    let [intent, _] = set(4, "2026-08-01T00:01:00Z");
    let fault = Fault::refused("setting the password", "access denied");
    let failed = Event::Failed { step: entra_rotator::rotation::Step::Directory, fault };
    let turned = Event::Turned { by: TurnedBy::Engine, why: "directory failed".into() };
    written
        .rotation(
            "r2",
            "beta",
            &[
                ("2026-08-01T00:00:00Z", begun("beta", found(), person, Trigger::Person)),
                ("2026-08-01T00:01:00Z", intent.clone()),
                ("2026-08-01T00:01:30Z", failed),
                ("2026-08-01T00:05:00Z", turned),
                ("2026-08-01T00:10:00Z", Event::RolledBack),
            ],
        )
        .await;
    let held = Event::Held { why: Why::NotSeen { step: entra_rotator::rotation::Step::Directory } };
    written
        .rotation(
            "r3",
            "beta",
            &[
                ("2026-08-02T00:00:00Z", begun("beta", found(), person, Trigger::Person)),
                ("2026-08-02T00:01:00Z", intent),
                ("2026-08-02T00:30:00Z", held),
            ],
        )
        .await;
    let [intent, done] = set(5, "2026-08-03T00:00:12Z");
    written
        .rotation(
            "r4",
            "beta",
            &[
                ("2026-08-03T00:00:00Z", begun("beta", found(), person, Trigger::Person)),
                ("2026-08-03T00:00:10Z", intent),
                ("2026-08-03T00:00:12Z", done),
                ("2026-08-03T00:05:00Z", Event::Finished),
            ],
        )
        .await;
    written.append("r3", 3, "2026-08-03T00:05:01Z", Event::Superseded { by: "r4".into() }).await;
    let late = Event::LateProof { outcome: LateProof::Proven { proofs: Vec::new() } };
    written.append("r4", 4, "2026-08-03T02:00:00Z", late).await;

    for (when, key, kind, account) in [
        ("2026-08-01T00:00:00Z", "k1", "overdue", "gamma"),
        ("2026-08-10T00:00:00Z", "k2", "drift-password", "alpha"),
        ("2026-08-11T00:00:00Z", "k2", "drift-password", "alpha"),
    ] {
        let note = Note::Raised {
            key: key.into(),
            kind: kind.into(),
            severity: "alarm".into(),
            account: Some(account.into()),
            title: format!("{kind} of {account}"),
            text: "seen".into(),
        };
        written.note(when, note).await;
    }
    let cleared = Note::Cleared { key: "k2".into(), kind: "drift-password".into(), account: Some("alpha".into()) };
    written.note("2026-08-12T00:00:00Z", cleared).await;
    written
}

#[tokio::test]
async fn the_same_bytes_whatever_is_written_later() {
    let written = quarter().await;
    let first = forms(&written.report(FROM, TO).await);
    assert_eq!(first, forms(&written.report(FROM, TO).await), "twice");
    let raised = Note::Cleared { key: "k1".into(), kind: "overdue".into(), account: Some("gamma".into()) };
    written.note(TO, raised).await;
    written.note(TO, Note::Population { accounts: vec![member("zeta", "connector", Some(1))] }).await;
    written.note(TO, Note::Age { account: "epsilon".into(), set_at: at("2026-07-01T00:00:00Z") }).await;
    let found = print_of(8, "2026-07-11T00:00:12Z");
    written.rotation("r5", "alpha", &[(TO, begun("alpha", found, ["", "", ""], Trigger::Person))]).await;
    let failed = LateProof::Failed {
        server: "SYNC1".into(),
        connector: "contoso.test".into(),
        fault: Fault::refused("a late proof", "no"),
    };
    written.append("r4", 5, TO, Event::LateProof { outcome: failed }).await;
    written.note(TO, Note::Stopped { by: "host/3".into(), why: "SIGTERM".into() }).await;
    assert_eq!(first, forms(&written.report(FROM, TO).await), "with later entries");
    let later = written.report(FROM, "2026-10-01T00:00:01Z").await;
    assert_ne!(first, forms(&later), "a second later they count");
}

#[tokio::test]
async fn a_rotation_is_open_at_the_end_of_a_period_that_it_outlasts() {
    let written = quarter().await;
    let report = written.report(FROM, "2026-08-02T00:00:30Z").await;
    let open: BTreeMap<&str, &str> =
        report.rotations.iter().map(|facts| (facts.rotation.0.as_str(), facts.outcome)).collect();
    assert_eq!(open, BTreeMap::from([("r1", "finished"), ("r2", "failed"), ("r3", "open")]));
    let report = written.report(FROM, "2026-08-02T00:30:01Z").await;
    assert_eq!((report.counts.held, report.counts.held_at_end, report.counts.open_at_end), (1, 1, 0));
    // What is held all through a period is told, although it has no entry in it.
    let report = written.report("2026-08-02T12:00:00Z", "2026-08-02T13:00:00Z").await;
    assert_eq!(report.rotations.len(), 1);
    assert_eq!((report.counts.held, report.counts.held_at_end, report.evidence.entries_in_period), (0, 1, 0));
}
