use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::SecretRef;

/// PostgreSQL's own port.
const PORT: u16 = 5432;

/// Where the journal is kept: a file, or a database that replicas share.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["file"] }, { "required": ["postgres"] }]))]
pub struct JournalConfig {
    /// The SQLite file. Its folder is made when it does not exist.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// A database of PostgreSQL.
    #[serde(default)]
    #[schemars(with = "PostgresConfig", skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresConfig>,
}

/// A database of PostgreSQL, 13 or later, for this program alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// Servers, `HOST` or `HOST:PORT`, or the folder of a socket. They are tried in turn; the one that takes writes is used.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1)))]
    pub hosts: Vec<String>,
    /// The database.
    #[schemars(length(min = 1))]
    pub database: String,
    /// The role.
    #[schemars(length(min = 1))]
    pub user: String,
    /// Its password, by reference, read at each connection; without it the server asks for none.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// TLS with a certificate that fits the host's name; false only on loopback and over a socket.
    #[serde(default = "yes")]
    pub tls: bool,
    /// Certificate authorities to trust beside the machine's trust store, PEM.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// A client certificate, PEM, with `client_key_file`.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none")]
    pub client_cert_file: Option<PathBuf>,
    /// Its key, PEM.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none")]
    pub client_key_file: Option<PathBuf>,
    /// How long a lease lasts that its holder does not renew, in seconds: so long nobody takes over from one that is gone.
    #[serde(default = "default_lease_s")]
    #[schemars(range(min = 2, max = 300))]
    pub lease_s: u32,
}

fn yes() -> bool {
    true
}

fn default_lease_s() -> u32 {
    30
}

impl PostgresConfig {
    /// Name and port of each server.
    pub fn hosts(&self) -> Vec<(String, u16)> {
        self.hosts.iter().filter_map(|host| host_and_port(host)).collect()
    }
}

/// `None` = it is neither.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    if text.starts_with('/') {
        return Some((text.to_owned(), PORT));
    }
    // An IPv6 address stands in brackets where a port follows it.
    if let Some((host, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = if port.is_empty() { Some(PORT) } else { port.strip_prefix(':')?.parse().ok() };
        return Some((host.to_owned(), port?));
    }
    match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => Some((text.to_owned(), PORT)),
        Some((host, port)) => Some((host.to_owned(), port.parse().ok()?)),
        None => Some((text.to_owned(), PORT)),
    }
}

/// What the schema can't say.
pub(super) fn faults(value: &Value) -> Vec<(String, String)> {
    let Some(postgres) = value.pointer("/journal/postgres") else { return Vec::new() };
    let mut faults = Vec::new();
    let plain = postgres.get("tls") == Some(&Value::Bool(false));
    let hosts = postgres.get("hosts").and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, host) in hosts.iter().enumerate() {
        let at = format!("/journal/postgres/hosts/{index}");
        match host.as_str().map(host_and_port) {
            Some(None) => faults.push((at, "`hosts` must be HOST, HOST:PORT or the folder of a socket each".to_owned())),
            Some(Some((host, _))) if plain && !is_near(&host) => faults.push((
                at,
                "`tls` = false is for loopback and sockets only: what happened to each account would go over the network in clear".to_owned(),
            )),
            _ => {}
        }
    }
    if postgres.get("client_cert_file").is_some() != postgres.get("client_key_file").is_some() {
        let what = "`client_cert_file` and `client_key_file` are named together, or neither is".to_owned();
        faults.push(("/journal/postgres".to_owned(), what));
    }
    faults
}

fn is_near(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port() {
        let of = |text: &str| host_and_port(text);
        assert_eq!(of("db"), Some(("db".to_owned(), 5432)));
        assert_eq!(of("db:6000"), Some(("db".to_owned(), 6000)));
        assert_eq!(of("::1"), Some(("::1".to_owned(), 5432)));
        assert_eq!(of("[::1]"), Some(("::1".to_owned(), 5432)));
        assert_eq!(of("[::1]:6000"), Some(("::1".to_owned(), 6000)));
        assert_eq!(of("/run/postgresql"), Some(("/run/postgresql".to_owned(), 5432)));
        assert_eq!([of("db:"), of("db:x"), of("db:70000"), of("[::1]6000")], [None, None, None, None]);
    }
}
