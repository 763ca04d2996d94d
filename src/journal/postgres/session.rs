use std::collections::BTreeSet;
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
use crate::journal::lease::Hold;
use crate::journal::{Busy, JournalError, Lease};

/// Connections of a session beside the journal's: what keeps it alive waits for nothing else.
const CONNECTIONS: usize = 3;

/// Of a lease's length, how often it is renewed within it.
const RENEWALS: u32 = 3;

/// How long giving a lease back may take; what remains is given back with the next renewal.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// Dead sessions that nobody took over are removed after a day.
const REMOVE_DEAD: &str = "DELETE FROM sessions WHERE until < clock_timestamp() - interval '1 day'";

/// A process that holds leases: alive until a time of the database's clock, which it moves on again and again. Once that is
/// over it is dead for good, whether somebody took its leases or not: it may have slept, and can't know.
pub(super) struct Session {
    id: i64,
    hosts: Hosts,
    held: Mutex<BTreeSet<String>>,
    lost: watch::Sender<Option<String>>,
    renewal: Mutex<Option<AbortHandle>>,
}

impl Session {
    /// Begins one.
    pub(super) async fn begin(place: super::PostgresPlace, holder: &str) -> Result<Arc<Self>, Trouble> {
        let (name, length) = (place.to_string(), seconds(place.lease));
        let hosts = Hosts::new(place, CONNECTIONS);
        let id = patiently!(hosts, name, |connection, _again| async {
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
            held: Mutex::default(),
            lost: watch::Sender::new(None),
            renewal: Mutex::default(),
        });
        let task = tokio::spawn(renew(Arc::downgrade(&session), session.hosts.place().lease));
        *session.renewal.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        Ok(session)
    }

    /// Forbids a write of a dead one. Under the lock of the chain's end: whoever takes its leases over waits for that.
    pub(super) async fn check(&self, connection: &mut PgConnection) -> Result<(), Trouble> {
        if self.is_alive(connection).await? { Ok(()) } else { Err(self.dead().into()) }
    }

    fn dead(&self) -> JournalError {
        JournalError::LeaseLost { cause: self.lost.borrow().clone().unwrap_or_default() }
    }

    async fn is_alive(&self, connection: &mut PgConnection) -> Result<bool, Trouble> {
        let alive: Option<bool> = sqlx::query_scalar("SELECT until > clock_timestamp() FROM sessions WHERE id = $1")
            .bind(self.id)
            .fetch_optional(connection)
            .await?;
        if alive != Some(true) {
            self.lose(ran_out(self.hosts.place().lease));
        }
        Ok(alive == Some(true))
    }

    fn lose(&self, why: String) {
        self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            lost.get_or_insert(why);
            first
        });
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all of the leases, or says who has one.
    pub(super) async fn take(self: &Arc<Self>, names: &[String]) -> Result<Lease, Busy> {
        let place = self.hosts.place().to_string();
        let mine = |name: &String| Busy::Held { name: name.clone(), holder: "this process".to_owned() };
        let names: BTreeSet<String> = names.iter().cloned().collect();
        {
            let mut held = self.held();
            if let Some(taken) = names.iter().find(|name| held.contains(*name)) {
                return Err(mine(taken));
            }
            held.extend(names.iter().cloned());
        }
        let taken = patiently!(self.hosts, place.clone(), |connection, _again| self.take_once(connection, &names));
        // Gives the names back when it is dropped.
        let hold = Leases { session: Arc::clone(self), names };
        match taken {
            Ok(None) => Ok(Lease::new(hold)),
            Ok(Some(busy)) => Err(busy),
            Err(trouble) => Err(Busy::NoLease { cause: trouble.told(&place).to_string(), place }),
        }
    }

    async fn take_once(
        &self,
        connection: &mut PgConnection,
        names: &BTreeSet<String>,
    ) -> Result<Option<Busy>, Trouble> {
        let mut transaction = connection.begin().await?;
        // Nobody writes meanwhile: what a dead session was about to write comes before, or not at all.
        sqlx::query("SELECT FROM head FOR UPDATE").execute(&mut *transaction).await?;
        self.check(&mut transaction).await?;
        for name in names {
            // The lock waits for a renewal that is under way.
            let taken: Option<(i64, String, bool, i64)> = sqlx::query_as(
                "SELECT s.id, s.holder, s.until > clock_timestamp(), ceil(extract(epoch FROM s.until - clock_timestamp()))::bigint FROM leases l JOIN sessions s ON s.id = l.session WHERE l.name = $1 FOR UPDATE OF s",
            )
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await?;
            match taken {
                // Left over from a try whose answer was lost.
                Some((id, ..)) if id == self.id => {}
                Some((_, holder, true, left_s)) => {
                    let holder = format!("{holder} (its lease runs out in {left_s} s if it does not renew it)");
                    transaction.rollback().await?;
                    return Ok(Some(Busy::Held { name: name.clone(), holder }));
                }
                Some((dead, _, false, _)) => {
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

    /// Lives on for a lease's length from now. `false` = it was dead.
    async fn renew_once(&self, connection: &mut PgConnection) -> Result<bool, Trouble> {
        let renewed = sqlx::query(
            "UPDATE sessions SET until = clock_timestamp() + make_interval(secs => $2) WHERE id = $1 AND until > clock_timestamp()",
        )
        .bind(self.id)
        .bind(seconds(self.hosts.place().lease))
        .execute(&mut *connection)
        .await?;
        if renewed.rows_affected() == 0 {
            return Ok(false);
        }
        let held: Vec<String> = self.held().iter().cloned().collect();
        sqlx::query("DELETE FROM leases WHERE session = $1 AND name <> ALL($2)")
            .bind(self.id)
            .bind(held)
            .execute(connection)
            .await?;
        Ok(true)
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
        let asked = async { patiently!(self.hosts, place, |connection, _again| self.is_alive(connection)) };
        match timeout(length, asked).await {
            Ok(Ok(true)) => Ok(()),
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
        let names: Vec<String> = self.names.iter().cloned().collect();
        session.held().retain(|name| !self.names.contains(name));
        let given_back = async {
            let place = session.hosts.place().to_string();
            patiently!(session.hosts, place, |connection, _again| async {
                sqlx::query("DELETE FROM leases WHERE session = $1 AND name = ANY($2)")
                    .bind(session.id)
                    .bind(&names)
                    .execute(&mut *connection)
                    .await
                    .map_err(Trouble::from)
            })
        };
        if !matches!(timeout(RELEASE_LIMIT, given_back).await, Ok(Ok(_))) {
            tracing::warn!(names = names.join(", "), "leases were not given back yet");
        }
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.session.held().retain(|name| !self.names.contains(name));
    }
}

/// Keeps a session alive for as long as anybody has it.
async fn renew(session: std::sync::Weak<Session>, length: Duration) {
    let pause = length / RENEWALS;
    loop {
        sleep(pause).await;
        let Some(session) = session.upgrade() else { return };
        let place = session.hosts.place().to_string();
        let renewed = async { patiently!(session.hosts, place, |connection, _again| session.renew_once(connection)) };
        // Counted from the renewal before, the lease is over then.
        match timeout(length - pause, renewed).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return session.lose(ran_out(length)),
            Ok(Err(trouble)) => return session.lose(format!("it can't be renewed: {}", trouble.told(&place))),
            Err(_) => return session.lose(format!("{place} did not renew it within {length:?}")),
        }
    }
}

fn ran_out(length: Duration) -> String {
    format!("it was not renewed for {length:?}, and another process may hold it now")
}

fn seconds(length: Duration) -> f64 {
    length.as_secs_f64()
}
