//! The journal in a database of PostgreSQL, for replicas: leases by the database's clock, and a writer that lost its own can't
//! write any more.

mod hosts;
mod import;
mod patience;
mod place;
mod prune;
mod session;
mod trouble;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;

use super::index::{MARGIN, PAGE, became_after, in_time, initiator_of, of_engines, procedure_of, state_after, word_of};
use super::stored::Columns;
use super::{
    Became, Busy, Chain, Cut, Entry, FORMAT, Journal, JournalError, Lease, Listed, NOTES, Note, Noted, Query, Row,
    Source, State, Stored, Vouching,
};
use crate::rotation::Event;
use hosts::Hosts;
use patience::patiently;
pub use place::{Password, PostgresPlace};
use prune::PRUNE_LIMIT;
use session::Session;
use trouble::Trouble;

/// Connections at a time; more wait.
const CONNECTIONS: usize = 6;

const ENTRIES: &str = "SELECT position, rotation, seq, epoch, at, format, event, hash FROM entries";

/// The journal in PostgreSQL.
pub struct PostgresJournal {
    hosts: Hosts,
    name: String,
    session: OnceCell<Arc<Session>>,
}

impl PostgresJournal {
    /// Opens the journal, and brings its tables up to date.
    pub async fn open(place: PostgresPlace) -> Result<Self, JournalError> {
        let journal = Self::to_look(place);
        patiently!(journal.hosts, journal.name, |connection, _again| tables(connection))
            .map_err(|trouble| journal.told(trouble))?;
        Ok(journal)
    }

    /// The journal as somebody else has opened it; asks nothing now.
    pub fn to_look(place: PostgresPlace) -> Self {
        let name = place.to_string();
        Self { hosts: Hosts::new(place, CONNECTIONS), name, session: OnceCell::new() }
    }

    fn told(&self, trouble: Trouble) -> JournalError {
        trouble.told(&self.name)
    }

    /// Locks the end of the chain until the transaction ends, and makes sure that this process may write.
    async fn chain(&self, transaction: &mut PgConnection) -> Result<Chain, Trouble> {
        let (position, hash): (i64, String) =
            sqlx::query_as("SELECT position, hash FROM head FOR UPDATE").fetch_one(&mut *transaction).await?;
        if let Some(session) = self.session.get() {
            session.check(transaction).await?;
        }
        Ok(Chain::after(position, hash))
    }

    async fn begin_once(
        &self,
        connection: &mut PgConnection,
        again: bool,
        draft: Draft<'_>,
        account: &str,
    ) -> Result<Entry, Trouble> {
        let mut transaction = connection.begin().await?;
        let chain = self.chain(&mut transaction).await?;
        if let Some(written) = draft.written(&mut transaction, again).await? {
            transaction.commit().await?;
            return Ok(written);
        }
        let running: Option<String> =
            sqlx::query_scalar("SELECT id FROM rotations WHERE account = $1 AND state = 'running'")
                .bind(account)
                .fetch_optional(&mut *transaction)
                .await?;
        if let Some(rotation) = running {
            return Err(JournalError::InFlight { account: account.to_owned(), rotation }.into());
        }
        sqlx::query(
            "INSERT INTO rotations (id, account, epoch, state, procedure, begun, initiator, began_s) VALUES ($1, $2, 1, 'running', $3, $4, $5, $6)",
        )
        .bind(draft.rotation)
        .bind(account)
        .bind(procedure_of(draft.event))
        .bind(chain.position() + 1)
        .bind(initiator_of(draft.event))
        .bind(draft.at.as_second())
        .execute(&mut *transaction)
        .await?;
        let entry = draft.write(&mut transaction, &chain).await?;
        transaction.commit().await?;
        Ok(entry)
    }

