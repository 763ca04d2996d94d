//! `lab bench`: a thousand accounts, all due, on many servers whose every answer takes its time; held against the critical
//! path that the limits allow.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;
use tokio::sync::mpsc;

use super::arguments::{Global, LabBench};
use super::output::{say, show, table};
use crate::clock::{Clock, SystemClock};
use crate::daemon::{Board, Keeper, Order, Setting, Totals};
use crate::journal::{Journal, Place};
use crate::order::{self, Exit};
use crate::schedule::Limits;
use crate::wiring::World;

/// The whole must not take more than this, of the critical path.
const RATIO_MAX: f64 = 1.1;

/// More must never be resident.
const RESIDENT_MAX_KIB: u64 = 128 * 1024;

/// How often it is looked whether all is done.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A run that is not done by then is given up.
const RUN_LIMIT: Duration = Duration::from_secs(20 * 60);

/// What came of it.
#[derive(Debug, Serialize)]
struct Measured {
    accounts: usize,
    servers: usize,
    in_flight: usize,
    latency_ms: u64,
    /// Accounts with a new password.
    rotated: u64,
    /// How all attempts ended.
    outcomes: Totals,
    seconds: f64,
    /// One server alone, its accounts one after the other: nothing can be faster while a server is worked on by one
    /// rotation at a time.
    critical_path_seconds: f64,
    ratio: f64,
    ratio_max: f64,
    /// Processor time of the whole run, where the system tells it: what no latency explains.
    machine_seconds: Option<f64>,
    /// `None` = not known here.
    resident_max_kib: Option<u64>,
    resident_limit_kib: u64,
    met: bool,
}

pub(super) async fn run(global: &Global, options: &LabBench) -> Exit {
    let (dir, is_ours) = match &options.dir {
        Some(dir) => (dir.clone(), false),
        None => (std::env::temp_dir().join(format!("entra-rotator-bench-{}", std::process::id())), true),
    };
    let measured = measure(options, &dir).await;
    if is_ours {
        // A folder of our own making; one that stays is no fault of the measurement.
        let _ = std::fs::remove_dir_all(&dir);
    }
    match measured {
        Ok(measured) => {
            show(global.format, &measured, told);
            if measured.met { Exit::Done } else { Exit::Failed }
        }
        Err(why) => {
            say(&why);
            Exit::Usage
        }
    }
}

async fn measure(options: &LabBench, dir: &Path) -> Result<Measured, String> {
    let per_server = options.accounts.div_ceil(options.sites);
    let accounts = per_server * options.sites;
    let latency = Duration::from_millis(options.latency_ms);
    say(&format!("one server with {per_server} accounts alone …"));
    let alone = rotate_all(1, per_server, latency, 1, &dir.join("alone.db")).await?;
    if alone.rotated() != per_server as u64 {
        return Err(format!(
            "of {per_server} accounts alone only {} were rotated: {:?}",
            alone.rotated(),
            alone.totals
        ));
    }
    say(&format!("{:.1} s; now {accounts} accounts on {} servers …", alone.seconds, options.sites));
    let all = rotate_all(options.sites, per_server, latency, options.in_flight, &dir.join("all.db")).await?;
    // With fewer places than servers, the places are the limit: all the work, shared out evenly.
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let turns = (options.sites as f64 / options.in_flight as f64).max(1.0);
    let critical = alone.seconds * turns;
    let (ratio, resident_max_kib) = (all.seconds / critical, resident_max_kib());
    let small = resident_max_kib.is_none_or(|kib| kib < RESIDENT_MAX_KIB);
    Ok(Measured {
        accounts,
        servers: options.sites,
        in_flight: options.in_flight,
        latency_ms: options.latency_ms,
        rotated: all.rotated(),
        met: all.rotated() == accounts as u64 && ratio <= RATIO_MAX && small,
        outcomes: all.totals,
        seconds: all.seconds,
        critical_path_seconds: critical,
        ratio,
        ratio_max: RATIO_MAX,
        machine_seconds: all.machine_seconds,
        resident_max_kib,
        resident_limit_kib: RESIDENT_MAX_KIB,
    })
}

/// What a run came to.
struct Ran {
    seconds: f64,
    machine_seconds: Option<f64>,
    totals: Totals,
}

