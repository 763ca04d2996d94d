use std::fmt;
use std::path::PathBuf;

use super::{Journal, JournalError, PostgresJournal, PostgresPlace, SqliteJournal};

/// Where a journal is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In an SQLite file of this machine.
    File(PathBuf),
    /// In a database of PostgreSQL, shared by replicas.
    Postgres(PostgresPlace),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(place) => place.fmt(f),
        }
    }
}

impl Place {
    /// Whether one was ever made there, as far as it can be told without asking. Looking makes none.
    pub fn is_there(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
            Self::Postgres(_) => true,
        }
    }

    /// Whether several processes share it on several machines: then a second service stands by.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Opens it for rotating, and makes it if there is none.
    pub async fn open(&self) -> Result<Box<dyn Journal>, JournalError> {
        match self {
            Self::File(path) => Ok(Box::new(SqliteJournal::open(path).await?)),
            Self::Postgres(place) => Ok(Box::new(PostgresJournal::open(place.clone()).await?)),
        }
    }

    /// Opens it for looking on while somebody works on it, who has brought it up to date. A database may be away: it is asked
    /// at the first look.
    pub async fn open_to_look(&self) -> Result<Box<dyn Journal>, JournalError> {
        match self {
            Self::File(_) => self.open_as_it_is().await,
            Self::Postgres(place) => Ok(Box::new(PostgresJournal::to_look(place.clone()))),
        }
    }

    /// Opens it for reading, and for going on with what was begun.
    pub async fn open_as_it_is(&self) -> Result<Box<dyn Journal>, JournalError> {
        match self {
            Self::File(path) => Ok(Box::new(SqliteJournal::open_without_ballast(path).await?)),
            Self::Postgres(place) => Ok(Box::new(PostgresJournal::open(place.clone()).await?)),
        }
    }
}
