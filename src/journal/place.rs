use std::path::PathBuf;

use super::{Journal, JournalError, SqliteJournal};

/// Where a journal is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In an SQLite file of this machine.
    File(PathBuf),
}

impl Place {
    /// Whether one was ever made there, as far as it can be told without asking. Looking makes none.
    pub fn is_there(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
        }
    }

    /// Opens it for rotating, and makes it if there is none.
    pub async fn open(&self) -> Result<Box<dyn Journal>, JournalError> {
        match self {
            Self::File(path) => Ok(Box::new(SqliteJournal::open(path).await?)),
        }
    }

    /// Opens it for reading, and for going on with what was begun.
    pub async fn open_as_it_is(&self) -> Result<Box<dyn Journal>, JournalError> {
        match self {
            Self::File(path) => Ok(Box::new(SqliteJournal::open_without_ballast(path).await?)),
        }
    }
}
