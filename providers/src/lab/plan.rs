//! What a new world is to look like.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::account::Rights;
use super::cipher::{random_hex, random_password};
use super::domain::FIRST_RELATIVE_ID;
use super::lab_account::LabAccount;
use super::server_plan::{ConnectorPlan, EntraPlan, ServerPlan, ServicePlan};
use crate::port::Secret;

pub(super) const FIRST_PASSWORD_LENGTH: usize = 64;

/// Where a model server binds when its engine imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Logon {
    /// To the model directory of the same world.
    Model,
    /// To a real directory over LDAPS.
    Ldaps {
        /// `ldaps://HOST[:PORT]`
        url: String,
        /// The certificate authorities to trust, in PEM form; `None` = the machine's own.
        ca_file: Option<PathBuf>,
        /// The name to bind with: a distinguished name or a user principal name.
        bind_name: String,
    },
}

impl Logon {
    /// The real domain controller that the server's connectors bind to.
    pub(super) fn host(&self) -> Option<String> {
        let Self::Ldaps { url, .. } = self else { return None };
        let place = url.rsplit("://").next().unwrap_or(url).trim_end_matches('/');
        Some(place.split(':').next().unwrap_or(place).to_owned())
    }
}

/// An account of the model domain besides the connector account.
#[derive(Clone, Debug)]
pub struct AccountPlan {
    /// sAMAccountName.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// What it may do to others.
    pub rights: Rights,
}

impl AccountPlan {
    /// A rotator's account with a random password, which may reset those of `accounts`.
    pub fn rotator(name: &str, accounts: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            password: random_password(FIRST_PASSWORD_LENGTH),
            rights: Rights::rotator(accounts),
        }
    }
}

/// A fine-grained policy that holds for the connector account.
#[derive(Clone, Debug)]
pub struct FineGrainedPlan {
    /// Its name.
    pub name: String,
    /// Shortest password.
    pub length_min: u32,
    /// Wrong passwords before the account locks; 0 = never.
    pub lockout_threshold: u32,
}

/// What a new world is to look like. Start from [`WorldPlan::default_world`] and change what matters.
#[derive(Clone, Debug)]
pub struct WorldPlan {
    /// The forest's DNS name.
    pub forest: String,
    /// The connector account's sAMAccountName; the lab's vault uses the same name.
    pub account: String,
    /// Its displayName, which complexity looks at.
    pub display_name: String,
    /// The name that the engine binds as (forest-login-user), usually the account's.
    pub engine_user: String,
    /// One domain controller instead of two.
    pub single_dc: bool,
    /// Names of the domain controllers, the PDC emulator first: host names, or loopback addresses where nothing
    /// resolves names. Empty = `dc1`, `dc2` in the forest.
    pub controller_hosts: Vec<String>,
    /// How long a change needs to reach the other domain controller.
    pub lag_ms: u32,
    /// Shortest password of the domain.
    pub length_min: u32,
    /// Wrong passwords before the account locks; 0 = never.
    pub lockout_threshold: u32,
    /// How many passwords a change (not a reset) may not go back to.
    pub history_length: u32,
    /// How old a password must be before it may be changed (not reset).
    pub minimum_age_minutes: u32,
    /// A fine-grained policy for the connector account.
    pub fine_grained: Option<FineGrainedPlan>,
    /// More accounts of the domain: the rotator's own, an administrator's.
    pub more_accounts: Vec<AccountPlan>,
    /// The first label of a second domain of the forest, which has no controllers here: it is referred to.
    pub child_domain: Option<String>,
    /// Relative identifier of the domain's first account; the others follow.
    pub first_relative_id: u32,
    /// Name of the server that exports.
    pub active_server: String,
    /// How many staging servers stand beside it, named `SYNC2`, `SYNC3` …
    pub staging_servers: u32,
    /// File version of miiserver.exe on all of them.
    pub build: String,
    /// Programs that are open on the active server: `AzureADConnect.exe`, `miisclient.exe`.
    pub open_programs: Vec<String>,
    /// Where the servers bind. With a real directory the world has no model directory and nothing in its vault.
    pub logon: Logon,
    /// The domain controller that the connectors name. `None` = the last one of the model; with a real
    /// directory none is named.
    pub connector_dc: Option<String>,
    /// The first password, which all parts of the world hold. `None` = a random one; with a real directory
    /// it is required, because the engine must hold the real one.
    pub first_password: Option<Secret>,
    /// The world's name in the table of worlds; empty = it has none.
    pub name: String,
    /// The servers, the active one first. Empty = one active server and `staging_servers`, made from the fields
    /// above.
    pub servers: Vec<ServerPlan>,
    /// What can be rotated. Empty = the account of every connector.
    pub accounts: Vec<LabAccount>,
    /// The connector accounts' descriptions: `(account, text)`. An account named `MSOL_…` without one has what the
    /// wizard writes, with the name of the first server that uses it.
    pub descriptions: Vec<(String, String)>,
    /// Accounts whose first password the vault does not know.
    pub unknown: Vec<String>,
    /// Accounts for which every engine stores another password than the directory has.
    pub broken: Vec<String>,
    /// SyncCycleEnabled.
    pub scheduler_enabled: bool,
    /// SchedulerSuspended.
    pub scheduler_suspended: bool,
    /// How long the cycle that runs when the world is first opened goes on; 0 = none runs.
    pub cycle_left_s: u32,
    /// Faults that are ordered from the start.
    pub faults: Vec<String>,
}

