use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use providers::port::tenure::Tenure;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::hosts::Hosts;
use super::patience::patiently;
use super::trouble::Trouble;
use crate::clock::{Clock, SystemClock};
use crate::journal::lease::Hold;
use crate::journal::{Busy, JournalError, Lease};

/// Connections of a session beside the journal's and the one that renews it.
const CONNECTIONS: usize = 2;

/// Of a lease's length, how often it is renewed within it.
const RENEWALS: u32 = 3;

/// Of a lease's length, how many tries of a renewal or of a question there are in it: a connection whose other end is gone
/// without a word must leave time for another.
const TRIES: u32 = 6;

/// No try is given less.
const TRY_LEAST: Duration = Duration::from_secs(1);

/// How long giving a lease back may take; what remains is given back with the next renewal.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// Dead sessions that nobody took over are removed after a day.
const REMOVE_DEAD: &str = "DELETE FROM sessions WHERE until < clock_timestamp() - interval '1 day'";

/// A process that holds leases: alive until a time of the database's clock, which it moves on again and again. Once that is
/// over it is dead for good, whether somebody took its leases or not: it may have slept, and can't know.
pub(super) struct Session {
    id: i64,
    hosts: Hosts,
    /// What keeps it alive waits for nothing else.
    renewals: Hosts,
    names: Mutex<Names>,
    lost: watch::Sender<Option<String>>,
    renewal: Mutex<Option<AbortHandle>>,
}

/// The names of a session's leases.
#[derive(Default)]
struct Names {
    held: BTreeSet<String>,
    /// Not held any more, and perhaps still in the database; each with the number of the time it was given back.
    returned: BTreeMap<String, u64>,
    times: u64,
}

impl Names {
    fn give_back(&mut self, names: &BTreeSet<String>) {
        self.times += 1;
        for name in names {
            if self.held.remove(name) {
                self.returned.insert(name.clone(), self.times);
            }
        }
    }
}

impl Session {
    /// Begins one.
    pub(super) async fn begin(place: super::PostgresPlace, holder: &str) -> Result<Arc<Self>, Trouble> {
        let (name, length) = (place.to_string(), seconds(place.lease));
        let (hosts, renewals) = (Hosts::new(place.clone(), CONNECTIONS), Hosts::new(place, 1));
        let asked = Asked::default();
        let id = patiently!(renewals, name, |connection, _again| async {
            asked.now();
            sqlx::query(REMOVE_DEAD).execute(&mut *connection).await?;
            sqlx::query_scalar("INSERT INTO sessions (holder, until) VALUES ($1, clock_timestamp() + make_interval(secs => $2)) RETURNING id")
                .bind(holder)
                .bind(length)
                .fetch_one(&mut *connection)
                .await
                .map_err(Trouble::from)
        })?;
        let session = Arc::new(Self {
            id,
            hosts,
            renewals,
            names: Mutex::default(),
            lost: watch::Sender::new(None),
            renewal: Mutex::default(),
        });
        let task = tokio::spawn(renew(Arc::downgrade(&session), session.hosts.place().lease, asked.at()));
        *session.renewal.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        Ok(session)
    }

    /// Forbids a write of a dead one. Under the lock of the chain's end: whoever takes its leases over waits for that.
    pub(super) async fn check(&self, connection: &mut PgConnection) -> Result<(), Trouble> {
        if self.left(connection).await?.is_some() { Ok(()) } else { Err(self.dead().into()) }
    }

    fn dead(&self) -> JournalError {
        JournalError::LeaseLost { cause: self.lost.borrow().clone().unwrap_or_default() }
    }

    /// How long it lives if it is not renewed. `None` = it is dead.
    async fn left(&self, connection: &mut PgConnection) -> Result<Option<Duration>, Trouble> {
        let left: Option<f64> = sqlx::query_scalar(
            "SELECT extract(epoch FROM until - clock_timestamp())::float8 FROM sessions WHERE id = $1 AND until > clock_timestamp()",
        )
        .bind(self.id)
        .fetch_optional(connection)
        .await?;
        if left.is_none() {
            self.lose(ran_out(self.hosts.place().lease));
        }
        Ok(left.map(|left| Duration::try_from_secs_f64(left).unwrap_or_default()))
    }

