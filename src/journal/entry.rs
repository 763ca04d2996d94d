use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::rotation::Event;

/// Version of the stored form of an entry.
pub const FORMAT: i64 = 1;

/// One entry: an event of a rotation, at its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Place in the whole journal, from 1, without gaps.
    pub position: i64,
    /// The rotation.
    pub rotation: String,
    /// Place in the rotation, from 0, without gaps.
    pub seq: i64,
    /// The writer's epoch.
    pub epoch: i64,
    /// When it was written, by the writer's clock.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// SHA-256 over the entry before and this one, in hex.
    pub hash: String,
}

/// The hash chain. An entry's hash is SHA-256 over these lines, each ended by a line feed: the hash of the
/// entry before (64 zeros for the first), position, rotation, seq, epoch, at, format, and the event's JSON as
/// it is stored.
#[derive(Clone, Debug)]
pub struct Chain {
    position: i64,
    hash: String,
}

impl Default for Chain {
    fn default() -> Self {
        Self { position: 0, hash: Self::NONE.to_owned() }
    }
}

/// The stored columns of an entry, as they are hashed.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    /// The rotation.
    pub rotation: &'r str,
    /// Place in the rotation.
    pub seq: i64,
    /// The writer's epoch.
    pub epoch: i64,
    /// The time, as stored.
    pub at: &'r str,
    /// Version of the stored form.
    pub format: i64,
    /// The event's JSON, as stored.
    pub event: &'r str,
}

impl Chain {
    /// What stands for the hash of the entry before the first one.
    pub const NONE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// The chain after an entry that is already stored.
    pub fn after(position: i64, hash: String) -> Self {
        Self { position, hash }
    }

    /// The last entry's position.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The last entry's hash.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Position and hash of the entry that `row` becomes.
    pub fn next(&self, row: Row<'_>) -> (i64, String) {
        let position = self.position + 1;
        let Row { rotation, seq, epoch, at, format, event } = row;
        let text = format!("{}\n{position}\n{rotation}\n{seq}\n{epoch}\n{at}\n{format}\n{event}\n", self.hash);
        (position, hex::encode(Sha256::digest(text.as_bytes())))
    }
}
