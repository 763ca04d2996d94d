use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection as _, PgConnection, Row as _};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::PostgresPlace;
use super::trouble::Trouble;

/// How long connecting to one server may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long one statement, a wait for a lock, or a transaction that stands still may take; the server ends it. A process
/// that is stopped in the middle of a transaction keeps the others waiting no longer. Set once it is connected: a pooler
/// refuses settings that come with the connection.
const SERVER_LIMITS: &str =
    "SET statement_timeout = '20s'; SET lock_timeout = '15s'; SET idle_in_transaction_session_timeout = '8s'";

/// Connections to the one of several servers that takes writes. sqlx's pool knows one server only.
pub(super) struct Hosts {
    place: PostgresPlace,
    /// The server that took writes last.
    current: AtomicUsize,
    idle: Mutex<Vec<PgConnection>>,
    permits: Semaphore,
}

/// A connection in use. It goes back to the idle ones by [`Hosts::keep`]; dropped, it is closed, and what it was in the
/// middle of is undone by the server.
pub(super) struct InUse<'h> {
    pub(super) connection: PgConnection,
    permit: SemaphorePermit<'h>,
}

impl Hosts {
    pub(super) fn new(place: PostgresPlace, connections: usize) -> Self {
        Self { place, current: AtomicUsize::new(0), idle: Mutex::default(), permits: Semaphore::new(connections) }
    }

    pub(super) fn place(&self) -> &PostgresPlace {
        &self.place
    }

    /// An idle connection or a new one. Each server is tried once.
    pub(super) async fn connection(&self) -> Result<InUse<'_>, Trouble> {
        let permit = self.permits.acquire().await.map_err(|closed| Trouble::Lost(closed.to_string()))?;
        if let Some(connection) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(InUse { connection, permit });
        }
        let (first, count) = (self.current.load(Ordering::Relaxed), self.place.hosts.len());
        let mut last = Trouble::Lost("no server is named".to_owned());
        for index in (0..count).map(|next| (first + next) % count) {
            match timeout(CONNECT_LIMIT, self.connect(index)).await {
                Ok(Ok(connection)) => {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok(InUse { connection, permit });
                }
                Ok(Err(trouble)) => last = trouble.worse(last),
                Err(_) => last = Trouble::Lost(format!("no answer within {CONNECT_LIMIT:?}")).worse(last),
            }
        }
        Err(last)
    }

    /// Keeps a connection that works for the next one who needs it.
    pub(super) fn keep(&self, used: InUse<'_>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(used.connection);
        drop(used.permit);
    }

    /// One of them broke: the others may be of the same server, and are not waited for.
    pub(super) fn forget(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn connect(&self, index: usize) -> Result<PgConnection, Trouble> {
        let (host, port) = &self.place.hosts[index];
        let at = |trouble: Trouble| trouble.at(host, *port);
        let mut connection =
            PgConnection::connect_with(&self.options(host, *port)?).await.map_err(|cause| at(Trouble::of(&cause)))?;
        let row = sqlx::query("SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool, current_setting('synchronous_commit')")
            .fetch_one(&mut connection)
            .await
            .map_err(|cause| at(Trouble::of(&cause)))?;
        let read = |cause: sqlx::Error| at(Trouble::of(&cause));
        if row.try_get::<bool, _>(0).map_err(read)? {
            return Err(at(Trouble::Lost("it takes no writes: a standby".to_owned())));
        }
        sqlx::raw_sql(SERVER_LIMITS).execute(&mut connection).await.map_err(read)?;
        // Stronger settings than `on` stay as they are. Without it an entry could be gone after the server's power cut.
        if ["off", "local"].contains(&row.try_get::<&str, _>(1).map_err(read)?) {
            sqlx::query("SET synchronous_commit = 'on'").execute(&mut connection).await.map_err(read)?;
        }
        Ok(connection)
    }

    fn options(&self, host: &str, port: u16) -> Result<PgConnectOptions, Trouble> {
        let place = &self.place;
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(host)
            .port(port)
            .database(&place.database)
            .username(&place.user)
            .application_name("entra-rotator")
            .ssl_mode(if place.tls { PgSslMode::VerifyFull } else { PgSslMode::Disable })
            // Asked for only where numbers come as text, and refused by poolers.
            .extra_float_digits(None);
        if host.starts_with('/') {
            options = options.socket(host).ssl_mode(PgSslMode::Disable);
        }
        if let Some(password) = &place.password {
            let read = password.read().map_err(|fault| Trouble::Told(format!("{}: {}", fault.doing, fault.cause)))?;
            options = options.password(read.expose());
        }
        if let Some(file) = &place.ca_file {
            options = options.ssl_root_cert(file);
        }
        if let Some((certificate, key)) = &place.client {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        Ok(options)
    }
}