    fn lose(&self, why: String) {
        self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            lost.get_or_insert(why);
            first
        });
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all of the leases, or says who has one.
    pub(super) async fn take(self: &Arc<Self>, names: &[String]) -> Result<Lease, Busy> {
        let place = self.hosts.place().to_string();
        let mine = |name: &String| Busy::Held { name: name.clone(), holder: "this process".to_owned() };
        // Whoever asks may get a session that lives, elsewhere.
        if let Some(cause) = self.lost.borrow().clone() {
            return Err(Busy::NoLease { cause, place });
        }
        let names: BTreeSet<String> = names.iter().cloned().collect();
        {
            let mut mine_now = self.names();
            if let Some(taken) = names.iter().find(|name| mine_now.held.contains(*name)) {
                return Err(mine(taken));
            }
            mine_now.held.extend(names.iter().cloned());
        }
        // Gives the names back when it is dropped, also when whoever asked no longer waits for the answer.
        let hold = Leases { session: Arc::clone(self), names };
        match patiently!(self.hosts, place.clone(), |connection, _again| self.take_once(connection, &hold.names)) {
            Ok(None) => Ok(Lease::new(hold)),
            Ok(Some(busy)) => {
                // Nothing was taken: there is nothing to take out.
                self.names().held.retain(|name| !hold.names.contains(name));
                Err(busy)
            }
            Err(trouble) => Err(Busy::NoLease { cause: trouble.told(&place).to_string(), place }),
        }
    }

    async fn take_once(
        &self,
        connection: &mut PgConnection,
        names: &BTreeSet<String>,
    ) -> Result<Option<Busy>, Trouble> {
        // First without any lock: whoever stands by asks again and again, and keeps no writer waiting.
        for name in names {
            if let Some(Found { holder: Some(holder), .. }) = self.find(&mut *connection, name, "").await? {
                return Ok(Some(Busy::Held { name: name.clone(), holder }));
            }
        }
        let mut transaction = connection.begin().await?;
        // Nobody writes meanwhile: what a dead session was about to write comes before, or not at all.
        sqlx::query("SELECT FROM head FOR UPDATE").execute(&mut *transaction).await?;
        self.check(&mut transaction).await?;
        for name in names {
            // The lock waits for a renewal that is under way.
            match self.find(&mut transaction, name, "FOR UPDATE OF s").await? {
                Some(Found { holder: Some(holder), .. }) => {
                    transaction.rollback().await?;
                    return Ok(Some(Busy::Held { name: name.clone(), holder }));
                }
                // Left over from a try whose answer was lost.
                Some(Found { session, .. }) if session == self.id => {}
                Some(Found { session: dead, .. }) => {
                    sqlx::query("DELETE FROM sessions WHERE id = $1").bind(dead).execute(&mut *transaction).await?;
                }
                None => {}
            }
            sqlx::query("INSERT INTO leases (name, session) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET session = excluded.session")
                .bind(name)
                .bind(self.id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(None)
    }

    /// Who has a lease.
    async fn find(
        &self,
        connection: &mut PgConnection,
        name: &str,
        lock: &'static str,
    ) -> Result<Option<Found>, Trouble> {
        let found: Option<(i64, String, bool, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT s.id, s.holder, s.until > clock_timestamp(), ceil(extract(epoch FROM s.until - clock_timestamp()))::bigint \
             FROM leases l JOIN sessions s ON s.id = l.session WHERE l.name = $1 {lock}"
        )))
        .bind(name)
        .fetch_optional(connection)
        .await?;
        Ok(found.map(|(session, holder, alive, left_s)| {
            let another = alive && session != self.id;
            let told = || format!("{holder} (its lease runs out in {left_s} s if it does not renew it)");
            Found { session, holder: another.then(told) }
        }))
    }

    /// Lives on for a lease's length from now. `false` = it was dead.
    async fn renew_once(&self, connection: &mut PgConnection) -> Result<bool, Trouble> {
        let renewed = sqlx::query(
            "UPDATE sessions SET until = clock_timestamp() + make_interval(secs => $2) WHERE id = $1 AND until > clock_timestamp()",
        )
        .bind(self.id)
        .bind(seconds(self.hosts.place().lease))
        .execute(&mut *connection)
        .await?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Takes leases out of the database that are not held any more. Under the lock under which they are taken: a deletion that
    /// was sent before one was taken again must not reach it, however late it comes.
    async fn give_back(&self, connection: &mut PgConnection) -> Result<(), Trouble> {
        if self.names().returned.is_empty() {
            return Ok(());
        }
        let mut transaction = connection.begin().await?;
        sqlx::query("SELECT FROM head FOR UPDATE").execute(&mut *transaction).await?;
        let (names, numbers): (Vec<String>, Vec<u64>) = {
            let names = self.names();
            let returned = names.returned.iter().filter(|(name, _)| !names.held.contains(*name));
            returned.map(|(name, number)| (name.clone(), *number)).unzip()
        };
        sqlx::query("DELETE FROM leases WHERE session = $1 AND name = ANY($2)")
            .bind(self.id)
            .bind(&names)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let mut mine = self.names();
        for (name, number) in names.iter().zip(numbers) {
            // One that was taken and given back meanwhile is still to be taken out.
            if mine.returned.get(name) == Some(&number) {
                mine.returned.remove(name);
            }
        }
        Ok(())
    }
}

