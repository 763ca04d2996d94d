//! The late proof: rotations that ended some time ago, made in process by a clock that goes after, and what the program
//! says of them now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use entra_rotator::clock::{Clock, SystemClock, SystemEntropy};
use entra_rotator::engine::{Asked, Nobody, Ports, Rotation, Watch, Wish, late_proof_due, prepare};
use entra_rotator::journal::{Entry, Journal, Query, SqliteJournal};
use entra_rotator::rotation::{Outcome, Progress};
use jiff::{SignedDuration, Timestamp};
use providers::lab::{LabSetting, WorldPlan};
use providers::port::ConnectServer;

use super::Lab;

const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";
const HOUR: i64 = 60;

/// The machine's clock, so many milliseconds behind. Whoever sleeps moves it.
#[derive(Clone)]
struct Behind(Arc<AtomicI64>);

#[async_trait]
impl Clock for Behind {
    fn now(&self) -> Timestamp {
        SystemClock.now() - SignedDuration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    async fn sleep(&self, length: Duration) {
        self.0.fetch_sub(i64::try_from(length.as_millis()).expect("a short sleep"), Ordering::SeqCst);
    }
}

struct Unwatched;

impl Watch for Unwatched {
    fn entry(&self, _: &Entry, _: &Progress) {}
    fn waiting(&self, _: Timestamp) {}
}

/// A lab whose account was rotated that many minutes ago, and when its late proof is due.
fn rotated_ago(minutes: i64) -> (Lab, Timestamp) {
    let lab = Lab::new();
    let dir = lab.dir();
    let plan = WorldPlan { staging_servers: 1, ..WorldPlan::default_world() };
    providers::lab::Lab::create(&dir, &plan).expect("a lab");
    let clock = Behind(Arc::new(AtomicI64::new(minutes * 60_000)));
    let now = clock.clone();
    let setting = LabSetting {
        now: Arc::new(move || now.now()),
        end_process: Arc::new(|| panic!("no crash is ordered")),
        latency: None,
    };
    let world = providers::lab::Lab::open(&dir, setting).expect("it opens");
    let servers: BTreeMap<String, Arc<dyn ConnectServer>> =
        world.server_names().into_iter().filter_map(|name| Some((name.clone(), world.server(&name)?))).collect();
    let wish = Wish {
        account: ACCOUNT.to_owned(),
        locator: ACCOUNT.to_owned(),
        vault_name: ACCOUNT.to_owned(),
        servers: servers.keys().map(|name| (name.clone(), None)).collect(),
        ..Wish::default()
    };
    let ports = Ports {
        vault: world.vault(),
        directory: world.directory(),
        servers,
        clock: Arc::new(clock),
        entropy: Arc::new(SystemEntropy),
        operator: Arc::new(Nobody),
        given: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let due = runtime.block_on(async {
        let journal = SqliteJournal::open(&dir.join("journal.db")).await.expect("a journal");
        let prepared = prepare(&ports, &wish, None).await.expect("a plan");
        let begun = Rotation::begin(&journal, &ports, prepared.plan, Asked::default()).await;
        let mut rotation = begun.expect("it begins");
        let ended = rotation.drive(&journal, &ports, &Unwatched).await.expect("it ends");
        assert_eq!(ended, Outcome::Finished);
        let due = late_proof_due(&rotation).expect("it has a late proof");
        let due_in = due.duration_since(ports.clock.now());
        assert!((SignedDuration::from_mins(69)..=SignedDuration::from_mins(70)).contains(&due_in), "{due_in}");
        assert_eq!(journal.list(&Query::default()).await.expect("a list").len(), 1);
        due
    });
    lab.expect("all=p2 previous=p1", "rotated in process");
    (lab, due)
}

fn proof_of(lab: &Lab) -> (String, Option<i32>) {
    let status = lab.run("status --lab --check --format json");
    (status.json()["accounts"][0]["late_proof"]["state"].as_str().unwrap_or("-").to_owned(), status.code)
}

fn told(state: &str, code: i32) -> (String, Option<i32>) {
    (state.to_owned(), Some(code))
}

#[test]
fn before_its_time_nothing_is_due() {
    let (lab, due) = rotated_ago(69);
    assert!(due > Timestamp::now());
    let proofs = lab.counter("proofs");
    let ended = lab.run("rotate --lab --due --format json");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("no late proof is due"), "{}", ended.stderr);
    assert_eq!(ended.json()["results"].as_array().map(Vec::len), Some(0));
    assert_eq!(lab.counter("proofs"), proofs);
    assert_eq!(proof_of(&lab), told("due", 0));
}

#[test]
fn every_server_is_proven_once_more_and_it_is_recorded() {
    let (lab, due) = rotated_ago(71);
    assert!(due < Timestamp::now());
    assert_eq!(proof_of(&lab), told("due", 0));
    let rotated_at = || lab.run("status --lab --format json").json()["accounts"][0]["last_rotated"].clone();
    let before = rotated_at();
    let ended = lab.run("rotate --lab --due --format json");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.json()["results"][0]["outcome"], "proven-late", "{}", ended.stdout);
    let last = lab.newest_history().pop().expect("an entry");
    let proofs = last["outcome"]["proofs"].as_array().map(Vec::len);
    assert_eq!((&last["event"], proofs), (&"late-proof".into(), Some(2)), "{last}");
    assert_eq!(proof_of(&lab), told("proven", 0));
    assert!(lab.run("rotate --lab --due").stderr.contains("no late proof is due"), "once is enough");
    lab.expect("all=p2 previous=p1", "it changes nothing");
    lab.expect_intact_journal("a late proof");
    assert_eq!(rotated_at(), before, "a late proof is no rotation");
    assert_eq!(lab.rotate().code, Some(0), "the next one begins as ever");
    lab.expect("all=p3 previous=p2", "the next one");
}

