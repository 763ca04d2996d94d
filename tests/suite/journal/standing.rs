//! How an account stands, out of the journal alone; and a journal of before the notes.

use std::borrow::Cow;

use entra_rotator::journal::{Journal, Member, Note, Query, SqliteJournal, State};
use entra_rotator::order::{Account, Ledger};
use entra_rotator::rotation::{Event, Procedure, Seen, Side, Step, Trigger, TurnedBy, Why};
use entra_rotator::schedule::Blocked;
use jiff::{SignedDuration, Timestamp};
use providers::port::Fault;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

use super::{begun, intent, journal};

const BUDGET: u32 = 5;

fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
}

fn not_begun(outcome: &str) -> Note {
    Note::NotBegun {
        account: "msol".into(),
        trigger: Trigger::Schedule { due: at(0), why: "the calendar says so".into() },
        outcome: outcome.into(),
        why: format!("it was {outcome}"),
    }
}

async fn account(journal: &dyn Journal, now: i64) -> Account {
    let mut ledger = Ledger::default();
    ledger.read_on(journal).await.expect("the notes");
    Account::read(journal, &ledger, "msol", None, BUDGET, at(now)).await.expect("a standing")
}

/// A rotation from `begin` on, an entry a minute.
async fn rotation(journal: &dyn Journal, id: &str, begin: i64, events: &[Event]) {
    journal.begin(id, "msol", at(begin), &begun()).await.expect("begins");
    for (place, event) in events.iter().enumerate() {
        let seq = i64::try_from(place).expect("few") + 1;
        journal.append(id, 1, seq, at(begin + seq), event).await.expect("appended");
    }
}

fn set() -> [Event; 3] {
    let before = Seen::RolesSwapped { servers: Vec::new() };
    [
        Event::Intent { step: Step::Directory, before: Seen::Nothing },
        Event::Done { step: Step::Directory, proof: before },
        Event::Finished,
    ]
}

fn rolled_back(by: TurnedBy) -> [Event; 2] {
    [Event::Turned { by, why: "a test".into() }, Event::RolledBack]
}

#[tokio::test]
async fn what_is_refused_spends_the_budget_and_what_is_not_reached_does_not() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    for minute in 0..20 {
        journal.note(at(minute), &not_begun("later")).await.expect("noted");
    }
    let unreached = account(&journal, 30).await;
    assert_eq!(
        (unreached.standing.failures, unreached.unreached),
        (BUDGET - 1, 20),
        "it backs off, and never gives up"
    );
    assert_eq!(unreached.standing.last_failure, Some(at(19)));
    journal.note(at(20), &not_begun("busy")).await.expect("noted");
    assert_eq!(account(&journal, 30).await.standing.failures, BUDGET - 1, "somebody else at it is no failure");
    for minute in 21..21 + i64::from(BUDGET) {
        journal.note(at(minute), &not_begun("refused")).await.expect("noted");
    }
    let refused = account(&journal, 40).await;
    assert_eq!((refused.standing.failures, refused.unreached), (BUDGET, 0));
    assert_eq!(refused.failure, Some(("refused".into(), "it was refused".into())));
    let renewed = Note::Renewed { account: "msol".into(), by: "a person".into() };
    journal.note(at(50), &renewed).await.expect("noted");
    let again = account(&journal, 60).await.standing;
    assert_eq!((again.failures, again.renewed_at), (0, Some(at(50))), "a person lets it try again");
    journal.note(at(61), &not_begun("later")).await.expect("noted");
    assert_eq!(account(&journal, 70).await.standing.renewed_at, None, "and it did");
}

