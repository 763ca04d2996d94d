//! The Windows service: its logon, and the key set that its account protects.

use super::*;
use crate::lab::{ConnectorPlan, EntraPlan, Logon, ServerPlan, ServicePlan, faults};
use crate::port::{FailureClass, Fault, Meaning};

pub(super) const SERVICE_USER: &str = "svc-adsync";
const NEWEST: &str = "2.6.92.0";
const OLD: &str = "1.1.443.0";

/// An active server on this build, whose service runs as that.
pub(super) fn server_plan(build: &str, service: ServicePlan) -> ServerPlan {
    ServerPlan {
        name: "SYNC1".to_owned(),
        staging: false,
        build: build.to_owned(),
        service,
        connectors: vec![ConnectorPlan {
            forest: CONNECTOR.to_owned(),
            account: ACCOUNT.to_owned(),
            user: ACCOUNT.to_owned(),
            domain: CONNECTOR.to_owned(),
            dc: None,
            alternate_credentials: Vec::new(),
        }],
        entra: EntraPlan::ServiceAccount,
        open_programs: Vec::new(),
        upgrading: false,
    }
}

pub(super) fn bench_of(server: ServerPlan) -> Bench {
    Bench::with(&WorldPlan { servers: vec![server], ..WorldPlan::default_world() })
}

pub(super) fn domain_user(start_name: &str) -> ServicePlan {
    ServicePlan::Domain { start_name: start_name.to_owned(), account: SERVICE_USER.to_owned() }
}

pub(super) fn local_user() -> ServicePlan {
    ServicePlan::Local { start_name: r".\adsync".to_owned(), user: "adsync".to_owned() }
}

impl Bench {
    /// What the service manager holds.
    pub(super) fn scm(&self) -> Option<Secret> {
        self.lab.books(|books| books.world.servers[0].scm_password()).unwrap()
    }

    async fn reset_service_user(&self, secret: &Secret) {
        let dn = self.directory().account(SERVICE_USER).await.unwrap().dn;
        self.directory().set_password(&dn, DC1, secret).await.unwrap();
    }

    /// The first server's service as its server sees it.
    async fn state(&self) -> String {
        self.server().describe().await.unwrap().service.state
    }

    fn abandons_key(&self) -> Result<(), Fault> {
        self.lab.abandon_key("SYNC1")
    }
}

async fn refused_start(bench: &Bench) -> (FailureClass, String) {
    let refused = bench.server().start().await.unwrap_err();
    assert_eq!(refused.meaning, Meaning::Refused);
    assert_eq!(bench.state().await, "stopped");
    (refused.class.unwrap(), refused.cause)
}

#[tokio::test]
async fn the_service_stops_and_starts_as_a_new_process() {
    let bench = Bench::new();
    let server = bench.server();
    let before = server.describe().await.unwrap().service;
    server.start().await.unwrap();
    assert_eq!(server.describe().await.unwrap().service, before, "it ran already");
    server.stop().await.unwrap();
    server.stop().await.unwrap();
    let stopped = server.describe().await.unwrap().service;
    assert_eq!((stopped.state.as_str(), stopped.process_id, stopped.started_at), ("stopped", 0, None));
    assert_eq!(server.prove(CONNECTOR).await.unwrap_err().meaning, Meaning::Later);
    assert_eq!(server.stored_logon(CONNECTOR).await.unwrap_err().meaning, Meaning::Later);
    let unset = server.set_connector_password(CONNECTOR, &password(2)).await.unwrap_err();
    assert_eq!(unset.meaning, Meaning::Later, "the engine's interface needs the service");
    server.start().await.unwrap();
    let after = server.describe().await.unwrap().service;
    assert!(after.process_id > before.process_id && after.started_at > before.started_at);
    assert_eq!(bench.proof().await, "success");
}

#[tokio::test]
async fn a_start_logs_on_with_what_the_service_manager_holds() {
    for start_name in [r"CONTOSO\svc-adsync", "svc-adsync@contoso.test"] {
        let bench = bench_of(server_plan(NEWEST, domain_user(start_name)));
        let server = bench.server();
        server.restart().await.unwrap();
        bench.reset_service_user(&password(2)).await;
        bench.pass(SignedDuration::from_mins(61));
        assert_eq!(bench.proof().await, "success", "the running service goes on");
        server.stop().await.unwrap();
        let (class, cause) = refused_start(&bench).await;
        assert_eq!(class, FailureClass::ServiceLogon);
        assert!(cause.contains("1069") && cause.contains("the user name or password is incorrect"), "{cause}");
        assert_eq!(bench.event_ids(), [7038, 7000]);
        server.set_service_logon(start_name, &password(2)).await.unwrap();
        server.start().await.unwrap();
        assert_eq!(bench.proof().await, "success", "the newest builds keep their key set");
    }
}

#[tokio::test]
async fn the_password_before_still_starts_the_service_for_an_hour() {
    let bench = bench_of(server_plan(NEWEST, domain_user(r"CONTOSO\svc-adsync")));
    bench.reset_service_user(&password(2)).await;
    bench.server().restart().await.unwrap();
    bench.pass(SignedDuration::from_mins(61));
    assert!(bench.server().restart().await.is_err());
}

