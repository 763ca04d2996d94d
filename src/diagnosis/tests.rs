//! Each kind of failure by the words that Microsoft documents, raw as Windows prints them; and what clears it.

use jiff::Timestamp;
use providers::port::{
    ConnectorFacts, ConnectorKind, EntraIdentity, FailureClass as Class, Fault, ProofFacts, ServerFacts, ServiceFacts,
    SyncScheduler,
};

use super::{Finding, Observation, OwnChange, OwnChanges, Replication, diagnose, read_events};

const AD: &str = "contoso.com";
const ENTRA: &str = "contoso.onmicrosoft.com - AAD";

fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}:00Z").parse().expect("a time")
}

/// A raw event as `wevtutil qe /f:xml` prints it.
fn raw(provider: &str, id: u32, channel: &str, time: &str, data: &str) -> String {
    format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='{provider}'/><EventID Qualifiers='49152'>{id}</EventID><Level>2</Level><Task>0</Task><Keywords>0x80000000000000</Keywords><TimeCreated SystemTime='2026-11-21T{time}:00.0000000Z'/><EventRecordID>1</EventRecordID><Channel>{channel}</Channel><Computer>SYNC1.contoso.com</Computer><Security/></System><EventData>{data}</EventData></Event>"
    )
}

fn engine(id: u32, time: &str, text: &str) -> String {
    raw("ADSync", id, "Application", time, &format!("<Data>{text}</Data>"))
}

fn directory_sync(id: u32, time: &str, text: &str) -> String {
    raw("Directory Synchronization", id, "Application", time, &format!("<Data>{text}</Data>"))
}

fn service_manager(id: u32, time: &str, params: &[&str]) -> String {
    let data: String =
        params.iter().enumerate().map(|(n, param)| format!("<Data Name='param{}'>{param}</Data>", n + 1)).collect();
    raw("Service Control Manager", id, "System", time, &data)
}

fn audit(id: u32, time: &str, name: &str) -> String {
    raw(
        "Entra Connect Admin Actions",
        id,
        "Application",
        time,
        &format!(
            "<Data>{{&quot;Name&quot;:&quot;{name}&quot;,&quot;Status&quot;:&quot;Success&quot;,&quot;User&quot;:&quot;CONTOSO\\admin&quot;}}</Data>"
        ),
    )
}

fn run(connector: &str, time: &str, result: &str) -> ProofFacts {
    ProofFacts {
        connector: connector.into(),
        result: result.into(),
        steps: vec![("Delta Import".into(), result.into())],
        connections: Vec::new(),
        at: at(time),
    }
}

fn connector(name: &str, kind: ConnectorKind) -> ConnectorFacts {
    ConnectorFacts {
        name: name.into(),
        id: "b891884f-051e-4a83-95af-2544101c9083".into(),
        kind,
        user: "MSOL_1a2b3c4d5e6f".into(),
        domain: "contoso.com".into(),
        dc: Some("dc2.contoso.com".into()),
        alternate_credentials: Vec::new(),
        modified_at: None,
        version: 1,
    }
}

fn healthy() -> Observation {
    let facts = ServerFacts {
        server: "SYNC1".into(),
        host: "SYNC1".into(),
        build: "2.6.92.0".into(),
        module: String::new(),
        staging: false,
        service: ServiceFacts {
            account: r"CONTOSO\svc".into(),
            state: "running".into(),
            process_id: 4,
            started_at: Some(at("01:00")),
        },
        scheduler: SyncScheduler { enabled: true, suspended: false, cycle_running: false, next_cycle_at: None },
        connectors: vec![connector(AD, ConnectorKind::ActiveDirectory), connector(ENTRA, ConnectorKind::Entra)],
        open_programs: Vec::new(),
        upgrading: false,
        engine_answers: true,
        logon_dc: None,
        entra: None,
    };
    Observation {
        server: "SYNC1".into(),
        facts: Ok(facts),
        events: Vec::new(),
        runs: vec![run(AD, "06:00", "success"), run(ENTRA, "06:00", "success")],
        ours: OwnChanges::default(),
        replication: Vec::new(),
        now: at("12:00"),
    }
}

