//! Years of unattended service in virtual time: the real keeper, schedule, engine and journal on a fleet of labs, with bad
//! luck, restarts, and an administrator who comes once a week.

mod audit;
mod clock;
mod luck;
mod person;
mod surprise;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use entra_rotator::clock::Clock;
use entra_rotator::daemon::{Board, Keeper, Order, Setting, Sink};
use entra_rotator::journal::{Journal, Place, SqliteJournal};
use entra_rotator::notify::Notice;
use entra_rotator::schedule::{Calendar, Limits, Misfire};
use entra_rotator::wiring::World;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use providers::lab::{Fleet, FleetPlan, LabSetting};
use tokio::sync::{Notify, mpsc};

use audit::Audit;
use clock::{Keeping, Time, Visit, Working};
use luck::Dice;
use person::Administrator;

const ACCOUNTS_PER_SITE: usize = 4;
const SITES: usize = 250;
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEARS: Duration = Duration::from_secs(3 * 365 * 24 * 3600);
const MAX_AGE_DAYS: u32 = 90;

/// Set in the process that does the work: memory is measured, so it needs one of its own.
const ALONE: &str = "SOAK_ALONE";
/// Divides sites and time, for a quick look.
const SCALE: &str = "SOAK_SCALE";
const SEED: &str = "SOAK_SEED";

/// By so much memory may grow from the first quarter to the end.
const GROWTH_MAX_KIB: i64 = 24 * 1024;

#[test]
fn three_years_of_a_thousand_accounts() {
    let name = "soak::three_years_of_a_thousand_accounts";
    if std::env::var_os(ALONE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(soak());
    }
    let this = std::env::current_exe().expect("this binary");
    let done = Command::new(this).args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().expect("it runs");
    println!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "the soak failed: see above");
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A folder in memory where there is one: what is tested is not the disk.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
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

/// What the world does to the service.
#[derive(Default)]
struct Fate {
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    killed: Notify,
    visit_due: AtomicI64,
    stops: AtomicUsize,
    kills: AtomicUsize,
}

impl Fate {
    fn stop(&self) {
        if let Some(orders) = &*self.orders.lock().expect("no panic under this lock") {
            self.stops.fetch_add(1, Ordering::SeqCst);
            // One that is being told already needs no second word.
            let _ = orders.try_send(Order::Stop);
        }
    }
}

fn plan_restarts(fate: &Arc<Fate>, time: &Arc<Time>, dice: &mut Dice, length: Duration) {
    for _ in 0..length.as_secs() / (14 * DAY.as_secs()) {
        let (at, kill) = (dice.within(length), dice.throw(2) == 0);
        let (fate, of) = (Arc::clone(fate), Arc::clone(time));
        time.plan(
            at,
            Box::new(move || {
                if of.visiting.load(Ordering::SeqCst) {
                    return;
                }
                if kill {
                    fate.kills.fetch_add(1, Ordering::SeqCst);
                    fate.killed.notify_one();
                } else {
                    fate.stop();
                }
            }),
        );
    }
}

