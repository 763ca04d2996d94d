//! The loop of the service. `places`: every account has its place in two queues, by what is known of it; `beginning`: what is
//! due and may start; `demanded`: what a person wants at once; `ending`: what came of it; `telling`: which conditions hold, and whom that concerns.

mod beginning;
mod demanded;
mod ending;
mod places;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinSet};

use super::alarms::{self, Service};
use super::board::{AtWork, Board};
use super::job::{Done, Hands};
use super::log::Log;
use super::seat::Seat;
use crate::clock::Clock;
use crate::journal::{Journal, JournalError, Note};
use crate::notify::{Condition, Conditions, Notice};
use crate::order::{Brake, Demand, Ledger, Roster, holder};
use crate::schedule::{CLOCK_STEP_LEAST, Candidate};
use crate::wiring::World;

/// How long a request that is under way may take when nothing else may begin.
const LAST_REQUEST: Duration = Duration::from_secs(60);

/// How often the board shows that it is alive while it ends.
const SEEN_EVERY: Duration = Duration::from_secs(15);

/// The shortest sleep: what can't start now is not asked for in a hurry.
const SLEEP_MIN: Duration = Duration::from_millis(200);

/// How the service works.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The longest sleep: so often the clock, the journal and the conditions are looked at.
    pub tick: Duration,
    /// How often each account is looked at for drift; `None` = never.
    pub look_every: Option<SignedDuration>,
    /// The first looks after a start are spread over this.
    pub first_looks: SignedDuration,
    /// Looks and late proofs at a time.
    pub errands: usize,
    /// How long a rotation that can't be parked may take to its end when the service is told to end.
    pub stop_limit: Duration,
    /// This machine's name, for notices.
    pub host: String,
    /// How often a condition that still holds is told again, hours.
    pub repeat_h: u32,
    /// Nothing succeeded for so long: a condition of its own.
    pub nothing_succeeded: Option<SignedDuration>,
}

/// Where notices go. Must not block.
pub type Sink = Arc<dyn Fn(Notice) + Send + Sync>;

/// What the service is told from outside.
pub enum Order {
    /// To end: nothing new is begun, what can wait is parked. A second time: at once.
    Stop,
    /// A new configuration, which was found good.
    Reload(Arc<World>),
    /// The configuration was to be read anew and has faults: the old one stays.
    Faulty(String),
    /// What a person demands. The answer: taken, or why not. Nothing is begun for whoever does not wait for it any more.
    Demand(Demand, oneshot::Sender<Result<(), String>>),
}

/// The loop of the service.
pub struct Keeper {
    hands: Hands,
    clock: Arc<dyn Clock>,
    setting: Setting,
    roster: Roster,
    ledger: Ledger,
    seats: BTreeMap<String, Seat>,
    rotations: BTreeSet<(Timestamp, String)>,
    errands: BTreeSet<(Timestamp, String)>,
    /// What persons demand and could not begin yet.
    demanded: Vec<(Demand, oneshot::Sender<Result<(), String>>)>,
    running: BTreeMap<String, Candidate>,
    rotating: BTreeSet<String>,
    jobs: JoinSet<Done>,
    accounts: BTreeMap<task::Id, String>,
    awake_since: Timestamp,
    looked: (Timestamp, Duration),
    read_to: Timestamp,
    last_start: Option<Timestamp>,
    conditions: Conditions,
    conditions_at: Option<Timestamp>,
    /// When every account's place was last looked at.
    placed_at: Option<Timestamp>,
    holding: Vec<Condition>,
    service: Service,
    board: Arc<Board>,
    sink: Sink,
    brake: Brake,
}
impl Keeper {
    /// Reads the journal and finds out how every account stands. Begins nothing.
    pub async fn new(
        world: Arc<World>,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        setting: Setting,
        board: Arc<Board>,
        sink: Sink,
    ) -> Result<Self, JournalError> {
        let now = clock.now();
        let brake = Brake::default();
        let roster = world.roster.clone();
        let hands = Hands { world, journal, log: Log::new(brake.clone(), Arc::clone(&board)) };
        let conditions = Conditions::new(setting.host.clone(), setting.repeat_h);
        let mut keeper = Self {
            looked: (now, clock.monotonic()),
            hands,
            clock,
            setting,
            roster: Roster::by_hand([]),
            ledger: Ledger::default(),
            seats: BTreeMap::new(),
            rotations: BTreeSet::new(),
            errands: BTreeSet::new(),
            demanded: Vec::new(),
            running: BTreeMap::new(),
            rotating: BTreeSet::new(),
            jobs: JoinSet::new(),
            accounts: BTreeMap::new(),
            awake_since: now,
            read_to: now,
            last_start: None,
            conditions,
            conditions_at: None,
            placed_at: None,
            holding: Vec::new(),
            service: Service { started: now, ..Service::default() },
            board,
            sink,
            brake,
        };
        keeper.ledger.read_on(&*keeper.hands.journal).await?;
        let newest = keeper.ledger.newest();
        keeper.service.behind = newest.filter(|newest| newest.duration_since(now) > CLOCK_STEP_LEAST);
        let started = Note::Started { by: holder(), version: env!("CARGO_PKG_VERSION").to_owned() };
        keeper.note(now, &started).await?;
        keeper.seat(roster, now).await?;
        keeper.board.ready(false);
        keeper.board.round(keeper.clock.monotonic(), AtWork::default());
        Ok(keeper)
    }

