//! Servers of the lab, each in a folder of its own, and the ways to them. What is behind an adapter is read from the
//! lab's folder, by the lab's own eyes or from its files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use providers::conformance::connect_server::{Asked, Held, Known, Mishap, SchedulerTruth, Site, Situation, Subject};
use providers::conformance::{Able, Stop, unable};
use providers::lab::{
    ConnectorPlan, Lab, LabAccount, LabSetting, ServerPlan, ServicePlan, WorldPlan, faults, set_password, show,
};
use providers::port::{ConnectServer, EVENTS_MAX, Fault, Secret};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The server's own name.
pub(crate) const HOST: &str = "SYNC1";
const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";
/// A call takes a few file accesses, and a process.
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// How long a way is slow.
const DELAY: Duration = Duration::from_millis(400);

/// Where a lab is, for whoever makes a way to it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    /// Nobody may be connected to.
    pub(crate) closed: Arc<AtomicBool>,
    /// How long the next request waits on its way, in milliseconds.
    pub(crate) delay_ms: Arc<AtomicU64>,
}

impl Place {
    /// How long this request waits; the next does not.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.swap(0, Ordering::SeqCst))
    }
}

/// The adapter, for a lab.
pub(crate) type Way = Arc<dyn Fn(&Place) -> Arc<dyn ConnectServer> + Send + Sync>;

/// An adapter, on labs.
pub(crate) struct LabSubject {
    pub(crate) labs: Arc<Labs>,
    /// The server's name as the adapter is told.
    pub(crate) name: &'static str,
    pub(crate) way: Way,
    /// Whether the one that is asked is somebody else, who may end alone.
    pub(crate) agent_ends: bool,
    /// Whether the way can be closed.
    pub(crate) way_closes: bool,
    /// Whether a request can be delayed on it.
    pub(crate) way_delays: bool,
    /// Whether the adapter makes its own faults of what it sees, and does a restart as a stop and a start.
    pub(crate) own_words: bool,
    pub(crate) log_of: &'static [&'static str],
    /// What the adapter logs on with.
    pub(crate) own_secrets: Vec<Secret>,
}

pub(crate) struct LabSite {
    place: Place,
    _dir: TempDir,
    known: Known,
    way: Arc<dyn ConnectServer>,
    agent_ends: bool,
    way_closes: bool,
    way_delays: bool,
    own_words: bool,
    /// The account of the connector, and of the service if it has one.
    service_account: Option<&'static str>,
}

/// The clock of this machine; `end` is called where the process is to end.
pub(crate) fn setting(end: Arc<dyn Fn() + Send + Sync>) -> LabSetting {
    LabSetting { now: Arc::new(Timestamp::now), end_process: end, latency: None }
}

/// The lab's server, in this process; its next request waits as the place says.
pub(crate) fn delayed(place: &Place) -> Arc<dyn ConnectServer> {
    let way = place.clone();
    let latency = move |_: &str, operation: &str| match operation.starts_with("set_connector_password") {
        true => way.delay(),
        false => Duration::ZERO,
    };
    let setting = LabSetting { latency: Some(Arc::new(latency)), ..setting(Arc::new(|| {})) };
    let lab = Lab::open(&place.dir, setting).expect("a lab that was just made");
    lab.server(HOST).expect("its server")
}

/// The lab's server, in this process.
pub(crate) fn in_process(dir: &Path) -> Arc<dyn ConnectServer> {
    let lab = Lab::open(dir, setting(Arc::new(|| {}))).expect("a lab that was just made");
    lab.server(HOST).expect("its server")
}

fn lost(fault: Fault) -> Stop {
    Stop::Failed(format!("the lab: {fault}"))
}

fn service(situation: Situation) -> (ServicePlan, Option<(&'static str, &'static str)>) {
    let domain = |start_name: &'static str, account: &'static str| {
        let plan = ServicePlan::Domain { start_name: start_name.to_owned(), account: account.to_owned() };
        (plan, Some((account, start_name)))
    };
    match situation {
        Situation::AsInstalled | Situation::OldBuild => (ServicePlan::Virtual, None),
        Situation::DomainService => domain(r"CONTOSO\svc-adsync", "svc-adsync"),
        Situation::NamesBeyondAscii => domain(r"CONTOSO\svc-größe-日本", "svc-größe-日本"),
        Situation::LocalService => {
            let start_name = r".\adsync";
            (
                ServicePlan::Local { start_name: start_name.to_owned(), user: "adsync".to_owned() },
                Some(("adsync", start_name)),
            )
        }
    }
}

/// The world of a situation.
fn plan(situation: Situation) -> WorldPlan {
    let base = WorldPlan::default_world();
    let connector = if situation == Situation::NamesBeyondAscii { "größe.δοκιμή.test" } else { "contoso.test" };
    let build = if situation == Situation::OldBuild { "1.6.16.0" } else { "2.6.92.0" };
    let (service, own) = service(situation);
    let mut accounts = vec![LabAccount::connector(ACCOUNT, &[HOST])];
    accounts.extend(own.map(|(account, start_name)| LabAccount::service(account, start_name, &[HOST])));
    let connectors = vec![ConnectorPlan { forest: connector.to_owned(), ..base.connector(connector) }];
    let server = ServerPlan { service, build: build.to_owned(), connectors, ..base.server(HOST, false) };
    WorldPlan { servers: vec![server], accounts, ..base }
}

