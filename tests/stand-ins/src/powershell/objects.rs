//! The objects of the module ADSync, as the scripts write them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use providers::port::{ConnectorFacts, ConnectorKind, EntraIdentity, ProofFacts, ServerFacts};
use serde_json::{Value, json};

/// A time as .NET's format "o" has it, in UTC.
pub(super) fn time(at: Timestamp) -> Value {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%7fZ").to_string().into()
}

/// What describe.ps1 gives.
pub(super) fn server(facts: &ServerFacts) -> Value {
    let scheduler = &facts.scheduler;
    let connectors: Vec<Value> = facts.connectors.iter().map(connector).collect();
    json!({
        "module": facts.module,
        "staging": facts.staging,
        "scheduler": {
            "enabled": scheduler.enabled,
            "suspended": scheduler.suspended,
            "in_progress": scheduler.cycle_running,
            "connectors_running": u8::from(scheduler.cycle_running),
            // .NET's earliest time stands for none.
            "next_cycle_at": scheduler.next_cycle_at.map_or_else(|| "0001-01-01T00:00:00.0000000Z".into(), time),
        },
        // As 5.1 writes an array that it has wrapped.
        "connectors": { "Count": connectors.len(), "value": connectors },
        "entra": facts.entra.as_ref().map(identity),
    })
}

fn parameter(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

fn connector(facts: &ConnectorFacts) -> Value {
    let entra = facts.kind == ConnectorKind::Entra;
    let (kind, parameters) = if entra {
        ("Extensible2", vec![parameter("UserName", &facts.user)])
    } else {
        let own = [
            ("forest-name", &facts.name),
            ("forest-port", &String::new()),
            ("forest-login-user", &facts.user),
            ("forest-login-domain", &facts.domain),
        ];
        ("AD", own.into_iter().map(|(name, value)| parameter(name, value)).collect())
    };
    json!({
        "name": facts.name,
        "id": facts.id.to_uppercase(),
        "kind": kind,
        "type": kind,
        "parameters": parameters,
        "partitions": if entra { Value::Null } else { partitions(facts) },
        "modified_at": facts.modified_at.map(time),
        "version": facts.version,
    })
}

/// The forest's own partition, and those that bind as somebody else.
fn partitions(facts: &ConnectorFacts) -> Value {
    let named: Vec<String> = facts.name.split('.').map(|part| format!("DC={part}")).collect();
    let own = json!({
        "name": named.join(","),
        "selected": true,
        "parameters": [],
        // An array of one as 5.1 may write it: the element alone.
        "preferred_dcs": facts.dc,
    });
    let others = facts.alternate_credentials.iter().map(|(partition, user)| {
        let parameters = [parameter("user", user)];
        json!({ "name": partition, "selected": true, "parameters": parameters, "preferred_dcs": [] })
    });
    std::iter::once(own).chain(others).collect()
}

fn identity(identity: &EntraIdentity) -> Vec<Value> {
    match identity {
        EntraIdentity::ServiceAccount { user } => {
            vec![parameter("ConnectorIdentityType", "ServiceAccount"), parameter("UserName", user)]
        }
        EntraIdentity::Application { certificate_ends_at, managed } => {
            let ends_at = certificate_ends_at.map(time);
            vec![
                parameter("ConnectorIdentityType", "Application"),
                parameter("CertificateNotAfter", ends_at.as_ref().and_then(Value::as_str).unwrap_or_default()),
                parameter("CertificateManagedBy", if *managed { "EntraConnect" } else { "Administrator" }),
            ]
        }
    }
}

/// A run, as `Get-LastRuns` of `common.ps1` gives it. `number` counts the runs of a connector.
pub(super) fn run(facts: &ProofFacts, number: usize) -> Value {
    let steps: Vec<Value> = facts
        .steps
        .iter()
        .zip(1_u32..)
        .map(|((_, result), number)| {
            json!({
                "number": number,
                "result": result,
                "step": "<step-type type=\"delta-import\">\n<import-subtype>to-cs</import-subtype>\n</step-type>",
                "connection": connections(&facts.connections),
            })
        })
        .collect();
    json!({
        "id": format!("00000000-0000-0000-0000-{number:012}"),
        "number": number,
        "profile": "Delta Import",
        "result": facts.result,
        "complete": true,
        "ended_at": time(facts.at),
        // An array of one as 5.1 may write it: the element alone.
        "steps": if let [step] = &steps[..] { step.clone() } else { Value::Array(steps) },
    })
}

/// ConnectorConnectionInformationXml: how it stands now, and each connection that failed on the way.
fn connections(tried: &[(String, String)]) -> String {
    let element = |(server, result): &(String, String)| {
        format!("<connection-result>{result}</connection-result><server>{}:389</server>", escaped(server))
    };
    let Some((first, rest)) = tried.split_first() else { return String::new() };
    let failed: String = rest.iter().map(|pair| format!("<incident>{}</incident>", element(pair))).collect();
    format!("{}<connection-log>{failed}</connection-log>", element(first))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
