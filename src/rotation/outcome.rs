use std::fmt;

use serde::{Deserialize, Serialize};

use super::Step;

/// How a rotation stands when nothing more happens by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// All new, proven, promoted.
    Finished,
    /// All old. Where the directory had been touched, proven as well.
    RolledBack,
    /// A person must look. Both secrets are kept.
    Held(Why),
}

/// Why a rotation is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Why {
    /// The account's password was set by somebody else meanwhile.
    Foreign {
        /// Where it was seen.
        step: Step,
    },
    /// The step could not be looked at within its budget, so it is not known whether it took effect.
    NotSeen {
        /// The step.
        step: Step,
    },
    /// After the pivot, a step failed until its budget was spent.
    BudgetSpent {
        /// The step.
        step: Step,
    },
    /// The old password is not known and the directory may hold the new one: only forward is possible.
    ForwardOnly {
        /// The step that failed.
        step: Step,
    },
    /// A step of the way back failed until its budget was spent.
    RollbackFailed {
        /// The step.
        step: Step,
    },
    /// The engine can't open its encryption key set (event 6028), and going back did not help or is not possible.
    KeySet {
        /// The step that showed it.
        step: Step,
    },
    /// A build up to 1.1.443.0 lost its encryption key by the reset, and a step after that failed.
    KeyLost {
        /// The step that failed.
        step: Step,
    },
    /// Vault or directory are ahead of the journal: it was restored from a backup, or another one is in use.
    JournalBehind {
        /// What shows it.
        seen: String,
    },
}

impl Why {
    /// The word of the reason, as stored.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "foreign",
            Self::NotSeen { .. } => "not-seen",
            Self::BudgetSpent { .. } => "budget-spent",
            Self::ForwardOnly { .. } => "forward-only",
            Self::RollbackFailed { .. } => "rollback-failed",
            Self::KeySet { .. } => "key-set",
            Self::KeyLost { .. } => "key-lost",
            Self::JournalBehind { .. } => "journal-behind",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { step } => {
                write!(f, "the password was set by somebody else, seen at {step}")
            }
            Self::NotSeen { step } => write!(f, "it could not be seen whether {step} took effect"),
            Self::BudgetSpent { step } => write!(f, "{step} went on failing after the new password was proven"),
            Self::ForwardOnly { step } => {
                write!(f, "{step} failed, and there is no way back from there")
            }
            Self::RollbackFailed { step } => write!(f, "going back failed at {step}"),
            Self::KeySet { step } => write!(f, "the engine can't open its encryption key set, seen at {step}"),
            Self::KeyLost { step } => write!(f, "the encryption key is gone with the old password, and {step} failed"),
            Self::JournalBehind { seen } => {
                write!(f, "the journal is older than the world: {seen}")
            }
        }
    }
}