/// A lease in the database.
struct Found {
    session: i64,
    /// Who has it, when it is another process that lives.
    holder: Option<String>,
}

/// When the database was asked last: whatever it answers counts from then, not from when the answer came.
#[derive(Default)]
struct Asked(Mutex<Option<Duration>>);

impl Asked {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(SystemClock.monotonic());
    }

    fn at(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(|| SystemClock.monotonic())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(renewal) = self.renewal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            renewal.abort();
        }
    }
}

#[async_trait]
impl Tenure for Session {
    async fn holds(&self) -> Result<(), String> {
        let (place, length) = (self.hosts.place().to_string(), self.hosts.place().lease);
        if let Some(lost) = &*self.lost.borrow() {
            return Err(format!("the lease was lost: {lost}"));
        }
        // The database is asked, as no clock of this machine tells of the time that the machine itself stood still. While it
        // does not answer nothing is done; longer than the lease lasts is in vain.
        let a_try = try_limit(length);
        let asked = async {
            loop {
                let asked = Asked::default();
                let left = patiently!(self.hosts, place, (length, a_try), |connection, _again| async {
                    asked.now();
                    self.left(connection).await
                })?;
                // An answer may have been long on its way.
                if left.is_none_or(|left| since(asked.at()) < left) {
                    return Ok::<_, Trouble>(left.is_some());
                }
            }
        };
        match timeout(length, asked).await {
            Ok(Ok(true)) => {
                self.lost.borrow().as_ref().map_or(Ok(()), |lost| Err(format!("the lease was lost: {lost}")))
            }
            Ok(Ok(false)) => Err(format!("the lease was lost: {}", ran_out(length))),
            Ok(Err(trouble)) => Err(format!("the lease can't be confirmed: {}", trouble.told(&place))),
            Err(_) => Err(format!("the lease can't be confirmed: {place} did not answer within {length:?}")),
        }
    }
}

/// Leases of a session.
struct Leases {
    session: Arc<Session>,
    names: BTreeSet<String>,
}

#[async_trait]
impl Hold for Leases {
    fn tenure(&self) -> Option<Arc<dyn Tenure>> {
        Some(Arc::clone(&self.session) as Arc<dyn Tenure>)
    }

    async fn lost(&self) -> String {
        let mut lost = self.session.lost.subscribe();
        // The sender lives as long as the session.
        match lost.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(closed) => closed.to_string(),
        }
    }

    async fn release(self: Box<Self>) {
        let session = &self.session;
        session.names().give_back(&self.names);
        let place = session.hosts.place().to_string();
        let given_back = async { patiently!(session.hosts, place, |connection, _again| session.give_back(connection)) };
        if !matches!(timeout(RELEASE_LIMIT, given_back).await, Ok(Ok(()))) {
            let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
            tracing::warn!(names = names.join(", "), "leases were not given back yet");
        }
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.session.names().give_back(&self.names);
    }
}

/// Keeps a session alive for as long as anybody has it.
async fn renew(session: std::sync::Weak<Session>, length: Duration, begun: Duration) {
    let mut renewed_at = begun;
    loop {
        sleep((length / RENEWALS).saturating_sub(since(renewed_at))).await;
        let Some(session) = session.upgrade() else { return };
        let place = session.hosts.place().to_string();
        let (asked, a_try) = (Asked::default(), try_limit(length));
        let renewed = async {
            patiently!(session.renewals, place, (length, a_try), |connection, _again| async {
                asked.now();
                session.renew_once(connection).await
            })
        };
        // Counted from the renewal before, the lease is over then.
        match timeout(length.saturating_sub(since(renewed_at)), renewed).await {
            Ok(Ok(true)) => {
                renewed_at = asked.at();
                // Beside the renewal: whoever holds the end of the chain for long, as a prune does, costs nobody a lease. What was
                // not given back now is with the next one.
                let given_back =
                    async { patiently!(session.hosts, place, |connection, _again| session.give_back(connection)) };
                drop(timeout(length / RENEWALS, given_back).await);
            }
            Ok(Ok(false)) => return session.lose(ran_out(length)),
            Ok(Err(trouble)) => return session.lose(format!("it can't be renewed: {}", trouble.told(&place))),
            Err(_) => return session.lose(format!("{place} did not renew it within {length:?}")),
        }
    }
}

/// How long ago a time of [`SystemClock::monotonic`] was.
fn since(at: Duration) -> Duration {
    SystemClock.monotonic().saturating_sub(at)
}

fn try_limit(length: Duration) -> Duration {
    (length / TRIES).max(TRY_LEAST)
}

fn ran_out(length: Duration) -> String {
    format!("it was not renewed for {length:?}, and another process may hold it now")
}

fn seconds(length: Duration) -> f64 {
    length.as_secs_f64()
}
