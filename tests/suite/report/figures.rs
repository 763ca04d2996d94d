//! Every figure, computed by hand, and the same on the page as in JSON.

use entra_rotator::report::{Form, Gathering, PRINTED_MAX, Period, ROTATIONS_MAX, put, schema};
use serde_json::{Value, json};

use super::written::{Written, at, member};
use super::{FROM, TO, as_shown, quarter, shown, text, value};
use entra_rotator::journal::{Journal, Note};

fn expect(report: &Value, expected: Value) {
    for (key, expected) in expected.as_object().expect("figures") {
        assert_eq!(report.pointer(key), Some(expected), "{key}");
    }
}

#[tokio::test]
async fn every_figure_is_as_computed_by_hand() {
    let report = value(&quarter().await.report(FROM, TO).await);
    // alpha: set 2 April, 90 days old on 1 July, set again on 11 July at 00:00:10; 9 days before its limit from 30 September
    // 00:00:10 on. gamma: set 1 June, 30 days, exempt until 1 August, 61 days over. epsilon: nobody knows. delta: Windows. The condition of 1 August is
    // written after the late proof of 3 August: one step back.
    expect(
        &report,
        json!({
            "/schema": 1,
            "/coverage/in_policy": 2, "/coverage/of": 4, "/coverage/percent": "50.00", "/coverage/near": 1,
            "/coverage/overdue": 1, "/coverage/unknown": 1, "/coverage/exempt": 0, "/coverage/managed": 1,
            "/coverage/no_policy": 0, "/coverage/not_in_population": 0,
            "/counts/begun": 4, "/counts/rotated": 2, "/counts/failed": 1, "/counts/rolled_back_by_order": 0,
            "/counts/held": 1, "/counts/held_at_end": 0, "/counts/open_at_end": 0, "/counts/repaired": 1,
            "/counts/not_begun": 2, "/counts/not_begun_refused": 1, "/counts/not_begun_unreachable": 1,
            "/counts/not_begun_busy": 0, "/counts/late_proofs_good": 1, "/counts/late_proofs_failed": 0,
            "/counts/rehearsed_or_adopted": 0, "/counts/rehearsed_or_adopted_failed": 0, "/counts/accounts_overdue": 2,
        }),
    );
    expect(
        &report,
        json!({
            "/exposure/oldest_days": 122, "/exposure/account": "gamma",
            "/exposure/overdue/seconds": 71 * 86_400 + 10, "/exposure/overdue/words": "71 d",
            "/repairs/ended": 1, "/repairs/median/seconds": 2 * 86_400, "/repairs/longest/words": "2 d",
            "/repairs/open_at_end": 0, "/repairs/incidents/0/rotation": "r2", "/repairs/incidents/0/began_as": "failed",
            "/repairs/incidents/0/ended": "2026-08-03T00:05:00Z",
            "/drift/raised": 1, "/drift/cleared": 1, "/drift/open_at_end": 0, "/drift/longest/seconds": 2 * 86_400,
            "/kinds/0/kind": "drift-password", "/kinds/1/kind": "overdue", "/kinds/1/open_at_end": 1,
            "/kinds/1/longest/words": "61 d",
            "/evidence/intact": true, "/evidence/entries": 34, "/evidence/entries_in_period": 31,
            "/evidence/first_at": "2026-05-01T00:00:00Z", "/evidence/last_at": "2026-08-12T00:00:00Z",
            "/evidence/steps_back": 1,
            "/population/recorded_by": 1, "/population/recorded_at": "2026-05-01T00:00:00Z",
        }),
    );
    let ages = json!([
        { "days": "0–30", "accounts": 0 }, { "days": "31–60", "accounts": 1 }, { "days": "61–90", "accounts": 1 },
        { "days": "91–180", "accounts": 1 }, { "days": "181–365", "accounts": 0 }, { "days": "over 365", "accounts": 0 },
        { "days": "unknown", "accounts": 2 },
    ]);
    assert_eq!(report["ages"], ages);
    let months = json!([
        { "month": "2026-07", "rotated": 1, "put_back": 0, "held": 0 },
        { "month": "2026-08", "rotated": 1, "put_back": 1, "held": 1 },
        { "month": "2026-09", "rotated": 0, "put_back": 0, "held": 0 },
    ]);
    assert_eq!(report["months"], months);
}

