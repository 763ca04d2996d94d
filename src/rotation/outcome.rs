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
            Self::JournalBehind { .. } => "journal-behind",
        }
    }

    /// The operator's next step.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => {
                "find out who set the password, then `rotate --repair` sets a fresh one everywhere; the candidates stay in the vault until it is proven"
            }
            Self::NotSeen { .. } => "make the named system reachable again, then `resume`",
            Self::BudgetSpent { .. } => {
                "the new password is live and proven and lies in the vault as pending or current; mend the cause above, then `resume`"
            }
            Self::ForwardOnly { .. } => {
                "the old password is not known, so there is nothing to go back to; mend the cause above, then `resume`"
            }
            Self::RollbackFailed { .. } => {
                "both passwords are in the vault; mend the cause above, then `resume` carries the rollback on"
            }
            Self::JournalBehind { .. } => {
                "find the journal that wrote those values, or `rotate --repair` to set a fresh password everywhere"
            }
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
                write!(f, "{step} failed and the old password is not known")
            }
            Self::RollbackFailed { step } => write!(f, "going back failed at {step}"),
            Self::JournalBehind { seen } => {
                write!(f, "the journal is older than the world: {seen}")
            }
        }
    }
}
