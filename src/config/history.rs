use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::SecretRef;

/// Who signs the history, and where its heads are sent. Without it the history is chained, and not signed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryConfig {
    /// The Ed25519 key that signs (PKCS #8, PEM), by reference.
    // `with`: TOML has no null, and without it a fault inside would only be told as one of the whole.
    #[serde(default)]
    #[schemars(with = "SigningKeyRef", skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SigningKeyRef>,
    /// The key that signed before it, until the new one has its entry: so that the old one vouches for it.
    #[serde(default)]
    #[schemars(with = "SigningKeyRef", skip_serializing_if = "Option::is_none")]
    pub previous_signing_key: Option<SigningKeyRef>,
    /// Where signed heads are sent.
    #[serde(default)]
    pub send: Vec<SendConfig>,
}

/// Where a signing key is found. Exactly one of the five.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct SigningKeyRef {
    /// A file; one line feed at its end does not count.
    pub file: Option<PathBuf>,
    /// The name of an environment variable.
    pub env: Option<String>,
    /// The name of a systemd credential (in $CREDENTIALS_DIRECTORY).
    pub credential: Option<String>,
    /// Windows: a file that `entra-rotator protect` made, encrypted for this machine alone (DPAPI).
    pub dpapi: Option<PathBuf>,
    /// Its path in the vault, below the mount; the current value. Read anew for each head.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none", regex(pattern = "^[^/\\s][^\\s]*[^/\\s]$"))]
    pub vault: Option<String>,
}

impl SigningKeyRef {
    /// The reference as one that does not need the vault.
    pub fn outside_the_vault(&self) -> SecretRef {
        SecretRef {
            file: self.file.clone(),
            env: self.env.clone(),
            credential: self.credential.clone(),
            dpapi: self.dpapi.clone(),
        }
    }
}

/// The ways in which heads are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SendKind {
    /// Appended to a file, one line of JSON each. The service holds the journal against its last line.
    File,
    /// Posted to an address over HTTPS.
    Webhook,
    /// A message of RFC 5424.
    Syslog,
}

/// Where heads are sent. Which keys it has depends on `kind`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("allOf" = [
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "file" } } },
        "then": { "required": ["file"], "properties": { "url": false, "ca_file": false, "key": false, "address": false } },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "webhook" } } },
        "then": { "required": ["url"], "properties": { "file": false, "address": false } },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "syslog" } } },
        "then": { "required": ["address"], "properties": { "file": false, "url": false, "ca_file": false, "key": false } },
    },
]))]
pub struct SendConfig {
    /// How.
    pub kind: SendKind,
    /// The file that is appended to; made when it is not there. Best on another machine's disk.
    pub file: Option<PathBuf>,
    /// The address, `https://…`, by reference: whoever knows it can write there.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretRef>,
    /// Certificate authority to trust, PEM; without it the machine's trust store.
    pub ca_file: Option<PathBuf>,
    /// The key that signs each message to a webhook as notices are signed, by reference.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
    /// The receiver of syslog: `udp://HOST:PORT`, `tcp://HOST:PORT` (RFC 6587, counted) or `unix:/dev/log`.
    #[serde(default)]
    #[schemars(
        with = "String",
        skip_serializing_if = "Option::is_none",
        regex(pattern = "^(udp://|tcp://)[^/\\s]+:[0-9]{1,5}$|^unix:/[^\\s]+$")
    )]
    pub address: Option<String>,
}

/// What the schema can't say of the section `history`.
pub(super) fn faults(document: &Value) -> Vec<(String, String)> {
    let Some(section) = document.get("history") else { return Vec::new() };
    if section.get("signing_key").is_some() {
        return Vec::new();
    }
    let needless = ["previous_signing_key", "send"].iter().filter(|key| section.get(**key).is_some());
    needless.map(|key| (format!("/history/{key}"), format!("`{key}` says nothing without `signing_key`"))).collect()
}

/// What `key` must be, where the schema's own words would not help.
pub(super) fn words_of(path: &str, key: &str) -> Option<&'static str> {
    match key {
        "kind" => Some("\"file\", \"webhook\" or \"syslog\""),
        "address" if path.ends_with("address") => Some("udp://HOST:PORT, tcp://HOST:PORT or unix:/dev/log"),
        _ => None,
    }
}
