//! A database that goes away, comes back, loses connections, or changes over to its standby.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use entra_rotator::history::Given;
use entra_rotator::journal::{Journal, JournalError, Note, PostgresJournal};
use entra_rotator::order::verify;
use entra_rotator::rotation::Event;
use providers::port::tenure;

use crate::cluster::{Cluster, Database, port, testbed};
use crate::contract::{NOW, begun, intent};

/// Appends as fast as it can, and a note with every tenth, until it is told to stop. Returns how many of each it was told are
/// durable.
async fn write(journal: &PostgresJournal, rotation: &str, stop: &AtomicBool, done: &AtomicI64) -> (i64, usize) {
    journal.begin(rotation, rotation, NOW, &begun()).await.expect("begins");
    let (mut seq, mut notes) = (1, 0);
    while !stop.load(Ordering::Relaxed) {
        journal.append(rotation, 1, seq, NOW, &intent()).await.expect("appended");
        seq += 1;
        done.store(seq, Ordering::Relaxed);
        if seq % 10 == 0 {
            let note = Note::Started { by: format!("{rotation} {notes}"), version: "0".into() };
            journal.note(NOW, &note).await.expect("noted");
            notes += 1;
        }
    }
    (seq, notes)
}

/// What was acknowledged is there, once.
async fn all_there(journal: &PostgresJournal, written: &[(String, (i64, usize))]) {
    let mut entries = 0;
    for (rotation, (seq, _)) in written {
        let read = journal.read(rotation).await.expect("read");
        assert_eq!(i64::try_from(read.len()).expect("few"), *seq, "{rotation}");
        entries += seq;
    }
    let told: usize = written.iter().map(|(_, (_, notes))| notes).sum();
    let mut noted = journal.notes(0).await.expect("read");
    assert_eq!(noted.len(), told);
    noted.dedup_by(|one, other| one.note == other.note);
    assert_eq!(noted.len(), told, "a note stands twice");
    let all = u64::try_from(entries).expect("some") + told as u64;
    let verified = verify(journal, Given::default(), Vec::new()).await.expect("read");
    assert_eq!((verified.finding, verified.verdict.entries), (None, all));
}

/// Waits until each writer has written some more.
async fn goes_on(done: &[Arc<AtomicI64>]) {
    let wanted: Vec<_> = done.iter().map(|done| done.load(Ordering::Relaxed) + 20).collect();
    let begun = Instant::now();
    while done.iter().zip(&wanted).any(|(done, wanted)| done.load(Ordering::Relaxed) < *wanted) {
        assert!(begun.elapsed() < Duration::from_secs(60), "somebody does not go on: {done:?}, wanted {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn while_writing<F: Future>(place: &entra_rotator::journal::PostgresPlace, trouble: F) {
    let stop = Arc::new(AtomicBool::new(false));
    let (mut writers, mut done) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let journal = PostgresJournal::open(place.clone()).await.expect("a journal");
        let (stop, rotation) = (Arc::clone(&stop), format!("r{number}"));
        let count = Arc::new(AtomicI64::new(0));
        done.push(Arc::clone(&count));
        writers.push(tokio::spawn(async move {
            let written = write(&journal, &rotation, &stop, &count).await;
            (rotation, written)
        }));
    }
    // Each writes before and after it, however slow the machine is.
    goes_on(&done).await;
    trouble.await;
    goes_on(&done).await;
    stop.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.expect("it goes on"));
    }
    all_there(&PostgresJournal::open(place.clone()).await.expect("a journal"), &written).await;
}