impl Observation {
    fn events(mut self, raw: &[String]) -> Self {
        let read = read_events(raw);
        assert_eq!(read.unreadable, []);
        self.events = read.events;
        self
    }

    fn run(mut self, run: ProofFacts) -> Self {
        self.runs.insert(0, run);
        self
    }

    fn facts(mut self, change: impl FnOnce(&mut ServerFacts)) -> Self {
        change(self.facts.as_mut().expect("facts"));
        self
    }

    fn kinds(&self) -> Vec<Class> {
        diagnose(self).into_iter().map(|finding| finding.class).collect()
    }

    /// The only finding, of that kind, about that connector.
    fn only(&self, class: Class, connector: Option<&str>) -> Finding {
        let findings = diagnose(self);
        let [finding] = &findings[..] else { panic!("not one finding: {findings:#?}") };
        assert_eq!((finding.class, finding.connector.as_deref()), (class, connector), "{finding:#?}");
        assert_eq!(finding.server, "SYNC1");
        assert!(!finding.evidence.is_empty() && !finding.next_step.is_empty() && finding.last_seen_at.is_some());
        finding.clone()
    }
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert!(diagnose(&healthy()).is_empty());
    let talk = healthy().events(&[
        directory_sync(654, "05:00", "Provision credentials ping end."),
        directory_sync(656, "05:00", "Password Change Request - Anchor : x"),
        service_manager(7036, "01:00", &["Microsoft Entra ID Sync", "running"]),
        service_manager(7040, "01:00", &["ADSync", "auto start", "demand start"]),
        engine(6201, "05:00", "The server encryption keys have been successfully backed up"),
        audit(2503, "05:00", AD),
        directory_sync(0, "05:00", "6000 611 RPC Error 8453"),
    ]);
    assert!(diagnose(&talk).is_empty(), "{:#?}", diagnose(&talk));
}

#[test]
fn the_engine_holds_another_password() {
    let event = engine(6000, "07:00", "contoso.com");
    let finding = healthy().events(std::slice::from_ref(&event)).only(Class::EnginePassword, Some(AD));
    assert!(finding.evidence[0].starts_with("event 6000 (ADSync) at 2026-11-21T07:00:00Z: contoso.com"));
    let words = "The management agent \"contoso.com\" failed to run because the credentials were invalid";
    healthy().events(&[engine(6000, "07:00", words)]).only(Class::EnginePassword, Some(AD));
    let failed = healthy().events(&[event]).run(run(AD, "07:00", "no-start-credentials"));
    assert_eq!(failed.only(Class::EnginePassword, Some(AD)).signs, 2);
    // A failed step is skipped, and the run may be called a success.
    let mut skipped = run(AD, "07:00", "success");
    skipped.steps =
        vec![("Delta Import DC=a".into(), "success".into()), ("DC=b".into(), "no-start-credentials".into())];
    healthy().run(skipped).only(Class::EnginePassword, Some(AD));
    let mut refused = run(AD, "07:00", "success");
    refused.connections =
        vec![("dc1:389".into(), "success".into()), ("dc2:389".into(), "failed-authentication".into())];
    healthy().run(refused).only(Class::EnginePassword, Some(AD));
    let words = "Password hash synchronization failed for domain: contoso.com. Details: System.DirectoryServices.Protocols.LdapException: The supplied credential is invalid.";
    healthy().events(&[directory_sync(611, "07:00", words)]).only(Class::EnginePassword, Some(AD));
}

