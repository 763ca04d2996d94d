//! The journal: append by compare-and-set, fencing, the chain, the stored form.

mod standing;

use entra_rotator::journal::{Journal, JournalError, Query, SqliteJournal, State};
use entra_rotator::rotation::{
    ConnectorUse, EngineMethod, Event, Inventory, LateProof, Limits, OldPassword, Procedure, Seen, ServerUse, Side,
    Step, Trigger, TurnedBy, Why, plan,
};
use jiff::Timestamp;
use providers::port::{Fault, Fingerprint, ProofFacts, QuiesceMode, SecretRef, Slot};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

fn begun() -> Event {
    let print = Fingerprint { dc: "dc1".into(), key_version: 2, password_last_set: 3, dc_time: 4 };
    let used = ConnectorUse { connector: "contoso.test".into(), dc: None, vault_name: None };
    let inventory = Inventory {
        account: "msol".into(),
        vault_name: "entra/msol".into(),
        dn: "CN=msol,DC=contoso,DC=test".into(),
        fingerprint: print,
        procedure: Procedure::Connector,
        engine_method: EngineMethod::ObjectModel,
        scheduler_owed: None,
        owed_by_repaired: None,
        entra_administrator: None,
        old: OldPassword::Known,
        method: entra_rotator::rotation::Method::Reset,
        servers: vec![ServerUse {
            server: "SYNC1".into(),
            staging: false,
            connectors: vec![used],
            build: "2.6.92.0".into(),
            module: "1.0.0.0".into(),
            start_name: String::new(),
            logon_dc: None,
            entra_connector: None,
        }],
        quiesce: QuiesceMode::Gap,
        repair: false,
        repairs: Vec::new(),
        takes_over: Vec::new(),
        length: 64,
        forbidden_names: vec!["msol".into()],
        credentials: Vec::new(),
        limits: Limits::default(),
    };
    Event::Begun {
        plan: Box::new(plan(inventory).expect("a plan")),
        initiator: "me@host".into(),
        reason: "quarterly".into(),
        ticket: "T-1".into(),
        trigger: Trigger::Person,
    }
}

fn intent() -> Event {
    Event::Intent { step: Step::Stage, before: Seen::Nothing }
}

async fn journal(folder: &TempDir) -> SqliteJournal {
    SqliteJournal::open(&folder.path().join("journal.db")).await.expect("a journal")
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[tokio::test]
async fn an_entry_goes_only_where_the_writer_thinks_it_goes() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    journal.append("r1", 1, 1, NOW, &intent()).await.expect("the next entry");
    let again = journal.append("r1", 1, 1, NOW, &intent()).await;
    assert!(matches!(again, Err(JournalError::Fenced { .. })), "the same sequence twice: {again:?}");
    let gap = journal.append("r1", 1, 5, NOW, &intent()).await;
    assert!(matches!(gap, Err(JournalError::Fenced { .. })), "a gap: {gap:?}");
    let epoch = journal.claim("r1", "another", NOW).await.expect("claimed");
    let stale = journal.append("r1", 1, 3, NOW, &intent()).await;
    assert!(matches!(stale, Err(JournalError::Fenced { .. })), "the earlier holder wrote: {stale:?}");
    journal.append("r1", epoch, 3, NOW, &intent()).await.expect("the new holder writes");
    assert_eq!(journal.read("r1").await.expect("read").len(), 4);
    assert!(matches!(journal.read("r9").await, Err(JournalError::Unknown { .. })));
}

#[tokio::test]
async fn changes_of_engines_are_found_among_all_entries() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    let (server, connector) = ("SYNC1".to_owned(), "a % b".to_owned());
    let engine = Step::Engine { server: server.clone(), connector: connector.clone() };
    let steps = [
        Step::Directory,
        engine.clone(),
        Step::Restart { server: server.clone() },
        Step::Reenter { server: server.clone(), connector },
        Step::EntraReset { server },
    ];
    let mut expected = Vec::new();
    for (place, step) in (0_i64..).zip(&steps) {
        let intent = Event::Intent { step: step.clone(), before: Seen::Nothing };
        let done = Event::Done { step: step.clone(), proof: Seen::Nothing };
        let failed = Event::LookFailed { step: step.clone(), fault: Fault::later("looking", "no answer") };
        for (part, event) in (0..).zip([intent, failed, done]) {
            journal.append("r1", 1, 1 + 3 * place + part, NOW, &event).await.expect("appended");
            let of_engine = !matches!(step, Step::Directory | Step::Restart { .. });
            if of_engine && !matches!(event, Event::LookFailed { .. }) {
                expected.push(event);
            }
        }
    }
    let found = journal.engine_changes("r1").await.expect("read");
    assert_eq!(found.into_iter().map(|entry| entry.event).collect::<Vec<_>>(), expected);
    assert!(journal.engine_changes("r9").await.expect("read").is_empty());
}

#[tokio::test]
async fn what_begins_finds_the_ballast_laid_again() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    let ballast = folder.path().join("journal.db.ballast");
    assert!(journal.release_ballast() && !ballast.exists());
    journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    assert!(ballast.exists(), "there is no room for an ending");
}