#[tokio::test]
async fn a_success_ends_what_failed_before_it() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    journal.note(at(0), &Note::Age { account: "msol".into(), set_at: at(-1_000) }).await.expect("noted");
    assert_eq!(
        account(&journal, 1).await.standing.set_at,
        Some(at(-1_000)),
        "what the directory says, until we know better"
    );
    rotation(&journal, "r1", 10, &rolled_back(TurnedBy::Engine)).await;
    rotation(&journal, "r2", 20, &rolled_back(TurnedBy::Operator)).await;
    journal.note(at(25), &not_begun("refused")).await.expect("noted");
    let failed = account(&journal, 30).await;
    assert_eq!(failed.standing.failures, 2, "what a person turned back is no failure");
    assert_eq!(failed.standing.set_at, Some(at(-1_000)));
    rotation(&journal, "r3", 40, &set()).await;
    journal.note(at(50), &Note::Renewed { account: "msol".into(), by: "a person".into() }).await.expect("noted");
    assert_eq!(account(&journal, 55).await.standing.renewed_at, None, "nothing had failed since");
    let good = account(&journal, 60).await;
    assert_eq!((good.standing.failures, good.standing.set_at, good.succeeded), (0, Some(at(42)), Some(at(43))));
    assert_eq!((good.set_by.as_deref(), good.newest.as_deref()), (Some("r3"), Some("r3")));
    rotation(&journal, "r4", 70, &rolled_back(TurnedBy::Engine)).await;
    let later = account(&journal, 80).await;
    assert_eq!(
        (later.standing.failures, later.standing.set_at),
        (1, Some(at(42))),
        "the password in use is still r3's"
    );
    assert_eq!(later.newest.as_deref(), Some("r4"));
}

#[tokio::test]
async fn what_is_open_blocks() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    rotation(&journal, "r1", 0, &[intent()]).await;
    assert_eq!(account(&journal, 9).await.standing.blocked, Some(Blocked::Running { rotation: "r1".into() }));
    let why = Why::Foreign { step: Step::Seal };
    journal.append("r1", 1, 2, at(5), &Event::Held { why: why.clone() }).await.expect("held");
    let held = account(&journal, 9).await;
    assert_eq!((held.standing.blocked, held.held), (Some(Blocked::Held { rotation: "r1".into() }), Some((at(5), why))));
    // A repair that is under way goes before the hold that it mends, and does not make it forgotten.
    rotation(&journal, "r2", 10, &[intent()]).await;
    let repaired = account(&journal, 19).await;
    assert_eq!(repaired.standing.blocked, Some(Blocked::Running { rotation: "r2".into() }));
    assert!(repaired.held.is_some());
}

#[tokio::test]
async fn what_the_schedule_began_may_rest_until_it_touches_something() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    let Event::Begun { plan, initiator, reason, ticket, .. } = begun() else { panic!("a beginning") };
    let trigger = Trigger::Schedule { due: at(0), why: "a test".into() };
    let scheduled = Event::Begun { plan, initiator, reason, ticket, trigger };
    journal.begin("r1", "msol", at(0), &scheduled).await.expect("begins");
    journal.append("r1", 1, 1, at(1), &intent()).await.expect("stages");
    assert!(account(&journal, 9).await.resting);
    let directory = Event::Intent { step: Step::Directory, before: Seen::Nothing };
    journal.append("r1", 1, 2, at(2), &directory).await.expect("resets");
    assert!(!account(&journal, 9).await.resting, "a server may wait for the rest");
    // A person's is not put off.
    journal.append("r1", 1, 3, at(3), &Event::Held { why: Why::Foreign { step: Step::Seal } }).await.expect("held");
    rotation(&journal, "r2", 10, &[intent()]).await;
    assert!(!account(&journal, 19).await.resting);
}

#[tokio::test]
async fn what_windows_manages_is_looked_at_again_after_a_month() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    journal.note(at(0), &not_begun("managed-by-windows")).await.expect("noted");
    assert_eq!(account(&journal, 60).await.standing.blocked, Some(Blocked::Managed));
    let later = account(&journal, 31 * 24 * 60).await.standing;
    assert_eq!((later.blocked, later.failures), (None, 0));
}