#[test]
fn a_later_success_clears_a_failed_run_and_an_earlier_one_does_not() {
    let failed =
        || healthy().events(&[engine(6000, "07:00", "contoso.com")]).run(run(AD, "07:00", "no-start-credentials"));
    assert_eq!(failed().kinds(), [Class::EnginePassword]);
    for proof in ["success", "completed-import-errors", "completed-discovery-errors", "completed-warnings"] {
        assert!(failed().run(run(AD, "07:30", proof)).kinds().is_empty(), "{proof}");
    }
    assert_eq!(failed().run(run(ENTRA, "07:30", "success")).kinds(), [Class::EnginePassword], "another connector's");
    assert_eq!(failed().run(run(AD, "07:30", "stopped-user-termination")).kinds(), [Class::EnginePassword]);
    let mut half = run(AD, "07:30", "success");
    half.steps = vec![("Delta Import".into(), "success".into()), ("Export".into(), "stopped-user-termination".into())];
    assert_eq!(failed().run(half).kinds(), [Class::EnginePassword], "a step that was stopped proves nothing");
    let mut shuffled = failed().run(run(AD, "07:30", "success"));
    shuffled.runs.reverse();
    assert!(shuffled.kinds().is_empty(), "the time counts, not the place");
    let again = failed().run(run(AD, "07:30", "success")).run(run(AD, "08:00", "no-start-credentials"));
    assert_eq!(again.only(Class::EnginePassword, Some(AD)).signs, 1, "only what came after the success");
}

#[test]
fn the_connection_is_told_from_the_password() {
    healthy().run(run(AD, "07:00", "no-start-connection")).only(Class::Connection, Some(AD));
    let run_of = |results: &[&str]| {
        let mut run = run(AD, "07:00", "success");
        run.connections = results.iter().map(|result| ("dc1:389".to_owned(), (*result).to_owned())).collect();
        healthy().run(run).kinds()
    };
    assert_eq!(run_of(&["failed-connection"]), [Class::Connection]);
    assert_eq!(run_of(&["failed-connection", "success"]), [], "another domain controller was reached");
    assert_eq!(run_of(&["success", "success"]), []);
    let words = "Password hash synchronization failed for domain: contoso.com, domain controller hostname: dc1.contoso.com, domain controller IP address: 10.0.0.202. Details: Microsoft.Online.PasswordSynchronization.DirectoryReplicationServices.DrsException: There was an error creating the connection context. ---&gt; Microsoft.Online.PasswordSynchronization.DirectoryReplicationServices.DrsCommunicationException: RPC Error 1722 : The RPC server is unavailable. Error creating the RPC binding handle";
    let rpc = || healthy().events(&[directory_sync(611, "07:00", words)]);
    rpc().only(Class::Connection, Some(AD));
    assert!(rpc().run(run(AD, "07:30", "success")).kinds().is_empty());
    healthy().events(&[directory_sync(616, "07:00", "contoso.com")]).only(Class::Connection, Some(AD));
    // Who says no has answered.
    let answered = rpc().run(run(AD, "07:30", "no-start-credentials"));
    answered.only(Class::EnginePassword, Some(AD));
    let lost = healthy().run(run(AD, "07:00", "no-start-credentials")).run(run(AD, "07:30", "no-start-connection"));
    assert_eq!(lost.kinds(), [Class::EnginePassword, Class::Connection], "the network says nothing of the password");
}

#[test]
fn the_replication_right_is_lost() {
    let words = "Password synchronization failed for domain: Contoso.com. Details: Microsoft.Online.PasswordSynchronization.DirectoryReplicationServices.DrsException: RPC Error 8453: Replication access was denied. There was an error calling _IDL_DRSGetNCChanges.";
    let lost = || directory_sync(611, "07:00", words);
    healthy().events(&[lost()]).only(Class::ReplicationRight, Some(AD));
    let imported = healthy().events(&[lost()]).run(run(AD, "08:00", "success"));
    assert_eq!(imported.kinds(), [Class::ReplicationRight], "an import does not need the right");
    let ping = |time| directory_sync(654, time, "Provision credentials ping end. Domain: contoso.com");
    assert!(healthy().events(&[lost(), ping("08:00")]).kinds().is_empty());
    assert_eq!(healthy().events(&[ping("06:00"), lost()]).kinds(), [Class::ReplicationRight]);
    let other = "Password hash synchronization failed for domain: contoso.com. RPC Error 8439: The distinguished name specified for this replication operation is invalid.";
    assert_eq!(healthy().events(&[directory_sync(611, "07:00", other)]).kinds(), [], "another error is none of these");
}

