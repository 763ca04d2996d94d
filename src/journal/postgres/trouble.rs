use crate::journal::JournalError;

/// Why the database did not do what it was asked.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection, the server or its readiness for writes was lost: what was asked may have been done. Worth another try.
    Lost(String),
    /// Its disk is full.
    Full,
    /// It said no, and would again.
    Told(String),
    /// The journal itself said no.
    Journal(JournalError),
}

impl Trouble {
    /// What an error of the driver means. Codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    pub(super) fn of(cause: &sqlx::Error) -> Self {
        let Some(database) = cause.as_database_error() else {
            return match cause {
                // A certificate that is no good comes as this, and is none the better a second time.
                sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => Self::Told(io.to_string()),
                sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                    Self::Lost(cause.to_string())
                }
                _ => Self::Told(cause.to_string()),
            };
        };
        let code = database.code().unwrap_or_default().into_owned();
        let message = database.message().to_owned();
        match code.as_str() {
            "53100" => Self::Full,
            // Shut down, crashed, starting up, ended by an administrator; too many connections; a lock, a statement or a
            // transaction that took too long; a deadlock; a server that became a standby.
            "57P01" | "57P02" | "57P03" | "57P05" | "57014" | "53300" | "55P03" | "25P03" | "25P04" | "40001"
            | "40P01" | "25006" => Self::Lost(message),
            // A pooler's or a server's word that it will not speak so: it would say the same again.
            "08P01" => Self::Told(format!("{message} ({code})")),
            code if code.starts_with("08") => Self::Lost(message),
            _ => Self::Told(format!("{message} ({code})")),
        }
    }

    /// The same with the server's name.
    pub(super) fn at(self, host: &str, port: u16) -> Self {
        match self {
            Self::Lost(cause) => Self::Lost(format!("{host}:{port}: {cause}")),
            Self::Told(cause) => Self::Told(format!("{host}:{port}: {cause}")),
            other => other,
        }
    }

    /// Of two servers' answers the one that a person must act on.
    pub(super) fn worse(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Lost(_), Self::Told(_) | Self::Full) => other,
            (Self::Lost(this), Self::Lost(that)) if that != "no server is named" => {
                Self::Lost(format!("{that}; {this}"))
            }
            _ => self,
        }
    }

    /// As the journal tells it.
    pub(super) fn told(self, place: &str) -> JournalError {
        let path = place.to_owned();
        match self {
            Self::Journal(error) => error,
            Self::Full => JournalError::DiskFull { path },
            Self::Lost(cause) => JournalError::Away { path, cause },
            Self::Told(cause) => JournalError::Store { path, cause },
        }
    }
}

impl From<JournalError> for Trouble {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(cause: sqlx::Error) -> Self {
        Self::of(&cause)
    }
}
