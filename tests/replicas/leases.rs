//! Leases by the database's clock, and what somebody who lost one can't do any more.

use std::sync::Arc;
use std::time::Duration;

use entra_rotator::history::Given;
use entra_rotator::journal::{Busy, Journal, JournalError, Note, PostgresJournal};
use entra_rotator::order::verify;
use entra_rotator::rotation::Event;
use providers::port::{Meaning, tenure};

use crate::cluster::Database;
use crate::contract::{NOW, begun, intent};

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

fn started() -> Note {
    Note::Started { by: "a test".into(), version: "0".into() }
}

/// Every session's time is over, as if its process had slept.
async fn all_sleep(database: &Database) {
    database.ask("UPDATE sessions SET until = clock_timestamp() - interval '1 second'").await;
}

#[tokio::test]
async fn what_is_leased_is_nobody_elses_until_it_is_given_back() {
    let database = Database::fresh().await;
    let (one, two) = (database.journal().await, database.journal().await);
    let held = one.lease(&names(&["msol", "server SYNC1"]), "one").await.expect("free");
    match two.lease(&names(&["other", "server SYNC1"]), "two").await.err() {
        Some(Busy::Held { name, holder }) => {
            assert_eq!(name, "server SYNC1");
            assert!(holder.starts_with("one (its lease runs out in "), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(one.lease(&names(&["msol"]), "one").await, Err(Busy::Held { .. })), "twice in one process");
    let other = two.lease(&names(&["other"]), "two").await.expect("a refused one leaves nothing behind");
    held.release().await;
    two.lease(&names(&["msol", "server SYNC1"]), "two").await.expect("given back").release().await;
    other.release().await;
    assert_eq!(database.ask("SELECT count(*) FROM leases").await, "0");
}

#[tokio::test]
async fn one_that_was_dropped_is_given_back_too() {
    let mut database = Database::fresh().await;
    database.place.lease = Duration::from_millis(900);
    let (one, two) = (database.journal().await, database.journal().await);
    drop(one.lease(&names(&["msol"]), "one").await.expect("free"));
    one.lease(&names(&["msol"]), "one").await.expect("by itself at once").release().await;
    drop(one.lease(&names(&["msol"]), "one").await.expect("free"));
    tokio::time::sleep(Duration::from_millis(600)).await;
    two.lease(&names(&["msol"]), "two").await.expect("by others with the next renewal").release().await;
}

#[tokio::test]
async fn a_lease_lives_longer_than_its_length() {
    let mut database = Database::fresh().await;
    database.place.lease = Duration::from_millis(900);
    let (one, two) = (database.journal().await, database.journal().await);
    let held = one.lease(&names(&["msol"]), "one").await.expect("free");
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(matches!(two.lease(&names(&["msol"]), "two").await, Err(Busy::Held { .. })));
    }
    held.during(async { tenure::held("a test").await.expect("still held") }).await;
}

#[tokio::test]
async fn whoever_slept_can_neither_write_nor_act() {
    let database = Database::fresh().await;
    let (slept, awake) = (database.journal().await, database.journal().await);
    let lease = slept.lease(&names(&["msol"]), "the one that sleeps").await.expect("free");
    lease
        .during(async {
            slept.begin("r1", "msol", NOW, &begun()).await.expect("begins");
            slept.append("r1", 1, 1, NOW, &intent()).await.expect("goes on");
            tenure::held("a test").await.expect("held");
            all_sleep(&database).await;
            // Nobody took it over yet: it is lost all the same.
            refused(&slept).await;
            let taken = awake.lease(&names(&["msol"]), "the one that is awake").await.expect("it is free");
            let epoch = awake.claim("r1", "the one that is awake", NOW).await.expect("taken up");
            refused(&slept).await;
            awake.append("r1", epoch, 3, NOW, &Event::RolledBack).await.expect("and ended");
            taken.release().await;
            refused(&slept).await;
        })
        .await;
    let again = slept.lease(&names(&["msol"]), "the one that slept").await;
    assert!(matches!(again, Err(Busy::NoLease { .. })), "it must be opened anew");
    let verified = verify(&awake, &Given::default(), &[]).await.expect("read");
    assert_eq!((verified.finding, verified.verdict.entries), (None, 4));
    assert_eq!(slept.read("r1").await.expect("it may still read").len(), 4);
}

async fn refused(slept: &PostgresJournal) {
    let lost =
        |result: Option<JournalError>| assert!(matches!(result, Some(JournalError::LeaseLost { .. })), "{result:?}");
    lost(slept.append("r1", 1, 2, NOW, &intent()).await.err());
    lost(slept.begin("r2", "other", NOW, &begun()).await.err());
    lost(slept.claim("r1", "the one that slept", NOW).await.err());
    lost(slept.note(NOW, &started()).await.err());
    let fault = tenure::held("setting a password").await.expect_err("it lost its lease");
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.cause.contains("the lease was lost"), "{fault}");
}

