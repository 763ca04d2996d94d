use super::{Entry, FORMAT, JournalError, Noted, Row};

/// An entry as it is stored: its columns, with nothing read out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Place in the whole journal.
    pub position: i64,
    /// The rotation, or [`NOTES`](super::NOTES).
    pub rotation: String,
    /// Place in the rotation.
    pub seq: i64,
    /// The writer's epoch.
    pub epoch: i64,
    /// The time.
    pub at: String,
    /// Version of the stored form.
    pub format: i64,
    /// The event's JSON, or the note's.
    pub event: String,
    /// The entry's hash.
    pub hash: String,
}

/// The columns in the order in which every store is asked for them.
pub(super) type Columns = (i64, String, i64, i64, String, i64, String, String);

impl From<Columns> for Stored {
    fn from((position, rotation, seq, epoch, at, format, event, hash): Columns) -> Self {
        Self { position, rotation, seq, epoch, at, format, event, hash }
    }
}

impl Stored {
    /// What its hash is made of, but for the entry before.
    pub fn row(&self) -> Row<'_> {
        let Self { rotation, seq, epoch, at, format, event, .. } = self;
        Row { rotation, seq: *seq, epoch: *epoch, at, format: *format, event }
    }

    /// Reads an event out of it.
    pub fn entry(self) -> Result<Entry, JournalError> {
        let (at, event) = self.read()?;
        let Self { position, rotation, seq, epoch, hash, .. } = self;
        Ok(Entry { position, rotation, seq, epoch, at, event, hash })
    }

    /// Reads a note out of it.
    pub fn noted(self) -> Result<Noted, JournalError> {
        let (at, note) = self.read()?;
        Ok(Noted { position: self.position, at, note, hash: self.hash })
    }

    fn read<T: serde::de::DeserializeOwned>(&self) -> Result<(jiff::Timestamp, T), JournalError> {
        let unreadable = |cause: String| JournalError::Unreadable { position: self.position, cause };
        if self.format != FORMAT {
            return Err(unreadable(format!("it has format {}, this program knows format {FORMAT}", self.format)));
        }
        let at = self.at.parse().map_err(|cause| unreadable(format!("`{}` is no time: {cause}", self.at)))?;
        Ok((at, serde_json::from_str(&self.event).map_err(|cause| unreadable(cause.to_string()))?))
    }
}
