//! The journal: append by compare-and-set, fencing, the chain, the stored form.

pub(crate) mod contract;
pub(crate) mod moved;
mod old_form;
pub(crate) mod standing;

use entra_rotator::history::Given;
use entra_rotator::journal::{Journal, SqliteJournal};
use entra_rotator::order::verify;
use entra_rotator::rotation::{Approval, Event, LateProof, Seen, Side, Step, TurnedBy, Why};
use providers::port::{Fault, Fingerprint, ProofFacts, SecretRef, Slot};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

use contract::{NOW, begun, intent};

async fn journal(folder: &TempDir) -> SqliteJournal {
    SqliteJournal::open(&folder.path().join("journal.db")).await.expect("a journal")
}

async fn fresh() -> (SqliteJournal, TempDir) {
    let folder = TempDir::new().expect("a folder");
    (journal(&folder).await, folder)
}

mod sqlite {
    super::contract::kept_by!(super::fresh);
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
async fn a_changed_entry_breaks_the_chain() {
    let tamperings = [
        ("UPDATE entries SET event = replace(event, 'stage', 'seal') WHERE position = 2", Some(2)),
        ("UPDATE entries SET at = '1970-01-02T00:00:00Z' WHERE position = 2", Some(2)),
        ("UPDATE entries SET epoch = 7 WHERE position = 3", Some(3)),
        ("UPDATE entries SET hash = upper(hash) WHERE position = 1", Some(1)),
        ("DELETE FROM entries WHERE position = 2", Some(2)),
        ("UPDATE entries SET position = position + 100", Some(1)),
        ("UPDATE entries SET event = replace(event, 'later', 'busy') WHERE position = 5", Some(5)),
        ("SELECT 1", None),
    ];
    for (tampering, bad) in tamperings {
        let folder = TempDir::new().expect("a folder");
        let journal = journal(&folder).await;
        journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
        for seq in 1..4 {
            journal.append("r1", 1, seq, NOW, &intent()).await.expect("appended");
        }
        journal.note(NOW, &standing::not_begun("later")).await.expect("noted");
        let path = format!("sqlite://{}", folder.path().join("journal.db").display());
        let mut other = SqliteConnection::connect(&path).await.expect("a second connection");
        sqlx::raw_sql(tampering).execute(&mut other).await.expect("tampered");
        let verified = verify(&journal, &Given::default(), &[]).await.expect("verified");
        assert_eq!(verified.finding.map(|finding| finding.position), bad, "{tampering}");
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
    let approval = Approval {
        by: "Anna".into(),
        at: NOW,
        until: NOW,
        plans: "00".into(),
        key: "11".into(),
        signature: "22".into(),
    };
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
        contract::begun_with(Some(approval), None),
        contract::begun_with(None, Some("a leaver".into())),
    ];
    let stored: Vec<String> = events.iter().map(|event| serde_json::to_string(event).expect("JSON")).collect();
    insta::assert_snapshot!("event_format_1", stored.join("\n"));
    for (event, text) in events.iter().zip(&stored) {
        assert_eq!(event, &serde_json::from_str::<Event>(text).expect("read back"));
    }
}
