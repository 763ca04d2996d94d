//! Virtual time: a sleep inside a rotation advances it at once; the keeper's own sleep only while nothing runs.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entra_rotator::clock::Clock;
use entra_rotator::daemon::Board;
use jiff::{SignedDuration, Timestamp};

/// What happens at a time of its own.
pub(crate) type Happening = Box<dyn FnOnce() + Send>;

/// A person who comes by, while the keeper sleeps.
pub(crate) type Visit = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

pub(crate) struct Time {
    begun: Timestamp,
    passed: AtomicI64,
    agenda: Mutex<BTreeMap<(i64, u64), Happening>>,
    /// While a person is at work nothing happens to the service.
    pub(crate) visiting: AtomicBool,
}

impl Time {
    pub(crate) fn new(begun: Timestamp) -> Arc<Self> {
        Arc::new(Self { begun, passed: AtomicI64::new(0), agenda: Mutex::default(), visiting: AtomicBool::new(false) })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.begun + SignedDuration::from_nanos(self.passed.load(Ordering::SeqCst))
    }

    pub(crate) fn passed(&self) -> Duration {
        Duration::from_nanos(self.passed.load(Ordering::SeqCst).unsigned_abs())
    }

    /// Lets something happen so long after the beginning.
    pub(crate) fn plan(&self, after: Duration, happening: Happening) {
        let mut agenda = self.agenda.lock().expect("no panic under this lock");
        let number = agenda.len() as u64 + agenda.last_key_value().map_or(0, |((_, number), _)| *number);
        agenda.insert((i64::try_from(after.as_nanos()).expect("years"), number), happening);
    }

    /// Time passes, and with it comes what was planned.
    pub(crate) fn advance(&self, length: Duration) {
        let length = i64::try_from(length.as_nanos()).expect("years");
        let now = self.passed.fetch_add(length, Ordering::SeqCst) + length;
        loop {
            let mut agenda = self.agenda.lock().expect("no panic under this lock");
            let next = agenda.first_entry().filter(|entry| entry.key().0 <= now);
            let Some(happening) = next.map(|entry| entry.remove()) else { return };
            drop(agenda);
            happening();
        }
    }

    /// How long until the next thing that was planned.
    fn until_next(&self) -> Duration {
        let agenda = self.agenda.lock().expect("no panic under this lock");
        let next = agenda.first_key_value().map_or(i64::MAX, |((at, _), _)| *at);
        Duration::from_nanos((next - self.passed.load(Ordering::SeqCst)).max(1).unsigned_abs())
    }
}

/// The clock of what works.
pub(crate) struct Working(pub(crate) Arc<Time>);

#[async_trait]
impl Clock for Working {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.passed()
    }

    async fn sleep(&self, length: Duration) {
        self.0.advance(length);
        tokio::task::yield_now().await;
    }
}

/// The clock of the keeper itself.
pub(crate) struct Keeping {
    pub(crate) time: Arc<Time>,
    pub(crate) board: Arc<Board>,
    pub(crate) visit: Arc<Visit>,
}

#[async_trait]
impl Clock for Keeping {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn monotonic(&self) -> Duration {
        self.time.passed()
    }

    async fn sleep(&self, length: Duration) {
        if self.board.running() > 0 {
            // A job's end, or an order, wakes the keeper.
            return std::future::pending().await;
        }
        self.time.advance(length.min(self.time.until_next()));
        (self.visit)().await;
        tokio::task::yield_now().await;
    }
}
