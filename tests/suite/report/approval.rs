//! Who approved, and that nobody did who should have, in every form of the report.

use entra_rotator::report::{Form, Table, Verified};
use entra_rotator::rotation::{Approval, Event, Trigger};
use serde_json::Value;

use super::lines::{directory, done, events, intent, lines};
use super::written::{Written, at, begun, print_of};
use super::{FROM, TO, text, value};

const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn begun_with(account: &str, by: Option<&str>, without: Option<&str>) -> Event {
    let event = begun(account, print_of(7, "2026-04-02T00:00:00Z"), ["me@host", "", ""], Trigger::Person);
    let Event::Begun { plan, initiator, reason, ticket, trigger, .. } = event else { panic!("a beginning") };
    let approved = by.map(|by| Approval {
        by: by.into(),
        at: at("2026-06-30T00:00:00Z"),
        until: at("2026-07-02T00:00:00Z"),
        plans: "0a".repeat(32),
        key: KEY.into(),
        signature: "0b".repeat(64),
    });
    let (approved, without_approval) = (approved.map(Box::new), without.map(str::to_owned));
    Event::Begun { plan, initiator, reason, ticket, trigger, approved, without_approval }
}

async fn written(by: Option<&str>, without: Option<&str>) -> Written {
    let written = Written::new().await;
    let first = begun_with("alpha", by, without);
    written.rotation("r1", "alpha", &[(FROM, first), (FROM, intent(directory())), (FROM, done(directory()))]).await;
    written
}

/// Each form, by its name.
async fn told(written: &Written) -> Vec<(&'static str, String)> {
    let report = written.report(FROM, TO).await;
    let ocsf: Vec<String> = events(written).await.iter().map(Value::to_string).collect();
    vec![
        ("page", text(&report, Form::Html)),
        ("JSON", text(&report, Form::Json)),
        ("CSV", text(&report, Form::Csv(Table::Rotations))),
        ("text", text(&report, Form::Text)),
        ("JSON Lines", lines(written, &Verified::Intact).await.join("\n")),
        ("OCSF", ocsf.join("\n")),
    ]
}

#[tokio::test]
async fn who_approved_stands_in_every_form() {
    let written = written(Some("Anna M."), None).await;
    for (form, text) in told(&written).await {
        assert!(text.contains("Anna M."), "{form}: {text}");
        assert!(form == "text" || text.contains(KEY), "{form}: {text}");
    }
    let report = value(&written.report(FROM, TO).await);
    assert_eq!(report["rotations"][0]["approved"]["at"], "2026-06-30T00:00:00Z");
    assert_eq!(
        (&report["counts"]["without_approval"], report["rotations"][0].get("without_approval")),
        (&0.into(), None)
    );
}

#[tokio::test]
async fn that_nobody_did_stands_in_every_form() {
    let written = written(None, Some("a leaver knew it")).await;
    for (form, text) in told(&written).await {
        assert!(text.contains("a leaver knew it"), "{form}: {text}");
    }
    let report = value(&written.report(FROM, TO).await);
    assert_eq!((&report["counts"]["without_approval"], report["rotations"][0].get("approved")), (&1.into(), None));
    let line: Value = serde_json::from_str(&lines(&written, &Verified::Intact).await[0]).expect("JSON");
    assert_eq!((&line["severity"], &events(&written).await[0]["severity"]), (&"alarm".into(), &"High".into()));
    // One that nobody had to approve says neither.
    for (form, text) in told(&self::written(None, None).await).await {
        assert!(!text.contains("NOBODY") && !text.contains("as an exception") && !text.contains(KEY), "{form}: {text}");
    }
}