#[tokio::test]
async fn notes_stand_in_the_same_chain_and_are_no_rotations() {
    let folder = TempDir::new().expect("a folder");
    let journal = journal(&folder).await;
    let member = Member {
        account: "msol".into(),
        kind: "connector".into(),
        vault_name: "msol".into(),
        max_age_days: Some(90),
        schedule: String::new(),
        exempt: None,
    };
    journal.note(at(0), &Note::Population { accounts: vec![member] }).await.expect("noted");
    rotation(&journal, "r1", 1, &[intent()]).await;
    journal.note(at(9), &not_begun("later")).await.expect("noted");
    assert_eq!(journal.verify().await.expect("verified"), Ok(4));
    assert_eq!(journal.list(&Query::default()).await.expect("a list").len(), 1);
    let notes = journal.notes(0).await.expect("the notes");
    assert_eq!(notes.iter().map(|noted| noted.position).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(journal.notes(1).await.expect("those after").len(), 1);
    let path = format!("sqlite://{}", folder.path().join("journal.db").display());
    let mut other = SqliteConnection::connect(&path).await.expect("a second connection");
    sqlx::raw_sql("UPDATE entries SET event = replace(event, 'later', 'busy') WHERE position = 4")
        .execute(&mut other)
        .await
        .expect("tampered");
    let tampered = journal.verify().await.expect("verified").expect_err("a changed note");
    assert_eq!(tampered.position, 4);
}

#[tokio::test]
async fn a_journal_of_before_the_notes_is_taken_over() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("journal.db");
    let path = format!("sqlite://{}?mode=rwc", file.display());
    let mut old = SqliteConnection::connect(&path).await.expect("a database");
    let all = sqlx::migrate!("src/journal/sqlite/migrations");
    let first = sqlx::migrate::Migrator {
        migrations: Cow::Owned(all.migrations[..1].to_vec()),
        ..sqlx::migrate!("src/journal/sqlite/migrations")
    };
    first.run(&mut old).await.expect("the first form");
    let rows = [("r1", "msol", "closed", 0), ("r2", "other", "held", 10), ("r3", "msol", "running", 20)];
    for (position, (id, account, state, minute)) in rows.into_iter().enumerate() {
        let event = serde_json::to_string(&begun()).expect("an event");
        let rehearsal = event.replace("\"procedure\":\"connector\"", "\"procedure\":\"rehearsal\"");
        let text = format!(
            "INSERT INTO rotations (id, account, epoch, state) VALUES ('{id}', '{account}', 1, '{state}'); \
             INSERT INTO entries VALUES ({}, '{id}', 0, 1, '{}', 1, '{}', 'x')",
            position + 1,
            at(minute),
            if id == "r2" { rehearsal } else { event }.replace('\'', "''"),
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut old).await.expect("an old entry");
    }
    old.close().await.expect("closed");
    let journal = SqliteJournal::open(&file).await.expect("the new form");
    let ids =
        |listed: Vec<entra_rotator::journal::Listed>| -> Vec<String> { listed.into_iter().map(|one| one.id).collect() };
    let list = async |query: Query| ids(journal.list(&query).await.expect("a list"));
    assert_eq!(list(Query::default()).await, ["r1", "r2", "r3"]);
    assert_eq!(list(Query::of("msol")).await, ["r1", "r3"]);
    assert_eq!(list(Query { open: true, ..Query::default() }).await, ["r2", "r3"]);
    assert_eq!(list(Query { procedure: Some(Procedure::Rehearsal), ..Query::default() }).await, ["r2"]);
    assert_eq!(list(Query { since: Some(at(10)), ..Query::default() }).await, ["r2", "r3"]);
    assert_eq!(list(Query { since: Some(Timestamp::MIN), newest: Some(1), ..Query::default() }).await, ["r3"]);
    journal.append("r3", 1, 1, at(30), &Event::RolledBack).await.expect("it goes on");
    let last = journal.list(&Query::of("msol")).await.expect("a list").pop().expect("one");
    assert_eq!(last.state, State::Closed);
    journal.note(at(40), &not_begun("later")).await.expect("a note");
    assert_eq!(journal.notes(0).await.expect("the notes").len(), 1);
    let looked = Event::Looked { step: Step::Stage, side: Side::Old, seen: Seen::Nothing };
    let fault = Fault::later("a test", "no answer");
    journal.append("r2", 1, 1, at(41), &looked).await.expect("the held one too");
    journal.append("r2", 1, 2, at(42), &Event::LookFailed { step: Step::Stage, fault }).await.expect("and again");
}
