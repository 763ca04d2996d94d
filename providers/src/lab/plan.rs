//! What a new world is to look like, and how it is built from that.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::account::{Account, Rights};
use super::cipher::random_password;
use super::domain::{Controller, Domain, FineGrained, Policy, Replica};
use super::engine::{Birth, Server};
use super::labels::Labels;
use super::server_plan::{ConnectorPlan, EntraPlan, ServerPlan, ServicePlan};
use super::vault_books::VaultBooks;
use super::world::{COUNTERS, FIRST_KEY_VERSION, SCHEMA, Scheduler, World};
use crate::port::{Fault, Secret};

const FIRST_PASSWORD_LENGTH: usize = 64;
/// AD's default: 42 days.
const MAXIMUM_AGE_MINUTES: u32 = 42 * 24 * 60;
/// Relative id of the group Domain Admins.
const DOMAIN_ADMINS: u32 = 512;
const STAGING_SERVERS_MAX: u32 = 20;

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
            active_server: "SYNC1".to_owned(),
            staging_servers: 0,
            build: "2.6.92.0".to_owned(),
            open_programs: Vec::new(),
            logon: Logon::Model,
            connector_dc: None,
            first_password: None,
        }
    }

    /// The world and its vault, with one password everywhere.
    pub(super) fn build(&self) -> Result<(World, VaultBooks), Fault> {
        let doing = "making a lab";
        if self.staging_servers > STAGING_SERVERS_MAX {
            return Err(Fault::refused(doing, format!("{} staging servers", self.staging_servers))
                .hint(format!("a lab has at most {STAGING_SERVERS_MAX}")));
        }
        let first = match (&self.first_password, &self.logon) {
            (Some(secret), _) => secret.clone(),
            (None, Logon::Model) => random_password(FIRST_PASSWORD_LENGTH),
            (None, Logon::Ldaps { .. }) => {
                return Err(Fault::refused(doing, "the engine's first password is not given")
                    .hint("servers that bind to a real directory need the account's password there from the start"));
            }
        };
        let mut labels = Labels::new();
        labels.see(&self.account, &first);
        let mut vault = VaultBooks::default();
        let domain = if self.logon == Logon::Model { Some(self.domain(&mut labels, &first)?) } else { None };
        if domain.is_some() {
            vault.adopt(&self.account, &first)?;
        }
        let mut servers = Vec::new();
        for number in 1..=self.staging_servers + 1 {
            servers.push(self.server(number, domain.as_ref(), &first, &mut labels)?);
        }
        let next_process_id = servers.iter().map(|server| server.service.process_id).max().unwrap_or(0) + 4;
        let world = World {
            schema: SCHEMA,
            begun_at: None,
            last_at: None,
            accounts: vec![self.account.clone()],
            labels,
            domain,
            scheduler: Scheduler::new(),
            servers,
            next_process_id,
            counters: COUNTERS.iter().map(|counter| ((*counter).to_owned(), 0)).collect(),
        };
        Ok((world, vault))
    }

    fn domain(&self, labels: &mut Labels, first: &Secret) -> Result<Domain, Fault> {
        let components = self.forest.split('.').map(|label| format!("DC={label}")).collect::<Vec<_>>().join(",");
        let policy = Policy {
            length_min: self.length_min,
            complexity: true,
            lockout_threshold: self.lockout_threshold,
            lockout_minutes: 15,
            history_length: self.history_length,
            minimum_age_minutes: self.minimum_age_minutes,
            maximum_age_minutes: MAXIMUM_AGE_MINUTES,
        };
        let fine_grained = self.fine_grained.iter().map(|plan| FineGrained {
            name: plan.name.clone(),
            policy: Policy { length_min: plan.length_min, lockout_threshold: plan.lockout_threshold, ..policy.clone() },
        });
        let connector = Account {
            fine_grained: self.fine_grained.as_ref().map(|plan| plan.name.clone()),
            ..Account::new(
                &self.account,
                format!("CN={},OU=Entra Connect,{components}", self.account),
                &self.display_name,
            )
        };
        let mut accounts = vec![connector];
        let mut replicas = BTreeMap::from([(self.account.clone(), first_replica(labels.see(&self.account, first)))]);
        for more in &self.more_accounts {
            if accounts.iter().any(|known| known.name.eq_ignore_ascii_case(&more.name)) {
                return Err(Fault::refused("making a lab", format!("two accounts would be named {}", more.name))
                    .hint("give each account a name of its own"));
            }
            let dn = format!("CN={},CN=Users,{components}", more.name);
            let groups = if more.rights.administrator { vec![DOMAIN_ADMINS] } else { Vec::new() };
            accounts.push(Account { rights: more.rights.clone(), groups, ..Account::new(&more.name, dn, "") });
            replicas.insert(more.name.clone(), first_replica(labels.see(&more.name, &more.password)));
        }
        let hosts = if self.controller_hosts.is_empty() {
            let count = if self.single_dc { 1 } else { 2 };
            (1..=count).map(|number| format!("dc{number}.{}", self.forest)).collect()
        } else {
            self.controller_hosts.clone()
        };
        let controllers = hosts.into_iter().enumerate().map(|(at, host)| Controller {
            host,
            pdc: at == 0,
            lag_ms: self.lag_ms,
            replicas: replicas.clone(),
            inbound: Vec::new(),
        });
        Ok(Domain {
            forest: self.forest.clone(),
            controllers: controllers.collect(),
            fine_grained: fine_grained.collect(),
            child: self.child_domain.as_ref().map(|label| format!("{label}.{}", self.forest)),
            policy,
            accounts,
        })
    }

    fn server(
        &self,
        number: u32,
        domain: Option<&Domain>,
        first: &Secret,
        labels: &mut Labels,
    ) -> Result<Server, Fault> {
        let name = if number == 1 { self.active_server.clone() } else { format!("SYNC{number}") };
        if number > 1 && name == self.active_server {
            return Err(Fault::refused("making a lab", format!("two servers would be named {name}"))
                .hint("give the active server another name"));
        }
        let plan = ServerPlan {
            name,
            staging: number > 1,
            build: self.build.clone(),
            service: ServicePlan::Virtual,
            connectors: vec![ConnectorPlan {
                forest: self.forest.clone(),
                account: self.account.clone(),
                user: self.engine_user.clone(),
                domain: self.forest.clone(),
                dc: self.connector_dc.clone(),
                alternate_credentials: Vec::new(),
            }],
            entra: EntraPlan::ServiceAccount,
            open_programs: if number == 1 { self.open_programs.clone() } else { Vec::new() },
            upgrading: false,
        };
        let last_dc = domain.and_then(|domain| domain.controllers.last()).map(|controller| controller.host.clone());
        let tenant = format!("{}.onmicrosoft.com", self.forest.split('.').next().unwrap_or("contoso"));
        let birth = Birth {
            process_id: 3100 + 4 * number,
            password: &|account| (account == self.account).then(|| first.clone()),
            connector_dc: self.logon.host().or(last_dc),
            tenant: &tenant,
            logon: self.logon.clone(),
        };
        Server::new(&plan, &birth, labels)
    }
}

fn first_replica(digest: String) -> Replica {
    Replica { key_version: FIRST_KEY_VERSION, password_last_set: 0, history: vec![digest], wrong_count: 0, wrong_at: 0 }
}