#[test]
fn a_lagging_domain_controller_explains_a_refusal() {
    let lag = |agrees| Replication {
        account: "msol".into(),
        server: "SYNC1".into(),
        connector: AD.into(),
        dc: "dc2.contoso.com".into(),
        pdc: "dc1.contoso.com".into(),
        agrees,
        evidence: "dc2 shows key version 3, dc1 key version 4".into(),
    };
    for (agrees, wanted) in [(Some(false), vec![Class::NotReplicated]), (Some(true), vec![]), (None, vec![])] {
        let seen = Observation { replication: vec![lag(agrees)], ..healthy() };
        assert_eq!(seen.kinds(), wanted);
    }
    let seen = Observation { replication: vec![lag(Some(false))], ..healthy() };
    let finding = seen.run(run(AD, "07:00", "no-start-credentials")).only(Class::NotReplicated, Some(AD));
    assert_eq!(finding.signs, 2, "its refusal is a sign of the lag");
    assert!(finding.evidence[0].contains("key version 3"), "what is so now comes first: {:?}", finding.evidence);
}

#[test]
fn somebody_else_runs_or_configures() {
    for result in ["no-start-ma-already-running", "no-start-ma-update-in-progress"] {
        healthy().run(run(AD, "07:00", result)).only(Class::Busy, Some(AD));
        let later = healthy().run(run(AD, "07:00", result)).run(run(AD, "07:30", "success"));
        assert!(later.kinds().is_empty(), "{result}");
        let failed = healthy().run(run(AD, "07:00", result)).run(run(AD, "07:30", "no-start-credentials"));
        assert_eq!(failed.kinds(), [Class::EnginePassword], "who ran after it was in nobody's way");
    }
}

#[test]
fn the_cloud_credential_is_blocked() {
    let modal = "System.InvalidOperationException: Showing a modal dialog box or form when the application is not running in UserInteractive mode is not a valid operation. Specify the ServiceNotification or DefaultDesktopOnly style to display a notification from a service application.";
    for event in [
        directory_sync(
            906,
            "07:00",
            "GetSecurityToken: unable to retrieve a security token for the provisioning web service (AWS).",
        ),
        directory_sync(115, "07:00", "Access to Azure Active Directory has been denied. Contact Technical Support."),
        directory_sync(106, "07:00", modal),
        directory_sync(904, "07:00", "AADSTS53003: Access has been blocked by Conditional Access policies."),
    ] {
        healthy().events(std::slice::from_ref(&event)).only(Class::CloudCredential, Some(ENTRA));
        assert!(healthy().events(std::slice::from_ref(&event)).run(run(ENTRA, "08:00", "success")).kinds().is_empty());
        assert_eq!(healthy().events(&[event]).run(run(AD, "08:00", "success")).kinds(), [Class::CloudCredential]);
    }
    // Get-ADSyncScheduler itself fails with it.
    let fault = Fault::later("describing SYNC1", modal);
    let silent = Observation { facts: Err(fault), runs: Vec::new(), ..healthy() };
    silent.only(Class::CloudCredential, None);
}

