//! No surprises: a first start with hundreds of overdue accounts, a restored backup, a clock that was set, two services on
//! one journal. The real keeper in virtual time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entra_rotator::clock::Clock;
use entra_rotator::daemon::{Board, Keeper, Order, Setting, Sink};
use entra_rotator::engine::Rotation;
use entra_rotator::journal::{Journal, Note, Place, Query, SqliteJournal};
use entra_rotator::notify::{Notice, Standing};
use entra_rotator::rotation::Event;
use entra_rotator::schedule::{Limits, Window, Windows};
use entra_rotator::wiring::World;
use jiff::civil::time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use providers::lab::{Fleet, FleetPlan, LabSetting};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::course::ACCOUNTS_PER_SITE;
use super::course::clock::{Keeping, Time, Visit, Working};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A clock that is wrong by so many seconds, for the program alone: the directory's own goes on.
#[derive(Clone)]
struct Wrong<C> {
    clock: C,
    by_s: Arc<AtomicI64>,
}

#[async_trait]
impl<C: Clock> Clock for Wrong<C> {
    fn now(&self) -> Timestamp {
        self.clock.now() + SignedDuration::from_secs(self.by_s.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    async fn sleep(&self, length: Duration) {
        self.clock.sleep(length).await;
    }
}

struct Estate {
    folder: TempDir,
    time: Arc<Time>,
    by_s: Arc<AtomicI64>,
    fleet: Fleet,
    world: Arc<World>,
    told: Arc<Mutex<Vec<Notice>>>,
}

impl Estate {
    /// So many sites of four accounts, 120 days old, with a maximum age of 90.
    fn new(sites: usize, windows: Windows, limits: Limits) -> Self {
        let folder = super::folder();
        let time = Time::new("2026-03-02T12:00:00Z".parse().expect("a time"));
        let of = Arc::clone(&time);
        let setting = LabSetting { now: Arc::new(move || of.now()), end_process: Arc::new(|| {}), latency: None };
        let plan = FleetPlan { service_accounts: true, ..FleetPlan::new(sites, ACCOUNTS_PER_SITE) };
        let fleet = Fleet::in_memory(&plan, &setting).expect("a fleet");
        let by_s = Arc::new(AtomicI64::new(0));
        let clock = Wrong { clock: Working(Arc::clone(&time)), by_s: Arc::clone(&by_s) };
        let mut world = World::of_fleet(&fleet, Place::File(folder.path().join("journal.db")), Arc::new(clock));
        for post in world.roster.posts.values_mut() {
            post.policy.max_age = Some(SignedDuration::from_hours(90 * 24));
            post.policy.windows = windows.clone();
            post.member.max_age_days = Some(90);
        }
        world.roster.limits = limits;
        Self { folder, time, by_s, fleet, world: Arc::new(world), told: Arc::default() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    async fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(SqliteJournal::open_without_ballast(&self.file()).await.expect("a journal"))
    }

    /// The service works for so long.
    async fn serves(&self, length: Duration) {
        let board = Arc::new(Board::default());
        let visit: Arc<Visit> = Arc::new(Box::new(|| Box::pin(async {})));
        let keeping = Keeping { time: Arc::clone(&self.time), board: Arc::clone(&board), visit };
        let clock: Arc<dyn Clock> = Arc::new(Wrong { clock: keeping, by_s: Arc::clone(&self.by_s) });
        let setting = Setting {
            tick: HOUR,
            look_every: Some(SignedDuration::from_hours(48)),
            first_looks: SignedDuration::ZERO,
            errands: 2,
            stop_limit: Duration::from_secs(60),
            host: "surprise".into(),
            repeat_h: 24,
            nothing_succeeded: None,
        };
        let told = Arc::clone(&self.told);
        let sink: Sink = Arc::new(move |notice| told.lock().expect("no panic under this lock").push(notice));
        let (orders, mut listener) = mpsc::channel(4);
        let journal = self.journal().await;
        let keeper = Keeper::new(Arc::clone(&self.world), journal, clock, setting, board, sink).await;
        self.time.plan(
            self.time.passed() + length,
            Box::new(move || {
                let _ = orders.try_send(Order::Stop);
            }),
        );
        keeper.expect("a keeper").run(&mut listener).await.expect("the journal works");
    }

    /// How often each account got another password.
    fn changes(&self) -> BTreeMap<u64, usize> {
        let mut changes = BTreeMap::new();
        for account in self.fleet.accounts() {
            let truth = self.fleet.truth(&account.name).expect("an account");
            assert!(truth.live_is_current, "{}: {truth:?}", account.name);
            *changes.entry(truth.changes).or_default() += 1;
        }
        changes
    }

    fn told(&self, kind: &str, standing: Standing) -> usize {
        let told = self.told.lock().expect("no panic under this lock");
        told.iter().filter(|notice| notice.kind == kind && notice.standing == standing).count()
    }
}

fn always() -> Windows {
    Windows::always(TimeZone::UTC)
}

fn few() -> Limits {
    Limits { in_flight: 2, spacing: SignedDuration::from_secs(60) }
}

#[tokio::test]
async fn five_hundred_overdue_accounts_are_no_storm() {
    let night = Window { days: Vec::new(), from: time(2, 0, 0, 0), to: time(4, 0, 0, 0) };
    let windows = Windows::new(vec![night], Vec::new(), TimeZone::UTC);
    let estate = Estate::new(125, windows, Limits { in_flight: 3, spacing: SignedDuration::from_secs(60) });
    estate.serves(3 * HOUR).await;
    assert_eq!(estate.changes(), [(0, 500)].into(), "nothing outside the window");
    // It is restarted every few hours, too.
    for _ in 0..8 {
        estate.serves(25 * HOUR).await;
    }
    assert_eq!(estate.changes(), [(1, 500)].into(), "each once");
    let journal = estate.journal().await;
    let mut spans = Vec::new();
    for listed in journal.list(&Query::default()).await.expect("a list") {
        let rotation = Rotation::read(&*journal, &listed.id).await.expect("a rotation");
        let ends = |entry: Option<&entra_rotator::journal::Entry>| entry.expect("an entry").at;
        // The late proof comes 70 minutes later.
        let finished = rotation.log().iter().find(|entry| entry.event == Event::Finished);
        spans.push((ends(rotation.log().first()), ends(finished)));
    }
    spans.sort();
    for (place, (began, _)) in spans.iter().enumerate() {
        let hour = began.to_zoned(TimeZone::UTC).hour();
        assert!((2..4).contains(&hour), "begun at {began}");
        let at_once = spans[..place].iter().filter(|(_, ended)| ended > began).count() + 1;
        assert!(at_once <= 3, "{at_once} at once at {began}");
    }
    let gaps = spans.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0));
    let least = gaps.min().expect("some");
    // The journal's entry comes after preflight, whose length differs by a few seconds of virtual time.
    assert!(least >= SignedDuration::from_secs(40), "{least} between two");
}

#[tokio::test]
async fn a_restored_backup_rotates_nothing_twice() {
    let estate = Estate::new(3, always(), few());
    let backup = estate.folder.path().join("backup.db");
    // Before anything was rotated.
    estate.journal().await;
    std::fs::copy(estate.file(), &backup).expect("a backup");
    estate.serves(DAY).await;
    assert_eq!(estate.changes(), [(1, 12)].into());
    let restore = |from: &PathBuf| {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", estate.file().display()));
        }
        std::fs::copy(from, estate.file()).expect("restored");
    };
    estate.time.advance(5 * DAY);
    restore(&backup);
    estate.serves(2 * DAY).await;
    assert_eq!(estate.changes(), [(1, 12)].into(), "the directory tells how old they are");

