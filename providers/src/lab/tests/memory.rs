//! A lab in memory: the same model, without files, and of one size however long it lives.

use std::time::Instant;

use super::*;
use crate::lab::memory::EVENTS_KEPT_MAX;
use crate::lab::{LabAccount, ServicePlan, Truth};
use crate::port::{Meaning, Slot};

/// A lab in memory, with a clock that the test moves.
struct InMemory {
    clock: Arc<AtomicI64>,
    lab: Lab,
}

impl InMemory {
    fn new() -> Self {
        Self::with(&WorldPlan::default_world())
    }

    fn with(plan: &WorldPlan) -> Self {
        let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let clock = Arc::new(AtomicI64::new(start.as_microsecond()));
        let lab = Lab::in_memory(plan, setting(&clock, &Arc::default())).unwrap();
        Self { clock, lab }
    }

    fn pass(&self, time: SignedDuration) {
        self.clock.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    fn truth(&self) -> Truth {
        self.lab.truth(ACCOUNT).unwrap()
    }

    async fn dn(&self) -> String {
        self.lab.directory().account(ACCOUNT).await.unwrap().dn
    }

    /// What a rotation asks for, near enough: 12 requests.
    async fn rotate(&self, number: u32) {
        let (vault, directory, server) = (self.lab.vault(), self.lab.directory(), self.lab.server("SYNC1").unwrap());
        let (attempt, secret, dn) = (attempt(&format!("r{number}")), password(number), self.dn().await);
        vault.stage(ACCOUNT, &attempt, &secret).await.unwrap();
        server.pause_scheduler(true, self.now() + SignedDuration::from_mins(30)).await.unwrap();
        directory.set_password(&dn, DC1, &secret).await.unwrap();
        server.set_connector_password(CONNECTOR, &secret).await.unwrap();
        server.restart().await.unwrap();
        directory.set_password(&dn, DC1, &secret).await.unwrap();
        directory.replicate(&dn, DC1, DC2).await.unwrap();
        assert!(directory.accepts(&dn, DC2, &secret).await.unwrap());
        // Whether or not a cycle runs just now.
        server.prove(CONNECTOR).await.unwrap();
        vault.promote(ACCOUNT, &attempt).await.unwrap();
        server.release_scheduler(true).await.unwrap();
    }

    /// All that is kept and follows the number of requests.
    fn entries(&self) -> usize {
        let requests = self.lab.last_requests().len();
        let books = |books: &mut crate::lab::store::Books| {
            let (world, vault) = (&books.world, &books.vault);
            let controllers = world.domain.iter().flat_map(|domain| &domain.controllers);
            let controllers = controllers.map(|controller| {
                let histories = controller.replicas.values().map(|replica| replica.history.len());
                controller.inbound.len() + histories.sum::<usize>()
            });
            let servers = world.servers.iter().map(|server| {
                let runs = server.connectors.iter().map(|connector| connector.runs.len());
                let histories = server.local_users.iter().map(|user| user.history.len());
                server.events.len() + runs.sum::<usize>() + histories.sum::<usize>()
            });
            let secrets = vault.accounts.values().map(|places| places.secrets().len());
            let counted = controllers.chain(servers).chain(secrets).sum::<usize>();
            Ok(counted + world.labels.kept() + world.counters.len() + books.faults.names().len())
        };
        requests + self.lab.books(books).unwrap()
    }
}

#[tokio::test]
async fn the_truth_follows_a_rotation_step_by_step() {
    let bench = InMemory::new();
    let (vault, directory, server) = (bench.lab.vault(), bench.lab.directory(), bench.lab.server("SYNC1").unwrap());
    let (first, dn) = (bench.truth(), bench.dn().await);
    let set_at = bench.now() - SignedDuration::from_hours(120 * 24);
    let expected = Truth {
        live_is_current: true,
        converged: true,
        engines_agree: true,
        services_run: true,
        pending: false,
        locked: false,
        sets: 0,
        changes: 0,
        set_at: Some(set_at),
        scheduler_free: true,
    };
    assert_eq!(first, expected);
    vault.stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    assert!(bench.truth().pending);
    server.pause_scheduler(true, bench.now() + SignedDuration::from_hours(1)).await.unwrap();
    assert!(!bench.truth().scheduler_free);
    directory.set_password(&dn, DC1, &password(2)).await.unwrap();
    let changed = bench.truth();
    assert!(!changed.live_is_current && !changed.converged && !changed.engines_agree);
    assert_eq!((changed.sets, changed.changes, changed.set_at), (1, 1, Some(bench.now())));
    bench.pass(SignedDuration::from_secs(1));
    assert!(bench.truth().converged, "the lag is over, whether or not somebody asks");
    server.set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    assert!(!bench.truth().engines_agree, "the running engine has the old one in memory");
    server.stop().await.unwrap();
    assert!(bench.truth().engines_agree && !bench.truth().services_run);
    server.start().await.unwrap();
    directory.set_password(&dn, DC1, &password(2)).await.unwrap();
    assert_eq!((bench.truth().sets, bench.truth().changes), (2, 1));
    vault.promote(ACCOUNT, &attempt("r1")).await.unwrap();
    server.release_scheduler(true).await.unwrap();
    bench.pass(SignedDuration::from_secs(1));
    let last = Truth { sets: 2, changes: 1, set_at: bench.truth().set_at, ..expected };
    assert_eq!(bench.truth(), last);
    assert_eq!(bench.lab.truth("nobody").unwrap_err().meaning, Meaning::Refused);
}

#[tokio::test]
async fn the_truth_of_a_service_is_its_service_managers_copy() {
    let name = "svc-adsync";
    let base = WorldPlan::default_world();
    let mut server = base.server("SYNC1", false);
    server.service = ServicePlan::Domain { start_name: r"CONTOSO\svc-adsync".to_owned(), account: name.to_owned() };
    let accounts = vec![LabAccount::service(name, r"CONTOSO\svc-adsync", &["SYNC1"])];
    let bench = InMemory::with(&WorldPlan { servers: vec![server], accounts, ..base });
    assert!(bench.lab.truth(name).unwrap().engines_agree);
    bench.lab.set_password(name, "service:SYNC1", Some(password(9))).unwrap();
    let truth = bench.lab.truth(name).unwrap();
    assert!(truth.live_is_current && !truth.engines_agree && truth.sets == 0);
    bench.lab.set_password(name, "directory", Some(password(9))).unwrap();
    let truth = bench.lab.truth(name).unwrap();
    assert!(!truth.live_is_current && truth.engines_agree && truth.sets == 1);
}

#[tokio::test]
async fn what_is_refused_counts_and_what_was_ordered_strikes() {
    let plan = WorldPlan { lockout_threshold: 2, faults: vec!["stage-fails".to_owned()], ..WorldPlan::default_world() };
    let bench = InMemory::with(&plan);
    let (lab, dn) = (&bench.lab, bench.dn().await);
    for _ in 0..2 {
        assert!(!lab.directory().accepts(&dn, DC1, &password(9)).await.unwrap());
    }
    assert_eq!(lab.directory().accepts(&dn, DC1, &password(9)).await.unwrap_err().meaning, Meaning::Refused);
    assert!(bench.truth().locked);
    let stage = || async { lab.vault().stage(ACCOUNT, &attempt("r1"), &password(2)).await };
    assert_eq!(stage().await.unwrap_err().meaning, Meaning::Later);
    lab.take_fault_back("stage-fails").unwrap();
    lab.order_fault("stage-reply-lost", None).unwrap();
    assert_eq!(stage().await.unwrap_err().meaning, Meaning::Unclear);
    assert!(bench.truth().pending && lab.faults().unwrap().is_empty());
    stage().await.unwrap();
    for order in ["crash-before:directory", "crash-after-append:3", "no-such-fault"] {
        assert_eq!(lab.order_fault(order, None).unwrap_err().meaning, Meaning::Refused, "{order}");
    }
    let crash = WorldPlan { faults: vec!["crash-after:seal".to_owned()], ..WorldPlan::default_world() };
    assert!(Lab::in_memory(&crash, setting(&bench.clock, &Arc::default())).is_err());
    let requests = lab.last_requests();
    assert!(requests.last().unwrap().contains("vault: stage") && requests.last().unwrap().ends_with("ok"));
}

#[tokio::test]
async fn years_pass_in_jumps() {
    let bench = InMemory::with(&WorldPlan { lockout_threshold: 1, ..WorldPlan::default_world() });
    let (server, dn) = (bench.lab.server("SYNC1").unwrap(), bench.dn().await);
    let first = bench.lab.vault().find(ACCOUNT, Slot::Current).await.unwrap().unwrap();
    let first = bench.lab.vault().read(&first).await.unwrap();
    for week in 0..156_u32 {
        assert!(!bench.lab.directory().accepts(&dn, DC1, &password(9)).await.unwrap(), "week {week}");
        assert!(bench.truth().locked);
        server.pause_scheduler(true, bench.now() + SignedDuration::from_hours(1)).await.unwrap();
        assert!(!server.describe().await.unwrap().scheduler.enabled);
        // An odd number of minutes, so that cycles are met at every moment.
        bench.pass(SignedDuration::from_mins(7 * 24 * 60 + 1));
        let scheduler = server.describe().await.unwrap().scheduler;
        let wait = scheduler.next_cycle_at.unwrap().duration_since(bench.now());
        assert!(scheduler.enabled && wait.is_positive() && wait <= SignedDuration::from_mins(30), "week {week}");
        assert!(bench.truth().scheduler_free && !bench.truth().locked);
        assert!(bench.lab.directory().accepts(&dn, DC1, &first).await.unwrap());
    }
}

#[tokio::test]
async fn a_request_takes_its_way_there() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&asked);
    let way = Duration::from_millis(30);
    let latency = move |holder: &str, operation: &str| {
        notes.lock().unwrap().push(format!("{holder} {operation}"));
        if holder == "vault" { way } else { Duration::ZERO }
    };
    let setting = LabSetting { latency: Some(Arc::new(latency)), ..setting(&Arc::default(), &Arc::default()) };
    let lab = Lab::in_memory(&WorldPlan::default_world(), setting).unwrap();
    let started = Instant::now();
    // Side by side they take no longer than one.
    let (one, other) = (lab.vault(), lab.vault());
    let both = tokio::join!(one.find(ACCOUNT, Slot::Current), other.find(ACCOUNT, Slot::Pending));
    assert!(both.0.unwrap().is_some() && both.1.unwrap().is_none());
    assert!(started.elapsed() >= way);
    lab.server("SYNC1").unwrap().prove(CONNECTOR).await.unwrap();
    assert_eq!(
        *asked.lock().unwrap(),
        [
            format!("vault find current of {ACCOUNT}"),
            format!("vault find pending of {ACCOUNT}"),
            format!("SYNC1 prove {CONNECTOR}"),
        ]
    );
}