#[tokio::test]
async fn one_rotation_of_an_account_is_in_flight() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    let second = journal.begin("r2", "msol", NOW, &begun()).await;
    assert!(matches!(second, Err(JournalError::InFlight { .. })), "{second:?}");
    journal.begin("r3", "other", NOW, &begun()).await.expect("another account");
    let why = Why::Foreign { step: Step::Seal };
    journal.append("r1", 1, 1, NOW, &Event::Held { why }).await.expect("held");
    journal.begin("r4", "msol", NOW, &begun()).await.expect("a repair beside the held one");
    let states: Vec<_> = journal
        .list(&Query::default())
        .await
        .expect("listed")
        .into_iter()
        .map(|listed| (listed.id, listed.state))
        .collect();
    let expected = [("r1", State::Held), ("r3", State::Running), ("r4", State::Running)];
    assert_eq!(states, expected.map(|(id, state)| (id.to_owned(), state)));
    // A claim is not the operator's word: the rotation stays held.
    journal.claim("r1", "another", NOW).await.expect("claimed");
    assert_eq!(journal.list(&Query::default()).await.expect("listed")[0].state, State::Held);
}

#[tokio::test]
async fn a_changed_entry_breaks_the_chain() {
    let tamperings = [
        ("UPDATE entries SET event = replace(event, 'stage', 'seal') WHERE position = 2", Some(2)),
        ("UPDATE entries SET at = '1970-01-02T00:00:00Z' WHERE position = 2", Some(2)),
        ("UPDATE entries SET epoch = 7 WHERE position = 3", Some(3)),
        ("UPDATE entries SET hash = upper(hash) WHERE position = 1", Some(1)),
        ("DELETE FROM entries WHERE position = 2", Some(2)),
        ("UPDATE entries SET position = position + 100", Some(1)),
        ("SELECT 1", None),
    ];
    for (tampering, bad) in tamperings {
        let folder = TempDir::new().expect("a folder");
        let journal = journal(&folder).await;
        journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
        for seq in 1..4 {
            journal.append("r1", 1, seq, NOW, &intent()).await.expect("appended");
        }
        let path = format!("sqlite://{}", folder.path().join("journal.db").display());
        let mut other = SqliteConnection::connect(&path).await.expect("a second connection");
        sqlx::raw_sql(tampering).execute(&mut other).await.expect("tampered");
        let verified = journal.verify().await.expect("verified");
        assert_eq!(verified.err().map(|tampered| tampered.position), bad, "{tampering}");
    }
}

/// The stored form of every kind of event, word for word. A change of it needs a new format number.
#[test]
fn the_stored_form_is_the_golden_one() {
    let print = Fingerprint { dc: "dc1".into(), key_version: 2, password_last_set: 3, dc_time: 4 };
    let secret =
        SecretRef { name: "msol".into(), slot: Slot::Pending, version: "1".into(), rotation: Some("r1".into()) };
    let proof = ProofFacts {
        connector: "contoso.test".into(),
        result: "success".into(),
        steps: vec![("Delta Import".into(), "success".into())],
        connections: Vec::new(),
        at: NOW,
    };
    let engine = Step::Engine { server: "SYNC1".into(), connector: "a/b c".into() };
    let events = [
        begun(),
        Event::Claimed { holder: "me@host, process 1".into() },
        Event::Intent { step: Step::Directory, before: Seen::Directory(print) },
        Event::Intent { step: engine.clone(), before: Seen::Connector { version: 3, modified_at: Some(NOW) } },
        Event::Intent {
            step: Step::Restart { server: "SYNC1".into() },
            before: Seen::Service { process_id: 7, started_at: None },
        },
        Event::Done { step: Step::Stage, proof: Seen::Secret(secret) },
        Event::Done {
            step: Step::Prove { server: "SYNC1".into(), connector: "contoso.test".into() },
            proof: Seen::Sync(proof),
        },
        Event::Failed { step: engine, fault: Fault::later("giving", "busy").hint("wait") },
        Event::Looked { step: Step::Seal, side: Side::Blind, seen: Seen::Scheduler { enabled: true } },
        Event::LookFailed { step: Step::Promote, fault: Fault::unclear("looking", "no answer") },
        Event::Turned { by: TurnedBy::Engine, why: "seal failed".into() },
        Event::Resumed { by: "me@host".into() },
        Event::Held { why: Why::JournalBehind { seen: "a newer value".into() } },
        Event::Held { why: Why::BudgetSpent { step: Step::Promote } },
        Event::Held { why: Why::KeySet { step: Step::Start { server: "SYNC1".into() } } },
        Event::Done {
            step: Step::Release { server: "SYNC1".into() },
            proof: Seen::RolesSwapped { servers: vec!["SYNC2".into()] },
        },
        Event::LateProof { outcome: LateProof::Proven { proofs: Vec::new() } },
        Event::Finished,
        Event::RolledBack,
        Event::Superseded { by: "r2".into() },
    ];
    let stored: Vec<String> = events.iter().map(|event| serde_json::to_string(event).expect("JSON")).collect();
    insta::assert_snapshot!("event_format_1", stored.join("\n"));
    for (event, text) in events.iter().zip(&stored) {
        assert_eq!(event, &serde_json::from_str::<Event>(text).expect("read back"));
    }
}
