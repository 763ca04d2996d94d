use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretRef;

/// How the unattended service works.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServeConfig {
    /// Where health and metrics are served over HTTP; without it 127.0.0.1:9464. Beyond loopback only with `tls`.
    #[serde(default = "default_listen")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Certificate and key of that, for HTTPS.
    #[serde(default)]
    #[schemars(with = "TlsConfig", skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// The token that anything beyond health asks for, metrics too: 20 characters or more. Without it, and without a person, page and
    /// metrics are shown to every user of this machine; beyond loopback the page to nobody, metrics to everybody.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// Who may order something on the page; without it nothing there changes anything.
    #[serde(default)]
    #[schemars(with = "ActionsConfig", skip_serializing_if = "Option::is_none")]
    pub actions: Option<ActionsConfig>,
    /// How often each account is looked at for drift, in hours; 0 = never.
    #[serde(default = "default_look_every_h")]
    #[schemars(range(max = 8760))]
    pub look_every_h: u32,
    /// How long a rotation that can't be parked may take to its end when the service is told to end, in seconds.
    #[serde(default = "default_stop_limit_s")]
    #[schemars(range(min = 1, max = 7200))]
    pub stop_limit_s: u32,
}

/// A certificate and its key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate and those of its issuers, PEM.
    pub cert_file: PathBuf,
    /// Its key, PEM.
    pub key_file: PathBuf,
}

/// What persons may order on the page: resume, rollback, rotate now.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionsConfig {
    /// Who, each with a token of his own.
    #[schemars(length(min = 1, max = 100))]
    pub person: Vec<PersonConfig>,
}

/// Somebody who may order something.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonConfig {
    /// The name that the journal keeps.
    #[schemars(length(max = 100), regex(pattern = r"^\S(.*\S)?$"))]
    pub name: String,
    /// The token that this person, and nobody else, signs in with: 20 characters or more.
    pub token: SecretRef,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9464))
}

fn default_look_every_h() -> u32 {
    6
}

fn default_stop_limit_s() -> u32 {
    900
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            listen: default_listen(),
            tls: None,
            token: None,
            actions: None,
            look_every_h: default_look_every_h(),
            stop_limit_s: default_stop_limit_s(),
        }
    }
}
