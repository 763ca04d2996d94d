// needs: packages-postgres.txt
// limit: 300
//! The journal on a real PostgreSQL: what every store keeps to, leases, fencing, and a database that goes away.

mod cluster;
#[path = "../suite/journal/contract.rs"]
mod contract;
mod failing;
mod leases;
#[path = "../suite/journal/moved.rs"]
mod moved;
#[path = "../suite/silent.rs"]
mod silent;
mod soak;
#[path = "../suite/journal/standing.rs"]
mod standing;
mod tls;

/// Where the checks of every store look for themselves.
mod journal {
    pub(crate) use super::{contract, moved, standing};
}

use cluster::Database;
use entra_rotator::journal::PostgresJournal;

async fn fresh() -> (PostgresJournal, Database) {
    let database = Database::fresh().await;
    (database.journal().await, database)
}

mod store {
    crate::contract::kept_by!(crate::fresh);
}