#[tokio::test]
async fn whoever_holds_one_is_told_when_it_is_lost() {
    let mut database = Database::fresh().await;
    database.place.lease = Duration::from_millis(900);
    let journal = database.journal().await;
    let lease = journal.lease(&names(&["the unattended service"]), "one").await.expect("free");
    let working = tokio::spawn(async move { lease.while_held(std::future::pending::<()>()).await });
    all_sleep(&database).await;
    let why = tokio::time::timeout(Duration::from_secs(5), working).await.expect("told").expect("no panic");
    assert!(why.expect_err("lost").contains("was not renewed"));
}

/// A renewal that came in time and is not committed yet counts: whoever looks meanwhile waits for it.
#[tokio::test]
async fn a_renewal_that_is_under_way_is_waited_for() {
    let database = Database::fresh().await;
    let (holder, other) = (database.journal().await, database.journal().await);
    let lease = holder.lease(&names(&["msol"]), "holder").await.expect("free");
    all_sleep(&database).await;
    // One transaction. The other one's own session lives on.
    let renewal = database.ask(
        "UPDATE sessions SET until = clock_timestamp() + interval '1 minute'; \
         SELECT set_config('application_name', 'a renewal', false), pg_sleep(2)",
    );
    let looks = async {
        let begun = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a renewal'";
        while database.ask(begun).await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        other.lease(&names(&["msol"]), "other").await.err()
    };
    let (_, looked) = tokio::join!(renewal, looks);
    assert!(matches!(looked, Some(Busy::Held { .. })), "{looked:?}");
    lease.during(async { tenure::held("a test").await.expect("held all the while") }).await;
}

/// One that is taken again by the same process while its giving back is still on its way stays taken.
#[tokio::test]
async fn a_deletion_that_comes_late_reaches_nothing_that_was_taken_since() {
    let database = Database::fresh().await;
    let journal = database.journal().await;
    let lease = journal.lease(&names(&["msol"]), "one").await.expect("free");
    database
        .ask(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END'; \
             CREATE TRIGGER slow BEFORE DELETE ON leases FOR EACH STATEMENT EXECUTE FUNCTION slow()",
        )
        .await;
    let again = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        journal.lease(&names(&["msol"]), "one").await.expect("by itself at once")
    };
    let ((), again) = tokio::join!(lease.release(), again);
    assert_eq!(database.ask("SELECT name FROM leases").await, "msol");
    again.release().await;
    assert_eq!(database.ask("SELECT count(*) FROM leases").await, "0");
}