#[tokio::test]
async fn wrong_passwords_of_the_service_lock_its_account() {
    let bench = bench_of(server_plan(NEWEST, domain_user(r"CONTOSO\svc-adsync")));
    bench.lab.set_password(SERVICE_USER, "service:SYNC1", Some(password(7))).unwrap();
    bench.server().stop().await.unwrap();
    for _ in 0..10 {
        assert!(refused_start(&bench).await.1.contains("incorrect"));
    }
    assert!(refused_start(&bench).await.1.contains("locked out"));
}

#[tokio::test]
async fn only_the_account_of_the_service_is_given_a_password_and_none_too_long() {
    let bench = bench_of(server_plan(NEWEST, domain_user(r"CONTOSO\svc-adsync")));
    let (server, before) = (bench.server(), bench.scm());
    let longest = |length: usize| Secret::new("x".repeat(length));
    for (account, secret) in
        [(r"CONTOSO\other", password(2)), (r"NT SERVICE\ADSync", password(2)), (r"CONTOSO\svc-adsync", longest(127))]
    {
        let refused = server.set_service_logon(account, &secret).await.unwrap_err();
        assert_eq!(refused.meaning, Meaning::Refused);
        assert_eq!(bench.scm(), before);
    }
    server.set_service_logon(r"contoso\SVC-adsync", &longest(126)).await.unwrap();
    assert_eq!(bench.scm(), Some(longest(126)));
    let managed = Bench::new();
    let refused = managed.server().set_service_logon(r"NT SERVICE\ADSync", &password(2)).await.unwrap_err();
    assert!(refused.cause.contains("Windows manages"));
}

#[tokio::test]
async fn a_lost_right_is_told_from_a_wrong_password() {
    let bench = bench_of(server_plan(NEWEST, domain_user(r"CONTOSO\svc-adsync")));
    bench.fault("service-right-lost");
    let refused = bench.server().restart().await.unwrap_err();
    assert_eq!((refused.meaning, refused.class), (Meaning::Refused, Some(FailureClass::ServiceLogonRight)));
    assert!(refused.cause.contains("1069"));
    assert_eq!(bench.event_ids(), [7041, 7000]);
    assert_eq!(refused_start(&bench).await.0, FailureClass::ServiceLogonRight, "it stays lost until it is given back");
    bench.lab.let_log_on_as_service("SYNC1", true).unwrap();
    bench.server().start().await.unwrap();
}

#[tokio::test]
async fn managed_accounts_always_start() {
    for service in [ServicePlan::Virtual, ServicePlan::Managed(r"CONTOSO\gmsa-adsync$".to_owned())] {
        let bench = bench_of(server_plan(OLD, service));
        bench.fault("service-right-lost");
        bench.server().restart().await.unwrap();
        assert_eq!(bench.scm(), None);
        assert_eq!(bench.proof().await, "success");
    }
}

#[tokio::test]
async fn on_the_oldest_builds_a_reset_destroys_the_key_set_and_a_change_does_not() {
    let start_name = r"CONTOSO\svc-adsync";
    let changed = bench_of(server_plan(OLD, domain_user(start_name)));
    let first = changed.scm().unwrap();
    let dn = changed.directory().account(SERVICE_USER).await.unwrap().dn;
    changed.directory().change_password(&dn, DC1, &first, &password(2)).await.unwrap();
    changed.server().set_service_logon(start_name, &password(2)).await.unwrap();
    changed.server().restart().await.unwrap();
    assert_eq!(changed.proof().await, "success");

    for (build, lost) in [(OLD, true), ("1.1.9.0", true), ("1.1.443.1", false)] {
        let bench = bench_of(server_plan(build, domain_user(start_name)));
        bench.reset_service_user(&password(2)).await;
        let server = bench.server();
        server.set_service_logon(start_name, &password(2)).await.unwrap();
        server.stop().await.unwrap();
        if !lost {
            server.start().await.unwrap();
            continue;
        }
        let (class, cause) = refused_start(&bench).await;
        assert_eq!(class, FailureClass::KeySet);
        assert!(cause.contains("6028"), "{cause}");
        assert_eq!(bench.event_ids(), [6028], "{build}");
    }
}

#[tokio::test]
async fn an_abandoned_key_leaves_no_password_until_each_is_entered_anew() {
    let bench = bench_of(server_plan(OLD, domain_user(r"CONTOSO\svc-adsync")));
    let (server, first) = (bench.server(), bench.first().await);
    assert!(bench.abandons_key().is_err(), "while the service runs");
    bench.reset_service_user(&password(2)).await;
    server.set_service_logon(r"CONTOSO\svc-adsync", &password(2)).await.unwrap();
    server.stop().await.unwrap();
    assert_eq!(refused_start(&bench).await.0, FailureClass::KeySet);
    bench.abandons_key().unwrap();
    server.start().await.unwrap();
    let entra = "contoso.onmicrosoft.com - AAD";
    assert_eq!(bench.proof().await, "no-start-credentials");
    assert_eq!(server.prove(entra).await.unwrap().result, "stopped-extension-dll-exception");
    server.set_connector_password(CONNECTOR, &first).await.unwrap();
    assert_eq!(bench.proof().await, "success", "the running service had nothing, so it takes it at once");
    server.reset_entra_account("admin@contoso.test", &password(9)).await.unwrap();
    assert_eq!(server.prove(entra).await.unwrap().result, "success");
    server.restart().await.unwrap();
    assert_eq!(bench.proof().await, "success");
}

