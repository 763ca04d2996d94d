use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    ApprovalConfig, ExemptConfig, HistoryConfig, JournalConfig, LimitsConfig, NotifyConfig, OwnPasswordRef,
    ScheduleConfig, ServeConfig, ServerConfig, VaultConfig,
};

/// The whole file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the journal is kept.
    pub journal: JournalConfig,
    /// The directory that holds the accounts.
    pub directory: DirectoryConfig,
    /// The vault that holds their passwords.
    pub vault: VaultConfig,
    /// The Entra Connect servers.
    #[schemars(length(min = 1))]
    pub server: Vec<ServerConfig>,
    /// The accounts to rotate.
    #[schemars(length(min = 1))]
    pub account: Vec<AccountConfig>,
    /// When accounts are rotated that say nothing else themselves; never one of the kind `entra`.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// How much may run at once.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// How the unattended service works.
    #[serde(default)]
    pub serve: ServeConfig,
    /// Who is told, and how.
    #[serde(default)]
    pub notify: NotifyConfig,
    /// Who signs the history, and where its heads are sent.
    #[serde(default)]
    pub history: HistoryConfig,
    /// Who approves plans.
    #[serde(default)]
    pub approval: ApprovalConfig,
}

/// How the rotator logs on to the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Logon {
    /// A simple bind over LDAPS, with `bind_name` and `bind_password`.
    #[default]
    Password,
    /// Kerberos, with the keytab or the managed service account that the process runs with. Needs a program
    /// that was built with the feature `kerberos`.
    Kerberos,
}

/// Active Directory, over LDAPS. Its domain controllers are listed, or found by DNS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [
        { "required": ["urls"], "properties": { "domain": false, "port": false } },
        { "required": ["domain"], "properties": { "urls": false } },
    ],
    "if" = { "required": ["logon"], "properties": { "logon": { "const": "kerberos" } } },
    "then" = { "properties": { "bind_name": false, "bind_password": false } },
    "else" = { "required": ["bind_name", "bind_password"] },
))]
pub struct DirectoryConfig {
    /// Domain controllers, `ldaps://HOST` or `ldaps://HOST:PORT`, in the order to try; the first one tells the
    /// domain. Plain LDAP is not possible.
    #[schemars(length(min = 1), inner(regex(pattern = "^ldaps://[^/]+/?$")))]
    pub urls: Option<Vec<String>>,
    /// The domain's DNS name, instead of `urls`: its domain controllers are found by DNS, as Windows does.
    #[schemars(length(max = 253), regex(pattern = "^[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*\\.?$"))]
    pub domain: Option<String>,
    /// The port of LDAPS on the domain controllers found by DNS; without it 636.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Certificate authority to trust, PEM; without it the machine's trust store.
    pub ca_file: Option<PathBuf>,
    /// How the rotator logs on.
    #[serde(default)]
    pub logon: Logon,
    /// The rotator's own account: distinguished name, user principal name or DOMAIN\user. Only with a password.
    // `with`: TOML has no null, and without it a fault inside would only be told as one of the whole.
    #[serde(default)]
    #[schemars(with = "String", skip_serializing_if = "Option::is_none", length(min = 1))]
    pub bind_name: Option<String>,
    /// Its password, by reference. Only with a password.
    #[serde(default)]
    #[schemars(with = "OwnPasswordRef", skip_serializing_if = "Option::is_none")]
    pub bind_password: Option<OwnPasswordRef>,
    /// How long a rotation waits until a connector's domain controller has a reset, in seconds. Nothing is broken
    /// meanwhile; when it is over, everything is put back.
    #[serde(default = "default_converge_limit_s")]
    #[schemars(range(min = 1, max = 14400))]
    pub converge_limit_s: u32,
}

fn default_converge_limit_s() -> u32 {
    900
}

/// The kinds of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AccountKind {
    /// An AD DS connector account.
    Connector,
    /// The account that the ADSync service runs as, of a domain or of the server itself.
    Service,
    /// The Entra connector account: reset as a repair, at a terminal.
    Entra,
    /// The rotator's own account in the directory: changed as itself, used by no server.
    #[serde(rename = "self")]
    Own,
}

/// How sync is kept out of the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Quiesce {
    /// Write nothing; start only in a gap between two cycles.
    #[default]
    Gap,
    /// Turn SyncCycleEnabled off, for the whole tenant, and back on; the server itself restores it should we not.
    Disable,
}

/// How the sync engine is given a connector's password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EngineMethod {
    /// Through the objects of the ADSync module, without a person.
    #[default]
    ObjectModel,
    /// A person at the terminal types it into the Synchronization Service Manager, as Microsoft documents it.
    Attended,
}

/// An administrator of Entra ID.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdministratorConfig {
    /// Its user principal name.
    #[schemars(regex(pattern = "^[^@\\s]+@[^@\\s]+$"))]
    pub user: String,
    /// Where the vault has its password, as current.
    #[schemars(regex(pattern = "^[^/\\s][^\\s]*[^/\\s]$"))]
    pub vault_name: String,
}

/// An account to rotate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// Its name here: for `--account`, the journal and messages.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Which kind.
    pub kind: AccountKind,
    /// How the directory finds it: sAMAccountName, `DOMAIN\name`, user principal name or distinguished name. Of a local
    /// service account the StartName (`.\user`); of the Entra connector account its principal name.
    #[schemars(length(min = 1))]
    pub directory_name: String,
    /// Its path in the vault, below the mount.
    #[schemars(regex(pattern = "^[^/\\s][^\\s]*[^/\\s]$"))]
    pub vault_name: String,
    /// Length of new passwords, in characters; the directory's policy may ask for more.
    #[schemars(range(min = 16, max = 126))]
    pub length: Option<u32>,
    /// How sync is kept out of the way.
    #[serde(default)]
    pub quiesce: Quiesce,
    /// How the sync engine is given the password of a connector account.
    #[serde(default)]
    pub engine_method: EngineMethod,
    /// Who resets the Entra connector account: for the kind `entra`, and for a service account on builds up to 1.1.443.0.
    pub administrator: Option<AdministratorConfig>,
    /// The servers that use it; none for the rotator's own account.
    #[serde(default)]
    pub servers: Vec<UseConfig>,
    /// When it is rotated: each key here takes the place of the same key in `[schedule]`.
    // `with`: TOML has no null, and without it a fault inside would only be told as one of the whole.
    #[serde(default)]
    #[schemars(with = "ScheduleConfig", skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleConfig>,
    /// Why it is not rotated for now.
    #[serde(default)]
    #[schemars(with = "ExemptConfig", skip_serializing_if = "Option::is_none")]
    pub exempt: Option<ExemptConfig>,
}

/// A server that uses an account.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UseConfig {
    /// The server's name.
    pub server: String,
    /// The connector; without it, those that bind as the account.
    pub connector: Option<String>,
}