/// Somebody holds the end of the chain for longer than a lease lasts, as a prune may: nobody can write, and nobody loses a lease.
#[tokio::test]
async fn a_long_writer_costs_no_lease() {
    let mut database = Database::fresh().await;
    database.place.lease = Duration::from_secs(3);
    let journal = database.journal().await;
    let lease = journal.lease(&names(&["msol"]), "one").await.expect("free");
    // One that is to be given back with the next renewal, which needs the lock.
    drop(journal.lease(&names(&["other"]), "one").await.expect("free"));
    database.ask("SELECT FROM head FOR UPDATE; SELECT pg_sleep(5)").await;
    lease.during(async { tenure::held("a test").await.expect("held all the while") }).await;
}

/// Whoever stands by asks again and again: it needs one session for that, and no lock.
#[tokio::test]
async fn whoever_asks_again_waits_for_no_writer() {
    let database = Database::fresh().await;
    let (one, two) = (database.journal().await, database.journal().await);
    let lease = one.lease(&names(&["msol"]), "one").await.expect("free");
    assert!(two.lease(&names(&["msol"]), "two").await.is_err());
    let writing = database
        .ask("SELECT set_config('application_name', 'a writer', false) FROM head FOR UPDATE; SELECT pg_sleep(3)");
    let asking = async {
        let begun = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a writer'";
        while database.ask(begun).await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for _ in 0..5 {
            let asked = tokio::time::timeout(Duration::from_secs(1), two.lease(&names(&["msol"]), "two")).await;
            assert!(matches!(asked, Ok(Err(Busy::Held { .. }))));
        }
    };
    tokio::join!(writing, asking);
    assert_eq!(database.ask("SELECT count(*) FROM sessions").await, "2");
    lease.release().await;
}

/// Who takes a lease over from a dead one, while it is just being renewed, is one at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_take_over_one_wins() {
    let database = Database::fresh().await;
    let journals: Vec<Arc<PostgresJournal>> = futures(0..8, |_| async { Arc::new(database.journal().await) }).await;
    for round in 0..25 {
        let name = names(&["msol"]);
        let taken = futures(journals.iter().enumerate(), |(number, journal)| {
            let (journal, name) = (Arc::clone(journal), name.clone());
            async move { journal.lease(&name, &format!("number {number}")).await.ok() }
        });
        let mut taken: Vec<_> = taken.await.into_iter().flatten().collect();
        assert_eq!(taken.len(), 1, "round {round}");
        taken.remove(0).release().await;
    }
}

async fn futures<I: Iterator, F: Future>(items: I, work: impl Fn(I::Item) -> F) -> Vec<F::Output> {
    let mut running: Vec<_> = items.map(|item| Box::pin(work(item))).collect();
    let mut done = Vec::new();
    let mut left: Vec<Option<_>> = running.drain(..).map(Some).collect();
    std::future::poll_fn(|context| {
        for slot in &mut left {
            if let Some(future) = slot
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                done.push(output);
                *slot = None;
            }
        }
        if left.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

/// The lease that a process holds and the renewal that comes just then: never both.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_late_renewal_and_a_takeover_never_both_succeed() {
    for _ in 0..4 {
        let mut database = Database::fresh().await;
        // Renewed every 100 ms; the clock is moved so that it is over at about the time of a renewal.
        database.place.lease = Duration::from_millis(300);
        let (holder, other) = (database.journal().await, database.journal().await);
        let lease = holder.lease(&names(&["msol"]), "holder").await.expect("free");
        lease
            .during(async {
                let mut taken = None;
                for _ in 0..40 {
                    // Others keep the end of the chain busy, and the renewal late.
                    taken = other.lease(&names(&["msol"]), "other").await.ok();
                    if taken.is_some() {
                        break;
                    }
                    database
                        .ask("UPDATE sessions SET until = until - random() * interval '500 milliseconds' WHERE holder = 'holder'")
                        .await;
                }
                if let Some(taken) = taken {
                    let holder_acts = tenure::held("a test").await.is_ok();
                    let both = holder_acts && taken.during(async { tenure::held("a test").await.is_ok() }).await;
                    assert!(!both, "two hold one lease");
                }
            })
            .await;
    }
}
