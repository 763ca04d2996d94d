//! The journal: every event of every rotation, durable before it counts, in one hash chain.
//!
//! It is the engine's memory and the auditor's record at once. An entry is appended only when nothing else
//! was appended to the rotation since it was read, and only by the holder of the rotation's latest epoch.

mod entry;
#[cfg(feature = "app")]
mod index;
mod lease;
mod note;
#[cfg(feature = "app")]
mod place;
#[cfg(feature = "app")]
mod postgres;
mod prune;
mod source;
#[cfg(feature = "app")]
mod sqlite;
mod stored;

use async_trait::async_trait;
use jiff::Timestamp;

pub use entry::{Chain, Entry, FORMAT, Row};
pub use lease::{Busy, Lease};
pub use note::{Exempt, Member, Note, Noted, Range, Vouching};
#[cfg(feature = "app")]
pub use place::Place;
#[cfg(feature = "app")]
pub use postgres::{Password, PostgresJournal, PostgresPlace};
pub use prune::Cut;
pub use source::Source;
#[cfg(feature = "app")]
pub use sqlite::SqliteJournal;
pub use stored::Stored;

use crate::rotation::{Event, Procedure};

/// The stream of the notes, beside those of the rotations.
pub const NOTES: &str = "notes";

/// How a rotation stands, as far as the journal's index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In flight, or interrupted.
    Running,
    /// Waits for a person.
    Held,
    /// Over.
    Closed,
}

/// What became of a rotation, as far as the journal's index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// In flight, or interrupted.
    Running,
    /// Waits for a person.
    Held,
    /// All new.
    Finished,
    /// All old.
    RolledBack,
    /// Held, and closed by the repair that replaced it.
    Repaired,
}

impl Became {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Running, Self::Held, Self::Finished, Self::RolledBack, Self::Repaired];

    /// The word of it, as stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Held => "held",
            Self::Finished => "finished",
            Self::RolledBack => "rolled-back",
            Self::Repaired => "repaired",
        }
    }
}

/// A rotation as the journal lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The rotation.
    pub id: String,
    /// The account's name in the configuration.
    pub account: String,
    /// How it stands.
    pub state: State,
    /// The position of its first entry: its place in the list.
    pub begun: i64,
}

/// Which rotations are listed. `Query::default()` = all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only this account's.
    pub account: Option<String>,
    /// Only those that are not closed.
    pub open: bool,
    /// Only those whose plan turns the sync scheduler off.
    pub pausing: bool,
    /// Only those of this procedure.
    pub procedure: Option<Procedure>,
    /// Only those with an entry at or after this time.
    pub since: Option<Timestamp>,
    /// Only those of which this became.
    pub became: Option<Became>,
    /// Only those that this initiator asked for, word for word.
    pub initiator: Option<String>,
    /// Only those that began from the one second on up to the other, which is not included.
    pub began: (Option<Timestamp>, Option<Timestamp>),
    /// Only those whose first entry lies before this position.
    pub before: Option<i64>,
    /// Only so many, the newest.
    pub newest: Option<u32>,
}

impl Query {
    /// Those of an account.
    pub fn of(account: &str) -> Self {
        Self { account: Some(account.to_owned()), ..Self::default() }
    }
}

