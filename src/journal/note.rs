use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rotation::Trigger;

/// Something that happened and is no step of a rotation: the rest of the evidence. In the same hash chain, and without a
/// secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
pub enum Note {
    /// The accounts of the configuration and what is asked of each. Written whenever it differs from the one before.
    Population {
        /// The accounts, by name.
        accounts: Vec<Member>,
    },
    /// A rotation was wanted and none was begun.
    NotBegun {
        /// The account.
        account: String,
        /// What wanted it.
        trigger: Trigger,
        /// The word of the exit: `refused`, `later`, `busy`, `usage`; `managed-by-windows` where there is nothing to do.
        outcome: String,
        /// Why, with the next step.
        why: String,
    },
    /// When the directory says that a password was set: what is known of an account that was never rotated here.
    Age {
        /// The account.
        account: String,
        /// When it was set.
        set_at: Timestamp,
    },
    /// A condition holds that a person must know of: drift, overdue, held…
    Raised {
        /// Names the condition, the same until it is cleared.
        key: String,
        /// Its kind, one of a fixed list.
        kind: String,
        /// `info`, `warning` or `alarm`.
        severity: String,
        /// The account, where it is about one.
        account: Option<String>,
        /// One line.
        title: String,
        /// What was seen.
        text: String,
    },
    /// It holds no longer.
    Cleared {
        /// The condition.
        key: String,
        /// Its kind.
        kind: String,
        /// The account, where it was about one.
        account: Option<String>,
    },
    /// A person lets the schedule try an account again that had spent its tries.
    Renewed {
        /// The account.
        account: String,
        /// Who.
        by: String,
    },
    /// A person ordered something on the service's page, and the service took the order.
    Ordered {
        /// The account.
        account: String,
        /// `rotate`, `resume` or `rollback`.
        what: String,
        /// Who.
        by: String,
        /// Why, in that person's words; empty when not given.
        reason: String,
        /// The ticket; empty when not given.
        ticket: String,
    },
    /// What came of such an order; for each rotation that it was about.
    Answered {
        /// The account.
        account: String,
        /// Who ordered it.
        by: String,
        /// The rotation, where there is one.
        rotation: Option<String>,
        /// The word of the outcome.
        outcome: String,
        /// What holds now, why, and the next step.
        message: String,
    },
    /// The unattended service began.
    Started {
        /// Host and process.
        by: String,
        /// The program's version.
        version: String,
    },
    /// It ended in order.
    Stopped {
        /// Host and process.
        by: String,
        /// Why.
        why: String,
    },
    /// The first entry of a key that signs the history.
    SigningKey {
        /// The entry right before this one; 0 = there is none.
        position: i64,
        /// Its hash.
        hash: String,
        /// The key, in hex.
        key: String,
        /// The key that signed before it.
        replaces: Option<String>,
        /// Its own signature.
        signature: String,
        /// That of the key before it, where it was at hand.
        by_old: Option<String>,
    },
    /// Everything up to the entry right before this one, signed.
    Head {
        /// That entry.
        position: i64,
        /// Its hash.
        hash: String,
        /// By which key, in hex.
        key: String,
        /// The signature.
        signature: String,
    },
    /// Entries were pruned: the tombstone.
    Pruned {
        /// The entry right before this one.
        position: i64,
        /// Its hash.
        hash: String,
        /// Which.
        ranges: Vec<Range>,
        /// All of them were written before this time.
        before: Timestamp,
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// Signed by which key, in hex.
        key: String,
        /// The signature.
        signature: String,
    },
}

impl Note {
    /// One line for people. Names in it are as they were given.
    pub fn line(&self) -> String {
        match self {
            Self::Population { accounts } => format!("the configuration names {} accounts", accounts.len()),
            Self::NotBegun { outcome, why, .. } => format!("wanted and not begun ({outcome}): {why}"),
            Self::Age { set_at, .. } => format!("the directory says that the password was set at {set_at}"),
            Self::Raised { title, text, .. } => format!("{title}: {text}"),
            Self::Cleared { key, .. } => format!("no longer: {key}"),
            Self::Renewed { by, .. } => format!("{by} lets the schedule try it again"),
            Self::Ordered { what, by, .. } => format!("{by} ordered {what}"),
            Self::Answered { by, outcome, message, .. } => format!("what {by} ordered came to {outcome}: {message}"),
            Self::Started { by, version } => format!("the unattended service began: {by}, version {version}"),
            Self::Stopped { by, why } => format!("the unattended service ended: {by}: {why}"),
            Self::SigningKey { key, .. } => format!("the history is signed by the key {key} from here on"),
            Self::Head { position, key, .. } => format!("signed up to entry {position} by the key {key}"),
            Self::Pruned { ranges, by, reason, .. } => {
                // Somebody else may have written it.
                let entries =
                    ranges.iter().fold(0_i128, |sum, range| sum + i128::from(range.to) - i128::from(range.from) + 1);
                format!("{by} pruned: {entries} entries are gone from here: {reason}")
            }
        }
    }
}

/// Entries that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first position.
    pub from: i64,
    /// The last position.
    pub to: i64,
    /// The hash of the last one, on which the chain goes on.
    pub hash: String,
}

/// Makes a note of position and hash of the entry right before it. Called under the journal's lock, so it must be quick.
pub type Vouching<'v> = dyn Fn(i64, &str) -> Note + Send + Sync + 'v;

/// An account as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub account: String,
    /// `connector`, `service`, `entra` or `self`.
    pub kind: String,
    /// Its name in the vault.
    pub vault_name: String,
    /// How old its password may become, in days; `None` = nobody said.
    pub max_age_days: Option<u32>,
    /// When it is rotated, in words; empty = by hand only.
    pub schedule: String,
    /// Why it is not rotated, where it is exempt.
    pub exempt: Option<Exempt>,
}

/// An exemption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exempt {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The first instant at which it no longer holds.
    pub until: Timestamp,
}

/// A note at its place in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    /// Place in the whole journal.
    pub position: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    pub note: Note,
    /// The entry's hash.
    pub hash: String,
}
