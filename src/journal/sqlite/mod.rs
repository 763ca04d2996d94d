//! The journal in one SQLite file, with leases as locks on files beside it.

mod ballast;
mod import;
mod lock;
mod prune;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row as _, Sqlite, SqliteConnection, SqlitePool};

use super::index::{MARGIN, PAGE, became_after, in_time, initiator_of, of_engines, procedure_of, state_after, word_of};
use super::stored::Columns;
use super::{
    Became, Busy, Chain, Cut, Entry, FORMAT, Journal, JournalError, Lease, Listed, NOTES, Note, Noted, Query, Row,
    Source, State, Stored, Vouching,
};
use crate::rotation::Event;
use ballast::Ballast;

/// How long a writer waits for another one.
const BUSY_LIMIT: Duration = Duration::from_secs(10);

/// How long one waits for the others of this process: many rotations share one connection, and a disk may stand still for a
/// snapshot.
const QUEUE_LIMIT: Duration = Duration::from_secs(120);

/// How often making the tables is tried again, and the pause between.
const MIGRATION_TRIES: u32 = 8;
const MIGRATION_PAUSE: Duration = Duration::from_millis(60);

/// SQLite's result codes for "no room": SQLITE_FULL, and the I/O errors of a write or of the shared-memory
/// file that a full disk gives (https://www.sqlite.org/rescode.html).
const DISK_FULL_CODES: [&str; 4] = ["13", "778", "4618", "4874"];

const ENTRIES_OF: &str =
    "SELECT position, rotation, seq, epoch, at, format, event, hash FROM entries WHERE rotation = ?";

/// The journal in one SQLite file: write-ahead log, synchronous FULL, one writer at a time.
#[derive(Debug)]
pub struct SqliteJournal {
    path: PathBuf,
    pool: SqlitePool,
    ballast: Option<Ballast>,
}

