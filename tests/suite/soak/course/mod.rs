//! Years of unattended service in virtual time: the real keeper, schedule, engine and journal on a fleet of labs, with bad
//! luck, restarts, and an administrator who comes once a week. Who serves, and on which journal, is a [`House`].

mod audit;
pub(crate) mod clock;
mod fate;
pub(crate) mod luck;
mod person;

use std::collections::BTreeMap;
use std::future::Future;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use entra_rotator::daemon::{Board, Order, Setting, Sink};
use entra_rotator::journal::{Journal, Place};
use entra_rotator::notify::Notice;
use entra_rotator::schedule::{Calendar, Limits, Misfire};
use entra_rotator::wiring::World;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use providers::lab::{Fleet, FleetPlan, LabSetting};
use tokio::sync::mpsc;

use audit::Audit;
use clock::{Keeping, Time, Visit, Working};
pub(crate) use fate::Blow;
use fate::Fate;
use luck::Dice;
use person::Administrator;

pub(crate) const ACCOUNTS_PER_SITE: usize = 4;
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const YEARS: Duration = Duration::from_secs(3 * 365 * 24 * 3600);
const MAX_AGE_DAYS: u32 = 90;

/// Set in the process that does the work: memory is measured, so it needs one of its own.
const ALONE: &str = "SOAK_ALONE";
/// Divides sites and time: the larger, the quicker.
pub(crate) const SCALE: &str = "SOAK_SCALE";
const SEED: &str = "SOAK_SEED";

/// By so much memory may grow from the first quarter to the end.
const GROWTH_MAX_KIB: i64 = 24 * 1024;

/// Who serves, and where the journal lies.
#[async_trait(?Send)]
pub(crate) trait House {
    /// The journal's place.
    fn place(&self) -> Place;
    /// The journal as those have it who don't serve: the administrator, the audit.
    fn journal(&self) -> Arc<dyn Journal>;
    /// What befalls who serves, each as often as the others.
    fn blows(&self) -> Vec<Blow>;
    /// Serves once, from a start to whatever ends it.
    async fn serve(&mut self, estate: &Estate, dice: &mut Dice);
    /// Time is over: ends what is left, prints what befell it, and says what was wrong.
    async fn close(&mut self, estate: &Estate) -> Vec<String>;
    /// How large the journal is.
    async fn bytes(&mut self) -> u64;
}

/// What every service works on, whoever it is.
pub(crate) struct Estate {
    pub(crate) world: Arc<World>,
    pub(crate) fleet: Fleet,
    pub(crate) setting: Setting,
    pub(crate) sink: Sink,
    time: Arc<Time>,
    fate: Arc<Fate>,
    visit: Arc<Visit>,
}

/// What one start of the service gets.
pub(crate) struct Shift {
    pub(crate) clock: Keeping,
    pub(crate) board: Arc<Board>,
    pub(crate) listener: mpsc::Receiver<Order>,
    /// Whoever drops the last one tells it to stop.
    pub(crate) orders: mpsc::Sender<Order>,
}

impl Estate {
    pub(crate) fn shift(&self) -> Shift {
        let board = Arc::new(Board::default());
        let visit = Arc::clone(&self.visit);
        let clock = Keeping { time: Arc::clone(&self.time), board: Arc::clone(&board), visit };
        let (orders, listener) = mpsc::channel(4);
        self.fate.heard_by(orders.clone());
        Shift { clock, board, listener, orders }
    }
}

/// Does `work` in a process of its own that runs the test of this name, and shows what it printed.
pub(crate) fn alone<F: Future>(name: &str, work: impl FnOnce() -> F) {
    if std::env::var_os(ALONE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work());
        return;
    }
    let this = std::env::current_exe().expect("this binary");
    let done = Command::new(this).args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().expect("it runs");
    println!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "the soak failed: see above");
}

pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn resident_kib() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

fn scheduled(world: &mut World) {
    for (place, post) in world.roster.posts.values_mut().enumerate() {
        let policy = &mut post.policy;
        policy.max_age = Some(SignedDuration::from_hours(24 * i64::from(MAX_AGE_DAYS)));
        policy.warn_before = SignedDuration::from_hours(24 * 10);
        policy.jitter = SignedDuration::from_hours(48);
        policy.misfire = [Misfire::Once, Misfire::Skip, Misfire::Now][place % 3];
        post.member.max_age_days = Some(MAX_AGE_DAYS);
        // Some sites have a calendar as well: the fifth of each second month, at night.
        if (place / ACCOUNTS_PER_SITE).is_multiple_of(10) {
            let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
            policy.calendar = Some(Calendar::parse("30 2 5 */2 *", zone).expect("a pattern"));
        }
    }
    world.roster.limits = Limits { in_flight: 1, spacing: SignedDuration::ZERO };
}

fn setting() -> Setting {
    Setting {
        tick: Duration::from_secs(12 * 3600),
        look_every: None,
        first_looks: SignedDuration::ZERO,
        errands: 1,
        stop_limit: Duration::from_secs(60),
        host: "soak".into(),
        repeat_h: 24 * 7,
        nothing_succeeded: Some(SignedDuration::from_hours(24 * 30)),
    }
}

/// How much of it there is.
pub(crate) struct Course {
    pub(crate) sites: usize,
    pub(crate) length: Duration,
    /// How often the service is struck, about.
    pub(crate) blow_every: Duration,
}

