//! How a new world is built from its plan.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::cipher::random_password;
use super::domain::{Controller, Domain, FineGrained, Policy, Replica};
use super::engine::{Birth, Server};
use super::lab_account::{LabAccount, LabAccountKind};
use super::labels::Labels;
use super::plan::{FIRST_PASSWORD_LENGTH, Logon, WorldPlan};
use super::server_plan::{ServerPlan, ServicePlan};
use super::world::{COUNTERS, FIRST_KEY_VERSION, SCHEMA, Scheduler, World};
use crate::port::{ConnectorKind, Fault, Secret};
use crate::vault_book::VaultBook;

/// The process of the first server's service.
const FIRST_PROCESS_ID: u32 = 3104;
/// AD's default: 42 days.
const MAXIMUM_AGE_MINUTES: u32 = 42 * 24 * 60;
/// Relative id of the group Domain Admins.
const DOMAIN_ADMINS: u32 = 512;
const SERVERS_MAX: usize = 21;
const DOING: &str = "making a lab";

/// The first password of each account, by the account's name.
#[derive(Default)]
struct Passwords {
    known: BTreeMap<String, Secret>,
    /// What every engine stores instead.
    broken: BTreeMap<String, Secret>,
}

impl Passwords {
    fn of(&mut self, account: &str) -> Secret {
        one_of(&mut self.known, account)
    }

    /// What the engines store.
    fn of_engines(&mut self, account: &str, plan: &WorldPlan) -> Secret {
        let broken = plan.broken.iter().any(|broken| broken == account);
        one_of(if broken { &mut self.broken } else { &mut self.known }, account)
    }
}

fn one_of(passwords: &mut BTreeMap<String, Secret>, account: &str) -> Secret {
    let password = passwords.entry(account.to_owned());
    password.or_insert_with(|| random_password(FIRST_PASSWORD_LENGTH)).clone()
}

/// What is being built: the plan with everything made explicit.
struct Site<'p> {
    plan: &'p WorldPlan,
    servers: Vec<ServerPlan>,
    accounts: Vec<LabAccount>,
    passwords: Passwords,
}

impl WorldPlan {
    /// The world and its vault: for each account one password everywhere, unless the plan says otherwise.
    pub(super) fn build(&self) -> Result<(World, VaultBook), Fault> {
        let mut site = Site::new(self)?;
        let mut labels = Labels::new();
        let domain = if self.logon == Logon::Model { Some(site.domain(&mut labels)?) } else { None };
        let mut servers = Vec::new();
        for number in 0..site.servers.len() {
            servers.push(site.server(number, domain.as_ref(), &mut labels)?);
        }
        let vault = if domain.is_some() { site.vault(&mut labels)? } else { VaultBook::default() };
        site.name_entra_accounts(&servers);
        let next_process_id = servers.iter().map(|server| server.service.process_id).max().unwrap_or(0) + 4;
        let world = World {
            schema: SCHEMA,
            name: self.name.clone(),
            begun_at: None,
            last_at: None,
            accounts: site.accounts,
            labels,
            domain,
            scheduler: Scheduler {
                enabled: self.scheduler_enabled,
                suspended: self.scheduler_suspended,
                first_cycle_left_s: self.cycle_left_s,
                ..Scheduler::new()
            },
            servers,
            next_process_id,
            counters: COUNTERS.iter().map(|counter| ((*counter).to_owned(), 0)).collect(),
        };
        Ok((world, vault))
    }

    fn servers_made_explicit(&self) -> Vec<ServerPlan> {
        if !self.servers.is_empty() {
            return self.servers.clone();
        }
        let staging = (2..=self.staging_servers.saturating_add(1)).map(|number| format!("SYNC{number}"));
        let staging = staging.take(SERVERS_MAX).map(|name| self.server(&name, true));
        std::iter::once(self.server(&self.active_server, false)).chain(staging).collect()
    }
}

