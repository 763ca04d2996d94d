//! The drift look from inside: what the built program can't be shown on a lab.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use entra_rotator::clock::{SystemClock, SystemEntropy};
use entra_rotator::engine::{DriftKind, Expected, Looked, Nobody, Ports, Wish, drift, look};
use entra_rotator::journal::{
    Busy, Cut, Entry, Journal, JournalError, Lease, Listed, Note, Noted, Query, Source, SqliteJournal, Stored, Vouching,
};
use entra_rotator::rotation::Event;
use jiff::{SignedDuration, Timestamp};
use providers::lab::LabSetting;
use providers::port::{Attempt, ConnectServer, Fault, OwnCredential, Secret, SecretRef, Slot, Vault, VaultCheck};

use super::Lab;

const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";

fn ports(lab: &Lab) -> Ports {
    let setting = LabSetting {
        now: Arc::new(Timestamp::now),
        end_process: Arc::new(|| panic!("no crash is ordered")),
        latency: None,
    };
    let world = providers::lab::Lab::open(&lab.dir(), setting).expect("it opens");
    let servers: BTreeMap<String, Arc<dyn ConnectServer>> =
        world.server_names().into_iter().filter_map(|name| Some((name.clone(), world.server(&name)?))).collect();
    Ports {
        vault: world.vault(),
        directory: world.directory(),
        servers,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        operator: Arc::new(Nobody),
        given: None,
    }
}

fn wish() -> Wish {
    Wish {
        account: ACCOUNT.to_owned(),
        locator: ACCOUNT.to_owned(),
        vault_name: ACCOUNT.to_owned(),
        servers: vec![("SYNC1".to_owned(), None)],
        ..Wish::default()
    }
}

/// A vault whose own credential is as it is told, and which is asked for nothing that changes or shows a value.
struct With {
    vault: Arc<dyn Vault>,
    own: Result<OwnCredential, Fault>,
    /// Who begins a rotation when that is asked for, and with what.
    meanwhile: Option<(Arc<SqliteJournal>, String, Event)>,
}

#[async_trait]
impl Vault for With {
    fn describe(&self) -> String {
        self.vault.describe()
    }

    async fn stage(&self, _: &str, _: &Attempt, _: &Secret) -> Result<SecretRef, Fault> {
        panic!("a look stages nothing")
    }

    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
        self.vault.find(name, slot).await
    }

    async fn read(&self, _: &SecretRef) -> Result<Secret, Fault> {
        panic!("a look reads no value")
    }

    async fn announce(&self, _: &SecretRef) -> Result<(), Fault> {
        panic!("a look marks nothing")
    }

    async fn promote(&self, _: &str, _: &Attempt) -> Result<SecretRef, Fault> {
        panic!("a look promotes nothing")
    }

    async fn discard(&self, _: &str, _: &Attempt) -> Result<(), Fault> {
        panic!("a look discards nothing")
    }

    async fn adopt(&self, _: &str, _: &Secret) -> Result<SecretRef, Fault> {
        panic!("a look adopts nothing")
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        if let Some((journal, account, begun)) = &self.meanwhile {
            let id = format!("meanwhile-{account}");
            journal.begin(&id, account, Timestamp::now(), begun).await.expect("begun");
        }
        self.own.clone()
    }

    async fn examine(&self, names: &[String]) -> Vec<VaultCheck> {
        self.vault.examine(names).await
    }
}

#[tokio::test]
async fn the_tools_own_credentials_are_watched() {
    let lab = Lab::made();
    let day = |days: i64| Timestamp::now() + SignedDuration::from_hours(24 * days);
    let own = |set: i64, ends: i64| OwnCredential {
        holder: "vault".to_owned(),
        name: "rotator".to_owned(),
        kind: "password".to_owned(),
        set_at: Some(day(set)),
        expires_at: Some(day(ends)),
        note: String::new(),
    };
    let looked = async |own| {
        let ports = ports(&lab);
        let ports = Ports { vault: Arc::new(With { vault: Arc::clone(&ports.vault), own, meanwhile: None }), ..ports };
        drift(&ports, &wish(), &Expected::nothing(&ports)).await
    };
    let fresh = looked(Ok(own(-89, 8))).await;
    assert!(fresh.found.is_empty() && fresh.unseen.is_empty(), "{fresh:?}");
    let due = looked(Ok(own(-91, 6))).await;
    let [found] = &due.found[..] else { panic!("{due:?}") };
    assert_eq!((found.kind, found.about.as_str()), (DriftKind::OwnCredential, "vault"));
    assert!(found.seen.contains("more than 90 days ago") && found.seen.contains("ends at"), "{}", found.seen);
    let unseen = looked(Err(Fault::later("asking the vault", "no answer"))).await;
    assert!(unseen.found.is_empty() && unseen.unseen.len() == 1, "{unseen:?}");
}

