//! Runs, their events, the cloud, and the scheduler's planted task.

use super::service::{bench_of, domain_user, server_plan};
use super::*;
use crate::lab::{ConnectorPlan, EntraPlan, ServerPlan, ServicePlan, faults};
use crate::port::{EntraIdentity, FailureClass, Meaning, ProofFacts, RUNS_MAX};

const ENTRA: &str = "contoso.onmicrosoft.com - AAD";
const STOPPED: &str = "stopped-extension-dll-exception";

fn plan() -> ServerPlan {
    server_plan("2.6.92.0", ServicePlan::Virtual)
}

impl Bench {
    async fn run(&self, connector: &str) -> ProofFacts {
        self.server().prove(connector).await.unwrap()
    }

    async fn xml(&self) -> Vec<String> {
        self.server().events(Timestamp::UNIX_EPOCH).await.unwrap()
    }
}

fn pair(place: &str, result: &str) -> (String, String) {
    (place.to_owned(), result.to_owned())
}

#[tokio::test]
async fn a_run_tells_its_connection_and_the_last_ten_are_kept() {
    let bench = Bench::new();
    assert_eq!(bench.run(CONNECTOR).await.connections, [pair(DC2, "success")]);
    bench.set(&password(2)).await;
    bench.pass(SignedDuration::from_mins(61));
    let failed = bench.run(CONNECTOR).await;
    assert_eq!(failed.connections, [pair(DC2, "failed-authentication")]);
    for _ in 0..RUNS_MAX {
        bench.pass(SignedDuration::from_mins(1));
        bench.run(CONNECTOR).await;
    }
    let runs = bench.server().runs(CONNECTOR).await.unwrap();
    assert_eq!(runs.len(), RUNS_MAX);
    assert!(runs.windows(2).all(|two| two[0].at > two[1].at), "newest first");
    assert!(bench.server().runs(ENTRA).await.unwrap().is_empty());
    assert_eq!(bench.server().runs("fabrikam.test").await.unwrap_err().meaning, Meaning::Refused);
}

#[tokio::test]
async fn the_stored_password_is_searched_with_not_the_cached_one() {
    let bench = Bench::new();
    let server = bench.server();
    assert_eq!(server.stored_logon(CONNECTOR).await.unwrap(), Some(true));
    server.set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    assert_eq!(bench.proof().await, "success", "the running engine has the old one");
    assert_eq!(server.stored_logon(CONNECTOR).await.unwrap(), Some(false));
    assert_eq!(server.stored_logon(ENTRA).await.unwrap_err().meaning, Meaning::Refused);
    let old = bench_of(server_plan("1.6.16.0", ServicePlan::Virtual));
    assert_eq!(old.server().stored_logon(CONNECTOR).await.unwrap(), None);
}

#[tokio::test]
async fn events_are_windows_own_xml() {
    let bench = Bench::new();
    let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap();
    bench.pass(SignedDuration::from_mins(1));
    bench.server().restart().await.unwrap();
    bench.run(CONNECTOR).await;
    let events = bench.server().events(start).await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(events[0].contains("<Provider Name='Entra Connect Admin Actions'/><EventID Qualifiers='0'>2518</EventID>"));
    assert_eq!(
        events[1],
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='ADSync'/>\
         <EventID Qualifiers='0'>6000</EventID><Version>0</Version><Level>2</Level><Task>0</Task><Opcode>0</Opcode>\
         <Keywords>0x80000000000000</Keywords><TimeCreated SystemTime='2026-11-21T10:01:00.0000000Z'/>\
         <EventRecordID>2</EventRecordID><Correlation/><Execution ProcessID='0' ThreadID='0'/>\
         <Channel>Application</Channel><Computer>SYNC1</Computer><Security/></System><EventData><Data>The management \
         agent &quot;contoso.test&quot; failed to run because the credentials were invalid.</Data></EventData></Event>"
    );
    let later = start.checked_add(SignedDuration::from_secs(30)).unwrap();
    assert_eq!(bench.server().events(later).await.unwrap(), events[1..]);
}

#[tokio::test]
async fn the_service_managers_events_carry_their_arguments() {
    let bench = bench_of(server_plan("2.6.92.0", domain_user("svc-adsync@contoso.test")));
    bench.lab.set_password("svc-adsync", "service:SYNC1", Some(password(5))).unwrap();
    bench.server().restart().await.unwrap_err();
    let events = bench.xml().await;
    assert!(
        events[0].contains("EventSourceName='Service Control Manager'/><EventID Qualifiers='49152'>7038</EventID>")
    );
    assert!(events[0].contains(
        "<Data Name='param1'>ADSync</Data><Data Name='param2'>svc-adsync@contoso.test</Data>\
         <Data Name='param3'>%%1326</Data>"
    ));
    assert!(events[1].contains("<Channel>System</Channel>") && events[1].contains("%%1069"));
}

