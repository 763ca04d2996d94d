//! A journal of before the notes.

use std::borrow::Cow;

use entra_rotator::journal::{Journal, Query, SqliteJournal, State};
use entra_rotator::rotation::{Event, Procedure, Seen, Side, Step};
use jiff::Timestamp;
use providers::port::Fault;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

use super::contract::begun;
use super::standing::{at, not_begun};

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