#[tokio::test]
async fn every_account_is_as_computed_by_hand() {
    let report = value(&quarter().await.report(FROM, TO).await);
    let accounts = report["population"]["accounts"].as_array().expect("accounts").iter().map(|facts| {
        let part = |key: &str| facts[key].clone();
        let seconds = facts["overdue"]["seconds"].clone();
        json!([
            part("account"),
            part("state"),
            part("age_days"),
            part("due_at"),
            seconds,
            part("oldest_days"),
            part("rotated")
        ])
    });
    let expected = json!([
        ["gamma", "overdue", 122, "2026-07-01T00:00:00Z", 61 * 86_400, 122, 0],
        ["epsilon", "unknown", null, null, 0, null, 0],
        ["alpha", "near", 81, "2026-10-09T00:00:10Z", 10 * 86_400 + 10, 100, 1],
        ["beta", "in-policy", 58, "2026-11-01T00:00:10Z", 0, 58, 1],
        ["delta", "managed", null, null, 0, null, 0],
    ]);
    assert_eq!(Value::Array(accounts.collect()), expected);
    let exempt = json!({
        "reason": "migration", "owner": "Jane Roe", "until": "2026-08-01T00:00:00Z", "in_force": false
    });
    assert_eq!(report["population"]["accounts"][0]["exempt"], exempt);
}

#[tokio::test]
async fn every_rotation_is_told_with_its_evidence() {
    let report = value(&quarter().await.report(FROM, TO).await);
    let rotations = report["rotations"].as_array().expect("rotations");
    let ends: Vec<(&str, &str, &str)> = rotations
        .iter()
        .map(|facts| {
            let text = |key: &str| facts[key].as_str().unwrap_or("-");
            (text("rotation"), text("outcome"), text("late_proof"))
        })
        .collect();
    assert_eq!(
        ends,
        [("r1", "finished", "-"), ("r2", "failed", "-"), ("r3", "repaired", "-"), ("r4", "finished", "good")]
    );
    expect(
        &rotations[0],
        json!({
            "/trigger/by": "schedule", "/trigger/due": "2026-07-10T00:00:00Z", "/trigger/why": "the first window after it",
            "/length/seconds": 60, "/vault/version": "7", "/vault/slot": "current",
            "/before/key_version": 7, "/before/set_at": "2026-04-02T00:00:00Z",
            "/after/key_version": 8, "/after/set_at": "2026-07-11T00:00:12Z",
            "/due_at": "2026-10-09T00:00:10Z", "/entries/first": 9, "/entries/last": 14, "/entries/count": 6,
        }),
    );
    expect(
        &rotations[1],
        json!({
            "/outcome_why": "directory failed: setting the password: access denied", "/initiator": "me@host",
            "/reason": "quarterly", "/ticket": "CHG-1", "/trigger/by": "person", "/due_at": null, "/vault": null,
        }),
    );
    let step = rotations[1]["steps"].as_array().expect("steps").iter().find(|step| step["step"] == "directory");
    let step = step.expect("the step");
    assert_eq!(
        (&step["result"], &step["tries"], &step["length"]["seconds"]),
        (&json!("failed"), &json!(1), &json!(30))
    );
    assert_eq!(rotations[2]["outcome_why"], "held, and closed by repair r4");
    let runs: Vec<(&Value, &Value, &Value)> = report["running"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| (&run["started"], &run["stopped"], &run["why"]))
        .collect();
    let (none, stop) = (Value::Null, json!("2026-07-05T00:00:00Z"));
    let starts = ["2026-07-01T00:00:00Z", "2026-07-06T00:00:00Z", "2026-07-07T00:00:00Z"].map(|start| json!(start));
    let whys = ["SIGTERM", "no stop is recorded", ""].map(|why| json!(why));
    assert_eq!(runs, [(&starts[0], &stop, &whys[0]), (&starts[1], &none, &whys[1]), (&starts[2], &none, &whys[2])]);
}