    async fn append_once(
        &self,
        connection: &mut PgConnection,
        again: bool,
        draft: Draft<'_>,
    ) -> Result<Entry, Trouble> {
        let mut transaction = connection.begin().await?;
        let chain = self.chain(&mut transaction).await?;
        let rotation = || draft.rotation.to_owned();
        match place_of(&mut transaction, draft.rotation).await? {
            None => return Err(JournalError::Unknown { rotation: rotation() }.into()),
            Some(here) if here == (draft.epoch, draft.seq) => {}
            Some(_) => {
                let written = draft.written(&mut transaction, again).await?;
                transaction.commit().await?;
                return written.ok_or_else(|| JournalError::Fenced { rotation: rotation() }.into());
            }
        }
        let entry = draft.write(&mut transaction, &chain).await?;
        transaction.commit().await?;
        Ok(entry)
    }

    /// One whose answer was lost may be done twice: the second only adds an entry.
    async fn claim_once(
        &self,
        connection: &mut PgConnection,
        id: &str,
        holder: &str,
        at: Timestamp,
    ) -> Result<i64, Trouble> {
        let mut transaction = connection.begin().await?;
        let chain = self.chain(&mut transaction).await?;
        let Some((epoch, seq)) = place_of(&mut transaction, id).await? else {
            return Err(JournalError::Unknown { rotation: id.to_owned() }.into());
        };
        sqlx::query("UPDATE rotations SET epoch = $2 WHERE id = $1")
            .bind(id)
            .bind(epoch + 1)
            .execute(&mut *transaction)
            .await?;
        let event = Event::Claimed { holder: holder.to_owned() };
        let draft = Draft { rotation: id, epoch: epoch + 1, seq, at, event: &event };
        draft.write(&mut transaction, &chain).await?;
        transaction.commit().await?;
        Ok(epoch + 1)
    }

    async fn note_once(
        &self,
        connection: &mut PgConnection,
        again: bool,
        at: Timestamp,
        note: &Note,
    ) -> Result<Noted, Trouble> {
        let mut transaction = connection.begin().await?;
        let chain = self.chain(&mut transaction).await?;
        if again {
            let written: Option<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "{ENTRIES} WHERE rotation = 'notes' AND at = $1 AND event = $2 ORDER BY position DESC LIMIT 1"
            )))
            .bind(at.to_string())
            .bind(json_of(note)?)
            .fetch_optional(&mut *transaction)
            .await?;
            if let Some(written) = written {
                transaction.commit().await?;
                return Ok(Stored::from(written).noted()?);
            }
        }
        let noted = write_note(&mut transaction, &chain, at, note).await?;
        transaction.commit().await?;
        Ok(noted)
    }

    async fn vouch_once(
        &self,
        connection: &mut PgConnection,
        before: &Before,
        at: Timestamp,
        note: &Vouching<'_>,
    ) -> Result<Noted, Trouble> {
        let mut transaction = connection.begin().await?;
        let chain = self.chain(&mut transaction).await?;
        if let Some(written) = before.written(&mut transaction).await? {
            transaction.commit().await?;
            return Ok(written);
        }
        let noted = write_note(&mut transaction, &chain, at, &note(chain.position(), chain.hash())).await?;
        before.remember(&noted);
        transaction.commit().await?;
        Ok(noted)
    }

    async fn entries(&self, text: &str, bound: Bound<'_>) -> Result<Vec<Stored>, JournalError> {
        let read = patiently!(self.hosts, self.name, |connection, _again| async {
            let asked = sqlx::query_as::<_, Columns>(sqlx::AssertSqlSafe(text.to_owned()));
            let asked = match bound {
                Bound::Rotation(id) => asked.bind(id),
                Bound::After(position) => asked.bind(position).bind(PAGE),
            };
            asked.fetch_all(&mut *connection).await.map_err(Trouble::from)
        });
        Ok(read.map_err(|trouble| self.told(trouble))?.into_iter().map(Stored::from).collect())
    }
}

/// What a question for entries is about.
#[derive(Clone, Copy)]
enum Bound<'b> {
    Rotation(&'b str),
    After(i64),
}

