//! A new configuration, a person's word, and who is told.

use entra_rotator::journal::{Journal, Member, Note};
use entra_rotator::rotation::Trigger;
use jiff::{SignedDuration, Timestamp};

use super::configured::{ACCOUNT, Configured};
use super::process::{journal, notes, states};
use super::{Service, wait_until};
use crate::lab::Lab;

const YEARLY: &str = "[schedule]\ncron = \"30 4 1 1 *\"\n";
const OTHER_YEARLY: &str = "[schedule]\ncron = \"45 5 2 7 *\"\n";
const FAULTY: &str = "[schedule]\ncron = \"61 4 * * *\"\n";

fn next_due(service: &Service) -> Option<f64> {
    service.metric(&format!("entra_rotator_next_due_timestamp_seconds{{account=\"{ACCOUNT}\"}}"))
}

fn conditions(service: &Service, kind: &str, severity: &str) -> Option<f64> {
    service.metric(&format!("entra_rotator_conditions{{kind=\"{kind}\",severity=\"{severity}\"}}"))
}

#[tokio::test]
async fn a_good_new_configuration_is_taken_and_a_faulty_one_is_told() {
    let configured = Configured::new(YEARLY);
    let mut service = configured.start();
    wait_until("seated", &service, || next_due(&service).is_some());
    let first = next_due(&service);

    configured.write(OTHER_YEARLY);
    service.signal("HUP");
    wait_until("taken", &service, || next_due(&service) != first);
    let second = next_due(&service);
    assert_eq!(conditions(&service, "configuration", "alarm"), Some(0.0));

    for faulty in [FAULTY, "[schedule]\ncron = 7\n", "[nonsense]\n", "\u{0}"] {
        configured.write(faulty);
        service.signal("HUP");
        wait_until("told", &service, || conditions(&service, "configuration", "alarm") == Some(1.0));
        assert_eq!(next_due(&service), second, "the old one stays");
        // Mended, and told as over.
        configured.write(OTHER_YEARLY);
        service.signal("HUP");
        wait_until("mended", &service, || conditions(&service, "configuration", "alarm") == Some(0.0));
    }
    // Another journal can't be taken while it runs.
    configured.write(OTHER_YEARLY);
    let text = std::fs::read_to_string(configured.path("config.toml")).expect("it");
    std::fs::write(configured.path("config.toml"), text.replace("journal.db", "another.db")).expect("written");
    service.signal("HUP");
    wait_until("told", &service, || conditions(&service, "configuration", "alarm") == Some(1.0));
    assert!(!configured.path("another.db").exists());
    assert_eq!(service.stop(), Some(0));
    let populations = notes(&configured.lab).await.into_iter().filter(|note| matches!(note, Note::Population { .. }));
    assert_eq!(populations.count(), 2, "one for each schedule that was taken");
}