#[test]
fn the_entra_account_has_another_password() {
    let codes = "AADSTS70002: Error validating credentials. AADSTS50054: Old password is used for authentication.";
    let e6900 = "The server encountered an unexpected error while processing a password change notification:";
    for event in [
        engine(6900, "07:00", &format!("{e6900} {codes}")),
        engine(6900, "07:00", ""),
        directory_sync(
            659,
            "07:00",
            &format!(
                "Error while retrieving password policy sync configuration. Microsoft.IdentityModel.Clients.ActiveDirectory.AdalServiceException: {codes}"
            ),
        ),
        directory_sync(906, "07:00", codes),
    ] {
        healthy().events(std::slice::from_ref(&event)).only(Class::EntraAccount, Some(ENTRA));
        assert!(healthy().events(&[event]).run(run(ENTRA, "08:00", "success")).kinds().is_empty());
    }
    healthy().run(run(ENTRA, "07:00", "no-start-credentials")).only(Class::EntraAccount, Some(ENTRA));
    let off = format!(
        "{e6900} \"An error occurred. Error Code: 90. Error Description: Password Synchronization has not been activated for this company"
    );
    assert_eq!(healthy().events(&[engine(6900, "07:00", &off)]).kinds(), [], "switched off is no wrong password");
}

#[test]
fn the_service_can_not_log_on() {
    let logon = || service_manager(7038, "07:00", &["ADSync", r"CONTOSO\svc", "%%1326"]);
    let failed = || service_manager(7000, "07:00", &["Microsoft Entra ID Sync", "%%1069"]);
    let stopped = || healthy().facts(|facts| facts.service.state = "stopped".into());
    let finding = stopped().events(&[logon(), failed()]).only(Class::ServiceLogon, None);
    assert_eq!(finding.signs, 1, "7000 says that, 7038 says why");
    stopped().events(&[failed()]).only(Class::ServiceLogon, None);
    let words = "The ADSync service was unable to log on as with the currently configured password due to the following error: The user name or password is incorrect.";
    let rendered = raw("Service Control Manager", 7038, "System", "07:00", "").replace(
        "</Event>",
        &format!("<RenderingInfo Culture='en-US'><Message>{words}</Message></RenderingInfo></Event>"),
    );
    stopped().events(&[rendered]).only(Class::ServiceLogon, None);
    // It runs: since before, which proves nothing, or since after.
    assert_eq!(healthy().events(&[logon()]).kinds(), [Class::ServiceLogon]);
    let since = |time: &str| healthy().facts(|facts| facts.service.started_at = Some(at(time))).events(&[logon()]);
    assert!(since("07:05").kinds().is_empty());
    let running = service_manager(7036, "07:05", &["Microsoft Entra ID Sync", "running"]);
    assert!(stopped().events(&[logon(), running]).kinds().is_empty());
    // Another service's troubles are not ours, whatever its account is called.
    let other = service_manager(7038, "07:00", &["W32Time", r"CONTOSO\ADSync", "%%1326"]);
    let failing = service_manager(7000, "07:00", &["Windows Time", "%%1069"]);
    assert!(stopped().events(&[other, failing]).kinds().is_empty());
    // No domain controller to ask.
    let alone = service_manager(7038, "07:00", &["ADSync", r"CONTOSO\svc", "%%1311"]);
    stopped().events(std::slice::from_ref(&alone)).only(Class::Connection, None);
    assert!(healthy().facts(|facts| facts.service.started_at = Some(at("07:05"))).events(&[alone]).kinds().is_empty());
}

#[test]
fn the_service_may_not_log_on() {
    let right = || service_manager(7041, "07:00", &["ADSync", r"CONTOSO\svc"]);
    let failed = service_manager(7000, "07:00", &["Microsoft Entra ID Sync", "%%1069"]);
    let stopped = || healthy().facts(|facts| facts.service.state = "stopped".into());
    stopped().events(&[right(), failed]).only(Class::ServiceLogonRight, None);
    let typed = service_manager(7038, "07:00", &["ADSync", r"CONTOSO\svc", "%%1385"]);
    stopped().events(&[typed]).only(Class::ServiceLogonRight, None);
    let since = healthy().facts(|facts| facts.service.started_at = Some(at("07:05"))).events(&[right()]);
    assert!(since.kinds().is_empty());
}