    // Between the first and the second rotation: the journal believes that all are due, and the world knows better.
    estate.time.advance(70 * DAY);
    let journal = estate.journal().await;
    drop(journal);
    let middle = estate.folder.path().join("middle.db");
    estate.serves(HOUR / 4).await;
    std::fs::copy(estate.file(), &middle).expect("a backup");
    estate.serves(20 * DAY).await;
    let before = estate.changes();
    assert_eq!(before, [(2, 12)].into());
    restore(&middle);
    estate.serves(3 * DAY).await;
    assert_eq!(estate.changes(), before, "nothing is rotated on what an old journal believes");
}

#[tokio::test]
async fn a_clock_that_was_set_rotates_nothing_by_surprise() {
    let estate = Estate::new(3, always(), few());
    estate.serves(DAY).await;
    assert_eq!(estate.changes(), [(1, 12)].into());
    let set = |days: i64| estate.by_s.store(days * 24 * 3600, Ordering::SeqCst);
    set(-400);
    for starts in 1..=3 {
        estate.serves(2 * DAY).await;
        assert_eq!(estate.changes(), [(1, 12)].into(), "set back by a year");
        assert_eq!(estate.told("clock-behind", Standing::Raised), starts, "told again at each start");
        assert_eq!(estate.told("clock-behind", Standing::Cleared), 0);
    }
    set(0);
    estate.serves(2 * DAY).await;
    assert_eq!(estate.changes(), [(1, 12)].into(), "and right again");
    // The servers' own clocks are right, so no gap between two cycles fits: what is due waits, and nothing is forced.
    set(3 * 365);
    estate.serves(2 * DAY).await;
    assert_eq!(estate.changes(), [(1, 12)].into(), "three years ahead");
    set(0);
    estate.serves(10 * DAY).await;
    // What was begun and parked meanwhile is carried on, and nothing else.
    let twice = estate.changes().get(&2).copied().unwrap_or_default();
    assert!(twice <= 2 && estate.changes().keys().all(|changes| *changes <= 2), "{:?}", estate.changes());
    assert_eq!(
        estate.told("clock-behind", Standing::Cleared),
        1,
        "after the first one; what was written ahead of time lasts"
    );
    // Until a person says so.
    let journal = estate.journal().await;
    let renewed = Note::Renewed { account: estate.fleet.accounts()[0].name.clone(), by: "a test".into() };
    journal.note(estate.time.now(), &renewed).await.expect("a note");
    drop(journal);
    estate.serves(DAY).await;
    assert_eq!(estate.told("clock-behind", Standing::Cleared), 2);
}

#[tokio::test]
async fn two_services_on_one_journal_rotate_each_account_once() {
    let estate = Estate::new(10, always(), Limits { in_flight: 4, spacing: SignedDuration::ZERO });
    tokio::join!(estate.serves(DAY), estate.serves(DAY));
    assert_eq!(estate.changes(), [(1, 40)].into());
    let journal = estate.journal().await;
    assert_eq!(journal.list(&Query::default()).await.expect("a list").len(), 40);
}