/// Far above what is normal, which is some ten microseconds.
const REQUEST_MAX: Duration = Duration::from_millis(2);

#[tokio::test]
async fn ten_thousand_rotations_leave_no_more_than_one_thousand() {
    let bench = InMemory::new();
    let (started, requests_each) = (Instant::now(), 12);
    let rotate = async |numbers: std::ops::Range<u32>| {
        for number in numbers {
            bench.pass(SignedDuration::from_hours(3));
            bench.rotate(number).await;
        }
        bench.entries()
    };
    let early = rotate(0..1_000).await;
    let late = rotate(1_000..10_000).await;
    assert_eq!(late, early);
    let events = bench.lab.books(|books| Ok(books.world.servers[0].events.len())).unwrap();
    assert_eq!(events, EVENTS_KEPT_MAX);
    assert_eq!((bench.truth().sets, bench.truth().changes), (20_000, 10_000));
    assert!(bench.truth().engines_agree && bench.truth().live_is_current && bench.truth().scheduler_free);
    let each = started.elapsed() / (10_000 * requests_each);
    assert!(each < REQUEST_MAX, "{each:?} for a request");
}

#[tokio::test]
async fn a_request_costs_little() {
    let bench = InMemory::new();
    let (vault, directory, server) = (bench.lab.vault(), bench.lab.directory(), bench.lab.server("SYNC1").unwrap());
    let (dn, secret) = (bench.dn().await, password(2));
    let mut costs = Vec::new();
    macro_rules! cost {
        ($name:literal, $call:expr) => {{
            let started = Instant::now();
            for number in 0..500_u32 {
                $call(number).await;
            }
            costs.push(($name, started.elapsed() / 500));
        }};
    }
    cost!("fingerprint", async |_| drop(directory.fingerprint(&dn, DC1).await.unwrap()));
    cost!("account", async |_| drop(directory.account(ACCOUNT).await.unwrap()));
    cost!("set_password", async |_| directory.set_password(&dn, DC1, &secret).await.unwrap());
    cost!("accepts", async |_| assert!(directory.accepts(&dn, DC1, &secret).await.unwrap()));
    cost!("find", async |_| drop(vault.find(ACCOUNT, Slot::Current).await.unwrap()));
    cost!("stage+promote", async |number: u32| {
        vault.stage(ACCOUNT, &attempt(&number.to_string()), &secret).await.unwrap();
        vault.promote(ACCOUNT, &attempt(&number.to_string())).await.unwrap();
    });
    cost!("describe", async |_| drop(server.describe().await.unwrap()));
    cost!("set_connector_password", async |_| server.set_connector_password(CONNECTOR, &secret).await.unwrap());
    cost!("restart", async |_| server.restart().await.unwrap());
    cost!("prove", async |_| drop(server.prove(CONNECTOR).await.unwrap()));
    cost!("stored_logon", async |_| assert!(server.stored_logon(CONNECTOR).await.is_ok()));
    cost!("truth", async |_| assert!(!bench.truth().locked));
    for (name, cost) in &costs {
        println!("{name}: {} µs", cost.as_micros());
        assert!(*cost < REQUEST_MAX, "{name} takes {cost:?}");
    }
}
