//! The lab as a bench. What it tells comes from the world's file, not from the lab's directory; what it does, a
//! second handle on the same folder does.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use providers::conformance::directory::{Account, Bench, Rules, Truth};
use providers::conformance::{Able, Stop, unable};
use providers::lab::{AccountPlan, Lab, LabSetting, Rights, WorldPlan, faults};
use providers::port::{Directory, Fault, Secret};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const SUBJECT: &str = "MSOL_1a2b3c4d5e6f";
const DISPLAY_NAME: &str = "On-Premises Sync";
const BYSTANDER: &str = "bystander";
const UNRELATED: &str = "unrelated";
pub(crate) const ROTATOR: &str = "rotator";
pub(crate) const ROTATOR_PASSWORD: &str = "Rotator-Password-7-in-the-lab";
const DISABLED: &str = "barred";
/// The second one's logon name is the first one's principal name.
const TWINS: [&str; 2] = ["twin", "twin@contoso.test"];
const THRESHOLD: u32 = 5;
const DAY_MINUTES: u32 = 24 * 60;
const LAG_MS: u32 = 50;
/// Longer than any test.
const HELD_LAG_MS: u32 = 3_600_000;

/// A call in the lab is a few file accesses.
const CALL_LIMIT: Duration = Duration::from_secs(2);

/// How long a set is delayed.
const DELAY: Duration = Duration::from_millis(400);

/// A lab in a folder of its own.
pub(crate) struct LabBench {
    /// Dropped last, with the folder.
    pub(crate) dir: TempDir,
    hand: Arc<dyn Directory>,
    controllers: Vec<String>,
    number: AtomicU32,
    /// How long the adapter's next set takes on its way, in milliseconds.
    delay_ms: Arc<AtomicU64>,
}

fn filetime_now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond() / 100).expect("it is not that late") + 116_444_736_000_000_000
}

fn open(dir: &TempDir) -> Lab {
    let setting = LabSetting { now: Arc::new(Timestamp::now), end_process: Arc::new(|| {}), latency: None };
    Lab::open(dir.path(), setting).expect("a lab that was just made")
}

/// The bench's own trouble.
fn trouble(fault: Fault) -> Stop {
    Stop::Failed(format!("the bench: {fault}"))
}

impl LabBench {
    /// A lab with domain controllers of these names.
    pub(crate) fn new(controllers: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let plan = WorldPlan {
            account: SUBJECT.to_owned(),
            display_name: DISPLAY_NAME.to_owned(),
            lockout_threshold: THRESHOLD,
            lag_ms: LAG_MS,
            single_dc: controllers.len() == 1,
            controller_hosts: controllers.iter().map(|&host| host.to_owned()).collect(),
            more_accounts: vec![AccountPlan {
                name: ROTATOR.to_owned(),
                password: Secret::new(ROTATOR_PASSWORD),
                rights: Rights::rotator(&[SUBJECT, BYSTANDER]),
            }],
            ..WorldPlan::default_world()
        };
        Lab::create(dir.path(), &plan).expect("a new lab");
        let hand = open(&dir).directory();
        let controllers = controllers.iter().map(|&host| host.to_owned()).collect();
        let bench = Self { dir, hand, controllers, number: AtomicU32::new(0), delay_ms: Arc::default() };
        bench.edit(|world| {
            for name in [BYSTANDER, UNRELATED, DISABLED, TWINS[0], TWINS[1]] {
                add_account(world, name);
            }
        });
        bench
    }

    /// A handle on this lab, as another process would have one.
    pub(crate) fn lab(&self) -> Lab {
        open(&self.dir)
    }

