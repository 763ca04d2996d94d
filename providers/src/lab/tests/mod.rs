//! The lab's behaviour, seen through the ports as the product sees it.

mod connect_server;
mod crashes;
mod directory;
mod faults;
mod fleet;
mod local_users;
mod memory;
#[cfg(all(feature = "active-directory", feature = "lab-ldaps"))]
mod real_logon;
mod runs;
mod secrecy;
mod service;
mod truth;
mod vault;
mod worlds;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Lab, LabSetting, WorldPlan, show};
use crate::port::step_scope::within;
use crate::port::{Attempt, ConnectServer, Directory, Secret, Vault};

const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";
const CONNECTOR: &str = "contoso.test";
const DC1: &str = "dc1.contoso.test";
const DC2: &str = "dc2.contoso.test";
/// A bound on calls that must return.
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// A bound on calls that must never return.
const NEVER: Duration = Duration::from_millis(50);

/// A lab in a folder of its own, with a clock that the test moves.
struct Bench {
    dir: PathBuf,
    clock: Arc<AtomicI64>,
    ended: Arc<AtomicBool>,
    lab: Lab,
}

impl Bench {
    fn new() -> Self {
        Self::with(&WorldPlan::default_world())
    }

    fn with(plan: &WorldPlan) -> Self {
        let dir = fresh_dir();
        Lab::create(&dir, plan).unwrap();
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let clock = Arc::new(AtomicI64::new(start.as_microsecond()));
        let ended = Arc::new(AtomicBool::new(false));
        let lab = Lab::open(&dir, setting(&clock, &ended)).unwrap();
        Self { dir, clock, ended, lab }
    }

    /// Another process, as far as the folder can tell.
    fn reopen(&self) -> Lab {
        Lab::open(&self.dir, setting(&self.clock, &self.ended)).unwrap()
    }

    fn pass(&self, time: SignedDuration) {
        self.clock.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    fn fault(&self, name: &str) {
        super::faults::add(&self.dir, name, None).unwrap();
    }

    fn directory(&self) -> Arc<dyn Directory> {
        self.lab.directory()
    }

    fn vault(&self) -> Arc<dyn Vault> {
        self.lab.vault()
    }

    fn server(&self) -> Arc<dyn ConnectServer> {
        self.lab.server("SYNC1").unwrap()
    }

    async fn dn(&self) -> String {
        self.directory().account(ACCOUNT).await.unwrap().dn
    }

    /// Sets the password on the PDC emulator, in no step.
    async fn set(&self, secret: &Secret) {
        self.directory().set_password(&self.dn().await, DC1, secret).await.unwrap();
    }

    async fn accepted(&self, dc: &str, secret: &Secret) -> bool {
        self.directory().accepts(&self.dn().await, dc, secret).await.unwrap()
    }

    /// The first password, which only the vault can tell.
    async fn first(&self) -> Secret {
        let at = self.vault().find(ACCOUNT, crate::port::Slot::Current).await.unwrap().unwrap();
        self.vault().read(&at).await.unwrap()
    }

    async fn proof(&self) -> String {
        self.server().prove(CONNECTOR).await.unwrap().result
    }

    fn truth(&self) -> Value {
        show(&self.dir).unwrap()
    }

    fn label(&self, holder: &str) -> Option<String> {
        label(&self.truth(), holder)
    }

    fn counter(&self, name: &str) -> u64 {
        self.truth()["counters"][name].as_u64().unwrap()
    }

    fn event_ids(&self) -> Vec<u32> {
        self.lab.books(|books| Ok(books.world.servers[0].events.iter().map(|event| event.id).collect())).unwrap()
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn setting(clock: &Arc<AtomicI64>, ended: &Arc<AtomicBool>) -> LabSetting {
    let (clock, ended) = (Arc::clone(clock), Arc::clone(ended));
    LabSetting {
        now: Arc::new(move || Timestamp::from_microsecond(clock.load(Ordering::SeqCst)).unwrap()),
        end_process: Arc::new(move || ended.store(true, Ordering::SeqCst)),
        latency: None,
    }
}

fn fresh_dir() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let dir = std::env::temp_dir().join(format!("lab-test-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

/// The label of a holder of the first account; `None` = it holds nothing. A holder that is not there at all
/// is an error of the test.
fn label(truth: &Value, holder: &str) -> Option<String> {
    let holders = truth["accounts"][0]["holders"].as_array().unwrap();
    let found = holders.iter().find(|entry| entry["holder"] == holder);
    found.unwrap_or_else(|| panic!("no holder {holder} in {truth}"))["label"].as_str().map(str::to_owned)
}

fn has_holder(truth: &Value, holder: &str) -> bool {
    truth["accounts"][0]["holders"].as_array().unwrap().iter().any(|entry| entry["holder"] == holder)
}

fn password(number: u32) -> Secret {
    Secret::new(format!("Candidate-number-{number}-for-the-test"))
}

fn attempt(rotation: &str) -> Attempt {
    Attempt { rotation: rotation.to_owned(), takes_over: Vec::new() }
}

/// A call on behalf of a step. A crash fault that strikes at the wrong place would hang it for ever.
async fn in_step<F: Future>(step: &str, future: F) -> F::Output {
    tokio::time::timeout(CALL_LIMIT, within(step.to_owned(), future)).await.expect("the call never returned")
}

/// Runs a call that must never return because the process ends in it.
async fn never_returns<F: Future>(bench: &Bench, future: F) {
    assert!(tokio::time::timeout(NEVER, future).await.is_err(), "the call returned");
    assert!(bench.has_ended(), "the process was not ended");
    bench.ended.store(false, Ordering::SeqCst);
}

fn lines(dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join("requests.log")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Several handles, each in a thread of its own with its own runtime, as several processes would be.
fn side_by_side(bench: &Bench, count: u32, work: impl Fn(Lab, u32) + Send + Sync) {
    let failures = Mutex::new(0);
    std::thread::scope(|scope| {
        for number in 0..count {
            let (lab, work, failures) = (bench.reopen(), &work, &failures);
            scope.spawn(move || {
                let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(lab, number)));
                if run.is_err() {
                    *failures.lock().unwrap() += 1;
                }
            });
        }
    });
    assert_eq!(failures.into_inner().unwrap(), 0);
}