impl Course {
    /// Lets the years go by, and holds the journal against the truth.
    pub(crate) async fn run(&self, house: &mut dyn House) {
        let (length, seed) = (self.length, number(SEED, 20_261_121));
        let days = length.as_secs() / DAY.as_secs();
        println!("soak: seed {seed} ({SEED}), {} accounts, {days} days", self.sites * ACCOUNTS_PER_SITE);
        let begun = Instant::now();
        let mut dice = Dice(seed);
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let time = Time::new(start);

        let of = Arc::clone(&time);
        let lab_setting = LabSetting { now: Arc::new(move || of.now()), end_process: Arc::new(|| {}), latency: None };
        let plan = FleetPlan { service_accounts: true, ..FleetPlan::new(self.sites, ACCOUNTS_PER_SITE) };
        let fleet = Fleet::in_memory(&plan, &lab_setting).expect("a fleet");
        let mut world = World::of_fleet(&fleet, house.place(), Arc::new(Working(Arc::clone(&time))));
        scheduled(&mut world);
        let world = Arc::new(world);
        let strokes = luck::plan(&fleet, &time, &mut dice, length);
        let fate = Arc::new(Fate::default());
        fate::plan(&fate, &time, &mut dice, self, &house.blows());

        let journal = house.journal();
        let person = Arc::new(Administrator {
            world: Arc::clone(&world),
            journal: Arc::clone(&journal),
            fleet: fleet.clone(),
            resumed: AtomicUsize::new(0),
            repaired: AtomicUsize::new(0),
            renewed: AtomicUsize::new(0),
        });
        let audit = Arc::new(Audit::new(fleet.clone(), journal, start));
        let visit = visits(&time, &fate, &person, &audit, length);
        let told: Arc<Mutex<BTreeMap<(&'static str, String), usize>>> = Arc::default();
        let sink: Sink = {
            let told = Arc::clone(&told);
            Arc::new(move |notice: Notice| {
                let key = (notice.kind, format!("{:?}", notice.standing));
                *told.lock().expect("no panic under this lock").entry(key).or_default() += 1;
            })
        };
        let estate =
            Estate { world, fleet, setting: setting(), sink, time: Arc::clone(&time), fate: Arc::clone(&fate), visit };

        let (mut first_quarter, mut starts) = (None, 0);
        let over = start + SignedDuration::try_from(length).expect("years");
        while time.now() < over {
            starts += 1;
            house.serve(&estate, &mut dice).await;
            // It is away for a while: mostly minutes, sometimes for two days.
            let away = Duration::from_secs(
                60 + dice.throw(600) + if dice.throw(10) == 0 { dice.throw(2 * 86_400) } else { 0 },
            );
            time.advance(away);
            if first_quarter.is_none() && time.now() >= start + SignedDuration::try_from(length / 4).expect("years") {
                first_quarter = resident_kib();
                println!("a quarter is over: {first_quarter:?} KiB resident, {:.0?}", begun.elapsed());
            }
        }
        let at_the_end = resident_kib();
        println!("time is over: {at_the_end:?} KiB resident, {:.0?}", begun.elapsed());

        time.visiting.store(true, Ordering::SeqCst);
        let mut wrong = house.close(&estate).await;
        for lab in estate.fleet.sites() {
            lab.take_faults_back().expect("a lab in memory");
        }
        for wish in &estate.world.wishes {
            person.end_what_is_open(&wish.account).await;
        }
        let told = told.lock().expect("no panic under this lock").clone();
        println!("told: {told:?}");
        println!(
            "bad luck {strokes}; starts {starts}, orders to stop {}; the administrator resumed {}, repaired {}, renewed {}",
            fate.stops(),
            person.resumed.load(Ordering::SeqCst),
            person.repaired.load(Ordering::SeqCst),
            person.renewed.load(Ordering::SeqCst),
        );
        wrong.extend(audit.conclude(&estate.world, over).await);
        audit.print_growth(house.bytes().await).await;
        println!("real time: {:.0?}", begun.elapsed());
        assert!(wrong.is_empty(), "seed {seed}: {} faults:\n{}", wrong.len(), wrong.join("\n"));
        assert!(starts > 3, "it was restarted");
        if let (Some(first), Some(last)) = (first_quarter, at_the_end) {
            assert!(last - first < GROWTH_MAX_KIB, "memory grew from {first} to {last} KiB");
        }
    }
}

/// Once a week the administrator comes, and the truth is looked at.
fn visits(
    time: &Arc<Time>,
    fate: &Arc<Fate>,
    person: &Arc<Administrator>,
    audit: &Arc<Audit>,
    length: Duration,
) -> Arc<Visit> {
    fate.plan_visits(time, 7 * DAY, length);
    let (time, fate, person, audit) = (Arc::clone(time), Arc::clone(fate), Arc::clone(person), Arc::clone(audit));
    Arc::new(Box::new(move || {
        let (time, fate, person, audit) =
            (Arc::clone(&time), Arc::clone(&fate), Arc::clone(&person), Arc::clone(&audit));
        Box::pin(async move {
            if !fate.visit_is_due() {
                return;
            }
            time.visiting.store(true, Ordering::SeqCst);
            audit.sample(time.now()).await;
            person.visit().await;
            time.visiting.store(false, Ordering::SeqCst);
        })
    }))
}
