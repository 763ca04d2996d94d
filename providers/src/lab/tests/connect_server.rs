use super::*;
use crate::lab::Logon;
use crate::port::{ConnectorKind, Meaning};

#[tokio::test]
async fn the_default_server_is_as_installed() {
    let facts = Bench::new().server().describe().await.unwrap();
    assert_eq!((facts.build.as_str(), facts.staging), ("2.6.92.0", false));
    assert_eq!(facts.service.account, r"NT SERVICE\ADSync");
    assert_eq!(facts.connectors.len(), 2);
    let ad = &facts.connectors[0];
    assert_eq!((ad.name.as_str(), ad.kind, ad.dc.as_deref()), (CONNECTOR, ConnectorKind::ActiveDirectory, Some(DC2)));
    assert_eq!(ad.user, ACCOUNT);
    assert_eq!(facts.connectors[1].name, "contoso.onmicrosoft.com - AAD");
    assert!(facts.scheduler.enabled && !facts.scheduler.cycle_running);
    assert_eq!(facts.scheduler.next_cycle_at.unwrap().to_string(), "2026-11-21T10:25:00Z");
}

#[tokio::test]
async fn the_running_engine_keeps_its_password_until_the_restart() {
    let bench = Bench::new();
    let server = bench.server();
    let before = server.describe().await.unwrap();
    assert_eq!(bench.proof().await, "success");
    server.set_connector_password(CONNECTOR, &password(9)).await.unwrap();
    assert_eq!(bench.proof().await, "success", "the cache still holds the right one");
    assert_eq!(bench.label("engine-cache:SYNC1/contoso.test").as_deref(), Some("p1"));
    let stored = server.describe().await.unwrap();
    assert_eq!(stored.connectors[0].version, before.connectors[0].version + 1);
    assert!(stored.connectors[0].modified_at > before.connectors[0].modified_at);
    assert_eq!(stored.service, before.service);

    server.restart().await.unwrap();
    let after = server.describe().await.unwrap();
    assert_ne!(after.service.process_id, before.service.process_id);
    assert!(after.service.started_at > before.service.started_at);
    assert!(!has_holder(&bench.truth(), "engine-cache:SYNC1/contoso.test"));
    let failed = server.prove(CONNECTOR).await.unwrap();
    assert_eq!(failed.result, "no-start-credentials");
    assert_eq!(failed.steps, [("Delta Import".to_owned(), "no-start-credentials".to_owned())]);
    assert_eq!(bench.event_ids(), [2518, 6000]);
}

#[tokio::test]
async fn an_engine_that_was_forgotten_passes_for_an_hour_only() {
    let bench = Bench::new();
    bench.set(&password(2)).await;
    assert_eq!(bench.proof().await, "success", "the trap: AD still takes the old password");
    bench.pass(SignedDuration::from_mins(61));
    assert_eq!(bench.proof().await, "no-start-credentials");
}

#[tokio::test]
async fn two_restarts_at_one_instant_still_differ() {
    let bench = Bench::new();
    let server = bench.server();
    server.restart().await.unwrap();
    let one = server.describe().await.unwrap().service;
    server.restart().await.unwrap();
    let two = server.describe().await.unwrap().service;
    assert!(two.started_at > one.started_at && two.process_id != one.process_id);
}

#[tokio::test]
async fn a_run_during_a_cycle_does_not_start() {
    let bench = Bench::new();
    bench.pass(SignedDuration::from_mins(25));
    assert!(bench.server().describe().await.unwrap().scheduler.cycle_running);
    assert_eq!(bench.proof().await, "no-start-ma-already-running");
    bench.pass(SignedDuration::from_secs(40));
    assert_eq!(bench.proof().await, "success");
}

#[tokio::test]
async fn the_scheduler_is_one_for_all_servers() {
    let plan = WorldPlan { staging_servers: 2, ..WorldPlan::default_world() };
    let bench = Bench::with(&plan);
    assert_eq!(bench.lab.server_names(), ["SYNC1", "SYNC2", "SYNC3"]);
    let restore_at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    bench.server().pause_scheduler(true, restore_at).await.unwrap();
    let other = bench.lab.server("SYNC3").unwrap().describe().await.unwrap();
    assert!(other.staging && !other.scheduler.enabled && other.scheduler.next_cycle_at.is_none());
    assert_eq!(bench.truth()["scheduler"]["enabled"], false);
    assert!(bench.lab.server("SYNC4").is_none());
}

