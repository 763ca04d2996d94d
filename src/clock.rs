//! The only callers of the system's clock and random generator.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use providers::port::Secret;
use rand::RngExt;

use crate::password::{Rules, generate};

/// Time, as the engine sees it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Time since some moment of this process, by a clock that nobody sets. It may stand still while the machine sleeps.
    fn monotonic(&self) -> Duration;
    /// Returns after `length`, measured by a clock that nobody sets.
    async fn sleep(&self, length: Duration);
}

/// Randomness, as the engine sees it.
pub trait Entropy: Send + Sync {
    /// A password that meets the rules; `None` when no password does.
    fn password(&self, rules: &Rules) -> Option<Secret>;
    /// Twelve hex digits that make an id unique, also among a thousand rotations begun in one second.
    fn id_suffix(&self) -> String;
    /// 256 bits that nobody guesses.
    fn key(&self) -> [u8; 32];
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        static BEGIN: OnceLock<Instant> = OnceLock::new();
        BEGIN.get_or_init(Instant::now).elapsed()
    }

    async fn sleep(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }
}

/// The operating system's random generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn password(&self, rules: &Rules) -> Option<Secret> {
        generate(rules, &mut rand::rng())
    }

    fn id_suffix(&self) -> String {
        hex::encode(rand::rng().random::<[u8; 6]>())
    }

    fn key(&self) -> [u8; 32] {
        rand::rng().random()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Entropy, SystemEntropy};

    #[test]
    fn ids_of_one_second_do_not_meet() {
        // With half as many digits, three pairs of these would be the same.
        let suffixes: BTreeSet<String> = (0..10_000).map(|_| SystemEntropy.id_suffix()).collect();
        assert_eq!(suffixes.len(), 10_000);
    }
}