impl SqliteJournal {
    /// Opens the journal, makes it if there is none, brings its tables up to date and lays the ballast.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        let mut journal = Self::open_without_ballast(path).await?;
        let ballast = Ballast::lay(path).map_err(|cause| journal.io(&cause))?;
        journal.ballast = Some(ballast);
        Ok(journal)
    }

    /// The same without ballast: for reading, and for finishing what was begun when the disk is full.
    pub async fn open_without_ballast(path: &Path) -> Result<Self, JournalError> {
        let store = |cause: String| JournalError::Store { path: path.display().to_string(), cause };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|cause| match cause.kind() {
                std::io::ErrorKind::StorageFull => JournalError::DiskFull { path: path.display().to_string() },
                _ => store(format!("its folder can't be made: {cause}")),
            })?;
        }
        private(path);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_LIMIT);
        // A connection to a file of this machine needs no ping before each use.
        let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(QUEUE_LIMIT).test_before_acquire(false);
        let failed = |cause: sqlx::Error| classify(path, &cause);
        let pool = pool.connect_with(options).await.map_err(failed)?;
        let mut migrations = sqlx::migrate!("src/journal/sqlite/migrations").run(&pool).await;
        // SQLite has no lock for this: of two processes that make a journal at once, one finds what the other just made.
        for _ in 0..MIGRATION_TRIES {
            if migrations.is_ok() {
                break;
            }
            tokio::time::sleep(MIGRATION_PAUSE).await;
            migrations = sqlx::migrate!("src/journal/sqlite/migrations").run(&pool).await;
        }
        migrations.map_err(|cause| match cause {
            sqlx::migrate::MigrateError::Execute(cause) | sqlx::migrate::MigrateError::ExecuteMigration(cause, _) => {
                classify(path, &cause)
            }
            other => store(format!("its tables can't be brought up to date: {other}")),
        })?;
        Ok(Self { path: path.to_owned(), pool, ballast: None })
    }

    fn failed(&self, cause: &sqlx::Error) -> JournalError {
        classify(&self.path, cause)
    }

    /// Takes the write lock. Not by sqlx's own transaction: when SQLite undoes one by itself, as it does on a
    /// full disk, sqlx goes on counting it and refuses every later one, so that no ending could be written.
    async fn lock(&self) -> Result<PoolConnection<Sqlite>, JournalError> {
        let mut connection = self.pool.acquire().await.map_err(|cause| self.failed(&cause))?;
        undo(&mut connection).await;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(|cause| self.failed(&cause))?;
        Ok(connection)
    }

    /// Commits what was done under the lock, or undoes it. Either way the lock is given back.
    async fn unlock<T>(
        &self,
        mut connection: PoolConnection<Sqlite>,
        done: Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let written = match done {
            Ok(done) => match sqlx::query("COMMIT").execute(&mut *connection).await {
                Ok(_) => return Ok(done),
                Err(cause) => Err(self.failed(&cause)),
            },
            failed => failed,
        };
        undo(&mut connection).await;
        written
    }

    async fn begin_locked(
        &self,
        connection: &mut SqliteConnection,
        id: &str,
        account: &str,
        at: Timestamp,
        event: &Event,
    ) -> Result<Entry, JournalError> {
        let failed = |cause: sqlx::Error| self.failed(&cause);
        let running: Option<String> =
            sqlx::query_scalar("SELECT id FROM rotations WHERE account = ? AND state = 'running'")
                .bind(account)
                .fetch_optional(&mut *connection)
                .await
                .map_err(failed)?;
        if let Some(rotation) = running {
            return Err(JournalError::InFlight { account: account.to_owned(), rotation });
        }
        sqlx::query("INSERT INTO rotations (id, account, epoch, state, procedure, initiator, began_s, begun) VALUES (?, ?, 1, 'running', ?, ?, ?, (SELECT COALESCE(MAX(position), 0) + 1 FROM entries))")
            .bind(id)
            .bind(account)
            .bind(procedure_of(event))
            .bind(initiator_of(event))
            .bind(at.as_second())
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        write(connection, id, 0, 1, at, event).await.map_err(failed)
    }

    async fn append_locked(
        &self,
        connection: &mut SqliteConnection,
        id: &str,
        (epoch, seq): (i64, i64),
        at: Timestamp,
        event: &Event,
    ) -> Result<Entry, JournalError> {
        let failed = |cause: sqlx::Error| self.failed(&cause);
        match place(connection, id).await.map_err(failed)? {
            None => Err(JournalError::Unknown { rotation: id.to_owned() }),
            Some(here) if here != (epoch, seq) => Err(JournalError::Fenced { rotation: id.to_owned() }),
            Some(_) => write(connection, id, seq, epoch, at, event).await.map_err(failed),
        }
    }

    async fn claim_locked(
        &self,
        connection: &mut SqliteConnection,
        id: &str,
        holder: &str,
        at: Timestamp,
    ) -> Result<i64, JournalError> {
        let failed = |cause: sqlx::Error| self.failed(&cause);
        let Some((epoch, seq)) = place(connection, id).await.map_err(failed)? else {
            return Err(JournalError::Unknown { rotation: id.to_owned() });
        };
        sqlx::query("UPDATE rotations SET epoch = ? WHERE id = ?")
            .bind(epoch + 1)
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        let event = Event::Claimed { holder: holder.to_owned() };
        write(connection, id, seq, epoch + 1, at, &event).await.map_err(failed)?;
        Ok(epoch + 1)
    }

    fn io(&self, cause: &std::io::Error) -> JournalError {
        let path = self.path.display().to_string();
        match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => JournalError::DiskFull { path },
            _ => JournalError::Store { path, cause: cause.to_string() },
        }
    }
}

/// A new journal is its owner's alone: it names accounts and servers. SQLite gives its other files the same
/// mode. Should this fail, opening the journal says why.
fn private(path: &Path) {
    let mut file = std::fs::OpenOptions::new();
    file.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    drop(file.open(path));
}

fn classify(path: &Path, cause: &sqlx::Error) -> JournalError {
    let path = path.display().to_string();
    let code = cause.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    if code.as_deref().is_some_and(|code| DISK_FULL_CODES.contains(&code)) {
        return JournalError::DiskFull { path };
    }
    let cause = cause.as_database_error().map_or_else(|| cause.to_string(), |error| error.message().to_owned());
    JournalError::Store { path, cause }
}

/// Writes one entry at the end of the chain, in the caller's transaction.
async fn write(
    connection: &mut SqliteConnection,
    id: &str,
    seq: i64,
    epoch: i64,
    at: Timestamp,
    event: &Event,
) -> Result<Entry, sqlx::Error> {
    let json = serde_json::to_string(event).map_err(|cause| sqlx::Error::Encode(Box::new(cause)))?;
    let (position, hash) = link(connection, id, seq, epoch, at, &json).await?;
    sqlx::query(
        "UPDATE rotations SET state = COALESCE(?, state), became = COALESCE(?, became), last_at = ? WHERE id = ?",
    )
    .bind(state_after(event))
    .bind(became_after(event).map(Became::word))
    .bind(at.to_string())
    .bind(id)
    .execute(connection)
    .await?;
    Ok(Entry { position, rotation: id.to_owned(), seq, epoch, at, event: event.clone(), hash })
}