#[tokio::test]
async fn a_lost_key_stays_lost_whatever_password_comes_back() {
    let bench = bench_of(server_plan(NEWEST, domain_user(r"CONTOSO\svc-adsync")));
    bench.fault("key-set-lost");
    let refused = bench.server().restart().await.unwrap_err();
    assert_eq!(refused.class, Some(FailureClass::KeySet));
    assert!(faults::list(&bench.dir).unwrap().is_empty());
    assert_eq!(refused_start(&bench).await.0, FailureClass::KeySet);
    assert_eq!(bench.event_ids(), [6028, 6028]);
}

#[tokio::test]
async fn passwords_that_no_key_opens_are_entered_anew_one_by_one() {
    let bench = Bench::new();
    let first = bench.first().await;
    bench.fault("connectors-undecryptable");
    bench.server().restart().await.unwrap();
    assert_eq!(bench.proof().await, "no-start-credentials");
    assert_eq!(bench.server().stored_logon(CONNECTOR).await.unwrap(), Some(false));
    bench.server().set_connector_password(CONNECTOR, &first).await.unwrap();
    bench.server().restart().await.unwrap();
    assert_eq!(bench.proof().await, "success");
}

#[tokio::test]
async fn the_service_manager_refuses_keeps_or_loses_its_reply() {
    let bench = bench_of(server_plan(NEWEST, domain_user(r"CONTOSO\svc-adsync")));
    let (server, first) = (bench.server(), bench.scm());
    let set = || server.set_service_logon(r"CONTOSO\svc-adsync", &PASSWORD_2);
    static PASSWORD_2: std::sync::LazyLock<Secret> = std::sync::LazyLock::new(|| password(2));
    bench.fault("service-logon-refuses");
    assert_eq!(set().await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(bench.scm(), first);
    faults::clear(&bench.dir).unwrap();
    bench.fault("service-logon-keeps-old");
    set().await.unwrap();
    assert_eq!(bench.scm(), first);
    faults::clear(&bench.dir).unwrap();
    bench.fault("service-logon-reply-lost");
    assert_eq!(set().await.unwrap_err().meaning, Meaning::Unclear);
    assert_eq!(bench.scm(), Some(password(2)));
}

#[tokio::test]
async fn a_service_that_does_not_stop_or_start_says_so() {
    let bench = Bench::new();
    bench.fault("stop-fails");
    let before = bench.server().describe().await.unwrap().service;
    assert_eq!(bench.server().stop().await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(bench.server().restart().await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(bench.server().describe().await.unwrap().service, before);
    faults::clear(&bench.dir).unwrap();
    bench.fault("start-fails");
    let refused = bench.server().restart().await.unwrap_err();
    assert!(refused.meaning == Meaning::Refused && refused.cause.contains("1053"), "{refused}");
    assert_eq!((bench.state().await.as_str(), bench.event_ids()), ("stopped", vec![7000]));
    faults::clear(&bench.dir).unwrap();
    bench.server().start().await.unwrap();
}

#[tokio::test]
async fn before_a_real_directory_that_is_not_there_no_user_starts_the_service() {
    let logon =
        Logon::Ldaps { url: "ldaps://127.0.0.1:1".to_owned(), ca_file: None, bind_name: "svc@contoso.test".to_owned() };
    let plan = WorldPlan {
        logon,
        first_password: Some(password(1)),
        servers: vec![server_plan(NEWEST, domain_user(r"CONTOSO\svc-adsync"))],
        ..WorldPlan::default_world()
    };
    let bench = Bench::with(&plan);
    assert_eq!(bench.server().describe().await.unwrap().logon_dc.as_deref(), Some("127.0.0.1"));
    let failed = bench.server().restart().await.unwrap_err();
    if cfg!(feature = "active-directory") {
        assert_eq!((failed.meaning, failed.class), (Meaning::Refused, Some(FailureClass::Connection)));
    } else {
        assert_eq!(failed.meaning, Meaning::Broken);
    }
    assert_eq!(bench.state().await, "stopped");
}

#[tokio::test]
async fn no_file_holds_what_the_service_manager_holds() {
    let bench = bench_of(server_plan(NEWEST, domain_user(r"CONTOSO\svc-adsync")));
    bench.server().set_service_logon(r"CONTOSO\svc-adsync", &password(2)).await.unwrap();
    bench.server().restart().await.unwrap_err();
    for file in ["world.json", "requests.log"] {
        let text = std::fs::read_to_string(bench.dir.join(file)).unwrap();
        assert!(text.contains("svc-adsync") && !text.contains(password(2).expose()), "{file} holds a password");
    }
}