#[tokio::test]
async fn texts_from_outside_are_escaped() {
    let mut server = plan();
    let name = "a<b>&'\"\u{1}";
    server.connectors[0].forest = name.to_owned();
    let bench = bench_of(server);
    bench.fault("rpc-unavailable");
    bench.run(name).await;
    let events = bench.xml().await;
    assert!(events[0].contains("a&lt;b&gt;&amp;&apos;&quot;\u{fffd}") && !events[0].contains("a<b>"), "{}", events[0]);
}

#[tokio::test]
async fn builds_before_the_audit_write_no_2518() {
    for (build, ids) in [("2.4.128.0", vec![]), ("2.4.129.0", vec![2518]), ("2.10.1.0", vec![2518])] {
        let bench = bench_of(server_plan(build, ServicePlan::Virtual));
        let before = bench.server().describe().await.unwrap().connectors[0].version;
        bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap();
        assert_eq!(bench.event_ids(), ids, "{build}");
        assert_eq!(bench.server().describe().await.unwrap().connectors[0].version, before + 1);
    }
}

#[tokio::test]
async fn replication_and_rpc_trouble_look_as_password_hash_sync_tells_it() {
    let bench = Bench::new();
    bench.fault("replication-right-lost");
    assert_eq!(bench.run(CONNECTOR).await.result, "success", "the import itself does not need the right");
    let events = bench.xml().await;
    assert!(events[0].contains("'Directory Synchronization'") && events[0].contains("RPC Error 8453"), "{events:?}");
    faults::clear(&bench.dir).unwrap();
    bench.fault("rpc-unavailable");
    let failed = bench.run(CONNECTOR).await;
    assert_eq!(
        (failed.result.as_str(), failed.connections),
        ("no-start-connection", vec![pair(DC2, "failed-connection")])
    );
    assert_eq!(bench.event_ids(), [611, 611, 616]);
    assert!(bench.xml().await[1].contains("RPC Error 1722"));
    let unanswered = bench.server().stored_logon(CONNECTOR).await.unwrap_err();
    assert_eq!((unanswered.meaning, unanswered.class), (Meaning::Later, Some(FailureClass::Connection)));
}

#[tokio::test]
async fn a_busy_connector_is_left_alone() {
    let bench = Bench::new();
    bench.fault("connector-busy");
    let run = bench.run(CONNECTOR).await;
    assert_eq!((run.result.as_str(), run.connections.len()), ("no-start-ma-already-running", 0));
    let busy = bench.server().set_connector_password(CONNECTOR, &password(2)).await.unwrap_err();
    assert_eq!((busy.meaning, busy.class), (Meaning::Later, Some(FailureClass::Busy)));
    assert!(busy.cause.contains("ma-update-in-progress"));
    assert_eq!(bench.counter("engine-writes"), 0);
}

#[tokio::test]
async fn a_controller_of_another_forest_asks_through_the_trust() {
    let connector = |forest: &str, dc: &str| ConnectorPlan {
        forest: forest.to_owned(),
        dc: Some(dc.to_owned()),
        ..plan().connectors[0].clone()
    };
    let connectors = vec![
        connector(CONNECTOR, DC2),
        connector("fabrikam.test", "dc1.fabrikam.test"),
        connector("gone.test", "dc9.contoso.test"),
        connector("address.test", "127.0.0.9"),
    ];
    let bench = bench_of(ServerPlan { connectors, ..plan() });
    let trusted = bench.run("fabrikam.test").await;
    assert_eq!((trusted.result.as_str(), trusted.connections), ("success", vec![pair("dc1.fabrikam.test", "success")]));
    for gone in ["gone.test", "address.test"] {
        assert_eq!(bench.run(gone).await.result, "no-start-connection", "{gone}");
    }
    bench.set(&password(2)).await;
    bench.server().set_connector_password("fabrikam.test", &password(2)).await.unwrap();
    assert_eq!(
        bench.server().stored_logon("fabrikam.test").await.unwrap(),
        Some(true),
        "the PDC emulator has it at once"
    );
}

#[tokio::test]
async fn a_wrong_cloud_password_is_repaired_by_a_reset_on_both_sides() {
    let bench = Bench::new();
    let server = bench.server();
    let Some(EntraIdentity::ServiceAccount { user }) = bench.server().describe().await.unwrap().entra else {
        panic!("no service account")
    };
    assert!(user.starts_with("Sync_SYNC1_") && user.ends_with("@contoso.onmicrosoft.com"), "{user}");
    assert_eq!(bench.run(ENTRA).await.result, "success");
    bench.fault("entra-password-wrong");
    for _ in 0..2 {
        assert_eq!(bench.run(ENTRA).await.result, STOPPED, "it stays wrong");
    }
    assert_eq!(bench.event_ids(), [6900, 659, 655, 6900, 659, 655]);
    assert!(bench.xml().await[0].contains("AADSTS70002") && bench.xml().await[1].contains("AADSTS50054"));
    bench.fault("entra-reset-refused");
    let refused = server.reset_entra_account("admin@contoso.test", &password(9)).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused);
    assert_eq!(bench.run(ENTRA).await.result, STOPPED);
    faults::clear(&bench.dir).unwrap();
    server.reset_entra_account("admin@contoso.test", &password(9)).await.unwrap();
    assert_eq!(bench.event_ids().last(), Some(&2519));
    assert_eq!(bench.run(ENTRA).await.result, "success");
    let text = std::fs::read_to_string(bench.dir.join("requests.log")).unwrap();
    assert!(text.contains("admin@contoso.test") && !text.contains(password(9).expose()));
}

