//! An account of the lab whose password can be rotated.

use serde::{Deserialize, Serialize};

/// An account that a world was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabAccount {
    /// Its name, by which the lab labels its passwords: sAMAccountName, or the name of a server's own user.
    pub name: String,
    /// What it is for.
    pub kind: LabAccountKind,
    /// How it is found: its name in the directory, the service's StartName, or the user in Entra ID. Empty for the
    /// Entra connector account of a new world: its server gives it one.
    pub locator: String,
    /// Its name in the lab's vault: the same as `name`.
    pub vault_name: String,
    /// The servers that use it, the active one first.
    pub servers: Vec<String>,
    /// The name in the lab's vault of the administrator who may reset it.
    pub admin_vault_name: Option<String>,
}

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabAccountKind {
    /// An AD connector binds as it.
    Connector,
    /// The Windows service `ADSync` runs as it.
    Service,
    /// The engine logs on to Entra ID as it.
    Entra,
}

impl LabAccount {
    /// A connector account.
    pub fn connector(name: &str, servers: &[&str]) -> Self {
        Self::new(name, LabAccountKind::Connector, name, servers)
    }

    /// A service's account, by its StartName.
    pub fn service(name: &str, start_name: &str, servers: &[&str]) -> Self {
        Self::new(name, LabAccountKind::Service, start_name, servers)
    }

    /// The Entra connector account of one server, and the administrator who may reset it.
    pub fn entra(name: &str, server: &str, administrator: &str) -> Self {
        let account = Self::new(name, LabAccountKind::Entra, "", &[server]);
        Self { admin_vault_name: Some(administrator.to_owned()), ..account }
    }

    fn new(name: &str, kind: LabAccountKind, locator: &str, servers: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            locator: locator.to_owned(),
            vault_name: name.to_owned(),
            servers: servers.iter().map(|&server| server.to_owned()).collect(),
            admin_vault_name: None,
        }
    }
}
