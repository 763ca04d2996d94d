use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::{self, JoinSet};

use super::alarms::{self, Service};
use super::board::Board;
use super::job::{Done, Errand, Hands, Job};
use super::log::Log;
use super::seat::Seat;
use crate::clock::Clock;
use crate::engine::Wish;
use crate::journal::{Journal, JournalError, Listed, Note, Query};
use crate::notify::{Condition, Conditions, Notice, Severity, Standing as Told};
use crate::order::{Brake, Exit, Ledger, Raised, Roster, holder};
use crate::rotation::Trigger;
use crate::schedule::{Blocked, CLOCK_STEP_LEAST, Candidate, Due, Limits, clock_step, explain, pick};
use crate::wiring::World;

/// A journal that is asked for other processes' entries is asked from a little before the last time.
const OVERLAP: SignedDuration = SignedDuration::from_secs(5);

/// How often every account's place is decided anew, whatever happened to it.
const PLACED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How long a request that is under way may take when nothing else may begin.
const LAST_REQUEST: Duration = Duration::from_secs(60);

/// How often the board shows that it is alive while it ends.
const SEEN_EVERY: Duration = Duration::from_secs(15);

/// When a look is tried again that found somebody else at work.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(15);

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
        keeper.board.round(keeper.clock.monotonic(), 0);
        Ok(keeper)
    }

    /// Works until it is told to end. Returns what was still under way then. A journal that fails ends it too: nothing may
    /// happen without a record.
    pub async fn run(&mut self, mut orders: mpsc::Receiver<Order>) -> Result<Vec<String>, JournalError> {
        let ended = self.work(&mut orders).await;
        if let Err(error) = &ended {
            // Before the jobs end: that may take a while, and a person wants to know at once.
            (self.sink)(alarms::journal_failed(&error.to_string(), &self.setting.host, self.clock.now()));
            self.brake.pull();
            self.board.stopping();
            // What the journal says of it is known.
            let _ = self.rest(&mut orders).await;
        }
        ended
    }

    async fn work(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<Vec<String>, JournalError> {
        loop {
            let now = self.clock.now();
            self.heed_clock(now);
            self.read_others(now).await?;
            self.begin_errands(now).await?;
            self.begin_rotations(now).await?;
            self.tell(now).await?;
            self.board.round(self.clock.monotonic(), self.running.len());
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
            self.board.round(self.clock.monotonic(), self.running.len());
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

    /// Accounts, their schedules and limits become those of the roster.
    async fn seat(&mut self, roster: Roster, now: Timestamp) -> Result<(), JournalError> {
        let population = roster.population();
        if self.ledger.population() != Some(&population) {
            self.note(now, &Note::Population { accounts: population }).await?;
        }
        let mut old = std::mem::take(&mut self.seats);
        self.rotations.clear();
        self.errands.clear();
        self.roster = roster;
        let posts: Vec<_> = self.roster.posts.values().cloned().collect();
        let count = i32::try_from(posts.len().max(1)).unwrap_or(i32::MAX);
        for (place, post) in posts.into_iter().enumerate() {
            let name = post.wish.account.clone();
            let account = Seat::read(&post, &*self.hands.journal, &self.ledger, now).await?;
            let share = self.setting.first_looks / count * i32::try_from(place).unwrap_or(0);
            let mut seat = Seat::new(post, account, now + share, self.setting.look_every.is_some());
            if seat.needs_a_look() {
                seat.look_at = now;
            }
            if let Some(old) = old.remove(&name) {
                (seat.look_at, seat.drift, seat.not_before) = (old.look_at, old.drift, old.not_before);
                (seat.blind, seat.defect) = (old.blind, old.defect);
            }
            self.seats.insert(name.clone(), seat);
            self.place(&name, now);
        }
        self.board.only(self.seats.keys());
        self.conditions_at = None;
        Ok(())
    }

    async fn reload(&mut self, world: Arc<World>, now: Timestamp) -> Result<(), JournalError> {
        if world.journal_file != self.hands.world.journal_file {
            self.service.faulty =
                Some("the journal's file is another one: that takes effect at the next start only".to_owned());
            self.conditions_at = None;
            return Ok(());
        }
        self.service.faulty = None;
        let roster = world.roster.clone();
        // What runs goes on with the world that it began in.
        self.hands.world = world;
        self.seat(roster, now).await
    }

    /// Writes a note and takes it in.
    async fn note(&mut self, now: Timestamp, note: &Note) -> Result<(), JournalError> {
        self.hands.journal.note(now, note).await?;
        // With those of other processes that were written meanwhile.
        self.ledger.read_on(&*self.hands.journal).await
    }

    /// Reads an account's standing anew and gives it its place in both queues.
    async fn refresh(&mut self, name: &str, now: Timestamp) -> Result<(), JournalError> {
        let Some(seat) = self.seats.get_mut(name) else { return Ok(()) };
        seat.account = Seat::read(&seat.post, &*self.hands.journal, &self.ledger, now).await?;
        self.place(name, now);
        Ok(())
    }

    /// The place of an account in both queues, by what is known of it.
    fn place(&mut self, name: &str, now: Timestamp) {
        let Some(seat) = self.seats.get_mut(name) else { return };
        for (queue, at) in [(&mut self.rotations, seat.queued.0.take()), (&mut self.errands, seat.queued.1.take())] {
            if let Some(at) = at {
                queue.remove(&(at, name.to_owned()));
            }
        }
        seat.decide(now, self.awake_since);
        if !self.running.contains_key(name) {
            seat.queued = (seat.rotation_at(), Some(seat.errand(now).0));
            self.rotations.extend(seat.queued.0.map(|at| (at, name.to_owned())));
            self.errands.extend(seat.queued.1.map(|at| (at, name.to_owned())));
        }
        self.board.account(seat, now);
    }

    /// A clock that was set, or a machine that slept: what was missed meanwhile is a misfire.
    fn heed_clock(&mut self, now: Timestamp) {
        let monotonic = self.clock.monotonic();
        let (wall_before, monotonic_before) = self.looked;
        self.looked = (now, monotonic);
        let Some(step) = clock_step(wall_before, now, monotonic.saturating_sub(monotonic_before)) else { return };
        tracing::warn!(seconds = step.as_secs(), "the clock was set, or the machine slept");
        self.service.stepped = Some((now, step));
        self.awake_since = now;
        self.read_to = self.read_to.min(now);
        if step.is_negative() {
            self.service.behind = Some(wall_before);
            self.seats.values_mut().for_each(|seat| seat.heed_clock(now, self.setting.look_every));
        }
        let names: Vec<String> = self.seats.keys().cloned().collect();
        for name in names {
            self.place(&name, now);
        }
        self.conditions_at = None;
    }

    /// What other processes wrote meanwhile: a person's `rotate`, `resume` or `adopt`.
    async fn read_others(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let since = self.read_to;
        if now.duration_since(since).abs() < SignedDuration::try_from(self.setting.tick).unwrap_or(OVERLAP) {
            return Ok(());
        }
        let query = Query { since: since.checked_sub(OVERLAP).ok(), ..Query::default() };
        let mut touched: BTreeSet<String> =
            self.hands.journal.list(&query).await?.into_iter().map(|listed| listed.account).collect();
        self.ledger.read_on(&*self.hands.journal).await?;
        let renewed = |seat: &Seat| {
            seat.account.standing.failures > 0 && self.ledger.renewed(&seat.post.wish.account) > seat.account.renewed
        };
        touched.extend(self.seats.values().filter(|seat| renewed(seat)).map(|seat| seat.post.wish.account.clone()));
        self.read_to = now;
        for name in &touched {
            if !self.running.contains_key(name) {
                self.refresh(name, now).await?;
            }
        }
        Ok(())
    }

    /// Late proofs, recoveries and looks whose time has come.
    async fn begin_errands(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let mut due: Vec<String> =
            self.errands.iter().take_while(|(at, _)| *at <= now).map(|(_, name)| name.clone()).collect();
        // A server may be waiting for the rest of an interrupted rotation; nobody waits for a look.
        due.sort_by_key(|name| self.seats.get(name).map(|seat| seat.errand(now).1));
        for name in due {
            let Some(seat) = self.seats.get_mut(&name) else { continue };
            let (at, errand) = seat.errand(now);
            if at > now {
                self.place(&name, now);
                continue;
            }
            // The rest of a rotation is one.
            let is_full = if errand == Errand::Recover {
                self.rotating.len() >= self.roster.limits.in_flight
            } else {
                self.running.len() - self.rotating.len() >= self.setting.errands
            };
            if is_full {
                continue;
            }
            if errand == Errand::Look && self.setting.look_every.is_none() {
                seat.look_at = Timestamp::MAX;
                self.place(&name, now);
                continue;
            }
            let (mut candidate, wish) = (seat.post.candidate(now, false), seat.post.wish.clone());
            // Who looks or proves pauses nothing.
            candidate.exclusive &= errand == Errand::Recover;
            if self.is_busy(&candidate) {
                continue;
            }
            if let (Errand::Look, Some(every), Some(seat)) =
                (errand, self.setting.look_every, self.seats.get_mut(&name))
            {
                seat.look_at = now + every;
            }
            if errand == Errand::Recover {
                self.rotating.insert(candidate.account.clone());
            }
            self.begin(candidate, wish, Job::Errand(errand), now);
        }
        Ok(())
    }

    fn is_busy(&self, candidate: &Candidate) -> bool {
        self.running.values().any(|other| {
            other.account == candidate.account || other.servers.iter().any(|server| candidate.servers.contains(server))
        })
    }

    /// Rotations that are due and that the limits allow.
    async fn begin_rotations(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let due: Vec<String> =
            self.rotations.iter().take_while(|(at, _)| *at <= now).map(|(_, name)| name.clone()).collect();
        if due.is_empty() || self.rotating.len() >= self.roster.limits.in_flight {
            return Ok(());
        }
        let running: Vec<Candidate> = self.running.values().cloned().collect();
        let limits = Limits {
            // Errands have places of their own.
            in_flight: self.roster.limits.in_flight + running.len() - self.rotating.len(),
            spacing: self.roster.limits.spacing,
        };
        let tick = SignedDuration::try_from(self.setting.tick).unwrap_or(SignedDuration::MAX);
        let mut waiting = Vec::new();
        for name in due {
            let Some(seat) = self.seats.get_mut(&name) else { continue };
            // Of a thousand that wait, each is decided anew once in a tick, not at every start of another.
            if !seat.is_decided(now, tick) {
                seat.decide(now, self.awake_since);
            }
            match seat.rotation_at() {
                // The look that it needs is due too, and decides.
                Some(at) if at <= now && seat.needs_a_look() => {}
                Some(at) if at <= now => waiting.push(seat.post.candidate(at, seat.urgent)),
                _ => self.place(&name, now),
            }
        }
        let picked = loop {
            let picked = pick(&waiting, &running, &limits, self.last_start, now);
            // The window may have closed since.
            let over = picked.iter().position(|place| {
                let Some(seat) = self.seats.get_mut(&waiting[*place].account) else { return true };
                seat.decide(now, self.awake_since);
                seat.rotation_at().is_none_or(|at| at > now)
            });
            let Some(over) = over else { break picked };
            let gone = waiting.remove(picked[over]);
            self.place(&gone.account, now);
        };
        for place in picked {
            let candidate = waiting[place].clone();
            let Some(seat) = self.seats.get(&candidate.account) else { continue };
            let Due::At(fire) = seat.due.clone() else { continue };
            let why = explain(&fire, &seat.post.zone);
            let job = Job::Rotate { fire, why, newest: seat.account.newest.clone() };
            let wish = seat.post.wish.clone();
            self.last_start = Some(now);
            self.rotating.insert(candidate.account.clone());
            self.begin(candidate, wish, job, now);
        }
        Ok(())
    }

    fn begin(&mut self, candidate: Candidate, wish: Wish, job: Job, now: Timestamp) {
        let name = candidate.account.clone();
        let hands = self.hands.clone();
        let task = self.jobs.spawn(hands.work(wish, job));
        self.accounts.insert(task.id(), name.clone());
        self.running.insert(name.clone(), candidate);
        self.place(&name, now);
    }

    /// A job came to its end: its account is read anew.
    async fn ended(&mut self, ended: Result<(task::Id, Done), task::JoinError>) -> Result<(), JournalError> {
        let now = self.clock.now();
        let (id, done) = match ended {
            Ok((id, done)) => (id, Ok(done)),
            Err(error) => (error.id(), Err(error.to_string())),
        };
        let Some(name) = self.accounts.remove(&id) else { return Ok(()) };
        self.running.remove(&name);
        self.rotating.remove(&name);
        match done {
            Ok(done) => self.take_in(&name, done, now).await?,
            Err(defect) => {
                tracing::error!(account = name, defect, "a job ended by a defect");
                if let Some(seat) = self.seats.get_mut(&name) {
                    seat.defect = Some(defect);
                    seat.pause(now);
                    seat.pause_late(now);
                }
                self.conditions_at = None;
            }
        }
        self.refresh(&name, now).await
    }

    async fn take_in(&mut self, name: &str, done: Done, now: Timestamp) -> Result<(), JournalError> {
        let Some(seat) = self.seats.get_mut(name) else { return Ok(()) };
        if let Job::Errand(errand) = &done.job {
            for came in done.came.iter().filter(|came| came.exits != Exit::Done) {
                tracing::warn!(
                    account = name,
                    ?errand,
                    outcome = came.outcome,
                    cause = came.message,
                    "it came to nothing"
                );
            }
        }
        match &done.job {
            Job::Rotate { fire, why, .. } => {
                for came in &done.came {
                    self.board.count(came.outcome);
                    let busy = came.exits == Exit::Busy;
                    if busy || came.exits == Exit::Later && came.rotation.is_some() {
                        seat.pause(now);
                    } else {
                        seat.moved_on();
                    }
                    if came.exits != Exit::Done {
                        self.conditions_at = None;
                    }
                    // What was not begun, or waits, is told by a condition.
                    if came.has_ended() {
                        (self.sink)(alarms::event(came, &self.setting.host, now));
                    }
                }
                let not_begun = done.came.iter().filter(|came| came.rotation.is_none() && came.exits != Exit::Busy);
                for came in not_begun {
                    let (outcome, cause) = (came.outcome, &came.message);
                    tracing::warn!(account = name, outcome, cause, "not begun");
                    let trigger = Trigger::Schedule { due: fire.nominal, why: why.clone() };
                    let note = Note::NotBegun {
                        account: name.to_owned(),
                        trigger,
                        outcome: came.outcome.to_owned(),
                        why: came.message.clone(),
                    };
                    self.hands.journal.note(now, &note).await?;
                    self.ledger.read_on(&*self.hands.journal).await?;
                }
            }
            Job::Errand(Errand::Recover) => {
                if done.came.iter().any(|came| !matches!(came.exits, Exit::Done | Exit::Failed)) {
                    seat.pause(now);
                    self.conditions_at = None;
                } else {
                    seat.moved_on();
                }
                for came in done.came.iter().filter(|came| came.has_ended()) {
                    self.board.count(came.outcome);
                    (self.sink)(alarms::event(came, &self.setting.host, now));
                }
            }
            Job::Errand(Errand::LateProof) => {
                if done.came.iter().any(|came| came.exits == Exit::Failed) {
                    self.conditions_at = None;
                } else if done.came.iter().all(|came| came.exits != Exit::Done) {
                    // Also when nothing came of it at all: what is due and comes to nothing must not go round and round.
                    seat.pause_late(now);
                }
            }
            Job::Errand(Errand::Look) => {
                if let Some(why) = &done.journal {
                    tracing::warn!(account = name, why, "no look for drift: the journal was not read");
                }
                if done.is_taken {
                    seat.look_at = now + LOOK_AGAIN;
                }
                let set_at = done.drift.as_ref().and_then(|drift| drift.set_at);
                if let Some(drift) = done.drift {
                    let before = seat.drift.as_ref().map(|drift| drift.found.clone());
                    seat.looked(drift);
                    if seat.needs_a_look() {
                        seat.look_at = now + LOOK_AGAIN;
                    }
                    if before != seat.drift.as_ref().map(|drift| drift.found.clone()) {
                        self.conditions_at = None;
                    }
                }
                let news = set_at.filter(|at| {
                    seat.account.set_by.is_none()
                        && self.ledger.age(name).is_none_or(|known| known.duration_since(*at).abs().as_secs() > 1)
                });
                if let Some(set_at) = news {
                    self.note(now, &Note::Age { account: name.to_owned(), set_at }).await?;
                }
            }
        }
        Ok(())
    }

    /// Which conditions hold, and whom that concerns.
    async fn tell(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let tick = SignedDuration::try_from(self.setting.tick).unwrap_or(SignedDuration::MAX);
        let told = |at: Timestamp| now.duration_since(at) < tick && now >= at;
        if self.conditions_at.is_some_and(told) {
            return Ok(());
        }
        self.conditions_at = Some(now);
        self.service.behind = self.service.behind.filter(|newest| newest.duration_since(now) > CLOCK_STEP_LEAST);
        self.service.orphans = self.orphans().await?;
        let placed = self.placed_at.is_some_and(|at| now >= at && now.duration_since(at) < PLACED_EVERY);
        if !placed {
            // Ages, exemptions and windows change with time alone.
            self.placed_at = Some(now);
            let names: Vec<String> = self.seats.keys().cloned().collect();
            names.iter().for_each(|name| self.place(name, now));
        }
        if let Some(after) = self.setting.nothing_succeeded {
            self.service.nothing_succeeded(self.seats.values(), after, now);
        }
        self.holding = alarms::all(&self.seats, &self.running, &self.service, now);
        let recovering =
            self.seats.values().any(|seat| matches!(seat.account.standing.blocked, Some(Blocked::Running { .. })));
        self.board.ready(!recovering || !self.service.is_new(now));
        let notices = self.conditions.update(now, self.holding.clone());
        for notice in &notices {
            let note = match notice.standing {
                Told::Raised if self.ledger.raised().any(|(key, _)| *key == notice.key) => None,
                Told::Raised => Some(Note::Raised {
                    key: notice.key.clone(),
                    kind: notice.kind.to_owned(),
                    severity: word_of(notice.severity).to_owned(),
                    account: notice.account.clone(),
                    title: notice.title.clone(),
                    text: notice.text.clone(),
                }),
                Told::Cleared => Some(Note::Cleared {
                    key: notice.key.clone(),
                    kind: notice.kind.to_owned(),
                    account: notice.account.clone(),
                }),
                Told::Repeated | Told::Event => None,
            };
            if let Some(note) = note {
                self.note(now, &note).await?;
            }
        }
        self.clear_what_is_over(now).await?;
        self.board.holding(self.holding.iter().map(|condition| condition.kind));
        notices.into_iter().for_each(|notice| (self.sink)(notice));
        Ok(())
    }

    /// What held when the service before this one ended, and holds no more. Drift is known after a look only.
    async fn clear_what_is_over(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let known: BTreeSet<&str> = self.conditions.holding().map(|condition| condition.key.as_str()).collect();
        let looked = |account: &Option<String>| {
            let seat = account.as_ref().and_then(|account| self.seats.get(account));
            seat.is_none_or(|seat| seat.drift.as_ref().is_some_and(|drift| drift.unseen.is_empty()))
        };
        let over: Vec<(String, Raised)> = self
            .ledger
            .raised()
            .filter(|(key, raised)| {
                !known.contains(key.as_str()) && (!raised.kind.starts_with("drift-") || looked(&raised.account))
            })
            .map(|(key, raised)| (key.clone(), raised.clone()))
            .collect();
        for (key, raised) in over {
            let note = Note::Cleared { key: key.clone(), kind: raised.kind.clone(), account: raised.account.clone() };
            self.note(now, &note).await?;
            (self.sink)(alarms::over(key, &raised, &self.setting.host, now));
        }
        Ok(())
    }

    /// Open rotations of accounts that the configuration does not have any more: nobody else would tell of them.
    async fn orphans(&self) -> Result<Vec<Listed>, JournalError> {
        let open = self.hands.journal.list(&Query { open: true, ..Query::default() }).await?;
        Ok(open.into_iter().filter(|listed| !self.seats.contains_key(&listed.account)).collect())
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

fn word_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Alarm => "alarm",
    }
}