#[test]
fn the_key_set_can_not_be_opened() {
    let words = "The server encryption key cannot be accessed.";
    let stopped = || healthy().facts(|facts| facts.service.state = "stopped".into());
    stopped().events(&[engine(6028, "07:00", words)]).only(Class::KeySet, None);
    let since = healthy().facts(|facts| facts.service.started_at = Some(at("07:05")));
    assert!(since.events(&[engine(6028, "07:00", words)]).kinds().is_empty());
    assert!(stopped().events(&[engine(6028, "07:00", words)]).run(run(AD, "08:00", "success")).kinds().is_empty());
}

#[test]
fn the_certificate_is_due_or_over() {
    let due = |time| engine(1011, time, "The certificate used for application authentication expires in 100 days.");
    let over = engine(1012, "08:00", "The certificate used for application authentication has expired.");
    let finding = healthy().events(&[due("07:00"), due("07:30"), over]).only(Class::Certificate, None);
    assert_eq!(finding.signs, 1, "the newest is enough");
    assert!(finding.evidence[0].contains("1012"), "{:?}", finding.evidence);
    let with = |days: i64, managed, suspended| {
        let ends = at("12:00").checked_add(jiff::SignedDuration::from_hours(24 * days)).expect("a time");
        healthy().facts(|facts| {
            facts.entra = Some(EntraIdentity::Application { certificate_ends_at: Some(ends), managed });
            facts.scheduler.suspended = suspended;
        })
    };
    assert!(with(300, true, false).events(&[due("07:00")]).kinds().is_empty(), "it was renewed since");
    with(100, true, false).events(&[due("07:00")]).only(Class::Certificate, None);
    assert_eq!(with(100, true, false).kinds(), [], "Entra Connect renews it");
    assert_eq!(with(100, true, true).kinds(), [Class::Certificate], "not while it is suspended");
    assert_eq!(with(100, false, false).kinds(), [Class::Certificate], "nobody renews it");
    assert_eq!(with(-1, true, false).kinds(), [Class::Certificate]);
    assert_eq!(with(151, false, false).kinds(), []);
    let account = EntraIdentity::ServiceAccount { user: "Sync_SYNC1@contoso.onmicrosoft.com".into() };
    let back = healthy().facts(|facts| facts.entra = Some(account)).events(&[due("07:00")]);
    assert!(back.kinds().is_empty(), "it has no certificate any more");
}

#[test]
fn somebody_else_changed_a_credential() {
    let change = |from: &str, to: &str, connector: &str| OwnChange {
        connector: Some(connector.into()),
        from: at(from),
        to: at(to),
    };
    let with = |changes: Vec<OwnChange>, event: String| {
        let ours = OwnChanges { connector_passwords: changes, entra_resets: Vec::new() };
        Observation { ours, ..healthy() }.events(&[event])
    };
    let foreign = || audit(2518, "07:00", "Change ADDS Connector credential contoso.com");
    with(vec![], foreign()).only(Class::ForeignChange, Some(AD));
    assert!(with(vec![change("06:59", "07:01", AD)], foreign()).kinds().is_empty(), "that was ours");
    assert!(with(vec![change("07:03", "07:04", AD)], foreign()).kinds().is_empty(), "clocks differ");
    assert_eq!(with(vec![change("05:00", "05:01", AD)], foreign()).kinds(), [Class::ForeignChange]);
    assert_eq!(with(vec![change("07:10", "07:11", AD)], foreign()).kinds(), [Class::ForeignChange]);
    let reset = || audit(2519, "07:00", "Reinitialize Entra ID Connector account password");
    let finding = with(vec![change("06:59", "07:01", AD)], reset()).only(Class::ForeignChange, None);
    assert!(finding.evidence[0].contains("2519"));
    let ours = OwnChanges { connector_passwords: vec![], entra_resets: vec![change("06:59", "07:01", ENTRA)] };
    assert!(Observation { ours, ..healthy() }.events(&[reset()]).kinds().is_empty());
    // With two forests, a change of ours in one explains nothing in the other.
    let two = with(vec![change("06:59", "07:01", "fabrikam.com")], foreign());
    let two = two.facts(|facts| facts.connectors.push(connector("fabrikam.com", ConnectorKind::ActiveDirectory)));
    two.only(Class::ForeignChange, Some(AD));
}

