use providers::port::{ConnectorKind, FailureClass, ProofFacts};

use super::ServerEvent;

/// Where an event comes from. Numbers mean something only within a source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Entra Connect: the engine, its directory synchronization, the audit of administrators' actions.
    Connect,
    /// The Service Control Manager.
    ServiceManager,
    /// Any other.
    Other,
}

/// Names of the service, short and for people, of every age.
const SERVICE_NAMES: [&str; 4] = ["ADSync", "Microsoft Entra ID Sync", "Microsoft Azure AD Sync", "Azure AD Sync"];

/// What Entra ID answers to a wrong or outdated password.
const WRONG_PASSWORD: [&str; 3] = ["AADSTS70002", "AADSTS50054", "AADSTS50126"];

/// What Entra ID answers where conditional access or a second factor stands in the way.
const BLOCKED: [&str; 6] = ["AADSTS53003", "AADSTS50076", "AADSTS50079", "AADSTS50072", "AADSTS50074", "AADSTS50158"];

/// Reasons for an event 6900 or 659 that are not the account's password: switched off, no way to the cloud.
const OTHER_REASONS: [&str; 4] = [
    "has not been activated",
    "remote name could not be resolved",
    "unable to connect to the remote server",
    "the operation has timed out",
];

fn source(event: &ServerEvent) -> Source {
    let provider = event.provider.to_lowercase();
    if provider == "service control manager" {
        return Source::ServiceManager;
    }
    let connect = ["adsync", "directory synchronization", "entra connect", "azure ad connect", "entra id sync"];
    if connect.iter().any(|name| provider.contains(name)) { Source::Connect } else { Source::Other }
}

/// Whether an event of the service manager is about the ADSync service. The service stands first among the strings.
fn about_service(event: &ServerEvent) -> bool {
    match event.values.first() {
        Some(first) => SERVICE_NAMES.iter().any(|name| first.eq_ignore_ascii_case(name)),
        None => {
            let text = event.text.to_lowercase();
            SERVICE_NAMES.iter().any(|name| text.contains(&format!("the {} service", name.to_lowercase())))
        }
    }
}

/// What kind of failure an event is a sign of.
pub(super) fn of_event(event: &ServerEvent) -> Option<FailureClass> {
    match source(event) {
        Source::ServiceManager if about_service(event) => of_service_manager(event),
        Source::Connect => of_connect(event),
        Source::ServiceManager | Source::Other => None,
    }
}

fn of_service_manager(event: &ServerEvent) -> Option<FailureClass> {
    let text = event.text.to_lowercase();
    match event.id {
        // ERROR_LOGON_TYPE_NOT_GRANTED, ERROR_NO_LOGON_SERVERS.
        7038 if number(&text, 1385) || text.contains("requested logon type") => Some(FailureClass::ServiceLogonRight),
        7038 if number(&text, 1311) || text.contains("no logon servers") => Some(FailureClass::Connection),
        7038 => Some(FailureClass::ServiceLogon),
        7041 => Some(FailureClass::ServiceLogonRight),
        // ERROR_SERVICE_LOGON_FAILED.
        7000 if number(&text, 1069) || text.contains("due to a logon failure") => Some(FailureClass::ServiceLogon),
        _ => None,
    }
}

fn of_connect(event: &ServerEvent) -> Option<FailureClass> {
    let text = event.text.to_lowercase();
    if let Some(class) = cloud_words(&event.text) {
        return Some(class);
    }
    match event.id {
        // The text may be the connector's name alone; where it says more, it must not blame the connection.
        6000 if text.contains("connect") && text.contains("fail") && !text.contains("credential") => {
            Some(FailureClass::Connection)
        }
        6000 => Some(FailureClass::EnginePassword),
        6028 => Some(FailureClass::KeySet),
        611 if rpc_error(&text, 8453) => Some(FailureClass::ReplicationRight),
        611 if text.contains("supplied credential is invalid") => Some(FailureClass::EnginePassword),
        611 if rpc_error(&text, 1722) || text.contains("drscommunicationexception") => Some(FailureClass::Connection),
        616 => Some(FailureClass::Connection),
        906 | 115 => Some(FailureClass::CloudCredential),
        6900 | 659 if !OTHER_REASONS.iter().any(|reason| text.contains(reason)) => Some(FailureClass::EntraAccount),
        1011 | 1012 => Some(FailureClass::Certificate),
        2518 | 2519 => Some(FailureClass::ForeignChange),
        _ => None,
    }
}

