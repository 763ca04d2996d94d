//! What it does when nobody says anything.

use std::collections::BTreeSet;

use entra_rotator::journal::{Note, State};
use serde_json::Value;

use super::process::{notes, states};
use super::{Service, wait_until};
use crate::lab::Lab;

const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";

fn is_done(service: &Service) -> bool {
    service.log().iter().any(|line| line["message"] == "finished")
}

#[tokio::test]
async fn what_is_due_is_rotated_and_what_it_does_shows() {
    let lab = Lab::made();
    let mut service = Service::start(&lab);
    wait_until("finished", &service, || is_done(&service));
    assert_eq!(service.get("/livez"), (200, "alive\n".to_owned()));
    wait_until("counted", &service, || {
        service.metric("entra_rotator_rotations_total{outcome=\"rotated\"}") == Some(1.0)
    });
    assert_eq!(service.get("/readyz"), (200, "ready\n".to_owned()));
    let of = |name: &str| service.metric(&format!("entra_rotator_{name}{{account=\"{ACCOUNT}\"}}"));
    let (success, next) = (of("last_success_timestamp_seconds"), of("next_due_timestamp_seconds"));
    let days = (next.expect("it is due again") - success.expect("it succeeded")) / 86400.0;
    assert!((75.9..76.1).contains(&days), "90 days, of which 14 to warn: {days}");
    assert!(of("password_age_seconds").is_some_and(|age| age < 60.0));
    assert_eq!(of("account_held"), Some(0.0));
    assert_eq!(service.get("/nothing").0, 404);
    assert_eq!(service.get("/api/status").0, 404, "without a token there is nothing beyond");
    assert_eq!(service.stop(), Some(0), "{}", service.said());
    lab.expect("all=p2 previous=p1", "rotated");
    assert_eq!(states(&lab).await, [(ACCOUNT.to_owned(), State::Closed)]);
    lab.expect_intact_journal("rotated");

    // A second life finds nothing to do.
    let mut service = Service::start(&lab);
    wait_until("ready", &service, || service.get("/readyz").0 == 200);
    assert_eq!(service.stop(), Some(0));
    assert_eq!(states(&lab).await.len(), 1);
    let notes = notes(&lab).await;
    let kinds: Vec<&str> = notes
        .iter()
        .filter_map(|note| match note {
            Note::Started { .. } => Some("started"),
            Note::Stopped { why, .. } => {
                assert_eq!(why, "ended in order");
                Some("stopped")
            }
            _ => None,
        })
        .collect();
    assert_eq!(kinds, ["started", "stopped", "started", "stopped"]);
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Population { .. })).count(), 1, "{notes:?}");
}

/// Every password that the lab's vault holds.
fn passwords(lab: &Lab) -> BTreeSet<String> {
    let vault = std::fs::read_to_string(lab.dir().join("vault.json")).expect("the lab's vault");
    let vault: Value = serde_json::from_str(&vault).expect("JSON");
    let held = &vault["accounts"][ACCOUNT];
    let of = |slot: &str| held[slot]["secret"].as_str().map(str::to_owned);
    ["current", "previous", "pending"].into_iter().filter_map(of).collect()
}

#[test]
fn the_log_is_one_document_a_line_with_a_span_for_each_step_and_no_secret() {
    let lab = Lab::made();
    let steps = lab.planned_steps();
    let before = passwords(&lab);
    let mut service = Service::start(&lab);
    wait_until("finished", &service, || is_done(&service));
    assert_eq!(service.stop(), Some(0));
    let lines = service.lines();
    let log = service.log();
    assert_eq!(log.len() + 1, lines.len(), "but for the line of its start, each is a document:\n{}", service.said());
    for line in &log {
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    let done: Vec<_> = log.iter().filter(|line| line["message"] == "done").collect();
    assert_eq!(done.len(), steps.len(), "{}", service.said());
    for (line, step) in done.iter().zip(&steps) {
        let span = &line["span"];
        assert_eq!((&span["account"], &span["step"]), (&ACCOUNT.into(), &step.as_str().into()), "{line}");
        assert!(span["rotation"].as_str().is_some_and(|id| !id.is_empty()) && line["seconds"].is_number(), "{line}");
    }
    let mut known = passwords(&lab);
    known.extend(before);
    assert_eq!(known.len(), 2, "the old one and the new one");
    for password in known {
        let escaped = serde_json::to_string(&password).expect("text");
        assert!(!service.said().contains(&password) && !service.said().contains(escaped.trim_matches('"')));
    }
}

#[tokio::test]
async fn what_is_held_stays_held_and_is_told() {
    let lab = Lab::made();
    lab.order("foreign-password");
    let held = format!("entra_rotator_account_held{{account=\"{ACCOUNT}\"}}");
    for life in 1..=2 {
        let mut service = Service::start(&lab);
        wait_until("held", &service, || service.metric(&held) == Some(1.0));
        let alarm = "entra_rotator_conditions{kind=\"held\",severity=\"alarm\"}";
        wait_until("told", &service, || service.metric(alarm) == Some(1.0));
        wait_until("ready", &service, || service.get("/readyz").0 == 200);
        let person = lab.rotate();
        assert_eq!(person.code, Some(3), "life {life}: {}\n{}", person.stdout, person.stderr);
        assert_eq!(service.stop(), Some(0), "{}", service.said());
        assert_eq!(states(&lab).await, [(ACCOUNT.to_owned(), State::Held)], "life {life}");
        let raised: Vec<_> = notes(&lab).await.into_iter().filter(is_held_note).collect();
        assert_eq!(raised.len(), 1, "raised once for both lives: {raised:?}");
    }
    // A person ends it; the next life says that it is over.
    assert_eq!(lab.run("rotate --lab --all --repair").code, Some(0));
    let mut service = Service::start(&lab);
    wait_until("free", &service, || service.metric(&held) == Some(0.0));
    wait_until("ready", &service, || service.get("/readyz").0 == 200);
    assert_eq!(service.stop(), Some(0));
    let cleared =
        notes(&lab).await.into_iter().any(|note| matches!(note, Note::Cleared { kind, .. } if kind == "held"));
    assert!(cleared, "{:?}", notes(&lab).await);
}

fn is_held_note(note: &Note) -> bool {
    matches!(note, Note::Raised { kind, severity, .. } if kind == "held" && severity == "alarm")
}