async fn soak() {
    let (scale, seed) = (number(SCALE, 1), number(SEED, 20_261_121));
    let sites = SITES / usize::try_from(scale).expect("a number");
    let length = YEARS / u32::try_from(scale).expect("a number");
    println!(
        "soak: seed {seed} ({SEED}), {} accounts, {} days",
        sites * ACCOUNTS_PER_SITE,
        length.as_secs() / DAY.as_secs()
    );
    let begun = Instant::now();
    let folder = folder();
    let journal_file: PathBuf = folder.path().join("journal.db");
    let mut dice = Dice(seed);
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    let time = Time::new(start);

    let of = Arc::clone(&time);
    let setting = LabSetting { now: Arc::new(move || of.now()), end_process: Arc::new(|| {}), latency: None };
    let plan = FleetPlan { service_accounts: true, ..FleetPlan::new(sites, ACCOUNTS_PER_SITE) };
    let fleet = Fleet::in_memory(&plan, &setting).expect("a fleet");
    let mut world = World::of_fleet(&fleet, Place::File(journal_file.clone()), Arc::new(Working(Arc::clone(&time))));
    scheduled(&mut world);
    let world = Arc::new(world);
    let strokes = luck::plan(&fleet, &time, &mut dice, length);
    let fate = Arc::new(Fate::default());
    plan_restarts(&fate, &time, &mut dice, length);
    let at_the_end = Arc::clone(&fate);
    time.plan(length, Box::new(move || at_the_end.stop()));

    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(&journal_file).await.expect("a journal"));
    let person = Arc::new(Administrator {
        world: Arc::clone(&world),
        journal: Arc::clone(&journal),
        fleet: fleet.clone(),
        resumed: AtomicUsize::new(0),
        repaired: AtomicUsize::new(0),
        renewed: AtomicUsize::new(0),
    });
    let audit = Arc::new(Audit::new(fleet.clone(), Arc::clone(&journal), start));
    let visit = visits(&time, &fate, &person, &audit, length);
    let told: Arc<Mutex<BTreeMap<(&'static str, String), usize>>> = Arc::default();
    let sink: Sink = {
        let told = Arc::clone(&told);
        Arc::new(move |notice: Notice| {
            let key = (notice.kind, format!("{:?}", notice.standing));
            *told.lock().expect("no panic under this lock").entry(key).or_default() += 1;
        })
    };
    let setting = Setting {
        tick: Duration::from_secs(12 * 3600),
        look_every: None,
        first_looks: SignedDuration::ZERO,
        errands: 1,
        stop_limit: Duration::from_secs(60),
        host: "soak".into(),
        repeat_h: 24 * 7,
        nothing_succeeded: Some(SignedDuration::from_hours(24 * 30)),
    };

    let (mut first_quarter, mut starts) = (None, 0);
    let over = start + SignedDuration::try_from(length).expect("years");
    while time.now() < over {
        let board = Arc::new(Board::default());
        let keeping = Keeping { time: Arc::clone(&time), board: Arc::clone(&board), visit: Arc::clone(&visit) };
        let clock: Arc<dyn Clock> = Arc::new(keeping);
        let (orders, mut listener) = mpsc::channel(4);
        *fate.orders.lock().expect("no panic under this lock") = Some(orders.clone());
        let new =
            Keeper::new(Arc::clone(&world), Arc::clone(&journal), clock, setting.clone(), board, Arc::clone(&sink));
        let mut keeper = new.await.expect("a keeper");
        starts += 1;
        let lag = dice.throw(400);
        let killed = async {
            fate.killed.notified().await;
            // So that the end may come anywhere in a job.
            for _ in 0..lag {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = keeper.run(&mut listener) => { ended.expect("the journal works"); }
            () = killed => {}
        }
        drop(keeper);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        // It is away for a while: mostly minutes, sometimes for two days.
        let away =
            Duration::from_secs(60 + dice.throw(600) + if dice.throw(10) == 0 { dice.throw(2 * 86_400) } else { 0 });
        time.advance(away);
        if first_quarter.is_none() && time.now() >= start + SignedDuration::try_from(length / 4).expect("years") {
            first_quarter = resident_kib();
            println!("a quarter is over: {first_quarter:?} KiB resident, {:.0?}", begun.elapsed());
        }
    }
    let at_the_end = resident_kib();
    println!("time is over: {at_the_end:?} KiB resident, {:.0?}", begun.elapsed());

    time.visiting.store(true, Ordering::SeqCst);
    for lab in fleet.sites() {
        lab.take_faults_back().expect("a lab in memory");
    }
    for wish in &world.wishes {
        person.end_what_is_open(&wish.account).await;
    }
    let told = told.lock().expect("no panic under this lock").clone();
    println!("told: {told:?}");
    println!(
        "bad luck {strokes}; starts {starts}, orders to stop {}, kills {}; the administrator resumed {}, repaired {}, renewed {}",
        fate.stops.load(Ordering::SeqCst),
        fate.kills.load(Ordering::SeqCst),
        person.resumed.load(Ordering::SeqCst),
        person.repaired.load(Ordering::SeqCst),
        person.renewed.load(Ordering::SeqCst),
    );
    let wrong = audit.conclude(&world, over).await;
    let bytes: u64 = ["", "-wal"]
        .iter()
        .filter_map(|end| Some(std::fs::metadata(format!("{}{end}", journal_file.display())).ok()?.len()))
        .sum();
    audit.print_growth(bytes).await;
    println!("real time: {:.0?}", begun.elapsed());
    assert!(wrong.is_empty(), "seed {seed}: {} faults:\n{}", wrong.len(), wrong.join("\n"));
    assert!(starts > 3, "it was restarted");
    if let (Some(first), Some(last)) = (first_quarter, at_the_end) {
        assert!(last - first < GROWTH_MAX_KIB, "memory grew from {first} to {last} KiB");
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
    let week = 7 * DAY;
    let mut at = week;
    while at < length {
        let fate = Arc::clone(fate);
        time.plan(
            at,
            Box::new(move || {
                fate.visit_due.fetch_add(1, Ordering::SeqCst);
            }),
        );
        at += week;
    }
    let (time, fate, person, audit) = (Arc::clone(time), Arc::clone(fate), Arc::clone(person), Arc::clone(audit));
    Arc::new(Box::new(move || {
        let (time, fate, person, audit) =
            (Arc::clone(&time), Arc::clone(&fate), Arc::clone(&person), Arc::clone(&audit));
        Box::pin(async move {
            if fate.visit_due.swap(0, Ordering::SeqCst) == 0 {
                return;
            }
            time.visiting.store(true, Ordering::SeqCst);
            audit.sample(time.now()).await;
            person.visit().await;
            time.visiting.store(false, Ordering::SeqCst);
        })
    }))
}
