use serde::{Deserialize, Serialize};

/// How often and how long. Journaled with the plan, so that a later version goes on by the same rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Applications of one step before it counts as failed.
    pub tries_max: u32,
    /// Applications of a step that waits for the world (replication, a gap between sync cycles).
    pub waits_max: u32,
    /// Applications of a wait for replication.
    #[serde(default = "converge_tries_default")]
    pub converge_tries_max: u32,
    /// Looks at one step that may fail before the rotation is held.
    pub looks_max: u32,
    /// Pause after the first failure, in milliseconds; doubles with each further one.
    pub retry_ms: u32,
    /// Longest pause, in milliseconds.
    pub retry_max_ms: u32,
}

/// Who asks for a longer pause than this many seconds is not waited for that long: somebody's sync may stand still.
const ASKED_MAX_S: u32 = 120;

/// About a quarter of an hour.
fn converge_tries_default() -> u32 {
    36
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tries_max: 3,
            waits_max: 30,
            converge_tries_max: converge_tries_default(),
            looks_max: 6,
            retry_ms: 500,
            retry_max_ms: 30_000,
        }
    }
}

impl Limits {
    /// The same, waiting for replication at least so many seconds.
    #[must_use]
    pub fn converging_for(self, limit_s: u32) -> Self {
        let (limit_ms, mut waited_ms, mut tries) = (u64::from(limit_s) * 1000, 0, 1);
        while waited_ms < limit_ms {
            waited_ms += self.pause_ms(tries);
            tries += 1;
        }
        Self { converge_tries_max: tries, ..self }
    }

    /// The pause after so many failures, in milliseconds.
    pub(super) fn pause_ms(&self, failures: u32) -> u64 {
        let doubled = u64::from(self.retry_ms.max(1)) << failures.saturating_sub(1).min(16);
        doubled.min(u64::from(self.retry_max_ms.max(1)))
    }

    /// The same where the other side asked for so many seconds (`Retry-After`).
    pub(super) fn asked_pause_ms(&self, failures: u32, asked_s: u32) -> u64 {
        self.pause_ms(failures).max(u64::from(asked_s.min(ASKED_MAX_S)) * 1000)
    }

    /// No pause is longer, in milliseconds.
    pub fn longest_pause_ms(&self) -> u64 {
        u64::from(self.retry_max_ms.max(ASKED_MAX_S * 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_in_seconds_becomes_tries() {
        let tries = |limit_s| Limits::default().converging_for(limit_s).converge_tries_max;
        assert_eq!(tries(0), 1);
        assert_eq!(tries(1), 3);
        // 0.5 + 1 + 2 + 4 + 8 + 16 s, then every 30 s.
        assert_eq!(tries(31), 7);
        assert_eq!(tries(900), converge_tries_default());
    }
}
