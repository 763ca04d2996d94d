//! The same years of service as on SQLite, by three replicas on one PostgreSQL. Each start is another one's; whoever serves
//! holds the service's lease, and the others are refused it. On top of the soak's bad luck a replica is killed, all connections
//! are cut, and a replica stands still for longer than its lease lasts: then it goes on where it stood, alone or while another
//! one is at work already, and must come to its end without any further entry and without any further effect.

#[path = "../../suite/soak/course/mod.rs"]
mod course;
mod hand;
mod life;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use entra_rotator::daemon::{Keeper, Order};
use entra_rotator::journal::{Busy, Journal, JournalError, Place, PostgresJournal, PostgresPlace};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::cluster::{Cluster, testbed};
use course::luck::Dice;
use course::{Blow, Course, DAY, Estate, House, Shift, YEARS, number};
use hand::Hand;
use life::{Life, Living, Stroke, Strokes, Watched};

const SITES: usize = 50;
const NAMES: [&str; 3] = ["replica one", "replica two", "replica three"];
const SERVICE: &str = "the unattended service";

/// No lease runs out by itself here: what takes weeks of virtual time takes seconds of the database's.
const LEASE: Duration = Duration::from_secs(600);

/// How long one that lost its lease may take to notice it.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

const STOOD_STILL: &str = "stood still";
/// The requests of one that stood still between its intent and the effect.
const NOT_SENT: &str = "requests not sent";
/// What every run of some length has met, or it shows less than it says.
const MET: [&str; 8] = [
    "killed",
    "stopped",
    "storms",
    "refused a lease",
    STOOD_STILL,
    "went on beside another",
    "writes refused",
    NOT_SENT,
];
const MANY: usize = 20;

#[test]
fn years_of_three_replicas() {
    course::alone("soak::years_of_three_replicas", || async {
        let scale = number(course::SCALE, 4);
        let course = Course {
            sites: SITES / usize::try_from(scale).expect("a number"),
            length: YEARS / u32::try_from(scale).expect("a number"),
            blow_every: 2 * DAY,
        };
        let cluster = Cluster::new("soak");
        let folder = cluster.folder.display().to_string();
        // For this test alone: it is not about what survives a power cut, and each of its many writes would wait for the disk.
        for sql in ["ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"] {
            testbed(&["ask", &folder, sql]);
        }
        course.run(&mut Replicas::new(&cluster).await).await;
    });
}

type Serving = Pin<Box<dyn Future<Output = Result<Result<Vec<String>, JournalError>, String>>>>;

/// A replica's process.
struct Replica {
    journal: Arc<Watched>,
    strikes: mpsc::UnboundedReceiver<Stroke>,
}

/// One that stood still for too long.
struct Ghost {
    number: usize,
    life: Arc<Life>,
    serving: Serving,
    /// Or it would be told to stop.
    _orders: mpsc::Sender<Order>,
}

impl Ghost {
    /// It notices. `Err` = what it does instead.
    async fn ends(&mut self) -> Result<(), String> {
        match timeout(ENDS_WITHIN, &mut self.serving).await {
            Ok(Err(_) | Ok(Err(JournalError::LeaseLost { .. }))) => Ok(()),
            Ok(Ok(other)) => Err(format!("{} lost its lease and ended by {other:?}", NAMES[self.number])),
            Err(_) => Err(format!("{} lost its lease and went on for {ENDS_WITHIN:?}", NAMES[self.number])),
        }
    }

    /// It goes on after so many writes of another one, its jobs a while before its keeper.
    async fn haunts(mut self, other: Arc<Life>, after: u64, jobs_alone: u64) -> (Self, Result<(), String>) {
        other.reached(after).await;
        self.life.stand_still(false);
        other.reached(after + jobs_alone).await;
        let ended = self.ends().await;
        (self, ended)
    }
}

