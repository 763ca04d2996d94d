use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Calendar, Windows};

/// What becomes of fires that were missed, because the program did not run or the machine slept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misfire {
    /// Nothing: the next fire counts. A maximum age counts all the same.
    Skip,
    /// They are made up for by one rotation, in the next open window, with jitter.
    #[default]
    Once,
    /// The same without jitter.
    Now,
}

/// How failures are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// How long after the first failure; doubled after each further one.
    pub first: SignedDuration,
    /// The longest time between two attempts.
    pub longest: SignedDuration,
    /// Failures after which nothing is tried any more.
    pub budget: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: SignedDuration::from_mins(15), longest: SignedDuration::from_hours(12), budget: 5 }
    }
}

impl Retry {
    /// How long to wait after the failure that makes `failures`.
    pub fn wait(&self, failures: u32) -> SignedDuration {
        let factor = 1_i32.checked_shl(failures.saturating_sub(1).min(31)).filter(|factor| *factor > 0);
        factor.and_then(|factor| self.first.checked_mul(factor)).map_or(self.longest, |wait| wait.min(self.longest))
    }
}

/// What is wished for an account.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// When to rotate.
    pub calendar: Option<Calendar>,
    /// When rotations may start.
    pub windows: Windows,
    /// Over how long starts are spread.
    pub jitter: SignedDuration,
    /// The least time between two changes.
    pub minimum_gap: SignedDuration,
    /// The age that no password should reach.
    pub max_age: Option<SignedDuration>,
    /// How long before `max_age` a rotation is due, and the warnings begin.
    pub warn_before: SignedDuration,
    /// What becomes of missed fires.
    pub misfire: Misfire,
    /// How failures are tried again.
    pub retry: Retry,
}