#[tokio::test]
async fn each_server_keeps_its_own_copy() {
    let plan = WorldPlan { staging_servers: 1, single_dc: true, ..WorldPlan::default_world() };
    let bench = Bench::with(&plan);
    let second = bench.lab.server("SYNC2").unwrap();
    assert_eq!(second.describe().await.unwrap().connectors[0].dc.as_deref(), Some(DC1));
    bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    bench.server().restart().await.unwrap();
    assert_eq!(second.prove(CONNECTOR).await.unwrap().result, "success");
    assert_eq!(bench.proof().await, "no-start-credentials");
    assert_eq!(bench.label("engine:SYNC2/contoso.test").as_deref(), Some("p1"));
}

#[tokio::test]
async fn an_engine_that_binds_as_somebody_else_is_refused() {
    let plan = WorldPlan { engine_user: "MSOL_other".to_owned(), ..WorldPlan::default_world() };
    let bench = Bench::with(&plan);
    assert_eq!(bench.server().describe().await.unwrap().connectors[0].user, "MSOL_other");
    assert_eq!(bench.proof().await, "no-start-credentials");
}

#[tokio::test]
async fn wrong_names_are_refused_and_the_entra_connector_too() {
    let bench = Bench::new();
    let server = bench.server();
    let entra = "contoso.onmicrosoft.com - AAD";
    for connector in ["fabrikam.test", entra] {
        let refused = server.set_connector_password(connector, &password(2)).await.unwrap_err();
        assert_eq!(refused.meaning, Meaning::Refused);
    }
    assert_eq!(server.prove("fabrikam.test").await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(server.prove(entra).await.unwrap().result, "success");
    assert_eq!(bench.counter("engine-writes"), 0);
}

fn real_world(port: u16) -> WorldPlan {
    WorldPlan {
        logon: Logon::Ldaps {
            url: format!("ldaps://127.0.0.1:{port}"),
            ca_file: None,
            bind_name: "svc@contoso.test".to_owned(),
        },
        first_password: Some(password(1)),
        ..WorldPlan::default_world()
    }
}

#[tokio::test]
async fn a_world_before_a_real_directory_has_only_servers() {
    let bench = Bench::with(&real_world(1));
    assert_eq!(bench.directory().account(ACCOUNT).await.unwrap_err().meaning, Meaning::Refused);
    let truth = bench.truth();
    assert!(!has_holder(&truth, "directory") && !has_holder(&truth, "vault:current"));
    assert_eq!(label(&truth, "engine:SYNC1/contoso.test").as_deref(), Some("p1"));
    let refused = crate::lab::faults::add(&bench.dir, "foreign-password", None).unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused);
    let without = WorldPlan { first_password: None, ..real_world(1) };
    assert_eq!(WorldPlan::build(&without).unwrap_err().meaning, Meaning::Refused);
}

#[tokio::test]
async fn before_a_real_directory_proof_fails_means_another_password_than_at_first() {
    let bench = Bench::with(&real_world(1));
    bench.fault("proof-fails");
    let failing = |bench: &Bench| bench.lab.books(|books| books.proof_must_fail("SYNC1", CONNECTOR)).unwrap();
    assert!(!failing(&bench));
    bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    assert!(failing(&bench));
    assert_eq!(bench.proof().await, "no-start-credentials");
    bench.server().set_connector_password(CONNECTOR, &password(1)).await.unwrap();
    assert!(!failing(&bench));
}

#[cfg(feature = "active-directory")]
#[tokio::test]
async fn a_real_directory_that_is_not_there_is_no_connection() {
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(Bench::with(&real_world(port)).proof().await, "no-start-connection");
}

#[cfg(not(feature = "active-directory"))]
#[tokio::test]
async fn without_ldaps_a_real_directory_can_not_be_asked() {
    let bench = Bench::with(&real_world(1));
    assert_eq!(bench.server().prove(CONNECTOR).await.unwrap_err().meaning, Meaning::Broken);
}
