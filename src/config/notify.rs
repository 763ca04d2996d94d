use std::path::PathBuf;
use std::str::FromStr;

use lettre::message::Mailbox;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SecretRef;

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Info,
    /// Somebody should look within days.
    Warning,
    /// Somebody must look now.
    Alarm,
}

/// Who is told, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyConfig {
    /// Webhooks: Teams, Slack, or plain JSON.
    #[serde(default)]
    pub webhook: Vec<WebhookConfig>,
    /// Mail.
    // `with`: TOML has no null, and without it a fault inside would only be told as one of the whole.
    #[serde(default)]
    #[schemars(with = "MailConfig", skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailConfig>,
    /// A program that gets each notice on its standard input.
    #[serde(default)]
    #[schemars(with = "CommandConfig", skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandConfig>,
    /// After how many hours a condition that still holds is told again.
    #[serde(default = "default_repeat_h")]
    #[schemars(range(min = 1, max = 8760))]
    pub repeat_h: u32,
    /// An alarm when no rotation succeeded for so many days.
    #[serde(default)]
    #[schemars(with = "u32", skip_serializing_if = "Option::is_none", range(min = 1, max = 3660))]
    pub nothing_succeeded_days: Option<u32>,
    /// A service elsewhere that is told regularly that the rotator is well, and raises its own alarm when it hears nothing.
    #[serde(default)]
    #[schemars(with = "HeartbeatConfig", skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<HeartbeatConfig>,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            webhook: Vec::new(),
            mail: None,
            command: None,
            repeat_h: default_repeat_h(),
            nothing_succeeded_days: None,
            heartbeat: None,
        }
    }
}

fn default_repeat_h() -> u32 {
    24
}

fn default_severity() -> Severity {
    Severity::Warning
}

/// What a webhook's receiver understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A Workflows webhook of Microsoft Teams: an Adaptive Card.
    Teams,
    /// An incoming webhook of Slack.
    Slack,
    /// The notice itself as one JSON document, signed when there is a `key`.
    Json,
}

/// A webhook.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// What its receiver understands.
    pub shape: Shape,
    /// Its address, `https://…`, by reference: whoever knows it can write there.
    pub url: SecretRef,
    /// The least severity that is told.
    #[serde(default = "default_severity")]
    pub severity: Severity,
    /// Certificate authority to trust, PEM; without it the machine's trust store.
    pub ca_file: Option<PathBuf>,
    /// The key that signs each notice, by reference. Only with shape = "json".
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
}

/// How a mail server is spoken to. Never in the clear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// TLS from the first byte.
    #[default]
    Implicit,
    /// STARTTLS, required.
    Starttls,
}

/// Mail.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// The mail server.
    #[schemars(length(max = 253), regex(pattern = "^[A-Za-z0-9.:_-]+$"))]
    pub host: String,
    /// Its port; without it 465, or 587 with tls = "starttls".
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// How TLS begins.
    #[serde(default)]
    pub tls: MailTls,
    /// The name to log on with; only with `password`.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none", length(min = 1))]
    pub user: Option<String>,
    /// Its password, by reference; only with `user`.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// The sender: an address, or `Name <address>`.
    pub from: String,
    /// Who gets it: addresses, or `Name <address>`.
    #[schemars(length(min = 1))]
    pub to: Vec<String>,
    /// The least severity that is told.
    #[serde(default = "default_severity")]
    pub severity: Severity,
    /// Certificate authority to trust, PEM; without it the machine's trust store.
    pub ca_file: Option<PathBuf>,
}

/// A program that gets each notice as one JSON document on its standard input.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// The program, by its whole path.
    pub program: PathBuf,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// The least severity that is told.
    #[serde(default = "default_severity")]
    pub severity: Severity,
}

/// A service elsewhere that raises an alarm when it hears nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// Its address, `https://…`, by reference.
    pub url: SecretRef,
    /// How often it is told, in minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub every_min: u32,
    /// Certificate authority to trust, PEM; without it the machine's trust store.
    pub ca_file: Option<PathBuf>,
}

/// What the schema can't say of the section `notify`: the path of each fault, and the fault.
pub(super) fn faults(document: &Value) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let Some(section) = document.get("notify") else { return faults };
    let webhooks = section.get("webhook").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (index, webhook) in webhooks.iter().enumerate() {
        let shape = webhook.get("shape").and_then(Value::as_str).unwrap_or_default();
        if matches!(shape, "teams" | "slack") && webhook.get("key").is_some() {
            let what = format!("`key` has no place here: shape = \"{shape}\" is not signed");
            faults.push((format!("/notify/webhook/{index}/key"), what));
        }
    }
    if let Some(mail) = section.get("mail") {
        let has = |key: &str| mail.get(key).is_some();
        if has("user") != has("password") {
            let what = "`user` and `password` belong together: give both, or neither";
            faults.push(("/notify/mail".to_owned(), what.to_owned()));
        }
        let mut address = |path: String, value: &Value| {
            if value.as_str().is_some_and(|text| mailbox(text).is_none()) {
                let what = "this is no mail address: `name@host` or `Name <name@host>`";
                faults.push((path, what.to_owned()));
            }
        };
        if let Some(from) = mail.get("from") {
            address("/notify/mail/from".to_owned(), from);
        }
        for (index, to) in mail.get("to").and_then(Value::as_array).into_iter().flatten().enumerate() {
            address(format!("/notify/mail/to/{index}"), to);
        }
    }
    if let Some(program) = section.pointer("/command/program").and_then(Value::as_str)
        && !std::path::Path::new(program).is_absolute()
    {
        let what = "`program` must be a whole path: nothing is searched for";
        faults.push(("/notify/command/program".to_owned(), what.to_owned()));
    }
    faults
}

/// The address, if it is one. No control characters: it goes into a header.
pub fn mailbox(text: &str) -> Option<Mailbox> {
    if text.chars().any(char::is_control) {
        return None;
    }
    Mailbox::from_str(text).ok()
}

/// What `key` must be, where the schema's own words would not help.
pub(super) fn words_of(path: &str, key: &str) -> Option<&'static str> {
    match key {
        "severity" => Some("\"info\", \"warning\" or \"alarm\""),
        "shape" => Some("\"teams\", \"slack\" or \"json\""),
        "tls" if path.starts_with("/notify/mail") => Some("\"implicit\" or \"starttls\""),
        "host" => Some("a host's name or address, nothing else"),
        _ => None,
    }
}
