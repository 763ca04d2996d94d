//! A replica's process as the test sees it: struck at one of its writes, stood still, found out.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use entra_rotator::clock::Clock;
use entra_rotator::journal::{
    Busy, Cut, Entry, Journal, JournalError, Lease, Listed, Note, Noted, PostgresJournal, Query, Source, Stored,
    Vouching,
};
use entra_rotator::rotation::Event;
use jiff::Timestamp;
use providers::port::tenure;
use tokio::sync::{mpsc, watch};

use super::course::clock::Keeping;
use super::course::luck::Dice;

/// A stroke comes at one of so many next writes: about as many as a rotation makes.
const WRITES_MAX: u64 = 40;

/// What befalls a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    /// `kill -9`.
    Kill,
    /// It stands still for longer than its lease lasts.
    Pause,
    /// All connections to the database are cut.
    Storm,
}

/// When, of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Nothing was sent yet.
    Before,
    /// It is under way.
    During,
    /// It is durable; what it was written for was not done yet.
    After,
    /// The same after an intent: the effect would come next.
    AfterIntent,
}

/// Strokes that wait for the next write of whoever serves.
pub(super) type Strokes = Arc<Mutex<VecDeque<Stroke>>>;

fn open<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One process of a replica, from its start to its end.
pub(super) struct Life {
    dice: Mutex<Dice>,
    strokes: Strokes,
    /// The next one, after so many writes.
    armed: Mutex<Option<(Stroke, u64, Moment)>>,
    struck: mpsc::UnboundedSender<Stroke>,
    still: watch::Sender<bool>,
    writes: watch::Sender<u64>,
    /// Its session is over: nothing that it begins from now on may succeed.
    over: AtomicBool,
    /// Writes that the database refused for that.
    pub(super) refused: AtomicUsize,
    /// Requests to the world that were not sent for that.
    pub(super) not_sent: AtomicUsize,
    pub(super) wrong: Mutex<Vec<String>>,
}

impl Life {
    pub(super) fn new(seed: u64, strokes: Strokes) -> (Arc<Self>, mpsc::UnboundedReceiver<Stroke>) {
        let (struck, strikes) = mpsc::unbounded_channel();
        let life = Self {
            dice: Mutex::new(Dice(seed)),
            strokes,
            armed: Mutex::default(),
            struck,
            still: watch::Sender::new(false),
            writes: watch::Sender::new(0),
            over: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            not_sent: AtomicUsize::new(0),
            wrong: Mutex::default(),
        };
        (Arc::new(life), strikes)
    }

