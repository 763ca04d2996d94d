use std::fmt;

use serde::Serialize;

/// What was done to a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// An entry's content is not what was hashed.
    Changed,
    /// Entries are missing, and nobody signed that they were pruned.
    Removed,
    /// Entries are there, in another order.
    Swapped,
    /// An entry was put between others.
    Inserted,
    /// The end is missing: a head was sent out of an entry that is not there any more.
    CutOff,
    /// The journal went another way after an older state: a head was sent out of an entry that is another one now.
    RolledBack,
    /// Two heads were sent out that can't both be of one history.
    Forked,
    /// A signature does not fit what it stands under.
    Forged,
    /// Somebody signed whose key nobody vouches for.
    UnknownKey,
    /// Nothing is signed, and it should be.
    Unsigned,
}

impl Word {
    /// Whether it says who signed, and nothing of what was done.
    pub fn is_of_keys(self) -> bool {
        matches!(self, Self::UnknownKey | Self::Unsigned)
    }

    /// The word, as JSON has it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Swapped => "swapped",
            Self::Inserted => "inserted",
            Self::CutOff => "cut-off",
            Self::RolledBack => "rolled-back",
            Self::Forked => "forked",
            Self::Forged => "forged",
            Self::UnknownKey => "unknown-key",
            Self::Unsigned => "unsigned",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The first entry that can't be what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {position}: {word}: {cause}")]
pub struct Finding {
    /// Its position, or the one where it should be.
    pub position: i64,
    /// What was done.
    pub word: Word,
    /// By what that is seen.
    pub cause: String,
}

impl Finding {
    pub(super) fn new(position: i64, word: Word, cause: impl Into<String>) -> Self {
        Self { position, word, cause: cause.into() }
    }
}