/// The words for a cloud credential that does not work, wherever they stand.
pub(super) fn cloud_words(text: &str) -> Option<FailureClass> {
    let text = text.to_lowercase();
    let has = |codes: &[&str]| codes.iter().any(|code| text.contains(&code.to_lowercase()));
    if text.contains("showing a modal dialog box") || has(&BLOCKED) {
        return Some(FailureClass::CloudCredential);
    }
    has(&WRONG_PASSWORD).then_some(FailureClass::EntraAccount)
}

/// Whether the event says that password hashes were read from the directory: 651 and 654 end a batch and a heartbeat,
/// 656 and 657 are about single passwords.
pub(super) fn hashes_were_read(event: &ServerEvent) -> bool {
    source(event) == Source::Connect && matches!(event.id, 651 | 654 | 656 | 657)
}

/// Whether the event says that the ADSync service runs now.
pub(super) fn service_runs(event: &ServerEvent) -> bool {
    let running = event.values.get(1).is_some_and(|state| state.eq_ignore_ascii_case("running"))
        || event.text.to_lowercase().contains("entered the running state");
    source(event) == Source::ServiceManager && event.id == 7036 && about_service(event) && running
}

/// Whether an error of remote procedure calls has that number: `RPC Error 8453: …`, `RPC Error 1722 : …`. Where
/// Windows speaks another language the number alone stands there.
fn rpc_error(text: &str, wanted: u32) -> bool {
    match text.split_once("rpc error") {
        Some(_) => text.split("rpc error").skip(1).any(|after| {
            let digits: String =
                after.trim_start_matches([' ', ':']).chars().take_while(char::is_ascii_digit).collect();
            digits.parse() == Ok(wanted)
        }),
        None => number(text, wanted),
    }
}

/// Whether the number stands in the text as a word of its own, or behind `%%` as Windows stores it.
fn number(text: &str, wanted: u32) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric()).any(|word| word.parse() == Ok(wanted))
}

/// What a run shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RunSign {
    /// The connector's directory accepted the engine, whatever became of single objects.
    Proven,
    /// It did not come about, or failed: of which kinds, each with the word that says so.
    Failed(Vec<(FailureClass, String)>),
    /// Nothing that matters here: still running, stopped by a person …
    Silent,
}

/// Reads a run: its own result, every step's (a failed step is skipped, and the run may be fine all the same) and every
/// connection's.
pub(super) fn of_run(run: &ProofFacts, kind: Option<ConnectorKind>) -> RunSign {
    let mut failed: Vec<(FailureClass, String)> = Vec::new();
    let mut add = |class, word: String| {
        if !failed.iter().any(|(known, _)| *known == class) {
            failed.push((class, word));
        }
    };
    if let Some(class) = of_result(&run.result, kind) {
        add(class, run.result.clone());
    }
    for (step, result) in &run.steps {
        if let Some(class) = of_result(result, kind) {
            add(class, format!("{result} in step {step}"));
        }
    }
    for (place, (host, result)) in run.connections.iter().enumerate() {
        // Another domain controller was reached after it: that is what several are for.
        let made_good = run.connections[place + 1..].iter().any(|(_, later)| is_success(later));
        match of_result(result, kind) {
            Some(FailureClass::Connection) if made_good => {}
            Some(class) => add(class, format!("{result} at {host}")),
            None => {}
        }
    }
    if !failed.is_empty() {
        return RunSign::Failed(failed);
    }
    let proven = completed(&run.result) && run.steps.iter().all(|(_, result)| completed(result));
    if proven { RunSign::Proven } else { RunSign::Silent }
}

fn is_success(result: &str) -> bool {
    result.eq_ignore_ascii_case("success")
}

/// `completed-import-errors` and its like still prove the logon.
fn completed(result: &str) -> bool {
    is_success(result) || result.to_lowercase().starts_with("completed-")
}

fn of_result(result: &str, kind: Option<ConnectorKind>) -> Option<FailureClass> {
    match result.trim().to_lowercase().as_str() {
        "no-start-credentials" | "failed-authentication" if kind == Some(ConnectorKind::Entra) => {
            Some(FailureClass::EntraAccount)
        }
        "no-start-credentials" | "failed-authentication" => Some(FailureClass::EnginePassword),
        "no-start-connection" | "failed-connection" | "dropped-connection" | "stopped-connectivity" => {
            Some(FailureClass::Connection)
        }
        "no-start-ma-already-running" | "no-start-ma-update-in-progress" | "ma-update-in-progress" => {
            Some(FailureClass::Busy)
        }
        _ => None,
    }
}