/// Three replicas and the database.
struct Replicas {
    place: PostgresPlace,
    hand: Hand,
    /// The administrator's and the auditor's.
    clerk: Arc<PostgresJournal>,
    strokes: Strokes,
    replicas: [Option<Replica>; 3],
    last: usize,
    ghost: Option<Ghost>,
    /// Whose process the ghost is.
    still: Option<usize>,
    figures: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

impl Replicas {
    async fn new(cluster: &Cluster) -> Self {
        let place = PostgresPlace { lease: LEASE, ..cluster.place("rotator") };
        let password = std::fs::read_to_string(cluster.folder.join("password")).expect("a password");
        let clerk = Arc::new(PostgresJournal::open(place.clone()).await.expect("a journal"));
        Self {
            hand: Hand::new(&place, &password).await,
            clerk,
            place,
            strokes: Strokes::default(),
            replicas: [None, None, None],
            last: 0,
            ghost: None,
            still: None,
            figures: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    fn count(&mut self, what: &'static str, times: usize) {
        *self.figures.entry(what).or_default() += times;
    }

    /// Another one than `not`, and none that stands still.
    fn other(&self, not: usize, dice: &mut Dice) -> usize {
        let is_awake = |number: &usize| *number != not && Some(*number) != self.still;
        let others: Vec<usize> = (0..NAMES.len()).filter(is_awake).collect();
        others[usize::try_from(dice.throw(others.len() as u64)).expect("few")]
    }

    async fn start(&mut self, number: usize, dice: &mut Dice) {
        if self.replicas[number].is_none() {
            let journal = PostgresJournal::open(self.place.clone()).await.expect("a journal");
            let (life, strikes) = Life::new(dice.throw(u64::MAX), Arc::clone(&self.strokes));
            self.replicas[number] = Some(Replica { journal: Arc::new(Watched { journal, life }), strikes });
        }
    }

    /// One that stands by tries to take the lease of the one that serves.
    async fn try_to_take(&mut self, serves: usize, dice: &mut Dice) {
        let other = self.other(serves, dice);
        self.start(other, dice).await;
        let Some(replica) = &self.replicas[other] else { return };
        match replica.journal.lease(&[SERVICE.to_owned()], NAMES[other]).await {
            Err(Busy::Held { holder, .. }) if holder.starts_with(NAMES[serves]) => self.count("refused a lease", 1),
            taken => {
                let word = taken.err().map(|busy| busy.to_string());
                self.wrong.push(format!("{} wanted the lease of {}: {word:?}", NAMES[other], NAMES[serves]));
            }
        }
    }

    /// Until whatever was under way has come to where it stands still.
    async fn settled() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        sleep(Duration::from_millis(20)).await;
    }

    /// What one that lost its lease must leave as it is.
    async fn seen(&mut self, estate: &Estate) -> (i64, Vec<String>) {
        let truth = |name: &str| {
            let truth = estate.fleet.truth(name).expect("an account of the fleet");
            let (sets, held) = ((truth.sets, truth.changes, truth.set_at), (truth.live_is_current, truth.pending));
            format!("{name}: {sets:?} {held:?} {:?}", (truth.engines_agree, truth.services_run))
        };
        let truths = estate.fleet.accounts().iter().map(|account| truth(&account.name)).collect();
        (self.hand.entries().await, truths)
    }

    /// It goes on while nobody else does anything: then nothing may happen at all.
    async fn goes_on_alone(&mut self, mut ghost: Ghost, estate: &Estate, dice: &mut Dice) {
        let before = self.seen(estate).await;
        ghost.life.stand_still(false);
        sleep(Duration::from_millis(dice.throw(30))).await;
        let ended = ghost.ends().await;
        Self::settled().await;
        let after = self.seen(estate).await;
        if before != after {
            let changed = before.1.iter().zip(&after.1).filter(|(before, after)| before != after);
            self.wrong.push(format!(
                "{} went on without its lease: entries {} and then {}; {:?}",
                NAMES[ghost.number],
                before.0,
                after.0,
                changed.collect::<Vec<_>>()
            ));
        }
        self.laid(ghost, ended);
    }

    fn laid(&mut self, ghost: Ghost, ended: Result<(), String>) {
        self.still = None;
        self.wrong.extend(ended.err());
        self.take_in(&ghost.life);
    }

    fn take_in(&mut self, life: &Life) {
        self.count("writes refused", life.refused.load(Ordering::SeqCst));
        self.count(NOT_SENT, life.not_sent.load(Ordering::SeqCst));
        self.wrong.append(&mut life.wrong.lock().expect("no panic under this lock"));
    }

    /// The one that serves was struck.
    async fn struck(&mut self, stroke: Stroke, ghost: Ghost, session: i64, estate: &Estate, dice: &mut Dice) {
        if stroke == Stroke::Kill {
            self.count("killed", 1);
            let Ghost { number, life, serving, .. } = ghost;
            drop(serving);
            // Nobody knows yet that it is dead.
            self.try_to_take(number, dice).await;
            Self::settled().await;
            self.hand.end_session(session).await;
            return self.take_in(&life);
        }
        self.count(STOOD_STILL, 1);
        self.still = Some(ghost.number);
        ghost.life.stand_still(true);
        Self::settled().await;
        self.hand.end_session(session).await;
        ghost.life.end();
        Self::settled().await;
        if dice.throw(2) == 0 {
            self.goes_on_alone(ghost, estate, dice).await;
        } else {
            self.count("went on beside another", 1);
            self.ghost = Some(ghost);
        }
    }
}

#[async_trait(?Send)]
impl House for Replicas {
    fn place(&self) -> Place {
        Place::Postgres(self.place.clone())
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(&self.clerk) as Arc<dyn Journal>
    }