    /// The adapter to try.
    pub(crate) fn directory(&self) -> Arc<dyn Directory> {
        let delay_ms = Arc::clone(&self.delay_ms);
        let latency = move |_: &str, operation: &str| match operation.starts_with("set_password") {
            true => Duration::from_millis(delay_ms.swap(0, Ordering::SeqCst)),
            false => Duration::ZERO,
        };
        let setting = LabSetting {
            now: Arc::new(Timestamp::now),
            end_process: Arc::new(|| {}),
            latency: Some(Arc::new(latency)),
        };
        Lab::open(self.dir.path(), setting).expect("a lab that was just made").directory()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The world's file, after all changes arrived that are due: a request sees to that.
    fn world(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("world.json")).expect("the lab's file")).expect("its form")
    }

    /// A hand in the world's file, under the lab's lock.
    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let lock = File::create(self.path("lock")).expect("the lab's folder");
        lock.lock().expect("nobody holds it for long");
        let mut world = self.world();
        change(&mut world);
        fs::write(self.path("world.json"), world.to_string()).expect("the lab's file");
    }

    fn account(&self, name: &str) -> Account {
        let world = self.world();
        let accounts = world["domain"]["accounts"].as_array().expect("accounts");
        let account = accounts.iter().find(|account| account["name"] == name).expect("it was made");
        let dn = text(&account["dn"]);
        Account {
            locators: vec![
                name.to_owned(),
                name.to_uppercase(),
                format!("{name}@contoso.test"),
                dn.clone(),
                dn.to_lowercase(),
            ],
            dn,
            sam_account_name: name.to_owned(),
            display_name: text(&account["display_name"]),
        }
    }

    fn replica(&self, dn: &str, dc: &str) -> Value {
        let world = self.world();
        let domain = &world["domain"];
        let account = domain["accounts"].as_array().expect("accounts").iter().find(|account| account["dn"] == dn);
        let name = text(&account.expect("it was made")["name"]);
        let controllers = domain["controllers"].as_array().expect("controllers");
        let controller = controllers.iter().find(|controller| controller["host"] == dc).expect("it is there");
        let mut replica = controller["replicas"][&name].clone();
        replica["name"] = json!(name);
        replica["locked_until"] = account.expect("it was made")["locked_until"].clone();
        replica["salt"] = world["labels"]["salt"].clone();
        replica
    }

    pub(crate) fn arm(&self, fault: &str, times: Option<u32>) -> Able<()> {
        faults::add(self.dir.path(), fault, times).map_err(trouble)
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// A copy of the subject under another name, with a password that nobody knows.
fn add_account(world: &mut Value, name: &str) {
    let domain = &mut world["domain"];
    let mut account = domain["accounts"][0].clone();
    account["dn"] = json!(text(&account["dn"]).replace(SUBJECT, name));
    account["name"] = json!(name);
    account["display_name"] = json!("");
    account["disabled"] = json!(name == DISABLED);
    domain["accounts"].as_array_mut().expect("accounts").push(account);
    for controller in domain["controllers"].as_array_mut().expect("controllers") {
        let mut replica = controller["replicas"][SUBJECT].clone();
        replica["history"] = json!([]);
        controller["replicas"][name] = replica;
    }
}

#[async_trait]
impl Bench for LabBench {
    fn subject(&self) -> Account {
        self.account(SUBJECT)
    }

    fn bystander(&self) -> Account {
        self.account(BYSTANDER)
    }

    fn controllers(&self) -> Vec<String> {
        self.controllers.clone()
    }

    fn rules(&self) -> Rules {
        Rules { length_min: 7, complexity: true, lockout_threshold: THRESHOLD }
    }

    fn fresh(&self) -> Secret {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        Secret::new(format!("Fresh-Pässword-{number:04}-{}", "x".repeat(40)))
    }

    fn against_policy(&self) -> Secret {
        Secret::new("Zq7#v")
    }

    async fn truth(&self, dn: &str, dc: &str) -> Able<Truth> {
        self.hand.fingerprint(dn, dc).await.map_err(trouble)?;
        let replica = self.replica(dn, dc);
        let number = |name: &str| replica[name].as_i64();
        Ok(Truth {
            key_version: number("key_version").expect("a number"),
            password_last_set: number("password_last_set").expect("a number"),
            wrong: u32::try_from(number("wrong_count").expect("a number")).expect("a small one"),
            locked: number("locked_until").is_some_and(|until| filetime_now() < until),
        })
    }

    async fn clock(&self, _: &str) -> Able<i64> {
        Ok(filetime_now())
    }

    async fn is_current(&self, dn: &str, dc: &str, secret: &Secret) -> Able<bool> {
        self.hand.fingerprint(dn, dc).await.map_err(trouble)?;
        let replica = self.replica(dn, dc);
        let digest = Sha256::new()
            .chain_update(text(&replica["salt"]))
            .chain_update([0])
            .chain_update(text(&replica["name"]))
            .chain_update([0])
            .chain_update(secret.expose())
            .finalize();
        Ok(replica["history"][0] == json!(hex::encode(digest)))
    }

    async fn person_sets(&self, dn: &str, dc: &str, secret: &Secret) -> Able<()> {
        // What a person may do is no matter of the rotator's rights.
        let waiting = faults::list(self.dir.path()).map_err(trouble)?;
        faults::clear(self.dir.path()).map_err(trouble)?;
        self.hand.set_password(dn, dc, secret).await.map_err(trouble)?;
        waiting.iter().try_for_each(|fault| self.arm(&fault.name, fault.times))
    }

    async fn somebody_tries(&self, dn: &str, dc: &str, secret: &Secret) -> Able<()> {
        self.hand.accepts(dn, dc, secret).await.map(|_| ()).map_err(trouble)
    }

    async fn settle(&self) -> Able<()> {
        self.delay_ms.store(0, Ordering::SeqCst);
        faults::clear(self.dir.path()).map_err(trouble)?;
        self.edit(|world| {
            let domain = &mut world["domain"];
            if let Some(age) = domain["policy"].get_mut("minimum_age_minutes") {
                *age = json!(0);
            }
            for account in domain["accounts"].as_array_mut().expect("accounts") {
                account["locked_until"] = Value::Null;
            }
            let controllers = domain["controllers"].as_array_mut().expect("controllers");
            let newest = newest(controllers);
            for (at, controller) in controllers.iter_mut().enumerate() {
                controller["pdc"] = json!(at == 0);
                controller["lag_ms"] = json!(LAG_MS);
                controller["inbound"] = json!([]);
                controller["replicas"] = newest.clone();
            }
        });
        Ok(())
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    fn ambiguous_locator(&self) -> Able<String> {
        Ok(TWINS[1].to_owned())
    }

    fn barred(&self) -> Able<Vec<(String, String)>> {
        Ok(vec![(DISABLED.to_owned(), "disabled".to_owned())])
    }

    async fn without_right(&self) -> Able<Account> {
        self.arm("no-reset-right", None)?;
        Ok(self.account(UNRELATED))
    }

    async fn hold_replication(&self) -> Able<()> {
        if self.controllers.len() < 2 {
            return unable("there is one domain controller");
        }
        self.edit(|world| {
            for controller in world["domain"]["controllers"].as_array_mut().expect("controllers") {
                controller["lag_ms"] = json!(HELD_LAG_MS);
            }
        });
        Ok(())
    }

    fn may_replicate(&self) -> Able<bool> {
        Ok(true)
    }

    async fn lose_the_next_reply(&self) -> Able<()> {
        self.arm("directory-reply-lost", Some(1))
    }

    async fn delay_the_next_set(&self) -> Able<Duration> {
        self.delay_ms.store(u64::try_from(DELAY.as_millis()).expect("a moment"), Ordering::SeqCst);
        Ok(DELAY)
    }

    async fn demand_age(&self) -> Able<()> {
        if self.world()["domain"]["policy"]["minimum_age_minutes"].is_null() {
            return unable("the model has no minimum age");
        }
        self.edit(|world| world["domain"]["policy"]["minimum_age_minutes"] = json!(DAY_MINUTES));
        Ok(())
    }

    fn keeps_history(&self) -> Able<()> {
        Ok(())
    }

    async fn move_role(&self) -> Able<String> {
        let Some(other) = self.controllers.get(1) else { return unable("there is one domain controller") };
        self.edit(|world| {
            for (at, controller) in
                world["domain"]["controllers"].as_array_mut().expect("controllers").iter_mut().enumerate()
            {
                controller["pdc"] = json!(at == 1);
            }
        });
        Ok(other.clone())
    }
}

/// Of each account what the domain controller holds that knows most, with no wrong password counted.
fn newest(controllers: &[Value]) -> Value {
    let mut newest = controllers[0]["replicas"].clone();
    for (name, best) in newest.as_object_mut().expect("replicas") {
        let rank = |replica: &Value| (replica["key_version"].as_i64(), replica["password_last_set"].as_i64());
        let held = controllers.iter().map(|controller| &controller["replicas"][name]);
        *best = held.max_by_key(|replica| rank(replica)).expect("one at least").clone();
        best["wrong_count"] = json!(0);
        best["wrong_at"] = json!(0);
    }
    newest
}
