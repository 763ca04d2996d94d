//! Changes of passwords as events of the Open Cybersecurity Schema Framework: class Account Change, 3001.

use serde::Serialize;

use super::changes::{Change, changes};
use super::past::Past;
use super::{ApprovalFacts, At, Period, RotationFacts, Text, TriggerFacts, json_safe};
use crate::journal::Entry;
use crate::rotation::{Event, Inventory, Method, Plan, Procedure, Step};

/// The version of OCSF that the events are written in.
pub const OCSF_VERSION: &str = "1.8.0";

const IAM: u32 = 3;
const ACCOUNT_CHANGE: u32 = 3001;

/// A number of the schema with its caption.
type Named = (u32, &'static str);

const PASSWORD_CHANGE: Named = (3, "Password Change");
const PASSWORD_RESET: Named = (4, "Password Reset");
const INFORMATIONAL: Named = (1, "Informational");
const MEDIUM: Named = (3, "Medium");
const HIGH: Named = (4, "High");
const UNKNOWN: Named = (0, "Unknown");
const SUCCESS: Named = (1, "Success");
const USER_SERVICE: Named = (4, "Service");
const WINDOWS_ACCOUNT: Named = (2, "Windows Account");
const ENTRA_ACCOUNT: Named = (6, "Azure AD Account");
const DIRECTORY_ACCOUNT: Named = (19, "ActiveDirectory Account");
const SERVER: Named = (1, "Server");
const OF_HOSTNAME: Named = (1, "Hostname");
const OF_USER_NAME: Named = (4, "User Name");
const OF_USER_UID: Named = (31, "User Object: uid");

#[derive(Serialize)]
struct AccountChange<'e> {
    metadata: Metadata<'e>,
    category_uid: u32,
    category_name: &'static str,
    class_uid: u32,
    class_name: &'static str,
    activity_id: u32,
    activity_name: &'static str,
    type_uid: u32,
    type_name: String,
    severity_id: u32,
    severity: &'static str,
    time: i64,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    status_id: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    status_detail: String,
    message: String,
    actor: Actor<'e>,
    user: User<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Device<'e>>,
    observables: Vec<Observable<'e>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    enrichments: Vec<Enrichment<'e>>,
    unmapped: Unmapped<'e>,
}

#[derive(Serialize)]
struct Metadata<'e> {
    version: &'static str,
    product: Product,
    uid: String,
    correlation_uid: &'e str,
    event_code: String,
    log_name: &'static str,
    sequence: i64,
    original_time: String,
    profiles: [&'static str; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<&'static str>,
}

#[derive(Serialize)]
struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Actor<'e> {
    app_name: &'static str,
    user: Initiator<'e>,
}

#[derive(Serialize)]
struct Initiator<'e> {
    name: &'e str,
    type_id: u32,
    r#type: &'static str,
}

#[derive(Serialize)]
struct User<'e> {
    name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'e str>,
    type_id: u32,
    r#type: &'static str,
    account: Account<'e>,
}

#[derive(Serialize)]
struct Account<'e> {
    name: &'e str,
    type_id: u32,
    r#type: &'static str,
    labels: [&'static str; 1],
}

#[derive(Serialize)]
struct Device<'e> {
    name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'e str>,
    type_id: u32,
    r#type: &'static str,
}

#[derive(Serialize)]
struct Observable<'e> {
    name: &'static str,
    type_id: u32,
    r#type: &'static str,
    value: &'e str,
}

#[derive(Serialize)]
struct Enrichment<'e> {
    name: &'static str,
    value: &'e str,
    r#type: &'static str,
    provider: &'static str,
    data: DirectoryData<'e>,
}

#[derive(Serialize)]
struct DirectoryData<'e> {
    domain_controller: &'e str,
    key_version: i64,
    password_last_set: Option<At>,
}

#[derive(Serialize)]
struct Unmapped<'e> {
    procedure: &'e str,
    outcome: &'e str,
    way_back: bool,
    repair: bool,
    trigger: &'e TriggerFacts,
    reason: &'e Text,
    ticket: &'e Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved: Option<&'e ApprovalFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    without_approval: Option<&'e Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory_logon: Option<&'e str>,
    servers: Vec<&'e str>,
    intent_entry: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    shown_by_entry: Option<i64>,
    hash: &'e str,
}