impl WorldPlan {
    /// Forest contoso.test with two domain controllers 200 ms apart, one wizard-made account, one server.
    pub fn default_world() -> Self {
        Self {
            forest: "contoso.test".to_owned(),
            account: "MSOL_1a2b3c4d5e6f".to_owned(),
            display_name: String::new(),
            engine_user: "MSOL_1a2b3c4d5e6f".to_owned(),
            single_dc: false,
            controller_hosts: Vec::new(),
            lag_ms: 200,
            length_min: 7,
            lockout_threshold: 10,
            history_length: 24,
            minimum_age_minutes: 0,
            fine_grained: None,
            more_accounts: Vec::new(),
            child_domain: None,
            first_relative_id: FIRST_RELATIVE_ID,
            active_server: "SYNC1".to_owned(),
            staging_servers: 0,
            build: "2.6.92.0".to_owned(),
            open_programs: Vec::new(),
            logon: Logon::Model,
            connector_dc: None,
            first_password: None,
            name: String::new(),
            servers: Vec::new(),
            accounts: Vec::new(),
            descriptions: Vec::new(),
            unknown: Vec::new(),
            broken: Vec::new(),
            scheduler_enabled: true,
            scheduler_suspended: false,
            cycle_left_s: 0,
            faults: Vec::new(),
        }
    }

    /// A server of this world as installed: it runs under its virtual account, has one connector, and logs on to Entra
    /// ID with a password.
    pub fn server(&self, name: &str, staging: bool) -> ServerPlan {
        ServerPlan {
            name: name.to_owned(),
            staging,
            build: self.build.clone(),
            service: ServicePlan::Virtual,
            connectors: vec![self.connector(&self.forest)],
            entra: EntraPlan::ServiceAccount,
            open_programs: if staging { Vec::new() } else { self.open_programs.clone() },
            upgrading: false,
        }
    }

    /// A connector to a forest, which binds as this world's account.
    pub fn connector(&self, forest: &str) -> ConnectorPlan {
        ConnectorPlan {
            forest: forest.to_owned(),
            account: self.account.clone(),
            user: self.engine_user.clone(),
            domain: self.forest.clone(),
            dc: self.connector_dc.clone(),
            alternate_credentials: Vec::new(),
        }
    }

    /// The tenant that the servers synchronize to.
    pub(super) fn tenant(&self) -> String {
        format!("{}.onmicrosoft.com", self.forest.split('.').next().unwrap_or("contoso"))
    }

    /// The description of a connector account that `server` uses first.
    pub(super) fn description(&self, account: &str, server: &str) -> String {
        if let Some((_, text)) = self.descriptions.iter().find(|(known, _)| known == account) {
            return text.clone();
        }
        wizard_description(account, server, &self.tenant()).unwrap_or_default()
    }
}

/// What the wizard writes about the account that it makes: the account's name goes on with the first twelve digits of
/// the installation identifier. `None` = no account of the wizard's.
pub(super) fn wizard_description(account: &str, server: &str, tenant: &str) -> Option<String> {
    let identifier = account.strip_prefix("MSOL_")?;
    let rest = random_hex(10);
    Some(format!(
        "Account created by Microsoft Azure Active Directory Connect with installation identifier {identifier}{rest} \
         running on computer {server} configured to synchronize to tenant {tenant}. This account must have directory \
         replication permissions in the local Active Directory and write permission on certain attributes to enable \
         Hybrid Deployment."
    ))
}