#[tokio::test]
async fn the_page_shows_the_figures_of_the_json() {
    let report = quarter().await.report(FROM, TO).await;
    let page = text(&report, Form::Html);
    let (figures, report) = (shown(&page), value(&report));
    for (key, text) in &figures {
        let expected = report.pointer(key).unwrap_or_else(|| panic!("{key} is no figure"));
        assert_eq!(*text, as_shown(expected), "{key}");
    }
    assert!(figures.len() > 150, "{} figures only", figures.len());
    for part in ["coverage", "counts", "drift", "exposure", "repairs", "evidence"] {
        for (name, figure) in report[part].as_object().expect("figures") {
            // Those in words stand elsewhere, or are not shown.
            let key = format!("/{part}/{name}");
            let counted = figure.is_u64() && !["no_policy", "not_in_population"].contains(&name.as_str());
            assert!(!counted || figures.iter().any(|(shown, _)| *shown == key), "{key} is not on the page");
        }
    }
    for forbidden in ["<script", "javascript:", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(forbidden), "the page has {forbidden}");
    }
}

#[tokio::test]
async fn the_json_is_as_its_schema_says() {
    let schema: Value = serde_json::from_str(&schema().expect("a schema")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut report = value(&quarter().await.report(FROM, TO).await);
    let faults: Vec<String> = validator.iter_errors(&report).map(|fault| fault.to_string()).collect();
    assert_eq!(faults, Vec::<String>::new());
    report["coverage"]["of"] = json!("many");
    assert!(!validator.is_valid(&report));
}

#[tokio::test]
async fn a_journal_that_says_nothing_gives_a_report_that_claims_nothing() {
    let written = Written::new().await;
    let empty = value(&written.report(FROM, TO).await);
    expect(
        &empty,
        json!({ "/coverage/of": 0, "/coverage/percent": null, "/evidence/entries": 0, "/evidence/last_hash": null,
                "/population/recorded_by": null, "/exposure/oldest_days": null }),
    );
    let note = Note::Population { accounts: vec![member("alpha", "connector", Some(90))] };
    written.note("2026-07-01T00:00:00Z", note).await;
    let report = value(&written.report(FROM, TO).await);
    expect(
        &report,
        json!({ "/coverage/of": 1, "/coverage/in_policy": 0, "/coverage/percent": "0.00", "/coverage/unknown": 1 }),
    );
}

#[tokio::test]
async fn a_print_too_long_for_anybody_is_refused() {
    let mut report = quarter().await.report(FROM, TO).await;
    let one = report.rotations[0].clone();
    report.rotations = vec![one; PRINTED_MAX + 1];
    let refused = put(&report, Form::Pdf, &mut Vec::new()).expect_err("too long").to_string();
    assert!(refused.contains("shorter period"), "{refused}");
}

#[tokio::test]
async fn a_report_of_too_much_is_refused_and_what_is_over_does_not_count() {
    let entries = quarter().await.journal.read("r1").await.expect("a rotation");
    let period = |from, to| Period::new(at(from), at(to)).expect("a period");
    let mut gathering = Gathering::new(period(FROM, TO));
    for _ in 0..ROTATIONS_MAX {
        gathering.rotation(&entries).expect("so many");
    }
    let refused = gathering.rotation(&entries).expect_err("and no more").to_string();
    assert!(refused.contains("shorter") && refused.contains("jsonl"), "{refused}");
    let mut gathering = Gathering::new(period(TO, "2027-01-01T00:00:00Z"));
    for _ in 0..=ROTATIONS_MAX {
        gathering.rotation(&entries).expect("it ended before");
    }
}
