//! The test's own hand at the database.

use entra_rotator::journal::PostgresPlace;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE application_name = 'entra-rotator' AND datname = current_database()";

/// Does what the database does to its clients, and what time does to a session.
pub(super) struct Hand(PgConnection);

impl Hand {
    pub(super) async fn new(place: &PostgresPlace, password: &str) -> Self {
        let (host, port) = &place.hosts[0];
        let options = PgConnectOptions::new_without_pgpass()
            .host(host)
            .port(*port)
            .database(&place.database)
            .username(&place.user)
            .password(password)
            .application_name("the soak");
        Self(PgConnection::connect_with(&options).await.expect("a connection"))
    }

    /// Cuts every connection of the replicas and the administrator.
    pub(super) async fn cut_connections(&mut self) {
        sqlx::query(CUT).execute(&mut self.0).await.expect("cut");
    }

    /// The session that holds a lease.
    pub(super) async fn session_of(&mut self, lease: &str) -> i64 {
        let asked = sqlx::query_scalar("SELECT session FROM leases WHERE name = $1").bind(lease);
        asked.fetch_one(&mut self.0).await.expect("somebody holds it")
    }

    /// Its time is over, by the database's clock.
    pub(super) async fn end_session(&mut self, session: i64) {
        let ended = sqlx::query("UPDATE sessions SET until = clock_timestamp() - interval '1 second' WHERE id = $1");
        ended.bind(session).execute(&mut self.0).await.expect("ended");
    }

    /// The position of the last entry.
    pub(super) async fn entries(&mut self) -> i64 {
        sqlx::query_scalar("SELECT position FROM head").fetch_one(&mut self.0).await.expect("read")
    }

    pub(super) async fn bytes(&mut self) -> u64 {
        let asked = sqlx::query_scalar::<_, i64>("SELECT pg_database_size(current_database())");
        asked.fetch_one(&mut self.0).await.expect("asked").unsigned_abs()
    }
}
