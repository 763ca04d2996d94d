use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why an account is not rotated by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blocked {
    /// A rotation of it is held, and waits for a person.
    Held {
        /// Which.
        rotation: String,
    },
    /// A rotation of it is under way.
    Running {
        /// Which.
        rotation: String,
    },
    /// Exempt by the configuration. It blocks no longer than this.
    Exempt {
        /// Until when.
        until: Timestamp,
    },
    /// Windows changes the password itself.
    Managed,
    /// Somebody else changed it, or is about to; in words.
    Foreign(String),
}

/// What is known of an account, from the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// When the password was last surely set.
    pub set_at: Option<Timestamp>,
    /// Since when the journal knows the account.
    pub known_since: Timestamp,
    /// When a rotation of it last began.
    pub last_attempt: Option<Timestamp>,
    /// When one last failed.
    pub last_failure: Option<Timestamp>,
    /// Failures since the last success, or the last word of a person.
    pub failures: u32,
    /// When a person let the schedule try again after failures, and it has not tried since.
    pub renewed_at: Option<Timestamp>,
    /// What keeps it from being rotated.
    pub blocked: Option<Blocked>,
}

impl Standing {
    /// An account that the journal has just met.
    pub fn new(known_since: Timestamp) -> Self {
        Self {
            set_at: None,
            known_since,
            last_attempt: None,
            last_failure: None,
            failures: 0,
            renewed_at: None,
            blocked: None,
        }
    }

    /// The last change or attempt.
    pub(super) fn last_touched(&self) -> Option<Timestamp> {
        self.set_at.max(self.last_attempt)
    }
}