/// The events of one rotation, one line each, without its end: those changes that took effect in the period, and those of
/// which nobody could say it that were begun in it.
pub fn ocsf(entries: &[Entry], period: &Period, unverified: bool) -> Result<Vec<String>, serde_json::Error> {
    let facts = Past::of(entries, period).and_then(|past| past.facts);
    let (Some(facts), Some(Event::Begun { plan, .. })) = (facts, entries.first().map(|entry| &entry.event)) else {
        return Ok(Vec::new());
    };
    let told = changes(entries, period).into_iter().filter(|change| period.has(change.at()));
    told.map(|change| serde_json::to_string(&event(&change, plan, &facts, unverified)).map(|text| json_safe(&text)))
        .collect()
}

fn event<'e>(change: &Change<'e>, plan: &'e Plan, facts: &'e RotationFacts, unverified: bool) -> AccountChange<'e> {
    let inventory = &plan.inventory;
    let own_right = matches!(inventory.method, Method::Change | Method::LocalChange) && *change.step == Step::Directory;
    let activity = if own_right { PASSWORD_CHANGE } else { PASSWORD_RESET };
    let (status, severity) = match (change.shown, change.back) {
        (None, _) => (UNKNOWN, HIGH),
        (Some(_), _) if facts.without_approval.is_some() => (SUCCESS, HIGH),
        (Some(_), true) => (SUCCESS, MEDIUM),
        (Some(_), false) => (SUCCESS, INFORMATIONAL),
    };
    let user = user(change.step, inventory);
    let device = device(change.step, inventory);
    let shown = change.shown.unwrap_or(change.intent);
    AccountChange {
        metadata: Metadata {
            version: OCSF_VERSION,
            product: Product {
                name: "entra-rotator",
                vendor_name: "entra-rotator",
                version: env!("CARGO_PKG_VERSION"),
            },
            uid: format!("{}/{}", change.intent.rotation, change.intent.seq),
            correlation_uid: &change.intent.rotation,
            event_code: change.step.to_string(),
            log_name: "journal",
            sequence: shown.position,
            original_time: shown.at.to_string(),
            profiles: ["host"],
            labels: if unverified { vec!["journal-not-verified"] } else { Vec::new() },
        },
        category_uid: IAM,
        category_name: "Identity & Access Management",
        class_uid: ACCOUNT_CHANGE,
        class_name: "Account Change",
        activity_id: activity.0,
        activity_name: activity.1,
        type_uid: ACCOUNT_CHANGE * 100 + activity.0,
        type_name: format!("Account Change: {}", activity.1),
        severity_id: severity.0,
        severity: severity.1,
        time: change.at().as_millisecond(),
        start_time: change.intent.at.as_millisecond(),
        end_time: change.shown.map(|entry| entry.at.as_millisecond()),
        status_id: status.0,
        status: status.1,
        status_detail: detail(change),
        message: message(change, user.name),
        actor: Actor { app_name: "entra-rotator", user: initiator(&facts.initiator.0, &facts.trigger) },
        observables: observables(&user, device.as_ref()),
        enrichments: enrichments(change, &user),
        unmapped: Unmapped {
            procedure: facts.procedure,
            outcome: facts.outcome,
            way_back: change.back,
            repair: facts.repair,
            trigger: &facts.trigger,
            reason: &facts.reason,
            ticket: &facts.ticket,
            approved: facts.approved.as_ref(),
            without_approval: facts.without_approval.as_ref(),
            directory_logon: inventory
                .credentials
                .iter()
                .find(|credential| credential.holder == "directory")
                .map(|credential| credential.name.as_str()),
            servers: inventory.servers.iter().map(|server| server.server.as_str()).collect(),
            intent_entry: change.intent.position,
            shown_by_entry: change.shown.map(|entry| entry.position),
            hash: &shown.hash,
        },
        user,
        device,
    }
}

fn detail(change: &Change<'_>) -> String {
    match (change.shown, change.doubt.as_str()) {
        (Some(_), _) => String::new(),
        (None, "") => "no answer was recorded, so nobody can say whether it took effect".into(),
        (None, doubt) => format!("nobody can say whether it took effect: {doubt}"),
    }
}

