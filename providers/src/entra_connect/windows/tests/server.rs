use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::{Machine, ServiceState, Started, Stopped, WindowsServer};
use super::model::{Model, at, status};
use super::powershell::stand_in;
use crate::port::{ConnectServer, ConnectorKind, EntraIdentity, FailureClass, Fault, Meaning, Secret};

/// A server whose scripts answer with what lies in a folder.
struct Bench {
    server: WindowsServer<Model>,
    folder: TempDir,
}

impl Bench {
    fn new(model: Model) -> Self {
        let folder = TempDir::new().unwrap();
        let powershell = stand_in().modules(folder.path());
        Self { server: WindowsServer::new("connect1", model, powershell), folder }
    }

    fn answers(self, script: &str, reply: &Value) -> Self {
        std::fs::write(self.folder.path().join(format!("{script}.json")), reply.to_string()).unwrap();
        self
    }

    fn asked(&self, script: &str) -> Value {
        let text = std::fs::read_to_string(self.folder.path().join(format!("{script}.asked"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn meaning<V: std::fmt::Debug>(done: Result<V, Fault>) -> (Meaning, Option<FailureClass>) {
    let fault = done.unwrap_err();
    (fault.meaning, fault.class)
}

fn done(value: Value) -> Value {
    json!({ "done": { "value": value } })
}

fn described() -> Value {
    let parameter = |name: &str, value: &str| json!({ "name": name, "value": value });
    done(json!({
        "module": "1.0.0.0",
        "staging": true,
        "scheduler": {
            "enabled": true, "suspended": false, "in_progress": false, "connectors_running": 1,
            "next_cycle_at": "2026-03-01T12:21:00.0000000Z",
        },
        "connectors": { "Count": 3, "value": [
            {
                "name": "größe.contoso.com", "id": "11111111-2222-3333-4444-555555555555", "kind": "AD", "type": "AD",
                "parameters": [parameter("forest-login-user", "MSOL_1"), parameter("forest-login-domain", "CONTOSO")],
                "partitions": [{
                    "name": "DC=contoso,DC=com", "selected": true,
                    "parameters": parameter("forest-login-user", "other"),
                    "preferred_dcs": "dc1.contoso.com",
                }],
                "modified_at": "2026-02-01T01:02:03.4567890Z", "version": 7,
            },
            {
                "name": "contoso - AAD", "id": "B891884F-051E-4A83-95AF-2544101C9083", "kind": "Extensible2", "type": "Extensible2",
                "parameters": [parameter("UserName", "Sync_CONNECT1@contoso.onmicrosoft.com")],
                "partitions": null, "modified_at": null, "version": 2,
            },
            {
                "name": "some database", "id": "x", "kind": "Extensible2", "type": "Extensible2",
                "parameters": [], "partitions": [], "modified_at": null, "version": 1,
            },
        ]},
        "entra": [parameter("ConnectorIdentityType", "ServiceAccount")],
    }))
}

#[tokio::test]
async fn a_server_is_described_by_windows_and_by_its_cmdlets() {
    let model = Model { programs: vec!["miisclient.exe".to_owned()], ..Model::new() };
    let facts = Bench::new(model).answers("describe", &described()).server.describe().await.unwrap();
    assert_eq!((facts.build.as_str(), facts.host.as_str(), facts.staging), ("2.6.92.0", "CONNECT1", true));
    assert_eq!((facts.service.process_id, facts.service.started_at), (4_711, Some(at("2026-03-01T08:00:00Z"))));
    // A connector that runs is a cycle that runs.
    assert!(facts.scheduler.cycle_running && facts.engine_answers);
    assert_eq!(facts.open_programs, ["miisclient.exe"]);
    assert!(!facts.upgrading);
    assert_eq!(facts.logon_dc, None);
    let [ad, entra] = &facts.connectors[..] else { panic!("{:?}", facts.connectors) };
    assert_eq!((ad.name.as_str(), ad.user.as_str(), ad.domain.as_str()), ("größe.contoso.com", "MSOL_1", "CONTOSO"));
    assert_eq!((ad.dc.as_deref(), ad.version), (Some("dc1.contoso.com"), 7));
    assert_eq!(ad.alternate_credentials, [("DC=contoso,DC=com".to_owned(), "other".to_owned())]);
    assert_eq!((entra.kind, entra.version), (ConnectorKind::Entra, 2));
    let user = "Sync_CONNECT1@contoso.onmicrosoft.com".to_owned();
    assert_eq!(facts.entra, Some(EntraIdentity::ServiceAccount { user }));
}

#[tokio::test]
async fn a_stopped_service_is_described_without_its_cmdlets() {
    let bench = Bench::new(Model::new());
    bench.server.stop().await.unwrap();
    let facts = bench.server.describe().await.unwrap();
    assert_eq!((facts.service.state.as_str(), facts.service.started_at), ("stopped", None));
    // What nobody was asked about is not said to be so.
    assert!(!facts.engine_answers && facts.connectors.is_empty());
    assert_eq!(meaning(bench.server.prove("contoso.com").await).0, Meaning::Later);
}

#[tokio::test]
async fn a_password_goes_over_standard_input_alone() {
    let bench = Bench::new(Model::new()).answers("set-connector-password", &done(json!({})));
    let secret = Secret::new("p4ss-wörd");
    bench.server.set_connector_password("größe.contoso.com", &secret).await.unwrap();
    let asked = bench.asked("set-connector-password");
    assert_eq!((&asked["request"]["connector"], &asked["secret"]), (&json!("größe.contoso.com"), &json!("p4ss-wörd")));
    assert!(!asked["argv"].to_string().contains("p4ss"));
}

#[tokio::test]
async fn the_planted_task_runs_a_script_of_its_own() {
    let bench = Bench::new(Model::new()).answers("pause", &done(json!({})));
    bench.server.pause_scheduler(true, at("2026-03-01T14:00:00Z")).await.unwrap();
    let request = bench.asked("pause")["request"].clone();
    assert_eq!((&request["restore"], &request["restore_at"]), (&json!(true), &json!("2026-03-01T14:00:00Z")));
    assert_eq!(request["arguments"], super::super::Script::Restore.arguments().join(" "));
}

#[tokio::test]
async fn the_account_of_the_service_may_not_change() {
    let bench = Bench::new(Model::new());
    let secret = Secret::new("new");
    assert_eq!(meaning(bench.server.set_service_logon(r".\other", &secret).await).0, Meaning::Refused);
    assert!(bench.server.set_service_logon(r".\SVC-adsync", &Secret::new("x".repeat(128))).await.is_err());
    bench.server.set_service_logon(r".\SVC-adsync", &secret).await.unwrap();
    // As the service manager has it.
    let model = Model { account: r"NT SERVICE\ADSync".to_owned(), ..Model::new() };
    let managed = WindowsServer::new("connect1", model, stand_in());
    assert_eq!(meaning(managed.set_service_logon(r"NT SERVICE\ADSync", &secret).await).0, Meaning::Refused);
}

#[tokio::test]
async fn only_a_denied_logon_change_is_surely_none() {
    for (code, wanted) in [(5, Meaning::Refused), (1_115, Meaning::Unclear)] {
        let server = WindowsServer::new("connect1", Model { fails: Some(code), ..Model::new() }, stand_in());
        assert_eq!(meaning(server.set_service_logon(r".\svc-adsync", &Secret::new("new")).await).0, wanted, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_again_did_not_start() {
    let ended = |code| Some(Ok(Started::Ended(status(ServiceState::Stopped, code))));
    let cases = [
        (Some(Err(1_069)), "error 1069", Some(FailureClass::ServiceLogon)),
        (ended(1_069), "error 1069", Some(FailureClass::ServiceLogon)),
        (ended(1_066), "service-specific number 21", None),
        (Some(Ok(Started::Pending(status(ServiceState::StartPending, 0)))), "start-pending", None),
        // It says that it runs, and is gone a moment later.
        (Some(Ok(Started::Yes)), "ended by itself", None),
    ];
    for (starts, cause, class) in cases {
        let server = WindowsServer::new("connect1", Model { starts, ..Model::new() }, stand_in());
        let fault = server.restart().await.unwrap_err();
        assert_eq!((fault.meaning, fault.class), (Meaning::Refused, class), "{cause}");
        assert!(fault.cause.contains(cause), "{}", fault.cause);
    }
    let stops = Some(Stopped::Pending(status(ServiceState::StopPending, 0)));
    let server = WindowsServer::new("connect1", Model { stops, ..Model::new() }, stand_in());
    assert_eq!(meaning(server.restart().await).0, Meaning::Refused);
}

#[tokio::test]
async fn local_users_are_those_of_this_machine() {
    let server = WindowsServer::new("connect1", Model::new(), stand_in());
    let facts = server.local_user(r"connect1\svc-adsync").await.unwrap();
    assert_eq!((facts.password_set_at, facts.at), (at("2026-03-01T11:00:00Z"), at("2026-03-01T12:00:00Z")));
    assert_eq!((facts.refusals, facts.length_min), (vec!["the user is locked".to_owned()], 14));
    for stranger in [r"CONTOSO\svc-adsync", "svc-adsync", r".\nobody"] {
        assert_eq!(meaning(server.local_user(stranger).await).0, Meaning::Refused, "{stranger}");
    }
    assert_eq!(server.local_logon(r".\svc-adsync", &Secret::new("right")).await, Ok(true));
    assert_eq!(server.local_logon(r".\svc-adsync", &Secret::new("wrong")).await, Ok(false));
}

#[tokio::test]
async fn a_number_says_what_became_of_a_local_password() {
    let (old, new) = (Secret::new("old"), Secret::new("new"));
    for (code, wanted) in
        [(86, Meaning::Refused), (2_245, Meaning::Refused), (1_909, Meaning::Refused), (1_727, Meaning::Unclear)]
    {
        let server = WindowsServer::new("connect1", Model { fails: Some(code), ..Model::new() }, stand_in());
        assert_eq!(meaning(server.change_local_password(r".\svc-adsync", &old, &new).await).0, wanted, "{code}");
    }
    let server = WindowsServer::new("connect1", Model { fails: Some(1_909), ..Model::new() }, stand_in());
    assert_eq!(meaning(server.local_logon(r".\svc-adsync", &new).await).0, Meaning::Refused);
}

#[tokio::test]
async fn a_proof_is_the_run_that_was_not_there_before() {
    let xml = "<connection-result>success</connection-result><server>dc1.contoso.com:389</server>";
    let run = json!({
        "id": "a", "number": 12, "profile": "Delta Import", "result": "completed-import-errors", "complete": true,
        "ended_at": "2026-03-01T12:00:05.1230000Z",
        "steps": { "number": 1, "result": "success", "step": "<step-type type=\"delta-import\"></step-type>", "connection": xml },
    });
    let proved = |run: &Value, returned: &str| {
        done(json!({ "run": run, "returned": returned, "at": "2026-03-01T12:00:06.0000000Z" }))
    };
    let bench = Bench::new(Model::new()).answers("prove", &proved(&run, "success"));
    let facts = bench.server.prove("contoso.com").await.unwrap();
    assert_eq!((facts.result.as_str(), facts.at), ("completed-import-errors", at("2026-03-01T12:00:05.123Z")));
    assert_eq!(facts.steps, [("1: delta-import".to_owned(), "success".to_owned())]);
    assert_eq!(facts.connections, [("dc1.contoso.com".to_owned(), "success".to_owned())]);

    let bench = bench.answers("prove", &proved(&Value::Null, "no-start-ma-already-running"));
    assert_eq!(bench.server.prove("contoso.com").await.unwrap().result, "no-start-ma-already-running");
    let bench = bench.answers("prove", &proved(&Value::Null, ""));
    assert_eq!(meaning(bench.server.prove("contoso.com").await).0, Meaning::Unclear);
    let mut open = run.clone();
    open["complete"] = json!(false);
    let bench = bench.answers("prove", &proved(&open, ""));
    assert_eq!(meaning(bench.server.prove("contoso.com").await).0, Meaning::Unclear);

    let mut older = run.clone();
    (older["number"], older["result"]) = (json!(11), json!("no-start-credentials"));
    let bench = bench.answers("runs", &done(json!({ "runs": [older, run] })));
    let runs = bench.server.runs("contoso.com").await.unwrap();
    let results: Vec<&str> = runs.iter().map(|run| run.result.as_str()).collect();
    assert_eq!(results, ["completed-import-errors", "no-start-credentials"]);
}

#[tokio::test]
async fn two_logs_are_one_list_in_order() {
    let events =
        WindowsServer::new("connect1", Model::new(), stand_in()).events(at("2026-03-01T10:00:00Z")).await.unwrap();
    let seconds: Vec<&str> = events.iter().filter_map(|event| event.split("10:00:").nth(1)?.get(..2)).collect();
    assert_eq!(seconds, ["01", "02", "03"]);
}

#[tokio::test]
async fn an_upgrade_is_seen() {
    let model = Model { programs: vec!["AzureADConnectSetup.exe".to_owned()], ..Model::new() };
    assert_eq!(model.running_of(&["AzureADConnectSetup.exe"]).unwrap().len(), 1);
    let facts = Bench::new(model).answers("describe", &described()).server.describe().await.unwrap();
    assert!(facts.upgrading);
}