#[test]
fn an_engine_that_no_longer_has_the_password_is_an_alarm() {
    // The engine of either server, or the directory.
    for holder in ["engine:SYNC1/contoso.test", "engine:SYNC2/contoso.test", "directory"] {
        let (lab, _) = rotated_ago(71);
        assert_eq!(lab.run(&format!("lab set-password --account {ACCOUNT} --holder {holder}")).code, Some(0));
        let before = lab.holders();
        let ended = lab.run("rotate --lab --due --format json");
        assert_eq!(ended.code, Some(1), "{holder}: {ended:?}");
        let came = ended.json()["results"][0].clone();
        assert_eq!(came["outcome"], "late-proof-failed", "{holder}: {came}");
        let message = came["message"].as_str().expect("a message").to_owned();
        for word in ["ALARM", "contoso.test on SYNC", "next step", "`doctor`"] {
            assert!(message.contains(word), "{holder}: no {word} in {message}");
        }
        if let Some((_, place)) = holder.split_once(':') {
            let (server, _) = place.split_once('/').expect("SERVER/CONNECTOR");
            assert!(message.contains(&format!("on {server} ")), "{holder}: {message}");
        }
        assert_eq!(lab.holders(), before, "{holder}: it only alarms");
        assert_eq!(proof_of(&lab), told("failed", 3), "{holder}");
        let status = lab.run("status --lab");
        assert!(status.stdout.contains("late proof: failed") && status.stdout.contains("next step"), "{status:?}");
        assert_eq!(lab.run("rotate --lab --all --repair").code, Some(0), "{holder}");
        assert_eq!(proof_of(&lab), told("due", 0), "{holder}: that of the repair");
    }
}

#[test]
fn a_server_that_can_t_be_asked_is_asked_again() {
    let (lab, _) = rotated_ago(71);
    lab.order("server-unreachable@SYNC2");
    let ended = lab.run("rotate --lab --due");
    assert_eq!(ended.code, Some(75), "{ended:?}");
    let recorded = lab.newest_history().iter().any(|entry| entry["event"] == "late-proof");
    assert!(!recorded, "an outcome that is not known is not recorded");
    assert_eq!(proof_of(&lab), told("due", 0));
    assert_eq!(lab.run("lab fault clear").code, Some(0));
    assert_eq!(lab.run("rotate --lab --due").code, Some(0));
    assert_eq!(proof_of(&lab), told("proven", 0));
}

#[test]
fn what_nobody_proves_for_a_day_is_overdue() {
    let (lab, _) = rotated_ago(70 + 23 * HOUR);
    assert_eq!(proof_of(&lab), told("due", 0));
    let (lab, _) = rotated_ago(72 + 24 * HOUR);
    assert_eq!(proof_of(&lab), told("overdue", 8));
    let status = lab.run("status --lab");
    assert!(status.stdout.contains("`rotate --due` makes the late proof"), "{}", status.stdout);
    assert_eq!(lab.run("rotate --lab --due").code, Some(0));
    assert_eq!(proof_of(&lab), told("proven", 0));
}

#[test]
fn a_later_rotation_makes_it_moot() {
    let (lab, _) = rotated_ago(71);
    assert_eq!(lab.rotate().code, Some(0));
    let proofs = lab.counter("proofs");
    let ended = lab.run("rotate --lab --due");
    assert!(ended.code == Some(0) && ended.stderr.contains("no late proof is due"), "{ended:?}");
    assert_eq!(lab.counter("proofs"), proofs);
}

/// One that was rolled back, or is open, leaves another password or a question: its own matter comes first.
#[test]
fn a_later_rotation_that_did_not_end_well_makes_it_moot_too() {
    for (fault, code) in [("engine-refuses", Some(1)), ("foreign-password", Some(3)), ("crash-after:directory", None)] {
        let (lab, _) = rotated_ago(71);
        lab.order(fault);
        assert_eq!(lab.rotate().code, code, "{fault}");
        assert_eq!(lab.run("lab fault clear").code, Some(0));
        let ended = lab.run("rotate --lab --due");
        assert!(ended.code == Some(0) && ended.stderr.contains("no late proof is due"), "{fault}: {ended:?}");
    }
}
