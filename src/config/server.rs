use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::SecretRef;

/// The ways to reach a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerKind {
    /// This machine is it.
    Local,
    /// `entra-rotator agent` on the server, over SSH.
    Ssh,
    /// `entra-rotator agent` on the server, over WinRM.
    Winrm,
    /// A model of a Connect server, in a folder.
    Lab,
}

/// How the rotator logs on to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerLogon {
    /// SSH: a private key in a file.
    Key,
    /// SSH: a key that an SSH agent holds.
    Agent,
    /// WinRM: the ticket of the account that the rotator runs as. Needs a program that was built with the feature
    /// `kerberos`.
    Kerberos,
    /// WinRM: NTLM, with `user` and `password`.
    Ntlm,
    /// WinRM: a client certificate, mapped to a user on the server.
    Certificate,
}

/// An Entra Connect server. Which keys it has depends on `kind`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("allOf" = [
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "lab" } } },
        "then": {
            "required": ["lab_dir"],
            "properties": {
                "host": false, "port": false, "url": false, "address": false, "ca_file": false, "logon": false,
                "user": false, "known_hosts_file": false, "key_file": false, "key_passphrase": false,
                "certificate_file": false, "password": false, "command": false,
            },
        },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "local" } } },
        "then": { "properties": {
            "lab_dir": false, "host": false, "port": false, "url": false, "address": false, "ca_file": false,
            "logon": false, "user": false, "known_hosts_file": false, "key_file": false, "key_passphrase": false,
            "certificate_file": false, "password": false, "command": false,
        } },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "ssh" } } },
        "then": {
            "required": ["host", "user", "known_hosts_file", "logon"],
            "properties": {
                "logon": { "enum": ["key", "agent"] },
                "lab_dir": false, "url": false, "address": false, "ca_file": false, "certificate_file": false,
                "password": false,
            },
        },
    },
    {
        "if": { "required": ["kind"], "properties": { "kind": { "const": "winrm" } } },
        "then": {
            "required": ["url", "logon"],
            "properties": {
                "logon": { "enum": ["kerberos", "ntlm", "certificate"] },
                "lab_dir": false, "host": false, "port": false, "known_hosts_file": false, "key_passphrase": false,
            },
        },
    },
    {
        "if": { "required": ["logon"], "properties": { "logon": { "const": "key" } } },
        "then": { "required": ["key_file"] },
    },
    {
        "if": { "required": ["logon"], "properties": { "logon": { "const": "agent" } } },
        "then": { "properties": { "key_file": false, "key_passphrase": false } },
    },
    {
        "if": { "required": ["logon"], "properties": { "logon": { "const": "ntlm" } } },
        "then": {
            "required": ["user", "password"],
            "properties": { "certificate_file": false, "key_file": false },
        },
    },
    {
        "if": { "required": ["logon"], "properties": { "logon": { "const": "certificate" } } },
        "then": {
            "required": ["certificate_file", "key_file"],
            "properties": { "user": false, "password": false },
        },
    },
    {
        "if": { "required": ["logon"], "properties": { "logon": { "const": "kerberos" } } },
        "then": { "properties": { "user": false, "password": false, "certificate_file": false, "key_file": false } },
    },
]))]
pub struct ServerConfig {
    /// Its name, as accounts and messages use it.
    #[schemars(regex(pattern = "^[^/\\s]+$"))]
    pub name: String,
    /// How it is reached.
    pub kind: ServerKind,
    /// Lab: its folder.
    pub lab_dir: Option<PathBuf>,

    /// SSH: the host's name or address.
    #[schemars(length(min = 1), regex(pattern = "^[^\\s/]+$"))]
    pub host: Option<String>,
    /// SSH: the port; without it 22.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// SSH: the file of known hosts, as OpenSSH writes it. A host that is not in it is not trusted.
    pub known_hosts_file: Option<PathBuf>,
    /// SSH: the private key, in OpenSSH's form. WinRM: the key of the client certificate, PEM.
    pub key_file: Option<PathBuf>,
    /// SSH: what opens an encrypted private key, by reference.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub key_passphrase: Option<SecretRef>,

    /// WinRM: `https://HOST:5986/wsman`. Plain HTTP is not possible.
    // `with`: TOML has no null, and without it a fault inside would only be told as one of the whole.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none", regex(pattern = "^https://"))]
    pub url: Option<String>,
    /// WinRM: certificate authority to trust, PEM; without it the machine's trust store.
    pub ca_file: Option<PathBuf>,
    /// WinRM: the address behind the host's name, where DNS does not know it.
    pub address: Option<IpAddr>,
    /// WinRM: the client certificate, PEM.
    pub certificate_file: Option<PathBuf>,
    /// WinRM: the password of `user`, by reference.
    #[serde(default)]
    #[schemars(with = "SecretRef", skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,

    /// How the rotator logs on. SSH: `key` or `agent`; WinRM: `kerberos`, `ntlm` or `certificate`.
    #[serde(default)]
    #[schemars(with = "ServerLogon", skip_serializing_if = "Option::is_none")]
    pub logon: Option<ServerLogon>,
    /// Who the rotator is on the server. SSH: a user's name; WinRM by NTLM: `DOMAIN\user` or `.\user`.
    #[schemars(length(min = 1))]
    pub user: Option<String>,
    /// What is run on the server; without it `entra-rotator agent`.
    #[schemars(regex(pattern = "^[^\\x00-\\x1f]+$"))]
    pub command: Option<String>,
}

/// What the schema can't say of the servers, with the place of each.
pub(super) fn faults(value: &Value) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let servers = value.get("server").and_then(Value::as_array).into_iter().flatten();
    for (index, server) in servers.enumerate() {
        let mut fault = |key: &str, what: &str| faults.push((format!("/server/{index}/{key}"), what.to_owned()));
        if !cfg!(windows) && server.get("kind").is_some_and(|kind| kind == "local") {
            fault("kind", "this machine is no Windows server: reach the Connect server by \"ssh\" or \"winrm\"");
        }
        if !cfg!(feature = "kerberos") && server.get("logon").is_some_and(|logon| logon == "kerberos") {
            fault(
                "logon",
                "this program is built without Kerberos: build it with `--features kerberos`, or log on by \
                 \"certificate\" or \"ntlm\"",
            );
        }
        let address = server.get("address").and_then(Value::as_str);
        if address.is_some_and(|address| address.parse::<IpAddr>().is_err()) {
            fault("address", "`address` must be an IP address");
        }
    }
    faults
}