/// An event at the place where its writer thinks it goes.
#[derive(Clone, Copy)]
struct Draft<'d> {
    rotation: &'d str,
    epoch: i64,
    seq: i64,
    at: Timestamp,
    event: &'d Event,
}

impl Draft<'_> {
    fn json(&self) -> Result<String, Trouble> {
        json_of(self.event)
    }

    /// It stands there already: a try before whose answer was lost was done after all. The transaction that found it is
    /// committed: with the lock in it, that waits for the standby as the lost commit did, where one is waited for.
    async fn written(&self, transaction: &mut PgConnection, again: bool) -> Result<Option<Entry>, Trouble> {
        if !again {
            return Ok(None);
        }
        let written: Option<Columns> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("{ENTRIES} WHERE rotation = $1 AND seq = $2")))
                .bind(self.rotation)
                .bind(self.seq)
                .fetch_optional(transaction)
                .await?;
        let json = self.json()?;
        let ours = written
            .map(Stored::from)
            .filter(|stored| stored.epoch == self.epoch && stored.at == self.at.to_string() && stored.event == json);
        Ok(ours.map(Stored::entry).transpose()?)
    }

    async fn write(&self, transaction: &mut PgConnection, chain: &Chain) -> Result<Entry, Trouble> {
        let Self { rotation, epoch, seq, at, event } = *self;
        let (json, time) = (self.json()?, at.to_string());
        let row = Row { rotation, seq, epoch, at: &time, format: FORMAT, event: &json };
        let (position, hash) = link(transaction, chain, row).await?;
        sqlx::query("UPDATE rotations SET state = COALESCE($2, state), last_at = $3, became = COALESCE($4, became) WHERE id = $1")
            .bind(rotation)
            .bind(state_after(event))
            .bind(&time)
            .bind(became_after(event).map(Became::word))
            .execute(transaction)
            .await?;
        Ok(Entry { position, rotation: rotation.to_owned(), seq, epoch, at, event: event.clone(), hash })
    }
}

/// What a try before wrote, if it came so far: the answer to its commit may have been lost. The note of another place in the chain is
/// another one, so that it can't be known by its text.
#[derive(Default)]
struct Before(Mutex<Option<Noted>>);

impl Before {
    fn remember(&self, noted: &Noted) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(noted.clone());
    }

    /// It, if it stands there: its hash is that of no other.
    async fn written(&self, transaction: &mut PgConnection) -> Result<Option<Noted>, Trouble> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(noted) = remembered else { return Ok(None) };
        let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM entries WHERE position = $1 AND hash = $2)")
            .bind(noted.position)
            .bind(&noted.hash)
            .fetch_one(transaction)
            .await?;
        Ok(there.then_some(noted))
    }
}

/// Appends a note to the chain, whose end is locked.
async fn write_note(
    transaction: &mut PgConnection,
    chain: &Chain,
    at: Timestamp,
    note: &Note,
) -> Result<Noted, Trouble> {
    let seq: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(seq), -1) + 1 FROM entries WHERE rotation = 'notes'")
        .fetch_one(&mut *transaction)
        .await?;
    let (json, time) = (json_of(note)?, at.to_string());
    let row = Row { rotation: NOTES, seq, epoch: 1, at: &time, format: FORMAT, event: &json };
    let (position, hash) = link(transaction, chain, row).await?;
    Ok(Noted { position, at, note: note.clone(), hash })
}