#[test]
fn several_failures_are_told_apart() {
    let both = healthy()
        .facts(|facts| facts.connectors.push(connector("fabrikam.com", ConnectorKind::ActiveDirectory)))
        .run(run("fabrikam.com", "07:00", "no-start-credentials"))
        .run(run(AD, "07:00", "no-start-connection"))
        .events(&[
            engine(6000, "07:00", "fabrikam.com"),
            audit(2518, "07:00", "unnamed"),
            directory_sync(115, "07:00", ""),
        ]);
    let found: Vec<_> = diagnose(&both).into_iter().map(|finding| (finding.class, finding.connector)).collect();
    let some = |name: &str| Some(name.to_owned());
    let wanted = [
        (Class::EnginePassword, some("fabrikam.com")),
        (Class::Connection, some(AD)),
        (Class::CloudCredential, some(ENTRA)),
        (Class::ForeignChange, None),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn the_longest_name_in_the_text_is_meant() {
    let other = "emea.contoso.com";
    let two = || healthy().facts(|facts| facts.connectors.push(connector(other, ConnectorKind::ActiveDirectory)));
    two().events(&[engine(6000, "07:00", other)]).only(Class::EnginePassword, Some(other));
    two().events(&[engine(6000, "07:00", AD)]).only(Class::EnginePassword, Some(AD));
    let before =
        || healthy().facts(|facts| facts.connectors.insert(0, connector(other, ConnectorKind::ActiveDirectory)));
    before().events(&[engine(6000, "07:00", AD)]).only(Class::EnginePassword, Some(AD));
    before().events(&[engine(6000, "07:00", "unnamed")]).only(Class::EnginePassword, None);
    // One to Entra ID has another account.
    healthy().events(&[engine(6000, "07:00", ENTRA)]).only(Class::EntraAccount, Some(ENTRA));
}

#[test]
fn evidence_is_bounded_and_obeyed_by_no_terminal() {
    let long = format!("contoso.com &#x9b;31m {}", "x".repeat(5_000));
    let events: Vec<String> = (10..40).map(|minute| engine(6000, &format!("07:{minute}"), &long)).collect();
    let finding = healthy().events(&events).only(Class::EnginePassword, Some(AD));
    assert_eq!((finding.evidence.len(), finding.signs), (5, 30));
    assert!(finding.evidence[0].contains("07:39"), "the newest first: {}", finding.evidence[0]);
    for line in &finding.evidence {
        assert!(line.chars().count() < 320 && !line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn without_a_description_the_events_still_speak() {
    let fault = Fault::later("describing SYNC1", "no answer");
    let blind =
        |events: &[String]| Observation { facts: Err(fault.clone()), runs: Vec::new(), ..healthy() }.events(events);
    assert!(blind(&[]).kinds().is_empty(), "not reached is no finding");
    let events = [engine(6000, "07:00", "contoso.com"), service_manager(7041, "07:00", &["ADSync", "a"])];
    assert_eq!(blind(&events).kinds(), [Class::EnginePassword, Class::ServiceLogonRight]);
    let sure = Observation { facts: Err(fault.clone().of(Class::KeySet)), runs: Vec::new(), ..healthy() };
    sure.only(Class::KeySet, None);
}
