//! How a check ends, and the words for it.

use crate::port::{Fault, Meaning};

/// Why a check ends before it has shown that the promise is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The promise is broken, or the world it is tried in is: how.
    Failed(String),
    /// This world can't show it: why.
    NotApplicable(String),
}

/// An answer of the world that an adapter is tried in. Its own troubles are failures too: a check that could not look
/// has not passed.
pub type Able<T> = Result<T, Stop>;

/// The answer of a world that lacks a capability.
pub fn unable<T>(why: &str) -> Able<T> {
    Err(Stop::NotApplicable(why.to_owned()))
}

/// What a check says in the end.
pub(super) type Verdict = Able<()>;

/// Ends the check as failed unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Stop::Failed(format!($($words)+)));
        }
    };
}
pub(super) use ensure;

/// The answer of a call that must be done.
pub(super) fn done<T>(answer: Result<T, Fault>, call: &str) -> Able<T> {
    answer.map_err(|fault| Stop::Failed(format!("{call} is {}: {fault}", fault.meaning)))
}

/// The fault of a call that must fail, and with that meaning.
pub(super) fn fault<T>(answer: Result<T, Fault>, meaning: Meaning, call: &str) -> Able<Fault> {
    match answer {
        Ok(_) => Err(Stop::Failed(format!("{call} is done, not {meaning}"))),
        Err(fault) if fault.meaning != meaning => {
            Err(Stop::Failed(format!("{call} is {}, not {meaning}: {fault}", fault.meaning)))
        }
        Err(fault) if fault.doing.is_empty() || fault.cause.is_empty() => {
            Err(Stop::Failed(format!("{call} is {meaning} and does not say why: {fault:?}")))
        }
        Err(fault) => Ok(fault),
    }
}
