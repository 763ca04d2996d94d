use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::channel::{Channel, Undelivered, send_once};
use super::queue::{Entry, Queue};
use super::{Notice, Severity};

/// How many notices wait for one channel at most.
const QUEUE_MAX: usize = 4_000;
/// How often a delivery is tried.
const TRIES_MAX: u32 = 8;
/// The wait after the first try; each further one is [`WAIT_FACTOR`] times as long.
const WAIT_FIRST: Duration = Duration::from_secs(5);
const WAIT_FACTOR: u32 = 3;
/// The longest wait, also where the other side asks for more.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// How one channel fares, for metrics and health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelState {
    /// The channel.
    pub name: String,
    /// How many notices it was given.
    pub posted: u64,
    /// How many wait, with the one under way.
    pub queued: usize,
    /// How many were delivered.
    pub delivered: u64,
    /// How many were given up, after all tries or because another one is not worth it.
    pub lost: u64,
    /// How many had to go because too many waited.
    pub dropped: u64,
    /// Why the last try failed; `None` after one that did not.
    pub last_error: Option<String>,
    /// The number, counted from 1 as in `posted`, of the notice that was delivered last.
    pub last_delivered: Option<u64>,
}

/// Notices on their way. Posting never waits and never fails; each channel has its own queue and its own task, so a slow
/// one delays nobody else. A delivery that fails is tried again, 8 times within two hours, an alarm before all else.
pub struct Outbox {
    lanes: Vec<Arc<Lane>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Outbox {
    /// Starts one task for each channel, on the runtime that runs.
    pub fn start(channels: Vec<Arc<dyn Channel>>) -> Self {
        Self::with_bound(channels, QUEUE_MAX)
    }

    fn with_bound(channels: Vec<Arc<dyn Channel>>, longest: usize) -> Self {
        let lanes: Vec<_> = channels.into_iter().map(|channel| Arc::new(Lane::new(channel, longest))).collect();
        let tasks = lanes.iter().map(|lane| tokio::spawn(lane.clone().work())).collect();
        Self { lanes, tasks: Mutex::new(tasks) }
    }

    /// Hands a notice to every channel that wants such.
    pub fn post(&self, notice: Notice) {
        let notice = Arc::new(notice);
        for lane in self.lanes.iter().filter(|lane| lane.channel.wants(&notice)) {
            lane.post(notice.clone());
        }
    }

    /// How every channel fares.
    pub fn state(&self) -> Vec<ChannelState> {
        self.lanes.iter().map(|lane| lane.state()).collect()
    }

    /// Delivers what waits, for so long at most, then gives the rest up. Returns how many those are. What is posted
    /// afterwards is lost.
    pub async fn close(&self, limit: Duration) -> usize {
        self.lanes.iter().for_each(|lane| lane.begin_to_close());
        let mut tasks = std::mem::take(&mut *locked(&self.tasks));
        let all = async {
            for task in &mut tasks {
                let _ = task.await;
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            tasks.iter().for_each(JoinHandle::abort);
        }
        self.lanes.iter().map(|lane| lane.give_up()).sum()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        locked(&self.tasks).iter().for_each(JoinHandle::abort);
    }
}

/// One channel and what it has to do.
struct Lane {
    channel: Arc<dyn Channel>,
    books: Mutex<Books>,
    /// Something came in, or the end is near.
    news: Notify,
}

struct Books {
    queue: Queue,
    under_way: Option<Entry>,
    closing: bool,
    posted: u64,
    delivered: u64,
    lost: u64,
    dropped: u64,
    last_error: Option<String>,
    last_delivered: Option<u64>,
}

/// How long a channel is left alone after a try that failed.
struct Rest {
    length: Duration,
    /// The other side asked for it: then an alarm waits too.
    asked: bool,
}

impl Lane {
    fn new(channel: Arc<dyn Channel>, longest: usize) -> Self {
        let books = Books {
            queue: Queue::new(longest),
            under_way: None,
            closing: false,
            posted: 0,
            delivered: 0,
            lost: 0,
            dropped: 0,
            last_error: None,
            last_delivered: None,
        };
        Self { channel, books: Mutex::new(books), news: Notify::new() }
    }

    fn post(&self, notice: Arc<Notice>) {
        let mut books = locked(&self.books);
        books.posted += 1;
        if books.closing {
            self.lose(&mut books, &notice, "the program is about to end");
            return;
        }
        let entry = Entry { number: books.posted, notice, tries: 0 };
        self.put(&mut books, entry);
        drop(books);
        self.news.notify_one();
    }

    fn put(&self, books: &mut Books, entry: Entry) {
        let Some(gone) = books.queue.put(entry) else { return };
        books.dropped += 1;
        let (channel, key) = (self.channel.name(), &gone.notice.key);
        if gone.notice.severity == Severity::Alarm {
            tracing::error!(channel, ?key, "too many notices wait: an alarm was dropped");
        } else {
            tracing::warn!(channel, ?key, severity = ?gone.notice.severity, "too many notices wait: one was dropped");
        }
    }

    fn lose(&self, books: &mut Books, notice: &Notice, cause: &str) {
        books.lost += 1;
        let (channel, key) = (self.channel.name(), &notice.key);
        tracing::error!(channel, ?key, severity = ?notice.severity, cause, "a notice could not be delivered");
    }

    /// The life of a channel's task.
    async fn work(self: Arc<Self>) {
        while let Some(entry) = self.next().await {
            let came = send_once(&self.channel, &entry.notice).await;
            if let Some(rest) = self.settle(entry, came) {
                self.rest(rest).await;
            }
        }
    }

    /// The next one to deliver; `None` at the end.
    async fn next(&self) -> Option<Entry> {
        loop {
            {
                let mut books = locked(&self.books);
                if let Some(entry) = books.queue.take() {
                    books.under_way = Some(entry.clone());
                    return Some(entry);
                }
                if books.closing {
                    return None;
                }
            }
            self.news.notified().await;
        }
    }

    /// Enters what came of a try.
    fn settle(&self, mut entry: Entry, came: Result<(), Undelivered>) -> Option<Rest> {
        let mut books = locked(&self.books);
        books.under_way = None;
        let undelivered = match came {
            Ok(()) => {
                books.delivered += 1;
                books.last_delivered = Some(entry.number);
                books.last_error = None;
                return None;
            }
            Err(undelivered) => undelivered,
        };
        books.last_error = Some(undelivered.cause.clone());
        entry.tries += 1;
        let rest = match self.channel.asked_wait() {
            Some(length) => Rest { length: length.clamp(WAIT_FIRST, WAIT_MAX), asked: true },
            None => Rest { length: wait_after(entry.tries), asked: false },
        };
        if !undelivered.again || entry.tries >= TRIES_MAX {
            self.lose(&mut books, &entry.notice, &undelivered.cause);
            // A channel that refuses one notice may take the next; one that did not answer is left alone.
            return undelivered.again.then_some(rest);
        }
        let channel = self.channel.name();
        let wait_s = rest.length.as_secs();
        tracing::warn!(
            channel,
            tries = entry.tries,
            wait_s,
            cause = undelivered.cause,
            "a notice is not delivered yet"
        );
        self.put(&mut books, entry);
        Some(rest)
    }

    /// Waits. An alarm that was not tried yet ends it, but never sooner than after the shortest wait; so does the
    /// beginning of the end.
    async fn rest(&self, rest: Rest) {
        let closing_before = locked(&self.books).closing;
        let whole = tokio::time::sleep(rest.length);
        let shortest = tokio::time::sleep(WAIT_FIRST);
        tokio::pin!(whole, shortest);
        let mut may_end = false;
        loop {
            {
                let books = locked(&self.books);
                let alarm = may_end && !rest.asked && books.queue.has_untried_alarm();
                if alarm || (books.closing && !closing_before) {
                    return;
                }
            }
            tokio::select! {
                () = &mut whole => return,
                () = &mut shortest, if !may_end => may_end = true,
                () = self.news.notified() => {}
            }
        }
    }

    fn begin_to_close(&self) {
        locked(&self.books).closing = true;
        self.news.notify_one();
    }

    fn give_up(&self) -> usize {
        let mut books = locked(&self.books);
        let mut left = 0;
        while let Some(entry) = books.under_way.take().or_else(|| books.queue.take()) {
            left += 1;
            self.lose(&mut books, &entry.notice, "the program is about to end");
        }
        left
    }

    fn state(&self) -> ChannelState {
        let books = locked(&self.books);
        ChannelState {
            name: self.channel.name().to_owned(),
            posted: books.posted,
            queued: books.queue.len() + usize::from(books.under_way.is_some()),
            delivered: books.delivered,
            lost: books.lost,
            dropped: books.dropped,
            last_error: books.last_error.clone(),
            last_delivered: books.last_delivered,
        }
    }
}

/// 5 s, 15 s, 45 s … 15 min: all tries with their deadlines fit into two hours.
fn wait_after(tries: u32) -> Duration {
    let factor = WAIT_FACTOR.saturating_pow(tries.saturating_sub(1));
    WAIT_FIRST.saturating_mul(factor).min(WAIT_MAX)
}

/// Nothing is left half-done under these locks, so a panic elsewhere does not spoil them.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