/// Appends a link to the chain: its position and hash.
async fn link(
    connection: &mut SqliteConnection,
    id: &str,
    seq: i64,
    epoch: i64,
    at: Timestamp,
    json: &str,
) -> Result<(i64, String), sqlx::Error> {
    let chain = match last(connection).await? {
        Some((position, hash)) => Chain::after(position, hash),
        None => Chain::default(),
    };
    let time = at.to_string();
    let row = Row { rotation: id, seq, epoch, at: &time, format: FORMAT, event: json };
    let (position, hash) = chain.next(row);
    sqlx::query(
        "INSERT INTO entries (position, rotation, seq, epoch, at, format, event, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(position)
    .bind(id)
    .bind(seq)
    .bind(epoch)
    .bind(&time)
    .bind(FORMAT)
    .bind(json)
    .bind(&hash)
    .execute(connection)
    .await?;
    Ok((position, hash))
}

/// Position and hash of the last entry.
async fn last(connection: &mut SqliteConnection) -> Result<Option<(i64, String)>, sqlx::Error> {
    let asked = sqlx::query_as("SELECT position, hash FROM entries ORDER BY position DESC LIMIT 1");
    asked.fetch_optional(connection).await
}

/// Epoch, and the number of the next entry.
async fn place(connection: &mut SqliteConnection, id: &str) -> Result<Option<(i64, i64)>, sqlx::Error> {
    let row =
        sqlx::query("SELECT epoch, (SELECT COUNT(*) FROM entries WHERE rotation = id) FROM rotations WHERE id = ?")
            .bind(id)
            .fetch_optional(connection)
            .await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Ends a transaction without effect. It fails when there is none, or SQLite undid it already: just as well.
async fn undo(connection: &mut SqliteConnection) {
    let _ = sqlx::query("ROLLBACK").execute(connection).await;
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn begin(&self, id: &str, account: &str, at: Timestamp, event: &Event) -> Result<Entry, JournalError> {
        // It may have been released since: what begins must find room for its ending.
        if let Some(ballast) = &self.ballast {
            ballast.lay_again().map_err(|cause| self.io(&cause))?;
        }
        let mut connection = self.lock().await?;
        let done = self.begin_locked(&mut connection, id, account, at, event).await;
        self.unlock(connection, done).await
    }

    async fn append(
        &self,
        id: &str,
        epoch: i64,
        seq: i64,
        at: Timestamp,
        event: &Event,
    ) -> Result<Entry, JournalError> {
        let mut connection = self.lock().await?;
        let done = self.append_locked(&mut connection, id, (epoch, seq), at, event).await;
        self.unlock(connection, done).await
    }

    async fn claim(&self, id: &str, holder: &str, at: Timestamp) -> Result<i64, JournalError> {
        let mut connection = self.lock().await?;
        let done = self.claim_locked(&mut connection, id, holder, at).await;
        self.unlock(connection, done).await
    }

    async fn read(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        let rows: Vec<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{ENTRIES_OF} ORDER BY seq")))
            .bind(id)
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(&cause))?;
        if rows.is_empty() {
            return Err(JournalError::Unknown { rotation: id.to_owned() });
        }
        rows.into_iter().map(|columns| Stored::from(columns).entry()).collect()
    }

    async fn engine_changes(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        let text = format!("{ENTRIES_OF} AND ({}) ORDER BY seq", of_engines());
        let rows: Vec<Columns> = sqlx::query_as(sqlx::AssertSqlSafe(text))
            .bind(id)
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(&cause))?;
        rows.into_iter().map(|columns| Stored::from(columns).entry()).collect()
    }

    async fn list(&self, query: &Query) -> Result<Vec<Listed>, JournalError> {
        let failed = |cause: sqlx::Error| self.failed(&cause);
        // The plus keeps SQLite from walking through all of them in order when few were written to since.
        let begun = if query.since.is_some() && query.account.is_none() { "+begun" } else { "begun" };
        let mut text = format!("SELECT id, account, state, begun FROM rotations WHERE {begun} > 0");
        if query.account.is_some() {
            text.push_str(" AND account = ?");
        }
        if query.open {
            text.push_str(" AND state <> 'closed'");
        }
        if query.pausing {
            // Asked of few, the open ones, so it needs no column of its own; reading them all out would be far dearer.
            text.push_str(
                " AND (SELECT json_extract(event, '$.plan.inventory.quiesce') FROM entries WHERE rotation = id AND seq = 0) = 'disable'",
            );
        }
        if query.procedure.is_some() {
            text.push_str(" AND procedure = ?");
        }
        if query.since.is_some() {
            text.push_str(" AND last_at >= ?");
        }
        if query.became.is_some() {
            text.push_str(" AND became = ?");
        }
        if query.initiator.is_some() {
            text.push_str(" AND initiator = ?");
        }
        text.push_str(&in_time(query.began));
        if let Some(before) = query.before {
            text.push_str(&format!(" AND begun < {before}"));
        }
        text.push_str(&format!(" ORDER BY {begun} DESC LIMIT ?"));
        let mut asked = sqlx::query(sqlx::AssertSqlSafe(text));
        if let Some(account) = &query.account {
            asked = asked.bind(account);
        }
        if let Some(procedure) = query.procedure {
            asked = asked.bind(word_of(procedure));
        }
        if let Some(since) = query.since {
            asked = asked.bind(since.checked_sub(MARGIN).unwrap_or(since).to_string());
        }
        if let Some(became) = query.became {
            asked = asked.bind(became.word());
        }
        if let Some(initiator) = &query.initiator {
            asked = asked.bind(initiator);
        }
        let rows = asked.bind(query.newest.map_or(-1, i64::from)).fetch_all(&self.pool).await.map_err(failed)?;
        rows.iter()
            .rev()
            .map(|row| {
                let state = match row.try_get::<&str, _>(2).map_err(failed)? {
                    "held" => State::Held,
                    "closed" => State::Closed,
                    _ => State::Running,
                };
                let begun = row.try_get(3).map_err(failed)?;
                Ok(Listed {
                    id: row.try_get(0).map_err(failed)?,
                    account: row.try_get(1).map_err(failed)?,
                    state,
                    begun,
                })
            })
            .collect()
    }

    async fn note(&self, at: Timestamp, note: &Note) -> Result<Noted, JournalError> {
        let mut connection = self.lock().await?;
        let done = note_locked(&mut connection, at, note).await.map_err(|cause| self.failed(&cause));
        self.unlock(connection, done).await
    }

    async fn notes(&self, after: i64) -> Result<Vec<Noted>, JournalError> {
        let rows: Vec<Columns> = sqlx::query_as(
            "SELECT position, rotation, seq, epoch, at, format, event, hash FROM entries INDEXED BY entries_notes WHERE rotation = 'notes' AND position > ? ORDER BY position LIMIT ?",
        )
        .bind(after)
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(&cause))?;
        rows.into_iter().map(|columns| Stored::from(columns).noted()).collect()
    }

    async fn stored(&self, after: i64) -> Result<Vec<Stored>, JournalError> {
        let rows: Vec<Columns> = sqlx::query_as(
            "SELECT position, rotation, seq, epoch, at, format, event, hash FROM entries WHERE position > ? ORDER BY position LIMIT ?",
        )
        .bind(after)
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(&cause))?;
        Ok(rows.into_iter().map(Stored::from).collect())
    }

    async fn vouch(&self, at: Timestamp, note: &Vouching<'_>) -> Result<Noted, JournalError> {
        let mut connection = self.lock().await?;
        let done = vouch_locked(&mut connection, at, note).await.map_err(|cause| self.failed(&cause));
        self.unlock(connection, done).await
    }

    async fn import(&self, source: &mut dyn Source) -> Result<u64, JournalError> {
        let mut connection = self.lock().await?;
        let done = self.import_locked(&mut connection, source).await;
        self.unlock(connection, done).await
    }

    async fn prune(&self, at: Timestamp, cut: &Cut, tombstone: &Vouching<'_>) -> Result<Noted, JournalError> {
        let mut connection = self.lock().await?;
        let done = self.prune_locked(&mut connection, at, cut, tombstone).await;
        self.unlock(connection, done).await
    }

    async fn lease(&self, names: &[String], holder: &str) -> Result<Lease, Busy> {
        lock::lock(&self.path, names, holder)
    }

    fn release_ballast(&self) -> bool {
        self.ballast.as_ref().is_some_and(Ballast::release)
    }
}

async fn note_locked(connection: &mut SqliteConnection, at: Timestamp, note: &Note) -> Result<Noted, sqlx::Error> {
    let seq: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(seq), -1) + 1 FROM entries WHERE rotation = ?")
        .bind(NOTES)
        .fetch_one(&mut *connection)
        .await?;
    let json = serde_json::to_string(note).map_err(|cause| sqlx::Error::Encode(Box::new(cause)))?;
    let (position, hash) = link(connection, NOTES, seq, 1, at, &json).await?;
    Ok(Noted { position, at, note: note.clone(), hash })
}

async fn vouch_locked(
    connection: &mut SqliteConnection,
    at: Timestamp,
    note: &Vouching<'_>,
) -> Result<Noted, sqlx::Error> {
    let (position, hash) = last(connection).await?.unwrap_or_else(|| (0, Chain::NONE.to_owned()));
    note_locked(connection, at, &note(position, &hash)).await
}
