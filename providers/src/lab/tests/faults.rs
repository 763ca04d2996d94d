use super::*;
use crate::lab::faults;
use crate::port::{Meaning, Slot};

#[test]
fn unknown_faults_are_refused_with_the_known_ones() {
    let bench = Bench::new();
    for name in ["bad-luck", "crash-before:", "crash-before-append:0", "crash-after-append:x", "slow"] {
        let refused = faults::add(&bench.dir, name, None).unwrap_err();
        assert_eq!(refused.meaning, Meaning::Refused);
        assert!(refused.hint.contains("directory-refuses") && refused.hint.contains("crash-before:STEP"));
    }
    assert_eq!(faults::add(&bench.dir, "look-fails", Some(0)).unwrap_err().meaning, Meaning::Refused);
    assert!(faults::list(&bench.dir).unwrap().is_empty());
}

#[tokio::test]
async fn counts_outlive_the_process_and_run_out() {
    let bench = Bench::new();
    faults::add(&bench.dir, "stage-fails", Some(2)).unwrap();
    faults::add(&bench.dir, "look-fails", None).unwrap();
    for left in [Some(1), None] {
        let lab = bench.reopen();
        let failed = lab.vault().stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap_err();
        assert_eq!(failed.meaning, Meaning::Later);
        let list = faults::list(&bench.dir).unwrap();
        assert_eq!(list.iter().find(|fault| fault.name == "stage-fails").and_then(|fault| fault.times), left);
    }
    assert_eq!(bench.label("vault:pending"), None);
    bench.vault().stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    assert_eq!(faults::list(&bench.dir).unwrap().len(), 1);
    faults::clear(&bench.dir).unwrap();
    assert!(faults::list(&bench.dir).unwrap().is_empty());
}

#[tokio::test]
async fn a_refusing_directory_refuses_its_step_only() {
    let bench = Bench::new();
    bench.fault("directory-refuses");
    let (directory, dn) = (bench.directory(), bench.dn().await);
    for _ in 0..3 {
        let refused = in_step("directory", directory.set_password(&dn, DC1, &password(2))).await.unwrap_err();
        assert_eq!(refused.meaning, Meaning::Refused);
        assert!(refused.cause.contains("0000052D"));
    }
    assert_eq!(bench.label("directory").as_deref(), Some("p1"));
    in_step("back:directory", directory.set_password(&dn, DC1, &password(2))).await.unwrap();
    assert_eq!(bench.label("directory").as_deref(), Some("p2"));
}

#[tokio::test]
async fn a_lost_reply_means_done_and_unclear_once() {
    let bench = Bench::new();
    let (directory, vault, server, dn) = (bench.directory(), bench.vault(), bench.server(), bench.dn().await);
    for name in ["stage", "directory", "seal", "engine", "restart", "promote"] {
        bench.fault(&format!("{name}-reply-lost"));
    }
    let pid = server.describe().await.unwrap().service.process_id;
    let lost = [
        in_step("stage", vault.stage(ACCOUNT, &attempt("r1"), &password(2))).await.unwrap_err(),
        in_step("directory", directory.set_password(&dn, DC1, &password(2))).await.unwrap_err(),
        in_step("engine:SYNC1/contoso.test", server.set_connector_password(CONNECTOR, &password(2))).await.unwrap_err(),
        in_step("restart:SYNC1", server.restart()).await.unwrap_err(),
        in_step("seal", directory.set_password(&dn, DC1, &password(2))).await.unwrap_err(),
        in_step("promote", vault.promote(ACCOUNT, &attempt("r1"))).await.unwrap_err(),
    ];
    assert!(lost.iter().all(|fault| fault.meaning == Meaning::Unclear));
    for holder in ["directory", "engine:SYNC1/contoso.test", "vault:current"] {
        assert_eq!(bench.label(holder).as_deref(), Some("p2"), "{holder}");
    }
    assert_ne!(server.describe().await.unwrap().service.process_id, pid);
    assert_eq!(bench.counter("directory-writes"), 2);
    assert!(faults::list(&bench.dir).unwrap().is_empty());
    in_step("directory", directory.set_password(&dn, DC1, &password(2))).await.unwrap();
}