#[tokio::test]
async fn what_a_rotation_does_meanwhile_is_no_drift() {
    let lab = Lab::made();
    assert_eq!(lab.rotate().code, Some(0));
    let journal = SqliteJournal::open_without_ballast(&lab.dir().join("journal.db")).await.expect("a journal");
    let journal = Arc::new(journal);
    let first = journal.list(&Query::default()).await.expect("listed").remove(0).id;
    let begun = journal.read(&first).await.expect("read").remove(0).event;
    let looked = async |by: Option<&str>, sharing: &[&str]| {
        let ports = ports(&lab);
        let own = ports.vault.own_credential().await;
        let meanwhile = by.map(|account| (Arc::clone(&journal), account.to_owned(), begun.clone()));
        let ports = Ports { vault: Arc::new(With { vault: Arc::clone(&ports.vault), own, meanwhile }), ..ports };
        look(&*journal, &ports, &wish(), &sharing.iter().copied().collect()).await.expect("readable")
    };
    let quiet = looked(None, &[ACCOUNT]).await;
    assert!(matches!(&quiet, Looked::Seen(drift) if drift.found.is_empty()), "what ended just before: {quiet:?}");
    let elsewhere = looked(Some("other"), &[ACCOUNT]).await;
    assert!(matches!(elsewhere, Looked::Seen(_)), "on another server: {elsewhere:?}");
    let before = looked(None, &[ACCOUNT, "other"]).await;
    assert!(matches!(before, Looked::Seen(_)), "begun before, and nothing since: {before:?}");
    for account in ["neighbour", ACCOUNT] {
        let overtaken = looked(Some(account), &[ACCOUNT, "neighbour"]).await;
        assert!(
            matches!(&overtaken, Looked::Overtaken(id) if *id == format!("meanwhile-{account}")),
            "{account}: {overtaken:?}"
        );
    }
}

/// A journal that counts what is asked of it.
struct Counting {
    journal: SqliteJournal,
    reads: AtomicUsize,
    queries: Mutex<Vec<Query>>,
}

#[async_trait]
impl Journal for Counting {
    async fn begin(&self, _: &str, _: &str, _: Timestamp, _: &Event) -> Result<Entry, JournalError> {
        panic!("a look begins nothing")
    }

    async fn append(&self, _: &str, _: i64, _: i64, _: Timestamp, _: &Event) -> Result<Entry, JournalError> {
        panic!("a look appends nothing")
    }

    async fn claim(&self, _: &str, _: &str, _: Timestamp) -> Result<i64, JournalError> {
        panic!("a look claims nothing")
    }

    async fn read(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.journal.read(id).await
    }

    async fn engine_changes(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.journal.engine_changes(id).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Listed>, JournalError> {
        self.queries.lock().expect("no panic").push(query.clone());
        self.journal.list(query).await
    }

    async fn note(&self, _: Timestamp, _: &Note) -> Result<Noted, JournalError> {
        panic!("a look notes nothing")
    }

    async fn notes(&self, _: i64) -> Result<Vec<Noted>, JournalError> {
        panic!("a look asks for no notes")
    }

    async fn stored(&self, _: i64) -> Result<Vec<Stored>, JournalError> {
        panic!("a look verifies nothing")
    }

    async fn vouch(&self, _: Timestamp, _: &Vouching<'_>) -> Result<Noted, JournalError> {
        panic!("a look signs nothing")
    }

    async fn import(&self, _: &mut dyn Source) -> Result<u64, JournalError> {
        panic!("a look takes nothing in")
    }

    async fn prune(&self, _: Timestamp, _: &Cut, _: &Vouching<'_>) -> Result<Noted, JournalError> {
        panic!("a look prunes nothing")
    }

    async fn lease(&self, _: &[String], _: &str) -> Result<Lease, Busy> {
        panic!("a look takes no lease")
    }

    fn release_ballast(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn what_is_expected_is_read_from_the_newest_rotations_alone() {
    let lab = Lab::made();
    assert_eq!(lab.rotate().code, Some(0));
    let journal = SqliteJournal::open_without_ballast(&lab.dir().join("journal.db")).await.expect("a journal");
    let first = journal.list(&Query::default()).await.expect("listed").remove(0).id;
    let begun = journal.read(&first).await.expect("read").remove(0).event;
    // Years ago, and of others: a rotation of which nothing is left to learn.
    let at = Timestamp::now() - SignedDuration::from_hours(24 * 400);
    for number in 0..150 {
        let (id, account) = (format!("other-{number}"), format!("account-{}", number % 7));
        journal.begin(&id, &account, at, &begun).await.expect("begun");
        journal.append(&id, 1, 1, at, &Event::Finished).await.expect("finished");
    }
    let counting = Counting { journal, reads: AtomicUsize::new(0), queries: Mutex::new(Vec::new()) };
    let ports = ports(&lab);
    let expected = Expected::of(&counting, &ports, ACCOUNT, &[ACCOUNT].into()).await.expect("readable");
    assert_eq!(expected.last_rotation.as_deref(), Some(first.as_str()));
    assert_eq!(expected.last_version.as_deref(), Some("2"));
    assert_eq!(expected.servers.iter().map(|server| server.server.as_str()).collect::<Vec<_>>(), ["SYNC1"]);
    let (_, print) = expected.last_known.as_ref().expect("a record");
    assert_eq!(print.dc, "dc1.contoso.test");
    assert!(Timestamp::now().duration_since(expected.since).as_hours() < 1, "before it everything was mended");
    assert_eq!(expected.own_changes.keys().collect::<Vec<_>>(), ["SYNC1"]);
    assert!(expected.open.is_empty() && !expected.scheduler_paused);
    // Once for its own changes, once for what it left.
    assert_eq!(counting.reads.load(Ordering::SeqCst), 2);
    let queries = counting.queries.into_inner().expect("no panic");
    assert!(queries.iter().all(|query| query.newest.is_some()), "{queries:?}");
    let looked = drift(&ports, &wish(), &expected).await;
    assert!(looked.found.is_empty() && looked.unseen.is_empty(), "{looked:?}");
    let (_, of_then) = expected.last_known.expect("a record");
    assert_eq!(looked.set_at, of_then.password_last_set_at());
    let nobody = Expected::of(&counting.journal, &ports, "nobody", &["nobody"].into()).await.expect("readable");
    assert!(nobody.last_known.is_none() && nobody.last_rotation.is_none() && nobody.servers.is_empty());
}