/// Appends a link to the chain, whose end is locked.
async fn link(transaction: &mut PgConnection, chain: &Chain, row: Row<'_>) -> Result<(i64, String), Trouble> {
    let (position, hash) = chain.next(row);
    sqlx::query("INSERT INTO entries (position, rotation, seq, epoch, at, format, event, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(position)
        .bind(row.rotation)
        .bind(row.seq)
        .bind(row.epoch)
        .bind(row.at)
        .bind(row.format)
        .bind(row.event)
        .bind(&hash)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("UPDATE head SET position = $1, hash = $2").bind(position).bind(&hash).execute(transaction).await?;
    Ok((position, hash))
}

/// Epoch, and the number of the next entry.
async fn place_of(transaction: &mut PgConnection, id: &str) -> Result<Option<(i64, i64)>, Trouble> {
    let place =
        sqlx::query_as("SELECT epoch, (SELECT COUNT(*) FROM entries WHERE rotation = id) FROM rotations WHERE id = $1")
            .bind(id)
            .fetch_optional(transaction)
            .await?;
    Ok(place)
}

fn json_of(value: &impl serde::Serialize) -> Result<String, Trouble> {
    serde_json::to_string(value).map_err(|cause| Trouble::Told(cause.to_string()))
}

/// Makes the tables, or brings them up to date. A role that may only read and write is enough once that is done.
async fn tables(connection: &mut PgConnection) -> Result<(), Trouble> {
    let migrations = sqlx::migrate!("src/journal/postgres/migrations");
    let newest = migrations.iter().map(|migration| migration.version).max();
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&mut *connection).await?;
    if there {
        let done: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(&mut *connection)
            .await?;
        if done == newest {
            return Ok(());
        }
    }
    migrations.run(connection).await.map_err(|cause| match cause {
        sqlx::migrate::MigrateError::Execute(cause) | sqlx::migrate::MigrateError::ExecuteMigration(cause, _) => {
            Trouble::of(&cause)
        }
        other => Trouble::Told(format!("its tables can't be brought up to date: {other}")),
    })
}

#[async_trait]
impl Journal for PostgresJournal {
    async fn begin(&self, id: &str, account: &str, at: Timestamp, event: &Event) -> Result<Entry, JournalError> {
        let draft = Draft { rotation: id, epoch: 1, seq: 0, at, event };
        patiently!(self.hosts, self.name, |connection, again| self.begin_once(connection, again, draft, account))
            .map_err(|trouble| self.told(trouble))
    }

    async fn append(
        &self,
        id: &str,
        epoch: i64,
        seq: i64,
        at: Timestamp,
        event: &Event,
    ) -> Result<Entry, JournalError> {
        let draft = Draft { rotation: id, epoch, seq, at, event };
        patiently!(self.hosts, self.name, |connection, again| self.append_once(connection, again, draft))
            .map_err(|trouble| self.told(trouble))
    }

    async fn claim(&self, id: &str, holder: &str, at: Timestamp) -> Result<i64, JournalError> {
        patiently!(self.hosts, self.name, |connection, _again| self.claim_once(connection, id, holder, at))
            .map_err(|trouble| self.told(trouble))
    }

    async fn read(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        let stored = self.entries(&format!("{ENTRIES} WHERE rotation = $1 ORDER BY seq"), Bound::Rotation(id)).await?;
        if stored.is_empty() {
            return Err(JournalError::Unknown { rotation: id.to_owned() });
        }
        stored.into_iter().map(Stored::entry).collect()
    }

    async fn engine_changes(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        let text = format!("{ENTRIES} WHERE rotation = $1 AND ({}) ORDER BY seq", of_engines());
        self.entries(&text, Bound::Rotation(id)).await?.into_iter().map(Stored::entry).collect()
    }