#[tokio::test]
async fn the_hook_is_told_what_is_held() {
    let configured = Configured::new("");
    configured.lab.order("foreign-password");
    assert_eq!(configured.lab.rotate().code, Some(3));
    configured.write(&configured.hook());
    let mut service = configured.start();
    let of_held = || configured.notices().into_iter().filter(|notice| notice["kind"] == "held").collect::<Vec<_>>();
    wait_until("told", &service, || !of_held().is_empty());
    assert_eq!(service.stop(), Some(0));
    let [notice] = &of_held()[..] else { panic!("told once: {:?}", configured.notices()) };
    assert_eq!((&notice["standing"], &notice["severity"]), (&"raised".into(), &"alarm".into()), "{notice}");
    assert_eq!(notice["account"], ACCOUNT);
    assert!(notice["next_steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{notice}");
}

/// A journal that knows the account since so many days, with so many refused attempts of its schedule.
async fn known_for(lab: &Lab, days: i64, schedule: &str, refused: i64) {
    let journal = journal(lab).await;
    let since = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let member = Member {
        account: ACCOUNT.into(),
        kind: "connector".into(),
        vault_name: ACCOUNT.into(),
        max_age_days: Some(90),
        schedule: schedule.into(),
        exempt: None,
    };
    journal.note(since, &Note::Population { accounts: vec![member] }).await.expect("noted");
    for hour in 1..=refused {
        let trigger = Trigger::Schedule { due: since, why: "the time has come".into() };
        let (account, outcome, why) = (ACCOUNT.into(), "refused".into(), "no reset right".into());
        let note = Note::NotBegun { account, trigger, outcome, why };
        journal.note(since + SignedDuration::from_hours(hour), &note).await.expect("noted");
    }
}

#[tokio::test]
async fn a_service_that_does_nothing_for_days_says_so() {
    for (known_days, expected) in [(3, true), (1, false)] {
        let configured = Configured::new("");
        known_for(&configured.lab, known_days, "", 0).await;
        configured.write(&format!("{YEARLY}[notify]\nnothing_succeeded_days = 2\n{}", configured.hook()));
        let mut service = configured.start();
        let of_it = || configured.notices().iter().any(|notice| notice["kind"] == "nothing-succeeded");
        if expected {
            wait_until("told", &service, of_it);
            assert_eq!(conditions(&service, "nothing-succeeded", "alarm"), Some(1.0));
        } else {
            wait_until("looked", &service, || conditions(&service, "nothing-succeeded", "alarm") == Some(0.0));
        }
        assert_eq!(service.stop(), Some(0));
        assert_eq!(of_it(), expected, "{:?}", configured.notices());
    }
}

#[tokio::test]
async fn a_person_lets_the_schedule_try_again() {
    let lab = Lab::made();
    known_for(&lab, 30, "before 90 days are over", 5).await;
    let shown = lab.run("schedule next --lab --format json").json();
    assert_eq!(shown["accounts"][0]["state"], "gave-up", "{shown}");
    assert!(shown["accounts"][0]["why"].as_str().is_some_and(|why| why.contains("schedule renew")), "{shown}");
    let mut service = Service::start(&lab);
    let gave_up = format!("entra_rotator_account_gave_up{{account=\"{ACCOUNT}\"}}");
    wait_until("given up", &service, || service.metric(&gave_up) == Some(1.0));
    wait_until("told", &service, || conditions(&service, "gave-up", "alarm") == Some(1.0));
    assert_eq!(states(&lab).await.len(), 0, "it was rotated all the same");
    let renewed = lab.run(&format!("schedule renew --lab --account {ACCOUNT}"));
    assert_eq!(renewed.code, Some(0), "{renewed:?}");
    wait_until("rotated", &service, || service.log().iter().any(|line| line["message"] == "finished"));
    wait_until("no more", &service, || service.metric(&gave_up) == Some(0.0));
    assert_eq!(service.stop(), Some(0));
    lab.expect("all=p2 previous=p1", "renewed");
    assert_eq!(lab.run("schedule renew --lab --account nobody").code, Some(2));
}

#[tokio::test]
async fn the_coming_fires_are_explained_and_nothing_changes() {
    let configured = Configured::new("[schedule]\ncron = \"30 2 * * 0\"\nzone = \"Europe/Berlin\"\n");
    let shown = configured.run(&["schedule", "next", "--count", "5", "--format", "json"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let shown = shown.json();
    assert_eq!((&shown["schema"], &shown["accounts"][0]["state"]), (&1.into(), &"waiting".into()), "{shown}");
    let fires = shown["accounts"][0]["fires"].as_array().expect("fires");
    assert_eq!(fires.len(), 5, "{shown}");
    let times: Vec<Timestamp> =
        fires.iter().map(|fire| fire["at"].as_str().expect("a time").parse().expect("a time")).collect();
    for (fire, at) in fires.iter().zip(&times) {
        let local = at.in_tz("Europe/Berlin").expect("a zone");
        assert_eq!(local.strftime("%a %H:%M").to_string(), "Sun 02:30", "{fire}");
        assert!(fire["local"].as_str().is_some_and(|text| text.starts_with("Sun") && text.contains("02:30")), "{fire}");
        assert!(fire["explained"].as_str().is_some_and(|text| !text.is_empty()), "{fire}");
    }
    assert!(
        times.windows(2).all(|pair| pair[1].duration_since(pair[0]) >= SignedDuration::from_hours(24 * 7 - 1)),
        "{times:?}"
    );
    let table = configured.run(&["schedule", "next", "--count", "5"]);
    assert_eq!(table.stdout.lines().filter(|line| line.contains(ACCOUNT)).count(), 5, "{}", table.stdout);
    assert!(!configured.path("journal.db").exists(), "looking made a journal");
}