    fn blows(&self) -> Vec<Blow> {
        let own = |stroke| {
            let strokes = Arc::clone(&self.strokes);
            Blow::Own(Arc::new(move || strokes.lock().expect("no panic under this lock").push_back(stroke)))
        };
        vec![own(Stroke::Pause), own(Stroke::Kill), own(Stroke::Pause), Blow::Stop, own(Stroke::Storm)]
    }

    async fn serve(&mut self, estate: &Estate, dice: &mut Dice) {
        let number = self.other(self.last, dice);
        self.last = number;
        self.start(number, dice).await;
        let Some(Replica { journal, mut strikes }) = self.replicas[number].take() else { return };
        let life = Arc::clone(&journal.life);
        let lease = journal.lease(&[SERVICE.to_owned()], NAMES[number]).await.expect("nobody serves");
        let session = self.hand.session_of(SERVICE).await;
        let Shift { clock, board, mut listener, orders } = estate.shift();
        let keeping = {
            let (world, sink, setting) = (Arc::clone(&estate.world), Arc::clone(&estate.sink), estate.setting.clone());
            let clock = Arc::new(Living { keeping: clock, life: Arc::clone(&life) });
            async move {
                let mut keeper = Keeper::new(world, journal, clock, setting, board, sink).await?;
                keeper.run(&mut listener).await
            }
        };
        let mut serving: Serving = Box::pin(lease.while_held(keeping));
        let haunts = |ghost: Ghost| Box::pin(ghost.haunts(Arc::clone(&life), dice.throw(150), dice.throw(30)));
        let mut haunting = self.ghost.take().map(haunts);
        let mut tried_at = dice.throw(100);
        let stroke = loop {
            let haunted = async {
                match &mut haunting {
                    Some(ghost) => ghost.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(stroke) = strikes.recv() => {
                    if stroke != Stroke::Storm {
                        break Some(stroke);
                    }
                    self.count("storms", 1);
                    for _ in 0..3 {
                        self.hand.cut_connections().await;
                        sleep(Duration::from_millis(dice.throw(20))).await;
                    }
                }
                () = life.reached(tried_at) => {
                    self.try_to_take(number, dice).await;
                    tried_at += 1 + dice.throw(200);
                }
                (ghost, ended) = haunted => {
                    haunting = None;
                    self.laid(ghost, ended);
                }
                ended = &mut serving => {
                    match ended {
                        Ok(Ok(_)) => self.count("stopped", 1),
                        other => self.wrong.push(format!("{} ended by {other:?}", NAMES[number])),
                    }
                    break None;
                }
            }
        };
        if let Some(ghost) = haunting {
            life.hurry();
            let (ghost, ended) = ghost.await;
            self.laid(ghost, ended);
        }
        match stroke {
            None => self.take_in(&life),
            Some(stroke) => {
                let ghost = Ghost { number, life, serving, _orders: orders };
                self.struck(stroke, ghost, session, estate, dice).await;
            }
        }
    }

    async fn close(&mut self, _: &Estate) -> Vec<String> {
        if let Some(mut ghost) = self.ghost.take() {
            ghost.life.stand_still(false);
            let ended = ghost.ends().await;
            self.laid(ghost, ended);
        }
        println!("replicas: {:?}", self.figures);
        let figure = |what| self.figures.get(what).copied().unwrap_or_default();
        // A few strokes may miss what many must meet.
        if figure(STOOD_STILL) >= MANY {
            let never = MET.iter().filter(|what| figure(what) == 0).map(|what| format!("{what}: not once"));
            self.wrong.extend(never.collect::<Vec<_>>());
        }
        std::mem::take(&mut self.wrong)
    }

    async fn bytes(&mut self) -> u64 {
        self.hand.bytes().await
    }
}