/// Between a commit and its answer too: what the server did and could not say.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cut_connections_lose_nothing_and_repeat_nothing() {
    let database = Database::fresh().await;
    let cut = async {
        for _ in 0..25 {
            database
                .ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'entra-rotator' AND datname = current_database()")
                .await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    while_writing(&database.place, cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_is_waited_for() {
    let cluster = tokio::task::spawn_blocking(|| Cluster::new("restarted")).await.expect("made");
    let folder = cluster.folder.display().to_string();
    let restart = tokio::task::spawn_blocking(move || {
        for mode in ["fast", "immediate"] {
            testbed(&["stop", &folder, mode]);
            std::thread::sleep(Duration::from_secs(1));
            testbed(&["start", &folder]);
        }
    });
    while_writing(&cluster.place("rotator"), restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_changes_over_to_the_standby_that_takes_writes() {
    let primary = tokio::task::spawn_blocking(|| Cluster::new("primary")).await.expect("made");
    let standby_port = port();
    let (folder, standby) = (primary.folder.clone(), primary.folder.with_extension("standby"));
    let (first, second) = (folder.display().to_string(), standby.display().to_string());
    let made = (first.clone(), second.clone());
    tokio::task::spawn_blocking(move || testbed(&["standby", &made.1, &standby_port.to_string(), &made.0]))
        .await
        .expect("made");
    let mut place = primary.place("rotator");
    // The standby stands first: it is refused as long as it takes no writes.
    place.hosts.insert(0, ("127.0.0.1".to_owned(), standby_port));
    let promoted = second.clone();
    let change = tokio::task::spawn_blocking(move || {
        testbed(&["stop", &first, "immediate"]);
        std::thread::sleep(Duration::from_secs(1));
        testbed(&["promote", &promoted]);
    });
    while_writing(&place, change).await;
    testbed(&["stop", &second, "immediate"]);
    std::fs::remove_dir_all(standby).expect("removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lease_outlives_a_short_restart_and_acts_wait_for_it() {
    let cluster = tokio::task::spawn_blocking(|| Cluster::new("leased")).await.expect("made");
    let mut place = cluster.place("rotator");
    place.lease = Duration::from_secs(10);
    let journal = PostgresJournal::open(place).await.expect("a journal");
    let folder = cluster.folder.display().to_string();
    let lease = journal.lease(&["msol".to_owned()], "one").await.expect("free");
    lease
        .during(async {
            testbed(&["stop", &folder, "immediate"]);
            let asked = tokio::join!(tenure::held("a test"), async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                tokio::task::spawn_blocking(move || testbed(&["start", &folder])).await
            });
            asked.0.expect("it waited");
            journal.note(NOW, &Note::Started { by: "one".into(), version: "0".into() }).await.expect("noted");
        })
        .await;
}

#[tokio::test]
async fn whom_the_server_refuses_is_told_at_once() {
    let mut database = Database::fresh().await;
    database.journal().await;
    database.place.user = "nobody".into();
    let refused = tokio::time::timeout(Duration::from_secs(5), PostgresJournal::open(database.place.clone())).await;
    let told = refused.expect("without waiting").err().expect("refused");
    assert!(matches!(&told, JournalError::Store { cause, .. } if cause.contains("nobody")), "{told}");
    let shown = format!("{told} {:?}", database.place);
    assert!(!shown.contains(&std::fs::read_to_string(Cluster::shared().folder.join("password")).expect("a password")));
}

/// The role needs no right to make tables once they are made.
#[tokio::test]
async fn a_role_that_may_only_read_and_write_is_enough() {
    let database = Database::fresh().await;
    database.journal().await.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    database
        .ask("CREATE ROLE clerk LOGIN PASSWORD 'clerk'; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clerk; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await;
    let mut place = database.place.clone();
    place.user = "clerk".into();
    place.password =
        Some(entra_rotator::journal::Password::new(|| Ok(providers::port::Secret::from("clerk".to_owned()))));
    let journal = PostgresJournal::open(place).await.expect("opens");
    let lease = journal.lease(&["msol".to_owned()], "clerk").await.expect("leases");
    journal.append("r1", 1, 1, NOW, &Event::RolledBack).await.expect("appends");
    lease.release().await;
}