#[tokio::test]
async fn a_blocked_cloud_credential_wants_a_dialog() {
    let bench = Bench::new();
    bench.fault("cloud-credential-blocked");
    let run = bench.run(ENTRA).await;
    assert_eq!(
        (run.result.as_str(), run.connections),
        (STOPPED, vec![pair("contoso.onmicrosoft.com", "failed-authentication")])
    );
    assert_eq!(bench.event_ids(), [906, 115]);
    assert!(bench.xml().await[0].contains("Showing a modal dialog box"));
    assert_eq!(bench.run(CONNECTOR).await.result, "success");
}

fn with_certificate(days_left: i64) -> Bench {
    bench_of(ServerPlan { entra: EntraPlan::Application { days_left, managed: true }, ..plan() })
}

#[tokio::test]
async fn a_certificate_warns_and_then_ends() {
    let far = with_certificate(151);
    far.server().restart().await.unwrap();
    assert_eq!((far.run(ENTRA).await.result.as_str(), far.event_ids()), ("success", vec![]));
    far.pass(SignedDuration::from_hours(24));
    far.server().restart().await.unwrap();
    assert_eq!(far.event_ids(), [1011]);
    assert_eq!(far.run(ENTRA).await.result, "success");

    let over = with_certificate(-1);
    assert_eq!(over.run(ENTRA).await.result, STOPPED);
    assert_eq!(over.event_ids(), [1012]);
    let facts = over.server().describe().await.unwrap();
    let ended: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    assert_eq!(facts.entra, Some(EntraIdentity::Application { certificate_ends_at: Some(ended), managed: true }));
    let refused = over.server().reset_entra_account("admin@contoso.test", &password(9)).await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused, "it would roll the application back");
}

#[tokio::test]
async fn describe_tells_what_the_server_is() {
    let mut server = server_plan("2.5.2.0", ServicePlan::Virtual);
    server.upgrading = true;
    server.connectors[0].alternate_credentials = vec![pair("DC=child,DC=contoso,DC=test", "CHILD\\svc")];
    let facts = bench_of(server.clone()).server().describe().await.unwrap();
    assert_eq!((facts.host.as_str(), facts.module.as_str(), facts.upgrading), ("SYNC1", "2.5.2.0", true));
    assert_eq!(facts.logon_dc.as_deref(), Some(DC1));
    assert_eq!(facts.entra, None, "the build can't tell");
    assert_eq!(facts.connectors[0].alternate_credentials, server.connectors[0].alternate_credentials);
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_planted_task_gives_the_switch_back_by_itself_once() {
    let bench = Bench::new();
    let server = bench.server();
    server.pause_scheduler(true, at("2026-11-21T10:30:00Z")).await.unwrap();
    server.pause_scheduler(false, at("2026-11-21T11:00:00Z")).await.unwrap();
    bench.pass(SignedDuration::from_mins(30));
    assert!(!server.describe().await.unwrap().scheduler.enabled, "the second time counts");
    bench.pass(SignedDuration::from_mins(30));
    assert!(server.describe().await.unwrap().scheduler.enabled, "the first value counts");
    server.pause_scheduler(true, at("2026-11-21T15:00:00Z")).await.unwrap();
    server.release_scheduler(false).await.unwrap();
    bench.pass(SignedDuration::from_hours(6));
    assert!(!server.describe().await.unwrap().scheduler.enabled, "a release takes the task away");
    assert_eq!(bench.counter("scheduler-writes"), 4);
}

#[tokio::test]
async fn a_task_outlives_its_planter_and_a_release_that_fails() {
    let bench = Bench::new();
    bench.fault("release-fails");
    bench.fault("pause-reply-lost");
    let lost = bench.server().pause_scheduler(true, at("2026-11-21T11:00:00Z")).await.unwrap_err();
    assert_eq!(lost.meaning, Meaning::Unclear);
    assert_eq!(bench.server().release_scheduler(true).await.unwrap_err().meaning, Meaning::Later);
    assert!(!bench.server().describe().await.unwrap().scheduler.enabled);
    bench.pass(SignedDuration::from_hours(2));
    assert!(bench.reopen().server("SYNC1").unwrap().describe().await.unwrap().scheduler.enabled);
}