#[tokio::test]
async fn an_engine_refuses_or_keeps_the_old_password() {
    let bench = Bench::new();
    let server = bench.server();
    let before = server.describe().await.unwrap().connectors[0].clone();
    bench.fault("engine-refuses");
    let refused = server.set_connector_password(CONNECTOR, &password(2)).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused);
    assert_eq!(server.describe().await.unwrap().connectors[0], before);
    faults::clear(&bench.dir).unwrap();
    bench.fault("engine-keeps-old");
    server.set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    assert_eq!(server.describe().await.unwrap().connectors[0].version, before.version + 1);
    server.restart().await.unwrap();
    assert_eq!(bench.label("engine:SYNC1/contoso.test").as_deref(), Some("p1"));
    assert_eq!(bench.proof().await, "success");
}

#[tokio::test]
async fn a_restart_that_fails_leaves_the_old_process() {
    let bench = Bench::new();
    bench.fault("restart-fails");
    let server = bench.server();
    let before = server.describe().await.unwrap().service;
    let refused = server.restart().await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused);
    assert!(refused.cause.contains("running") && refused.cause.contains(&before.process_id.to_string()));
    assert_eq!(server.describe().await.unwrap().service, before);
}

#[tokio::test]
async fn failing_proofs_fail_only_while_the_world_is_between_two_passwords() {
    let bench = Bench::new();
    bench.fault("proof-fails");
    assert_eq!(bench.proof().await, "success", "the baseline passes");
    bench.set(&password(2)).await;
    bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    bench.server().restart().await.unwrap();
    assert_eq!(bench.proof().await, "no-start-credentials");
    assert_eq!(bench.event_ids(), [2518, 6000]);
    let first = bench.first().await;
    bench.set(&first).await;
    bench.server().set_connector_password(CONNECTOR, &first).await.unwrap();
    bench.server().restart().await.unwrap();
    assert_eq!(bench.proof().await, "success", "the way back can be proven");
}

#[tokio::test]
async fn a_vault_out_of_reach_changes_nothing() {
    let bench = Bench::new();
    bench.vault().stage(ACCOUNT, &attempt("r1"), &password(2)).await.unwrap();
    bench.fault("promote-fails");
    for _ in 0..2 {
        let failed = bench.vault().promote(ACCOUNT, &attempt("r1")).await.unwrap_err();
        assert_eq!(failed.meaning, Meaning::Later);
    }
    assert_eq!(bench.label("vault:current").as_deref(), Some("p1"));
    assert_eq!(bench.label("vault:pending").as_deref(), Some("p2"));
}

#[tokio::test]
async fn looks_fail_twice_whatever_they_ask() {
    let bench = Bench::new();
    bench.fault("look-fails");
    bench.server().describe().await.unwrap();
    let vault = bench.vault();
    let failed = in_step("look:back:restart:SYNC1", bench.server().describe()).await.unwrap_err();
    assert_eq!(failed.meaning, Meaning::Later);
    assert_eq!(in_step("look:stage", vault.find(ACCOUNT, Slot::Pending)).await.unwrap_err().meaning, Meaning::Later);
    in_step("look:stage", vault.find(ACCOUNT, Slot::Pending)).await.unwrap();
}

#[tokio::test]
async fn a_person_sets_a_third_password_right_after() {
    let bench = Bench::new();
    bench.fault("foreign-password");
    let (directory, dn) = (bench.directory(), bench.dn().await);
    let before = directory.fingerprint(&dn, DC1).await.unwrap();
    in_step("directory", directory.set_password(&dn, DC1, &password(2))).await.unwrap();
    assert_eq!(bench.label("directory").as_deref(), Some("p3"));
    let after = directory.fingerprint(&dn, DC1).await.unwrap();
    assert_eq!(after.key_version, before.key_version + 2);
    assert!(bench.accepted(DC1, &password(2)).await, "within the grace the tool's own still passes");
    in_step("directory", directory.set_password(&dn, DC1, &password(4))).await.unwrap();
    assert_eq!(bench.label("directory").as_deref(), Some("p4"));
}

