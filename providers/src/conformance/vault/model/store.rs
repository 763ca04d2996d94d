//! What the model holds: accounts, each with a revision that a write must name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::places::Places;

/// Memory that two handles share, and what of it is durable.
#[derive(Default)]
pub(super) struct Store {
    inner: Mutex<Inner>,
    /// How long the next write takes on its way, in milliseconds.
    delay_ms: AtomicU64,
}

#[derive(Default)]
struct Inner {
    accounts: BTreeMap<String, (u64, Places)>,
    durable: BTreeMap<String, (u64, Places)>,
}

impl Store {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account's revision and places.
    pub(super) fn look(&self, name: &str) -> (u64, Places) {
        self.inner().accounts.get(name).cloned().unwrap_or_default()
    }

    /// Writes while the revision is `seen`, or whatever it is; whether it did.
    pub(super) fn write(&self, name: &str, seen: Option<u64>, places: Places, durable: bool) -> bool {
        let mut inner = self.inner();
        let (revision, held) = inner.accounts.entry(name.to_owned()).or_default();
        if seen.is_some_and(|seen| seen != *revision) {
            return false;
        }
        *revision += 1;
        *held = places;
        let now = (*revision, held.clone());
        if durable {
            inner.durable.insert(name.to_owned(), now);
        }
        true
    }

    /// Delays the next write.
    pub(super) fn delay(&self, time: Duration) {
        self.delay_ms.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// The way of a write.
    pub(super) async fn way(&self) {
        let delay = self.delay_ms.swap(0, Ordering::SeqCst);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
    }

    /// What is not durable is gone.
    pub(super) fn restart(&self) {
        let mut inner = self.inner();
        inner.accounts = inner.durable.clone();
    }
}
