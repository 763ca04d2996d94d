use std::collections::BTreeMap;
use std::sync::Arc;

use providers::port::QuiesceMode;

use crate::diagnosis::OwnChanges;
use crate::rotation::{EngineMethod, EntraAdministrator, Limits};

/// What kind of account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// An AD DS connector account.
    Connector,
    /// The account that the ADSync service runs as.
    Service,
    /// The Entra connector account.
    Entra,
    /// The rotator's own.
    Own,
}

/// What is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new password, with the way back to the old one.
    Rotate,
    /// A fresh password everywhere, whatever the one in use is.
    Repair,
    /// The password in use, given to the engine once more.
    Rehearse,
    /// A password that a person knows, into the vault.
    Adopt,
}

/// Another account of the configuration whose password a connector holds.
#[derive(Clone, Debug)]
pub struct Escrow {
    /// How the directory finds it.
    pub locator: String,
    /// Its name in the vault.
    pub vault_name: String,
    /// The servers that it is configured for.
    pub servers: Vec<String>,
}

/// A rehearsal that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// On which build.
    pub build: String,
    /// With which version of the module ADSync.
    pub module: String,
    /// By which method.
    pub method: EngineMethod,
}

/// What somebody wants done, and how.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The account's name in the configuration.
    pub account: String,
    /// What kind it is.
    pub kind: AccountKind,
    /// What is to be done.
    pub purpose: Purpose,
    /// How the directory finds it: sAMAccountName, user principal name or distinguished name; of a service account the
    /// StartName.
    pub locator: String,
    /// Its name in the vault.
    pub vault_name: String,
    /// `(server, connector)`; without a connector, those that bind as the account are found on the server.
    pub servers: Vec<(String, Option<String>)>,
    /// Password length, where configured.
    pub length: Option<u32>,
    /// How sync is kept out of the way.
    pub quiesce: QuiesceMode,
    /// How the engine is given the password.
    pub engine_method: EngineMethod,
    /// Held rotations that a repair closes.
    pub repairs: Vec<String>,
    /// Go on although there is no old password to go back to.
    pub forward_only: bool,
    /// Go on although the build does not sync any more: for laboratories.
    pub allow_unsupported_build: bool,
    /// Only a look, which asks nobody anything: `plan`.
    pub look_only: bool,
    /// The server whose encryption key may be lost, as a person typed it.
    pub abandon_encryption_key: Option<String>,
    /// The other accounts of the configuration, for the passwords of a server's connectors.
    pub escrow: Arc<[Escrow]>,
    /// Who resets the Entra connector account.
    pub entra_administrator: Option<EntraAdministrator>,
    /// From the journal: the scheduler's value before another rotation paused it that has not released it.
    pub scheduler_owed: Option<bool>,
    /// The same, of the held rotations that a repair closes.
    pub owed_by_repaired: Option<bool>,
    /// From the journal: what was rehearsed.
    pub rehearsed: Vec<Rehearsed>,
    /// From the journal: what we ourselves changed on each server.
    pub own_changes: BTreeMap<String, OwnChanges>,
    /// How often and how long.
    pub limits: Limits,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            account: String::new(),
            kind: AccountKind::Connector,
            purpose: Purpose::Rotate,
            locator: String::new(),
            vault_name: String::new(),
            servers: Vec::new(),
            length: None,
            quiesce: QuiesceMode::Gap,
            engine_method: EngineMethod::ObjectModel,
            repairs: Vec::new(),
            forward_only: false,
            allow_unsupported_build: false,
            look_only: false,
            abandon_encryption_key: None,
            escrow: Arc::default(),
            entra_administrator: None,
            scheduler_owed: None,
            owed_by_repaired: None,
            rehearsed: Vec::new(),
            own_changes: BTreeMap::new(),
            limits: Limits::default(),
        }
    }
}

impl Wish {
    /// Each server once, with the connectors that are named on it; none = those that bind as the account.
    pub fn each_server(&self) -> Vec<(&str, Vec<&str>)> {
        let mut servers: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, connector) in &self.servers {
            let at = servers.iter().position(|(known, _)| known == name).unwrap_or(servers.len());
            if at == servers.len() {
                servers.push((name, Vec::new()));
            }
            servers[at].1.extend(connector.as_deref());
        }
        servers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_named_twice_is_one_server() {
        let entry = |server: &str, connector: Option<&str>| (server.to_owned(), connector.map(str::to_owned));
        let servers = vec![entry("S1", Some("a")), entry("S2", None), entry("S1", Some("b"))];
        let wish = Wish { servers, ..Wish::default() };
        assert_eq!(wish.each_server(), [("S1", vec!["a", "b"]), ("S2", vec![])]);
    }
}