/// A folder in memory where there is one: a lab renames a file with each request, which a disk is asked to make durable.
fn folder() -> io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// Labs that are copied for each site: to make one takes longer.
#[derive(Default)]
pub(crate) struct Labs(Mutex<Vec<(Situation, TempDir)>>);

impl Labs {
    /// A new lab of this situation.
    fn copy(&self, situation: Situation) -> io::Result<TempDir> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.iter().any(|(known, _)| *known == situation) {
            let dir = folder()?;
            Lab::create(dir.path(), &plan(situation)).map_err(io::Error::other)?;
            made.push((situation, dir));
        }
        let fresh = folder()?;
        for (_, dir) in made.iter().filter(|(known, _)| *known == situation) {
            for name in ["world.json", "vault.json"] {
                fs::copy(dir.path().join(name), fresh.path().join(name))?;
            }
        }
        Ok(fresh)
    }
}

#[async_trait]
impl Subject for LabSubject {
    async fn site(&self, situation: Situation) -> Able<Box<dyn Site>> {
        let dir = self.labs.copy(situation).map_err(|error| Stop::Failed(error.to_string()))?;
        let place = Place { dir: dir.path().to_owned(), closed: Arc::default(), delay_ms: Arc::default() };
        let facts = in_process(&place.dir).describe().await.map_err(lost)?;
        let service_account = service(situation).1.map(|(account, _)| account);
        let secret = |account: &str| {
            let vault = read(&place.dir, "vault.json");
            Secret::new(vault["accounts"][account]["current"]["secret"].as_str().expect("a first password"))
        };
        let known = Known {
            server: self.name.to_owned(),
            host: HOST.to_owned(),
            build: plan(situation).servers[0].build.clone(),
            connector: facts.connectors[0].name.clone(),
            connector_user: ACCOUNT.to_owned(),
            entra_connector: facts.connectors[1].name.clone(),
            start_name: facts.service.account,
            connector_secret: secret(ACCOUNT),
            service_secret: service_account.map(secret),
        };
        let way = (self.way)(&place);
        let Self { agent_ends, way_closes, way_delays, own_words, .. } = *self;
        Ok(Box::new(LabSite {
            place,
            _dir: dir,
            known,
            way,
            agent_ends,
            way_closes,
            way_delays,
            own_words,
            service_account,
        }))
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    fn own_secrets(&self) -> Vec<Secret> {
        self.own_secrets.clone()
    }

    fn log_of(&self) -> &'static [&'static str] {
        self.log_of
    }
}

fn read(dir: &Path, name: &str) -> Value {
    let bytes = fs::read(dir.join(name)).expect("the lab's file");
    serde_json::from_slice(&bytes).expect("its form")
}

impl LabSite {
    fn dir(&self) -> &Path {
        &self.place.dir
    }

    /// Labels by holder, for one account.
    fn label(&self, account: &str, holder: &str) -> Able<Option<Value>> {
        let truth = show(self.dir()).map_err(lost)?;
        let accounts = truth["accounts"].as_array().expect("accounts");
        let ours = accounts.iter().find(|known| known["account"] == account).expect("the account");
        let holders = ours["holders"].as_array().expect("holders");
        Ok(holders.iter().find(|known| known["holder"] == holder).map(|known| known["label"].clone()))
    }

    fn order_fault(&self, name: &str) -> Able<()> {
        faults::add(self.dir(), name, None).map_err(lost)
    }
}

#[async_trait]
impl Site for LabSite {
    fn server(&self) -> Arc<dyn ConnectServer> {
        Arc::clone(&self.way)
    }

    fn known(&self) -> &Known {
        &self.known
    }

    fn direct(&self) -> Arc<dyn ConnectServer> {
        in_process(self.dir())
    }

    async fn holds(&self, place: Held, secret: &Secret) -> Able<bool> {
        let engine = format!("{HOST}/{}", self.known.connector);
        let (account, holder) = match place {
            Held::Stored | Held::InMemory => (ACCOUNT, format!("engine:{engine}")),
            Held::ByServiceManager => (self.service_account.expect("an account"), format!("service:{HOST}")),
            Held::ByLocalUser => (self.service_account.expect("an account"), format!("local:{HOST}")),
        };
        // The lab tells passwords by labels. The same password has the same label, wherever it lies: in the vault too.
        set_password(self.dir(), account, "vault:current", Some(secret.clone())).map_err(lost)?;
        let wanted = self.label(account, "vault:current")?;
        let memory =
            if place == Held::InMemory { self.label(account, &format!("engine-cache:{engine}"))? } else { None };
        let held = if memory.is_some() { memory } else { self.label(account, &holder)? };
        Ok(held.is_some() && held == wanted)
    }

