//! A database that goes away, comes back, loses connections, or changes over to its standby.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use entra_rotator::history::Given;
use entra_rotator::journal::{Journal, JournalError, Note, PostgresJournal};
use entra_rotator::order::verify;
use entra_rotator::rotation::Event;
use providers::port::tenure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

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
    let verified = verify(journal, &Given::default(), &[]).await.expect("read");
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

/// A machine that is gone without a word answers nothing, and refuses nothing either.
#[tokio::test]
async fn connections_that_fall_silent_cost_no_lease() {
    let mut database = Database::fresh().await;
    database.place.lease = Duration::from_secs(6);
    let journal = database.journal().await;
    let lease = journal.lease(&["msol".to_owned()], "one").await.expect("free");
    let pids =
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'entra-rotator' AND datname = current_database()";
    let stopped = database.ask(pids).await;
    let signal = |name: &str| {
        let done = Command::new("kill").arg(name).args(stopped.split_whitespace()).status().expect("kill runs");
        assert!(done.success());
    };
    assert!(!stopped.is_empty());
    signal("-STOP");
    tokio::time::sleep(Duration::from_secs(8)).await;
    let held = lease.during(tenure::held("a test")).await;
    signal("-CONT");
    held.expect("renewed over another connection");
}

/// A commit that waits for a standby, and whose server process dies meanwhile: the entry stands on this server alone. The try
/// after it finds it, and may not say that it is durable either.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_no_standby_has_is_not_acknowledged() {
    let cluster = tokio::task::spawn_blocking(|| Cluster::new("waits")).await.expect("made");
    let journal = Arc::new(PostgresJournal::open(cluster.place("rotator")).await.expect("a journal"));
    journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    let folder = cluster.folder.display().to_string();
    let ask = |sql: &str| testbed(&["ask", &folder, sql]);
    let standbys = |names: &str| {
        ask(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"));
        ask("SELECT pg_reload_conf()");
    };
    standbys("nobody");
    let appended = {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move { journal.append("r1", 1, 1, NOW, &intent()).await })
    };
    let waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'entra-rotator'";
    let wait = async |but: &str| {
        let begun = Instant::now();
        loop {
            let pid = ask(&format!("SELECT pid {waiting}"));
            if !pid.is_empty() && pid != but {
                return pid;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody waits for a standby");
            assert!(!appended.is_finished(), "acknowledged, and no standby has it");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let first = wait("").await;
    ask(&format!("SELECT pg_terminate_backend(pid) {waiting}"));
    wait(&first).await;
    standbys("");
    appended.await.expect("it ends").expect("appended");
    assert_eq!(journal.read("r1").await.expect("read").len(), 2);
}

/// An answer that was long on its way says how it was, not how it is: by the time it comes the lease may be another's.
#[tokio::test]
async fn an_old_answer_is_not_believed() {
    let mut database = Database::fresh().await;
    let proxy = Slow::before(database.place.hosts[0].1).await;
    database.place.hosts[0].1 = proxy.port;
    database.place.lease = Duration::from_secs(4);
    let journal = database.journal().await;
    let lease = journal.lease(&["msol".to_owned()], "one").await.expect("free");
    lease
        .during(async {
            tenure::held("a test").await.expect("held");
            proxy.slow.store(true, Ordering::Relaxed);
            let frozen = Instant::now();
            // Asked again and again, the last times right before the lease is over: nobody renews it any more.
            while frozen.elapsed() < Duration::from_secs(8) {
                let begun = Instant::now();
                let held = tenure::held("a test").await;
                // It was renewed last before the proxy froze.
                let old = frozen.elapsed() > Duration::from_secs(4);
                assert!(!(old && held.is_ok()), "believed {:?} after it was asked", begun.elapsed());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
}

/// A proxy that, once it is told to, lets no renewal through any more, and answers to questions late.
struct Slow {
    port: u16,
    slow: Arc<AtomicBool>,
}

impl Slow {
    const LATE: Duration = Duration::from_millis(700);

    async fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let (port, slow) = (listener.local_addr().expect("an address").port(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&slow);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.expect("it listens");
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                let renews = Arc::new(AtomicBool::new(false));
                let (slow, marked, late) = (Arc::clone(&told), Arc::clone(&renews), Arc::clone(&told));
                tokio::spawn(pass(from_client, to_server, move |bytes| {
                    let renewal = bytes.windows(15).any(|part| part == b"UPDATE sessions");
                    marked.fetch_or(renewal, Ordering::Relaxed);
                    (!(slow.load(Ordering::Relaxed) && marked.load(Ordering::Relaxed))).then_some(Duration::ZERO)
                }));
                tokio::spawn(pass(from_server, to_client, move |_| {
                    Some(if late.load(Ordering::Relaxed) { Self::LATE } else { Duration::ZERO })
                }));
            }
        });
        Self { port, slow }
    }
}

/// Hands on what comes, as late as it is told, or swallows it.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, after: impl Fn(&[u8]) -> Option<Duration>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if let Some(pause) = after(&bytes[..length]) {
            tokio::time::sleep(pause).await;
            if to.write_all(&bytes[..length]).await.is_err() {
                break;
            }
        }
    }
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

/// PgBouncer in session mode, as it comes: it refuses settings that are sent with a connection.
#[tokio::test]
async fn a_pooler_in_session_mode_will_do() {
    let mut database = Database::fresh().await;
    let (port, kept) = tokio::task::spawn_blocking(|| Cluster::shared().pooled()).await.expect("made");
    database.place.hosts[0].1 = port;
    let journal = tokio::time::timeout(Duration::from_secs(20), database.journal()).await.expect("in time");
    let lease = journal.lease(&["msol".to_owned()], "one").await.expect("free");
    lease
        .during(async {
            tenure::held("a test").await.expect("held");
            journal.begin("r1", "msol", NOW, &begun()).await.expect("written");
        })
        .await;
    let limits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'entra-rotator' AND datname = current_database()";
    assert_ne!(database.ask(limits).await, "0", "through the pooler it is known by its name");
    drop(kept);
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