fn message(change: &Change<'_>, name: &str) -> String {
    let what = match (change.step, change.back) {
        (Step::Seal, false) => "set once more to the same value, so that the one before is no longer accepted",
        (Step::Seal, true) => "put back once more to the old value, so that the other is no longer accepted",
        (_, false) => "set to a new value",
        (_, true) => "put back to the old value",
    };
    let sure = if change.shown.is_some() { "" } else { " perhaps" };
    format!("the password of {name} was{sure} {what}")
}

fn initiator<'e>(name: &'e str, trigger: &TriggerFacts) -> Initiator<'e> {
    // What the operating system says of a person does not tell an administrator from anybody else.
    let kind = if trigger.by == "schedule" { USER_SERVICE } else { UNKNOWN };
    Initiator { name, type_id: kind.0, r#type: kind.1 }
}

fn user<'e>(step: &'e Step, inventory: &'e Inventory) -> User<'e> {
    let user = |name: &'e str, uid: Option<&'e str>, kind: Named, label: &'static str| User {
        name,
        uid,
        type_id: USER_SERVICE.0,
        r#type: USER_SERVICE.1,
        account: Account { name: uid.unwrap_or(name), type_id: kind.0, r#type: kind.1, labels: [label] },
    };
    let (name, dn) = (inventory.account.as_str(), inventory.dn.as_str());
    match (step, inventory.procedure, inventory.method) {
        (Step::EntraReset { .. }, Procedure::Entra, _) => user(name, Some(dn), ENTRA_ACCOUNT, "entra"),
        // Reset on the way by another account's rotation, whose plan names only its connector.
        (Step::EntraReset { server }, _, _) => {
            let connector = inventory.server(server).and_then(|server| server.entra_connector.as_deref());
            user(connector.unwrap_or("Entra connector account"), None, ENTRA_ACCOUNT, "entra")
        }
        (_, _, Method::LocalChange) => user(name, Some(dn), WINDOWS_ACCOUNT, "service"),
        (_, Procedure::Own, _) => user(name, Some(dn), DIRECTORY_ACCOUNT, "self"),
        (_, Procedure::Service | Procedure::ServiceKeyLost, _) => user(name, Some(dn), DIRECTORY_ACCOUNT, "service"),
        _ => user(name, Some(dn), DIRECTORY_ACCOUNT, "connector"),
    }
}

/// The Connect server that uses the account: the active one, or the one that the step is about.
fn device<'e>(step: &'e Step, inventory: &'e Inventory) -> Option<Device<'e>> {
    let active = inventory.servers.iter().find(|server| !server.staging).or(inventory.servers.first());
    let name = match step {
        Step::EntraReset { server } => server.as_str(),
        _ => active?.server.as_str(),
    };
    let hostname = Some(name).filter(|name| is_hostname(name));
    Some(Device { name, hostname, type_id: SERVER.0, r#type: SERVER.1 })
}

fn is_hostname(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn observables<'e>(user: &User<'e>, device: Option<&Device<'e>>) -> Vec<Observable<'e>> {
    let observable = |name, kind: Named, value| Observable { name, type_id: kind.0, r#type: kind.1, value };
    let mut found = vec![observable("user.name", OF_USER_NAME, user.name)];
    found.extend(user.uid.map(|uid| observable("user.uid", OF_USER_UID, uid)));
    let hostname = device.and_then(|device| device.hostname);
    found.extend(hostname.map(|name| observable("device.hostname", OF_HOSTNAME, name)));
    found
}

fn enrichments<'e>(change: &Change<'e>, user: &User<'e>) -> Vec<Enrichment<'e>> {
    let data = change.print().zip(user.uid).map(|(print, uid)| Enrichment {
        name: "user.uid",
        value: uid,
        r#type: "directory metadata after the change",
        provider: "entra-rotator",
        data: DirectoryData {
            domain_controller: &print.dc,
            key_version: print.key_version,
            password_last_set: print.password_last_set_at().map(At),
        },
    });
    data.into_iter().collect()
}