    async fn snapshot(&self) -> Able<String> {
        let mut world = read(self.dir(), "world.json");
        let (scheduler, servers) = (world["scheduler"].take(), world["servers"].take());
        let Value::Array(mut servers) = servers else { return Err(Stop::Failed("no servers".to_owned())) };
        for server in servers.iter_mut().filter_map(Value::as_object_mut) {
            // What is written down about a call, whatever came of it.
            server.retain(|name, _| !matches!(name.as_str(), "events" | "last_record"));
            let users = server.get_mut("local_users").and_then(Value::as_array_mut);
            for user in users.into_iter().flatten().filter_map(Value::as_object_mut) {
                user.retain(|name, _| !matches!(name.as_str(), "wrong_count" | "wrong_at"));
            }
        }
        let text = serde_json::to_string_pretty(&json!({ "scheduler": scheduler, "servers": servers }));
        text.map_err(|error| Stop::Failed(error.to_string()))
    }

    async fn scheduler(&self) -> Able<SchedulerTruth> {
        let truth = show(self.dir()).map_err(lost)?;
        let scheduler = &truth["scheduler"];
        let task = scheduler["restore-tasks"].as_array().and_then(|tasks| tasks.first()).map(|task| {
            let due = task["at"].as_str().expect("a time").parse().expect("its form");
            (task["enabled"].as_bool().expect("a value"), due)
        });
        Ok(SchedulerTruth { enabled: scheduler["enabled"].as_bool().expect("a switch"), task })
    }

    async fn order(&self, mishap: Mishap<'_>) -> Able<()> {
        let name = match mishap {
            Mishap::ServerSilent => "server-unreachable".to_owned(),
            Mishap::EngineRefuses => "engine-refuses".to_owned(),
            Mishap::ConnectorBusy => "connector-busy".to_owned(),
            Mishap::ServiceManagerRefuses => "service-logon-refuses".to_owned(),
            Mishap::StopFails => "stop-fails".to_owned(),
            Mishap::StartFails => "start-fails".to_owned(),
            Mishap::ServiceRightLost => "service-right-lost".to_owned(),
            Mishap::DirectoryAway => "rpc-unavailable".to_owned(),
            Mishap::EntraResetRefused => "entra-reset-refused".to_owned(),
            Mishap::ReplyLost(_) | Mishap::EndsBefore(_) if !self.agent_ends => {
                return unable("the one that is asked is this process itself");
            }
            Mishap::ReplyLost(step) => format!("crash-after:{step}"),
            Mishap::EndsBefore(step) => format!("crash-before:{step}"),
            Mishap::WayClosed if !self.way_closes => return unable("this way can't be closed"),
            Mishap::WayClosed => {
                self.place.closed.store(true, Ordering::SeqCst);
                return Ok(());
            }
        };
        self.order_fault(&name)
    }

    async fn take_back(&self) -> Able<()> {
        self.place.closed.store(false, Ordering::SeqCst);
        faults::clear(self.dir()).map_err(lost)
    }

    async fn asked(&self) -> Able<Vec<Asked>> {
        let text = fs::read_to_string(self.dir().join("requests.log")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of the log"));
        let word = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
        Ok(lines
            .filter(|line| line["holder"] == HOST)
            .map(|line| Asked {
                call: word(&line, "operation").split(' ').next().unwrap_or_default().to_owned(),
                step: word(&line, "step"),
                done: matches!(word(&line, "answer").as_str(), "ok" | "done, and the process ends"),
            })
            .collect())
    }

    fn words_faults(&self) -> bool {
        self.own_words
    }

    fn asked_for(&self, call: &'static str) -> Vec<&'static str> {
        match call {
            "restart" if self.own_words => vec!["stop", "start"],
            call => vec![call],
        }
    }

    async fn delay_the_next_request(&self) -> Able<Duration> {
        if !self.way_delays {
            return unable("nothing can be delayed on this way");
        }
        self.place.delay_ms.store(u64::try_from(DELAY.as_millis()).expect("a moment"), Ordering::SeqCst);
        Ok(DELAY)
    }

    async fn fill_events(&self, bytes: usize) -> Able<()> {
        let mut world = read(self.dir(), "world.json");
        let begun = Timestamp::now() - SignedDuration::from_hours(1);
        let text = "größe, 日本, \u{10348}, <&>'\" ".repeat(1 + bytes / EVENTS_MAX / 20);
        let events = (1..=EVENTS_MAX).map(|record| {
            let at = begun + SignedDuration::from_millis(i64::try_from(record).expect("a few"));
            json!({ "at": at, "id": 611, "record": record, "data": [format!("{record}: {text}")] })
        });
        world["servers"][0]["events"] = events.collect();
        world["servers"][0]["last_record"] = EVENTS_MAX.into();
        let written = serde_json::to_vec(&world).map_err(|error| Stop::Failed(error.to_string()))?;
        fs::write(self.dir().join("world.json"), written).map_err(|error| Stop::Failed(error.to_string()))
    }
}