    async fn list(&self, query: &Query) -> Result<Vec<Listed>, JournalError> {
        let mut text = "SELECT id, account, state, begun FROM rotations WHERE begun > 0".to_owned();
        let mut words = Vec::new();
        let mut and = |condition: &str, word: String| {
            words.push(word);
            text.push_str(&format!(" AND {condition} ${}", words.len()));
        };
        if let Some(account) = &query.account {
            and("account =", account.clone());
        }
        if let Some(procedure) = query.procedure {
            and("procedure =", word_of(procedure));
        }
        if let Some(since) = query.since {
            and("last_at >=", since.checked_sub(MARGIN).unwrap_or(since).to_string());
        }
        if let Some(became) = query.became {
            and("became =", became.word().to_owned());
        }
        if let Some(initiator) = &query.initiator {
            and("initiator =", initiator.clone());
        }
        text.push_str(&in_time(query.began));
        if let Some(before) = query.before {
            text.push_str(&format!(" AND begun < {before}"));
        }
        if query.open {
            text.push_str(" AND state <> 'closed'");
        }
        if query.pausing {
            // Asked of few, the open ones, so it needs no column of its own. In somebody's text the quotes would be escaped; and no
            // text, whatever stands in it, keeps this from being answered, as it would keep jsonb.
            text.push_str(
                r#" AND (SELECT event LIKE '%"quiesce":"disable"%' FROM entries WHERE rotation = id AND seq = 0)"#,
            );
        }
        text.push_str(" ORDER BY begun DESC");
        if let Some(newest) = query.newest {
            text.push_str(&format!(" LIMIT {newest}"));
        }
        let rows = patiently!(self.hosts, self.name, |connection, _again| async {
            let asked = sqlx::query_as::<_, (String, String, String, i64)>(sqlx::AssertSqlSafe(text.clone()));
            let asked = words.iter().fold(asked, |asked, word| asked.bind(word));
            asked.fetch_all(&mut *connection).await.map_err(Trouble::from)
        });
        let listed = |(id, account, state, begun): (String, String, String, i64)| {
            let state = match state.as_str() {
                "held" => State::Held,
                "closed" => State::Closed,
                _ => State::Running,
            };
            Listed { id, account, state, begun }
        };
        Ok(rows.map_err(|trouble| self.told(trouble))?.into_iter().rev().map(listed).collect())
    }

    async fn note(&self, at: Timestamp, note: &Note) -> Result<Noted, JournalError> {
        patiently!(self.hosts, self.name, |connection, again| self.note_once(connection, again, at, note))
            .map_err(|trouble| self.told(trouble))
    }

    async fn notes(&self, after: i64) -> Result<Vec<Noted>, JournalError> {
        let text = format!("{ENTRIES} WHERE rotation = 'notes' AND position > $1 ORDER BY position LIMIT $2");
        self.entries(&text, Bound::After(after)).await?.into_iter().map(Stored::noted).collect()
    }

    async fn stored(&self, after: i64) -> Result<Vec<Stored>, JournalError> {
        let text = format!("{ENTRIES} WHERE position > $1 ORDER BY position LIMIT $2");
        self.entries(&text, Bound::After(after)).await
    }

    async fn vouch(&self, at: Timestamp, note: &Vouching<'_>) -> Result<Noted, JournalError> {
        let before = Before::default();
        patiently!(self.hosts, self.name, |connection, _again| self.vouch_once(connection, &before, at, note))
            .map_err(|trouble| self.told(trouble))
    }

    async fn import(&self, source: &mut dyn Source) -> Result<u64, JournalError> {
        self.take_in(source).await.map_err(|trouble| self.told(trouble))
    }

    async fn prune(&self, at: Timestamp, cut: &Cut, tombstone: &Vouching<'_>) -> Result<Noted, JournalError> {
        let before = Before::default();
        patiently!(self.hosts, self.name, within PRUNE_LIMIT, |connection, _again| self
            .prune_once(connection, &before, at, cut, tombstone))
        .map_err(|trouble| self.told(trouble))
    }

    async fn lease(&self, names: &[String], holder: &str) -> Result<Lease, Busy> {
        let begin = || Session::begin(self.hosts.place().clone(), holder);
        let session = self.session.get_or_try_init(begin).await;
        let session = session
            .map_err(|trouble| Busy::NoLease { place: self.name.clone(), cause: self.told(trouble).to_string() })?;
        session.take(names).await
    }

    /// A full disk is the database server's: there is nothing of ours on it.
    fn release_ballast(&self) -> bool {
        false
    }
}
