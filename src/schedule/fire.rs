use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Blocked;

/// What put a fire off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// No maintenance window was open.
    Window,
    /// A blackout day.
    Blackout,
    /// The password was set, or a rotation tried, too short a time ago.
    MinimumGap,
    /// The account's own share of the jitter.
    Jitter,
    /// The clock shows a time before the last change: it was set back, and can't be believed.
    ClockBehind,
}

/// One cause of waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutOff {
    /// The cause.
    pub by: By,
    /// Until when.
    pub until: Timestamp,
    /// In the administrator's words: a blackout's reason.
    pub why: Option<String>,
}

/// Why an account is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its calendar.
    Calendar,
    /// Its maximum age comes near, or its age is not known.
    MaxAge,
    /// One or more fires of its calendar were missed.
    Misfire,
    /// An attempt failed.
    Retry {
        /// Which attempt this is: after the first failure the second.
        attempt: u32,
    },
    /// Attempts failed, and a person let the schedule try again.
    Renewed,
}

/// A rotation to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fire {
    /// From when on it may start. Always an open moment.
    pub at: Timestamp,
    /// When its rule asks for it, before anything put it off. It names the fire: one nominal time is handled once.
    pub nominal: Timestamp,
    /// Why.
    pub reason: Reason,
    /// What put it off, in order.
    pub put_off: Vec<PutOff>,
}

/// Whether and when an account is to be rotated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Due {
    /// By hand only.
    Never {
        /// Why, as a sentence's end.
        why: &'static str,
    },
    /// Not while this lasts.
    Blocked(Blocked),
    /// The retries are used up: held until a person has a word.
    GaveUp {
        /// How often it failed.
        failures: u32,
    },
    /// From then on; due now when `at` is not later than now.
    At(Fire),
}
