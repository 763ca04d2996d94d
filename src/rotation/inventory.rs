use providers::port::{Fingerprint, OwnCredential, QuiesceMode};
use serde::{Deserialize, Serialize};

use super::Limits;

/// Which of the documented procedures a plan follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Procedure {
    /// The password of an AD DS connector account.
    #[default]
    Connector,
    /// The password of the ADSync service account, on builds that keep their encryption key.
    Service,
    /// The same on builds up to 1.1.443.0, where the reset destroys the key: attended.
    ServiceKeyLost,
    /// The Entra connector account, as a repair: attended.
    Entra,
    /// The rotator's own account.
    Own,
    /// The password in use is given to the engine once more: proves the method, changes no password.
    Rehearsal,
    /// A password that a person knows becomes the vault's current value.
    Adoption,
}

/// Whether there is something to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldPassword {
    /// The vault holds it.
    Known,
    /// Nobody knows it (a wizard-made account, or a third password set by somebody).
    Unknown,
}

/// How the authority of the account, a directory or a server's own account database, is given the password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By reset, as the rotator. It can be undone by another reset.
    #[default]
    Reset,
    /// By change, as the account itself: the old password is shown. History and minimum age forbid the way
    /// back, so it goes forward only once it may have taken effect.
    Change,
    /// By change in the server's own account database: a reset there would cost the account its keys (DPAPI). History and
    /// minimum age, which a domain's default policy gives to its servers too, forbid the way back.
    LocalChange,
}

/// How the sync engine is given the password of a connector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineMethod {
    /// Through the objects of the ADSync module, in one script.
    #[default]
    ObjectModel,
    /// A person types it into the Synchronization Service Manager, the one way that Microsoft documents.
    Attended,
}

/// A connector of a server, as the plan needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorUse {
    /// The connector's name.
    pub connector: String,
    /// The domain controller of the account's own domain that it binds to; `None` = the one that the directory work
    /// happens at, or one of another forest, which asks there.
    pub dc: Option<String>,
    /// For a service account: where the vault has the password of this connector's own account.
    #[serde(default)]
    pub vault_name: Option<String>,
}

/// A Connect server that uses the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerUse {
    /// The server.
    pub server: String,
    /// Whether it is in staging mode.
    pub staging: bool,
    /// Its connectors that bind with the account; for a service account all AD connectors.
    pub connectors: Vec<ConnectorUse>,
    /// File version of miiserver.exe.
    #[serde(default)]
    pub build: String,
    /// Version of the PowerShell module ADSync; empty when it can't be told.
    #[serde(default)]
    pub module: String,
    /// For a service account: the StartName.
    #[serde(default)]
    pub start_name: String,
    /// For a service account: the domain controller that the server logs on at.
    #[serde(default)]
    pub logon_dc: Option<String>,
    /// The connector to Entra ID, where the procedure proves or resets it.
    #[serde(default)]
    pub entra_connector: Option<String>,
}

impl ServerUse {
    /// Whether it is one of the AD connectors here, and not the one to Entra ID.
    pub fn imports(&self, connector: &str) -> bool {
        self.connectors.iter().any(|used| used.connector == connector)
    }
}

/// An administrator of Entra ID, whose credential a reset of the Entra connector account needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntraAdministrator {
    /// Its user principal name.
    pub user: String,
    /// Where the vault has its password.
    pub vault_name: String,
}

/// What was seen of the world when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The account's name in the configuration.
    pub account: String,
    /// Which procedure.
    #[serde(default)]
    pub procedure: Procedure,
    /// Its name in the vault.
    pub vault_name: String,
    /// Its distinguished name; of a local user the StartName, of the Entra connector account its principal name.
    pub dn: String,
    /// Its metadata, on the domain controller (or server) where the work happens.
    pub fingerprint: Fingerprint,
    /// Whether the vault's current value is its password.
    pub old: OldPassword,
    /// How its authority is given the password.
    #[serde(default)]
    pub method: Method,
    /// How the sync engine is given it.
    #[serde(default)]
    pub engine_method: EngineMethod,
    /// The servers that use it; none where the account is the rotator's own.
    pub servers: Vec<ServerUse>,
    /// How sync is kept out of the way.
    pub quiesce: QuiesceMode,
    /// The scheduler's value before another rotation paused it that has not released it yet.
    #[serde(default)]
    pub scheduler_owed: Option<bool>,
    /// The same, where a held rotation owes it that this repair closes: then this one releases it.
    #[serde(default)]
    pub owed_by_repaired: Option<bool>,
    /// A repair: the password in use is not known, and the world may be a mixture.
    pub repair: bool,
    /// Held rotations that a repair closes when it is proven.
    pub repairs: Vec<String>,
    /// Rotations whose pending candidate a repair takes over in the vault.
    pub takes_over: Vec<String>,
    /// Who resets the Entra connector account.
    #[serde(default)]
    pub entra_administrator: Option<EntraAdministrator>,
    /// Shortest password, in UTF-16 units, that policy and configuration allow.
    pub length: u32,
    /// Names that the password must not contain.
    pub forbidden_names: Vec<String>,
    /// The credentials that the tool itself worked with, and their age.
    #[serde(default)]
    pub credentials: Vec<OwnCredential>,
    /// How often and how long.
    pub limits: Limits,
}

impl Inventory {
    /// The server.
    pub fn server(&self, name: &str) -> Option<&ServerUse> {
        self.servers.iter().find(|server| server.server == name)
    }

    /// Whether the account lives in a place whose metadata can be looked at. Entra ID's is none.
    pub fn has_metadata(&self) -> bool {
        self.procedure != Procedure::Entra
    }

    /// Whether a person must be at the terminal.
    pub fn attended(&self) -> bool {
        let engine = matches!(self.procedure, Procedure::Connector | Procedure::Rehearsal)
            && self.engine_method == EngineMethod::Attended;
        engine || matches!(self.procedure, Procedure::ServiceKeyLost | Procedure::Entra)
    }
}