impl Ran {
    fn rotated(&self) -> u64 {
        self.totals.get("rotated").copied().unwrap_or_default()
    }
}

/// Lets the service rotate all accounts of a new fleet.
async fn rotate_all(
    sites: usize,
    per_site: usize,
    latency: Duration,
    in_flight: usize,
    journal_file: &Path,
) -> Result<Ran, String> {
    let told = |fault| order::sentence(&fault);
    if journal_file.exists() {
        return Err(format!("{} is there already\n  next step: name an empty folder", journal_file.display()));
    }
    let mut world =
        World::of_new_fleet(sites, per_site, latency, Place::File(PathBuf::from(journal_file))).map_err(told)?;
    world.roster = world.roster.demonstration();
    world.roster.limits = Limits { in_flight, spacing: SignedDuration::ZERO };
    let journal_failed = |error| order::journal_failed(&error).0;
    let journal: Arc<dyn Journal> = Arc::from(world.journal().await.map_err(journal_failed)?);
    let (board, clock): (_, Arc<dyn Clock>) = (Arc::new(Board::default()), Arc::new(SystemClock));
    let setting = Setting {
        tick: Duration::from_secs(15),
        look_every: None,
        first_looks: SignedDuration::ZERO,
        errands: 1,
        stop_limit: Duration::from_secs(60),
        host: order::host(),
        repeat_h: 24,
        nothing_succeeded: None,
    };
    let accounts = (sites * per_site) as u64;
    let keeper = Keeper::new(Arc::new(world), journal, clock, setting, Arc::clone(&board), Arc::new(|_| {}));
    let mut keeper = keeper.await.map_err(journal_failed)?;
    let (orders, mut listener) = mpsc::channel(1);
    let (began, machine) = (SystemClock.monotonic(), machine_seconds());
    let watch = async {
        let passed = || SystemClock.monotonic().saturating_sub(began);
        while board.totals().values().sum::<u64>() < accounts && passed() < RUN_LIMIT {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let seconds = passed().as_secs_f64();
        // The keeper listens until it ends.
        let _ = orders.send(Order::Stop).await;
        seconds
    };
    let (ended, seconds) = tokio::join!(keeper.run(&mut listener), watch);
    ended.map_err(journal_failed)?;
    let machine_seconds = machine_seconds().zip(machine).map(|(after, before)| after - before);
    Ok(Ran { seconds, machine_seconds, totals: board.totals() })
}

/// The most that was ever resident of this process, where Linux tells it.
fn resident_max_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

/// Processor time of this process so far, where Linux tells it: nanoseconds on a processor, of each thread.
fn machine_seconds() -> Option<f64> {
    let mut nanoseconds = 0_u64;
    for thread in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let told = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        nanoseconds += told.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds).as_secs_f64())
}

fn told(measured: &Measured) -> String {
    let unknown = || "not known".to_owned();
    let resident = measured.resident_max_kib.map_or_else(unknown, |kib| format!("{} MiB", kib.div_ceil(1024)));
    let machine = measured.machine_seconds.map_or_else(unknown, |seconds| {
        format!("{seconds:.1} s of one processor, {:.0} % of the time", 100.0 * seconds / measured.seconds)
    });
    let outcomes = measured.outcomes.iter().map(|(word, count)| format!("{count} {word}"));
    let rows = [
        ("accounts", format!("{} on {} servers, all due", measured.accounts, measured.servers)),
        ("limits", format!("{} rotations in flight, one for each server", measured.in_flight)),
        ("latency of a call", format!("{} ms", measured.latency_ms)),
        ("outcomes", outcomes.collect::<Vec<_>>().join(", ")),
        ("took", format!("{:.1} s", measured.seconds)),
        ("critical path", format!("{:.1} s", measured.critical_path_seconds)),
        ("ratio", format!("{:.3} (at most {})", measured.ratio, measured.ratio_max)),
        ("of that, this machine", machine),
        ("peak resident memory", format!("{resident} (less than {} MiB)", measured.resident_limit_kib / 1024)),
        ("met", if measured.met { "yes" } else { "no" }.to_owned()),
    ];
    table(&["WHAT", "MEASURED"], rows.map(|(what, measured)| vec![what.to_owned(), measured]).into())
}