/// Why the journal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another rotation of the account is in flight.
    #[error("rotation {rotation} of {account} is in flight")]
    InFlight {
        /// The account.
        account: String,
        /// The rotation in flight.
        rotation: String,
    },
    /// Somebody else took the rotation up, or wrote to it: this process must not go on.
    #[error("rotation {rotation} was taken up by another process")]
    Fenced {
        /// The rotation.
        rotation: String,
    },
    /// This process was away for longer than its lease: another one may be at work by now.
    #[error("the lease was lost: {cause}")]
    LeaseLost {
        /// What is known of it.
        cause: String,
    },
    /// No such rotation.
    #[error("there is no rotation {rotation} in the journal")]
    Unknown {
        /// What was asked for.
        rotation: String,
    },
    /// The disk has no room for another entry.
    #[error("the disk of the journal {path} is full")]
    DiskFull {
        /// The journal's place.
        path: String,
    },
    /// There are entries already.
    #[error("the journal {path} is not empty")]
    NotEmpty {
        /// The journal's place.
        path: String,
    },
    /// What was to be pruned is not what was looked at.
    #[error("nothing was pruned: {cause}")]
    NotPruned {
        /// What differs.
        cause: String,
    },
    /// What was to be imported is no good.
    #[error("nothing was imported: {cause}")]
    NotImported {
        /// Why.
        cause: String,
    },
    /// An entry that this program can't read.
    #[error("entry {position} of the journal can't be read: {cause}")]
    Unreadable {
        /// Its position.
        position: i64,
        /// Why.
        cause: String,
    },
    /// The database did not answer for as long as one waits for it. What was asked may have been done.
    #[error("the journal {path} is away: {cause}")]
    Away {
        /// The journal's place.
        path: String,
        /// What was last seen of it.
        cause: String,
    },
    /// The store failed.
    #[error("the journal {path} can't be used: {cause}")]
    Store {
        /// The journal's place.
        path: String,
        /// Why.
        cause: String,
    },
}

/// A durable log of rotations.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Begins a rotation with its first event. Refused when one of the account is in flight. Its epoch is 1.
    async fn begin(&self, id: &str, account: &str, at: Timestamp, event: &Event) -> Result<Entry, JournalError>;

    /// Appends one event as number `seq` of the rotation: compare-and-set on rotation and sequence, fenced by
    /// the epoch. When it returns `Ok` the entry survives a power cut.
    async fn append(&self, id: &str, epoch: i64, seq: i64, at: Timestamp, event: &Event)
    -> Result<Entry, JournalError>;

    /// Takes a rotation up: a new epoch, and with it every earlier holder is fenced off. Appends
    /// [`Event::Claimed`].
    async fn claim(&self, id: &str, holder: &str, at: Timestamp) -> Result<i64, JournalError>;

    /// All entries of a rotation, in order.
    async fn read(&self, id: &str) -> Result<Vec<Entry>, JournalError>;

    /// Of a rotation's entries those that tell when an engine was given a password: intents and what was done of them, in
    /// order. Few of many, and asked for by every preflight.
    async fn engine_changes(&self, id: &str) -> Result<Vec<Entry>, JournalError>;

    /// Rotations, oldest first.
    async fn list(&self, query: &Query) -> Result<Vec<Listed>, JournalError>;

    /// Writes a note. When it returns `Ok` the note survives a power cut.
    async fn note(&self, at: Timestamp, note: &Note) -> Result<Noted, JournalError>;

    /// The notes after a position, in order, in pages: fewer than a page = there are no more.
    async fn notes(&self, after: i64) -> Result<Vec<Noted>, JournalError>;

    /// All entries after a position as they are stored, in order, in pages: an empty page = there are no more.
    async fn stored(&self, after: i64) -> Result<Vec<Stored>, JournalError>;

    /// Writes a note that is made of the entry right before it: nothing can come between the two.
    async fn vouch(&self, at: Timestamp, note: &Vouching<'_>) -> Result<Noted, JournalError>;

    /// Takes all entries of a source in, with their positions and hashes. Only into a journal without entries, and all or none:
    /// a fault of the source leaves the journal as it was. Returns how many there are.
    async fn import(&self, source: &mut dyn Source) -> Result<u64, JournalError>;

    /// Removes closed rotations, writes the tombstone first, all in one. Refused when anything is not as the cut says.
    async fn prune(&self, at: Timestamp, cut: &Cut, tombstone: &Vouching<'_>) -> Result<Noted, JournalError>;

    /// Takes leases on accounts and servers, all or none, or says who has one. Does not wait. What is done under them runs in
    /// [`Lease::during`].
    async fn lease(&self, names: &[String], holder: &str) -> Result<Lease, Busy>;

    /// Makes room for an ending on a full disk, once. `false` when that was done before.
    fn release_ballast(&self) -> bool;
}
