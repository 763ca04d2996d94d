//! Explores every way that a rotation can go: the shipped `plan()` and `decide()` against a small model of
//! the world, with every fault at every step, to a stated number of faults.

mod mutants;
mod search;
mod world;

use entra_rotator::rotation::{
    ConnectorUse, Decision, EngineMethod, Event, Inventory, Limits, Method, OldPassword, Outcome, Plan, Procedure,
    Progress, Seen, ServerUse, Side, Step, Why, decide, plan,
};
use providers::port::{Fingerprint, QuiesceMode};

use search::{Shipped, explore};
use world::World;

/// What is explored: a plan and the world it starts in.
struct Case {
    name: &'static str,
    plan: Plan,
    world: World,
}

fn server(name: &str, staging: bool, connectors: &[&str]) -> ServerUse {
    let used = |name: &&str| ConnectorUse { connector: (*name).into(), dc: None, vault_name: None };
    ServerUse {
        server: name.into(),
        staging,
        connectors: connectors.iter().map(used).collect(),
        build: String::new(),
        module: String::new(),
        start_name: String::new(),
        logon_dc: None,
        entra_connector: None,
    }
}

fn case(name: &'static str, old: OldPassword, quiesce: QuiesceMode, servers: Vec<ServerUse>, repair: bool) -> Case {
    let inventory = Inventory {
        account: "msol".into(),
        vault_name: "msol".into(),
        dn: "CN=msol".into(),
        fingerprint: Fingerprint { dc: "dc1".into(), key_version: 1, password_last_set: 1, dc_time: 1 },
        old,
        procedure: if servers.is_empty() { Procedure::Own } else { Procedure::Connector },
        engine_method: EngineMethod::ObjectModel,
        scheduler_owed: None,
        owed_by_repaired: None,
        entra_administrator: None,
        method: if servers.is_empty() { Method::Change } else { Method::Reset },
        servers,
        quiesce,
        repair,
        repairs: Vec::new(),
        takes_over: Vec::new(),
        length: 64,
        forbidden_names: Vec::new(),
        credentials: Vec::new(),
        limits: Limits {
            tries_max: 3,
            waits_max: 3,
            converge_tries_max: 3,
            looks_max: 3,
            retry_ms: 1,
            retry_max_ms: 1,
        },
    };
    let plan = plan(inventory).expect("a plan");
    let world = World::new(&plan, repair);
    Case { name, plan, world }
}

/// A case of another procedure, with the same world around it.
fn of(name: &'static str, procedure: Procedure, method: Method, servers: Vec<ServerUse>) -> Case {
    let connector = case(name, OldPassword::Known, QuiesceMode::Disable, servers, false);
    let inventory = Inventory { procedure, method, ..connector.plan.inventory };
    let plan = plan(inventory).expect("a plan");
    let world = World::new(&plan, false);
    Case { name, plan, world }
}

fn one_server(name: &'static str, old: OldPassword, quiesce: QuiesceMode) -> Case {
    case(name, old, quiesce, vec![server("S1", false, &["c1"])], false)
}

#[test]
fn no_fault_breaks_a_promise() {
    let with_staging = vec![server("S1", false, &["c1"]), server("S2", true, &["c1"])];
    let cases = [
        (one_server("one server", OldPassword::Known, QuiesceMode::Gap), 4),
        (one_server("one server, scheduler disabled", OldPassword::Known, QuiesceMode::Disable), 4),
        (one_server("one server, old unknown", OldPassword::Unknown, QuiesceMode::Disable), 4),
        (case("repair", OldPassword::Unknown, QuiesceMode::Disable, vec![server("S1", false, &["c1"])], true), 4),
        (case("the rotator's own account", OldPassword::Known, QuiesceMode::Gap, Vec::new(), false), 4),
        (of("service account", Procedure::Service, Method::Reset, vec![server("S1", false, &["c1"])]), 3),
        (of("service account, local", Procedure::Service, Method::LocalChange, vec![server("S1", false, &["c1"])]), 3),
        (
            of(
                "service account, key lost",
                Procedure::ServiceKeyLost,
                Method::Reset,
                vec![server("S1", false, &["c1"])],
            ),
            2,
        ),
        (of("service account on two servers", Procedure::Service, Method::Reset, with_staging.clone()), 2),
        (of("rehearsal", Procedure::Rehearsal, Method::Reset, vec![server("S1", false, &["c1"])]), 3),
        (case("active and staging", OldPassword::Known, QuiesceMode::Disable, with_staging, false), 2),
        (
            case(
                "two connectors",
                OldPassword::Known,
                QuiesceMode::Disable,
                vec![server("S1", false, &["c1", "c2"])],
                false,
            ),
            2,
        ),
    ];
    for (case, faults) in cases {
        let steps = case.plan.steps.len();
        assert!(faults == 4 || steps > 12 || case.plan.inventory.procedure != Procedure::Connector, "{steps} steps");
        let found = explore(&case, faults, &Shipped);
        println!("{}: {steps} steps, {faults} faults: {found}", case.name);
        for (promise, (times, way)) in &found.violations {
            println!("BROKEN {times} times: {promise}\n{way}");
        }
        assert!(found.violations.is_empty(), "{}: see above", case.name);
        assert!(found.finished > 0 && found.held > 0, "{}: the exploration reached no ending", case.name);
    }
}

/// Somebody set a password between the stop and the reset: the service that we stopped runs again before the hold.
#[test]
fn a_hold_before_the_reset_starts_the_service_again() {
    let case = of("stopped", Procedure::ServiceKeyLost, Method::Reset, vec![server("S1", false, &["c1"])]);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut progress = Progress::new(&case.plan, now);
    let mut happens = |event| progress.apply(&case.plan, now, &event);
    for step in case.plan.steps.iter().take_while(|step| **step != Step::Directory) {
        happens(Event::Intent { step: step.clone(), before: Seen::Nothing });
        happens(Event::Done { step: step.clone(), proof: Seen::Nothing });
    }
    happens(Event::Looked { step: Step::Directory, side: Side::Foreign, seen: Seen::Nothing });
    let mut done = Vec::new();
    let held = loop {
        match decide(&case.plan, &progress, now) {
            Decision::Do(step) => {
                progress.apply(&case.plan, now, &Event::Intent { step: step.clone(), before: Seen::Nothing });
                progress.apply(&case.plan, now, &Event::Done { step: step.clone(), proof: Seen::Nothing });
                done.push(step.to_string());
            }
            other => break other,
        }
    };
    assert_eq!(done, ["start:S1", "release:S1"]);
    assert_eq!(held, Decision::Close(Outcome::Held(Why::Foreign { step: Step::Directory })));
}