    /// Works until it is told to end. Returns what was still under way then. A journal that fails ends it too: nothing may
    /// happen without a record.
    pub async fn run(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<Vec<String>, JournalError> {
        let ended = self.work(orders).await;
        // With the lease the right to tell of anything is gone too: another one goes on.
        if let Err(error) = &ended
            && !matches!(error, JournalError::LeaseLost { .. })
        {
            // Before the jobs end: that may take a while, and a person wants to know at once.
            (self.sink)(alarms::journal_failed(&error.to_string(), &self.setting.host, self.clock.now()));
            self.brake.pull();
            self.board.stopping();
            // What the journal says of it is known.
            let _ = self.rest(orders).await;
        }
        ended
    }

    async fn work(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<Vec<String>, JournalError> {
        loop {
            let now = self.clock.now();
            self.heed_clock(now);
            self.read_others(now).await?;
            self.begin_demanded(now).await?;
            self.begin_errands(now).await?;
            self.begin_rotations(now).await?;
            self.tell(now).await?;
            self.show_work();
            let sleep = self.sleep(now);
            let clock = Arc::clone(&self.clock);
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Reload(world)) => self.reload(world, now).await?,
                    Some(Order::Faulty(why)) => {
                        self.service.faulty = Some(why);
                        self.conditions_at = None;
                    }
                    Some(Order::Demand(demand, answer)) => self.demand(demand, answer),
                    Some(Order::Stop) | None => {
                        self.brake.pull();
                        return self.park(orders).await;
                    }
                },
                Some(ended) = self.jobs.join_next_with_id(), if !self.jobs.is_empty() => self.ended(ended).await?,
                () = clock.sleep(sleep) => {}
            }
        }
    }

    /// Ends in order: what runs is parked where it is safe, or comes to its end; the limit and a second order end the
    /// waiting.
    async fn park(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<Vec<String>, JournalError> {
        self.board.stopping();
        // Whoever waits for an answer is told so by its end.
        self.demanded.clear();
        let rested = self.rest(orders).await;
        let left: Vec<String> = self.running.keys().cloned().collect();
        let now = self.clock.now();
        let why = if left.is_empty() { "ended in order".to_owned() } else { format!("under way: {}", left.join(", ")) };
        self.note(now, &Note::Stopped { by: holder(), why }).await?;
        rested.map(|()| left)
    }

    /// Until nothing runs, or the limit is over; with the first fault of the journal, which ends nothing here.
    async fn rest(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<(), JournalError> {
        let mut limit = Box::pin(tokio::time::sleep(self.setting.stop_limit));
        let (mut is_over, mut written) = (false, Ok(()));
        while !self.jobs.is_empty() {
            self.show_work();
            tokio::select! {
                Some(ended) = self.jobs.join_next_with_id() => {
                    let taken = self.ended(ended).await;
                    written = written.and(taken);
                }
                () = tokio::time::sleep(SEEN_EVERY) => {}
                order = orders.recv() => if matches!(order, Some(Order::Stop) | None) { self.brake.pull(); },
                () = &mut limit => {
                    if is_over {
                        break;
                    }
                    // Too long: at the next request, and then not at all.
                    is_over = true;
                    self.brake.pull();
                    let last = self.setting.stop_limit.min(LAST_REQUEST);
                    limit = Box::pin(tokio::time::sleep(last));
                }
            }
        }
        // Dropped between two entries of the journal, as by a power cut: the next start goes on.
        self.jobs.abort_all();
        written
    }

    /// The board shows that the loop is at work, and for whom.
    fn show_work(&self) {
        let errands = self.running.keys().filter(|name| !self.rotating.contains(*name)).cloned().collect();
        self.board.round(self.clock.monotonic(), AtWork { rotating: self.rotating.clone(), errands });
    }

    /// Writes a note and takes it in.
    async fn note(&mut self, now: Timestamp, note: &Note) -> Result<(), JournalError> {
        self.hands.journal.note(now, note).await?;
        // With those of other processes that were written meanwhile.
        self.ledger.read_on(&*self.hands.journal).await
    }

    /// Until the next thing is due, and no longer than a tick.
    fn sleep(&self, now: Timestamp) -> Duration {
        let next = |queue: &BTreeSet<(Timestamp, String)>| queue.first().map(|(at, _)| *at);
        let spaced = self.last_start.and_then(|at| at.checked_add(self.roster.limits.spacing).ok());
        // What is due and could not begin waits for the end of a job, or for the spacing.
        let rotation = next(&self.rotations).map(|at| if at <= now { spaced.unwrap_or(at).max(now) } else { at });
        let soonest = [rotation, next(&self.errands)].into_iter().flatten().min();
        let left = soonest.map_or(Duration::MAX, |at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        let waits = left.is_zero() && !self.running.is_empty();
        if waits { self.setting.tick } else { left.clamp(SLEEP_MIN, self.setting.tick.max(SLEEP_MIN)) }
    }
}
