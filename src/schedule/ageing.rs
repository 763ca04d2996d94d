use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::civil::later;
use super::{Policy, Standing};

/// How a password's age stands to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgeState {
    /// No limit is configured.
    Unlimited,
    /// Well below the limit.
    Fresh,
    /// The time of the warnings has begun.
    Near,
    /// The last quarter of it has, or no window opens before the limit.
    Urgent,
    /// There is a limit, and nobody knows when the password was set. Counts as overdue.
    Unknown,
    /// At the limit or over it.
    Overdue,
}

/// A password's age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Age {
    /// How old it is, where that is known; never negative.
    pub age: Option<SignedDuration>,
    /// When it reaches its limit.
    pub over_at: Option<Timestamp>,
    /// How that stands.
    pub state: AgeState,
}

/// The age of an account's password.
pub fn age(policy: &Policy, standing: &Standing, now: Timestamp) -> Age {
    let age = standing.set_at.map(|set_at| set_at.duration_until(now).max(SignedDuration::ZERO));
    let Some(max_age) = policy.max_age else { return Age { age, over_at: None, state: AgeState::Unlimited } };
    let Some(over_at) = standing.set_at.map(|set_at| later(set_at, max_age)) else {
        return Age { age, over_at: None, state: AgeState::Unknown };
    };
    let left = now.duration_until(over_at);
    let opens_in_time = || policy.windows.next_open(now).is_some_and(|open| open < over_at);
    let state = if left <= SignedDuration::ZERO {
        AgeState::Overdue
    } else if left <= policy.warn_before / 4 || !opens_in_time() {
        AgeState::Urgent
    } else if left <= policy.warn_before {
        AgeState::Near
    } else {
        AgeState::Fresh
    };
    Age { age, over_at: Some(over_at), state }
}