#[tokio::test]
async fn a_slow_step_waits_once() {
    let bench = Bench::new();
    bench.fault("slow:stage");
    let vault = bench.vault();
    let started = std::time::Instant::now();
    vault.find(ACCOUNT, Slot::Pending).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2));
    let started = std::time::Instant::now();
    in_step("stage", vault.stage(ACCOUNT, &attempt("r1"), &password(2))).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(3));
    assert!(faults::list(&bench.dir).unwrap().is_empty());
}

#[tokio::test]
async fn a_servers_fault_may_be_limited_to_one() {
    let plan = WorldPlan { staging_servers: 1, ..WorldPlan::default_world() };
    let bench = Bench::with(&plan);
    let second = bench.lab.server("SYNC2").unwrap();
    bench.fault("server-unreachable@SYNC2");
    bench.server().describe().await.unwrap();
    for failed in [
        second.describe().await.map(|_| ()),
        second.prove(CONNECTOR).await.map(|_| ()),
        second.restart().await,
        second.stored_logon(CONNECTOR).await.map(|_| ()),
        second.set_connector_password(CONNECTOR, &password(2)).await,
        second.events(Timestamp::UNIX_EPOCH).await.map(|_| ()),
    ] {
        assert_eq!(failed.unwrap_err().meaning, Meaning::Later);
    }
    faults::clear(&bench.dir).unwrap();
    bench.fault("engine-refuses@SYNC2");
    bench.fault("engine-reply-lost@SYNC1");
    assert!(second.set_connector_password(CONNECTOR, &password(2)).await.is_err());
    let lost = bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap_err();
    assert_eq!(lost.meaning, Meaning::Unclear);
    bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    for name in ["engine-refuses@SYNC9", "directory-refuses@SYNC1", "engine-refuses@"] {
        assert_eq!(faults::add(&bench.dir, name, None).unwrap_err().meaning, Meaning::Refused, "{name}");
    }
}

#[tokio::test]
async fn proofs_may_fail_on_one_server_only() {
    let bench = Bench::with(&WorldPlan { staging_servers: 1, ..WorldPlan::default_world() });
    bench.fault("proof-fails@SYNC2");
    bench.set(&password(2)).await;
    assert_eq!(bench.proof().await, "success");
    assert_eq!(bench.lab.server("SYNC2").unwrap().prove(CONNECTOR).await.unwrap().result, "no-start-credentials");
}

#[test]
fn steps_that_can_not_exist_are_refused_and_slips_are_told() {
    let bench = Bench::new();
    for name in [
        "crash-before:service-logon:SYNC1",
        "crash-after:look:back:engine:SYNC1/contoso.test",
        "slow:reenter:SYNC1/contoso.test",
        "crash-after:entra-reset",
    ] {
        faults::add(&bench.dir, name, None).unwrap();
    }
    for (name, meant) in [
        ("crash-before:directry", "did you mean crash-before:directory?"),
        ("crash-after:look:back:enigne:SYNC1/contoso.test", "crash-after:look:back:engine:SYNC1/contoso.test?"),
        ("crahs-after:seal", "did you mean crash-after:seal?"),
        ("engine-refusse@SYNC1", "did you mean engine-refuses@SYNC1?"),
        ("proof-fail", "did you mean proof-fails?"),
        ("crash-before:describe", "no step is named describe"),
        ("crash-before:engine:", "no step is named engine:"),
        ("crash-before:back:look:seal", "no step is named back:look:seal"),
        ("crash-before:no:seal", "no step is named no:seal"),
        ("bad-luck", "there is no such fault"),
    ] {
        let refused = faults::add(&bench.dir, name, None).unwrap_err();
        assert!(refused.meaning == Meaning::Refused && refused.cause.ends_with(meant), "{name}: {refused}");
    }
}