impl<'p> Site<'p> {
    fn new(plan: &'p WorldPlan) -> Result<Self, Fault> {
        let servers = plan.servers_made_explicit();
        if servers.len() >= SERVERS_MAX {
            return Err(Fault::refused(DOING, format!("{} servers", servers.len()))
                .hint(format!("a lab has less than {SERVERS_MAX}")));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = servers.iter().find(|server| !names.insert(&server.name)) {
            return Err(Fault::refused(DOING, format!("two servers would be named {}", twice.name))
                .hint("give the active server another name"));
        }
        let mut passwords = Passwords::default();
        match (&plan.first_password, &plan.logon) {
            (Some(secret), _) => {
                passwords.known.insert(plan.account.clone(), secret.clone());
            }
            (None, Logon::Model) => {}
            (None, Logon::Ldaps { .. }) => {
                return Err(Fault::refused(DOING, "the engine's first password is not given")
                    .hint("servers that bind to a real directory need the account's password there from the start"));
            }
        }
        let accounts = if plan.accounts.is_empty() { connector_accounts(&servers) } else { plan.accounts.clone() };
        for account in &accounts {
            let stranger = account.servers.iter().find(|used| !names.contains(used));
            if let Some(server) = stranger {
                return Err(Fault::refused(DOING, format!("account {} names no server: {server}", account.name))
                    .hint("name servers that the lab has"));
            }
            if account.name != account.vault_name {
                return Err(Fault::refused(DOING, format!("account {} has another name in the vault", account.name))
                    .hint("give it one name: the lab labels its passwords by it"));
            }
        }
        Ok(Self { plan, servers, accounts, passwords })
    }

    fn domain(&mut self, labels: &mut Labels) -> Result<Domain, Fault> {
        let plan = self.plan;
        let components = plan.forest.split('.').map(|label| format!("DC={label}")).collect::<Vec<_>>().join(",");
        let policy = Policy {
            length_min: plan.length_min,
            complexity: true,
            lockout_threshold: plan.lockout_threshold,
            lockout_minutes: 15,
            history_length: plan.history_length,
            minimum_age_minutes: plan.minimum_age_minutes,
            maximum_age_minutes: MAXIMUM_AGE_MINUTES,
        };
        let fine_grained = plan.fine_grained.iter().map(|fine| FineGrained {
            name: fine.name.clone(),
            policy: Policy { length_min: fine.length_min, lockout_threshold: fine.lockout_threshold, ..policy.clone() },
        });
        let mut accounts: Vec<Account> = Vec::new();
        let mut replicas = BTreeMap::new();
        for (name, unit) in self.names_in_the_directory() {
            let main = name == plan.account;
            let first_user = self.servers.iter().find(|server| server.connectors.iter().any(|it| it.account == name));
            let description = first_user.map(|server| plan.description(&name, &server.name));
            accounts.push(Account {
                fine_grained: plan.fine_grained.as_ref().filter(|_| main).map(|fine| fine.name.clone()),
                description: description.unwrap_or_default(),
                ..Account::new(
                    &name,
                    format!("CN={},{unit},{components}", name.trim_end_matches('$')),
                    if main { &plan.display_name } else { "" },
                )
            });
            let password = self.passwords.of(&name);
            replicas.insert(name.clone(), first_replica(labels.see(&name, &password)));
        }
        for more in &plan.more_accounts {
            if accounts.iter().any(|known| known.name.eq_ignore_ascii_case(&more.name)) {
                return Err(Fault::refused(DOING, format!("two accounts would be named {}", more.name))
                    .hint("give each account a name of its own"));
            }
            let dn = format!("CN={},CN=Users,{components}", more.name);
            let groups = if more.rights.administrator { vec![DOMAIN_ADMINS] } else { Vec::new() };
            accounts.push(Account { rights: more.rights.clone(), groups, ..Account::new(&more.name, dn, "") });
            replicas.insert(more.name.clone(), first_replica(labels.see(&more.name, &more.password)));
        }
        let hosts = if plan.controller_hosts.is_empty() {
            let count = if plan.single_dc { 1 } else { 2 };
            (1..=count).map(|number| format!("dc{number}.{}", plan.forest)).collect()
        } else {
            plan.controller_hosts.clone()
        };
        let controllers = hosts.into_iter().enumerate().map(|(at, host)| Controller {
            host,
            pdc: at == 0,
            lag_ms: plan.lag_ms,
            replicas: replicas.clone(),
            inbound: Vec::new(),
        });
        Ok(Domain {
            forest: plan.forest.clone(),
            controllers: controllers.collect(),
            fine_grained: fine_grained.collect(),
            child: plan.child_domain.as_ref().map(|label| format!("{label}.{}", plan.forest)),
            policy,
            accounts,
            first_relative_id: plan.first_relative_id,
        })
    }

    /// Every account of the directory that the servers or the plan's accounts name, and where it lies. This world's
    /// account is always the first.
    fn names_in_the_directory(&self) -> Vec<(String, &'static str)> {
        let connectors = self.servers.iter().flat_map(|server| &server.connectors);
        let connectors = std::iter::once(&self.plan.account).chain(connectors.map(|connector| &connector.account));
        let connectors = connectors.map(|name| (name.clone(), "OU=Entra Connect"));
        let running = self.servers.iter().filter_map(|server| match &server.service {
            ServicePlan::Domain { account, .. } => Some(account.clone()),
            ServicePlan::Managed(start_name) => self.domain_user(start_name),
            ServicePlan::Virtual | ServicePlan::Local { .. } => None,
        });
        let configured = self.accounts.iter().filter_map(|account| match account.kind {
            LabAccountKind::Service => self.domain_user(&account.locator),
            LabAccountKind::Connector => Some(account.locator.clone()),
            LabAccountKind::Entra => None,
        });
        let services = running.chain(configured).map(|name| {
            let unit = if name.ends_with('$') { "CN=Managed Service Accounts" } else { "OU=Service Accounts" };
            (name, unit)
        });
        let mut seen = BTreeSet::new();
        connectors.chain(services).filter(|(name, _)| seen.insert(name.to_lowercase())).collect()
    }

    /// The sAMAccountName in a StartName of the model domain: `CONTOSO\user` or `user@contoso.test`.
    fn domain_user(&self, start_name: &str) -> Option<String> {
        let forest = &self.plan.forest;
        let netbios = forest.split('.').next().unwrap_or_default();
        let (user, domain) =
            start_name.split_once('\\').map(|(domain, user)| (user, domain)).or_else(|| start_name.split_once('@'))?;
        [netbios, forest].iter().any(|known| known.eq_ignore_ascii_case(domain)).then(|| user.to_owned())
    }

    /// The vault: what it knows of each account, and the administrators' passwords.
    fn vault(&mut self, labels: &mut Labels) -> Result<VaultBook, Fault> {
        let mut vault = VaultBook::default();
        for account in &self.accounts {
            let first = self.passwords.known.get(&account.name);
            if let Some(first) =
                first.filter(|_| !self.plan.unknown.contains(&account.name) && !account.name.ends_with('$'))
            {
                labels.see(&account.name, first);
                vault.adopt(&account.vault_name, first)?;
            }
            if let Some(administrator) = &account.admin_vault_name
                && vault.find(administrator, crate::port::Slot::Current).is_none()
            {
                vault.adopt(administrator, &random_password(FIRST_PASSWORD_LENGTH))?;
            }
        }
        Ok(vault)
    }

    /// A server gives its Entra connector account a name when it is set up.
    fn name_entra_accounts(&mut self, servers: &[Server]) {
        for account in self.accounts.iter_mut().filter(|account| account.kind == LabAccountKind::Entra) {
            let server = servers.iter().find(|server| account.servers.first() == Some(&server.name));
            let connectors = server.into_iter().flat_map(|server| &server.connectors);
            if let Some(entra) = connectors.into_iter().find(|connector| connector.kind == ConnectorKind::Entra)
                && account.locator.is_empty()
            {
                account.locator.clone_from(&entra.user);
            }
        }
    }
}

impl Site<'_> {
    fn server(&mut self, number: usize, domain: Option<&Domain>, labels: &mut Labels) -> Result<Server, Fault> {
        let (world, plan) = (self.plan, self.servers[number].clone());
        let mut held = BTreeMap::new();
        match &plan.service {
            ServicePlan::Domain { account: name, .. } | ServicePlan::Local { user: name, .. } => {
                held.insert(name.clone(), self.passwords.of(name));
            }
            ServicePlan::Virtual | ServicePlan::Managed(_) => {}
        }
        for connector in &plan.connectors {
            held.insert(connector.account.clone(), self.passwords.of_engines(&connector.account, world));
        }
        let last_dc = domain.and_then(|domain| domain.controllers.last()).map(|controller| controller.host.clone());
        let tenant = world.tenant();
        let birth = Birth {
            process_id: FIRST_PROCESS_ID + 4 * u32::try_from(number).unwrap_or(0),
            password: &|account| held.get(account).cloned(),
            connector_dc: world.logon.host().or(last_dc),
            tenant: &tenant,
            logon: world.logon.clone(),
        };
        Server::new(&plan, &birth, labels)
    }
}

/// The account of every connector, each with the servers that use it.
fn connector_accounts(servers: &[ServerPlan]) -> Vec<LabAccount> {
    let mut accounts: Vec<LabAccount> = Vec::new();
    for server in servers {
        for connector in &server.connectors {
            let at = accounts.iter().position(|account| account.name == connector.account);
            let at = at.unwrap_or_else(|| {
                accounts.push(LabAccount::connector(&connector.account, &[]));
                accounts.len() - 1
            });
            if !accounts[at].servers.contains(&server.name) {
                accounts[at].servers.push(server.name.clone());
            }
        }
    }
    accounts
}

fn first_replica(digest: String) -> Replica {
    Replica { key_version: FIRST_KEY_VERSION, password_last_set: 0, history: vec![digest], wrong_count: 0, wrong_at: 0 }
}