    /// It stands still, at its next call at the latest; or goes on.
    pub(super) fn stand_still(&self, still: bool) {
        self.still.send_replace(still);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Comes back when it made so many writes.
    pub(super) async fn reached(&self, writes: u64) {
        // The sender lives as long as this.
        let _ = self.writes.subscribe().wait_for(|made| *made >= writes).await;
    }

    /// Nobody waits for its writes any more.
    pub(super) fn hurry(&self) {
        self.writes.send_replace(u64::MAX);
    }

    /// Goes on unless it stands still.
    async fn pass(&self) {
        let _ = self.still.subscribe().wait_for(|still| !still).await;
    }

    /// What strikes at this write, and when.
    fn next(&self, is_intent: bool) -> Option<(Stroke, Moment)> {
        if self.is_over() {
            return None;
        }
        self.writes.send_modify(|made| *made = made.saturating_add(1));
        let mut armed = open(&self.armed);
        if armed.is_none() {
            let stroke = open(&self.strokes).pop_front()?;
            let mut dice = open(&self.dice);
            let moments = [Moment::Before, Moment::During, Moment::After, Moment::AfterIntent, Moment::AfterIntent];
            let moment = moments[usize::try_from(dice.throw(moments.len() as u64)).expect("few")];
            *armed = Some((stroke, dice.throw(WRITES_MAX), moment));
        }
        match &mut *armed {
            Some((_, 0, Moment::AfterIntent)) if !is_intent => None,
            Some((stroke, 0, moment)) => {
                let next = (*stroke, *moment);
                *armed = None;
                Some(next)
            }
            Some((_, left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }

    fn strike(&self, stroke: Stroke) {
        if stroke != Stroke::Storm {
            self.stand_still(true);
        }
        // Nobody listens to one that is over.
        let _ = self.struck.send(stroke);
    }

    async fn write<T>(
        &self,
        what: &str,
        is_intent: bool,
        call: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        self.pass().await;
        let next = self.next(is_intent);
        let at = |moments: &[Moment]| next.filter(|(_, moment)| moments.contains(moment)).map(|(stroke, _)| stroke);
        if let Some(stroke) = at(&[Moment::Before, Moment::During]) {
            self.strike(stroke);
        }
        if at(&[Moment::Before]).is_some() {
            self.pass().await;
        }
        let was_over = self.is_over();
        let written = call.await;
        match &written {
            Ok(_) if was_over => open(&self.wrong).push(format!("{what} by one whose session was over")),
            Err(JournalError::LeaseLost { .. }) => {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        }
        if let Some(stroke) = at(&[Moment::After, Moment::AfterIntent]) {
            self.strike(stroke);
        }
        self.pass().await;
        written
    }

    async fn read<T>(&self, call: impl Future<Output = T>) -> T {
        self.pass().await;
        let read = call.await;
        self.pass().await;
        read
    }
}

/// The journal as a replica's process has it.
pub(super) struct Watched {
    pub(super) journal: PostgresJournal,
    pub(super) life: Arc<Life>,
}

#[async_trait]
impl Journal for Watched {
    async fn begin(&self, id: &str, account: &str, at: Timestamp, event: &Event) -> Result<Entry, JournalError> {
        self.life.write("a rotation was begun", false, self.journal.begin(id, account, at, event)).await
    }

    async fn append(
        &self,
        id: &str,
        epoch: i64,
        seq: i64,
        at: Timestamp,
        event: &Event,
    ) -> Result<Entry, JournalError> {
        if let Event::Failed { fault, .. } = event
            && fault.cause.starts_with("not sent: the lease was lost")
        {
            self.life.not_sent.fetch_add(1, Ordering::SeqCst);
        }
        let is_intent = matches!(event, Event::Intent { .. });
        self.life.write("an event was appended", is_intent, self.journal.append(id, epoch, seq, at, event)).await
    }

    async fn claim(&self, id: &str, holder: &str, at: Timestamp) -> Result<i64, JournalError> {
        self.life.write("a rotation was claimed", false, self.journal.claim(id, holder, at)).await
    }

    async fn read(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        self.life.read(self.journal.read(id)).await
    }

    async fn engine_changes(&self, id: &str) -> Result<Vec<Entry>, JournalError> {
        self.life.read(self.journal.engine_changes(id)).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Listed>, JournalError> {
        self.life.read(self.journal.list(query)).await
    }

    async fn note(&self, at: Timestamp, note: &Note) -> Result<Noted, JournalError> {
        self.life.write("a note was written", false, self.journal.note(at, note)).await
    }

    async fn notes(&self, after: i64) -> Result<Vec<Noted>, JournalError> {
        self.life.read(self.journal.notes(after)).await
    }

    async fn stored(&self, after: i64) -> Result<Vec<Stored>, JournalError> {
        self.life.read(self.journal.stored(after)).await
    }

    async fn vouch(&self, at: Timestamp, note: &Vouching<'_>) -> Result<Noted, JournalError> {
        self.life.write("a note was signed", false, self.journal.vouch(at, note)).await
    }

    async fn import(&self, source: &mut dyn Source) -> Result<u64, JournalError> {
        self.life.write("a history was imported", false, self.journal.import(source)).await
    }

    async fn prune(&self, at: Timestamp, cut: &Cut, tombstone: &Vouching<'_>) -> Result<Noted, JournalError> {
        self.life.write("the history was pruned", false, self.journal.prune(at, cut, tombstone)).await
    }

    async fn lease(&self, names: &[String], holder: &str) -> Result<Lease, Busy> {
        let was_over = self.life.is_over();
        let taken = self.life.read(self.journal.lease(names, holder)).await;
        if was_over && taken.is_ok() {
            open(&self.life.wrong).push(format!("{} was leased to one whose session was over", names.join(", ")));
        }
        taken
    }

    fn release_ballast(&self) -> bool {
        self.journal.release_ballast()
    }
}

/// The clock of a replica's keeper.
pub(super) struct Living {
    pub(super) keeping: Keeping,
    pub(super) life: Arc<Life>,
}

#[async_trait]
impl Clock for Living {
    fn now(&self) -> Timestamp {
        self.keeping.now()
    }

    fn monotonic(&self) -> Duration {
        self.keeping.monotonic()
    }

    async fn sleep(&self, length: Duration) {
        self.life.pass().await;
        if self.life.is_over() {
            // The renewal, at each third of the lease's length, would tell it so. Here such a time passes in no time: it asks.
            let _ = tenure::held("sleeping").await;
            return std::future::pending().await;
        }
        self.keeping.sleep(length).await;
    }
}
