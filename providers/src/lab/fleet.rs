//! A fleet: many sites, each a lab in memory of its own, that look like one domain with many Connect servers.
//!
//! A request costs what its site costs, however many sites there are, and sites don't wait for each other. What one
//! site's servers share (the domain controllers' clocks and lag, a tenant with its scheduler's switch) ends at the
//! site.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::account_truth::Truth;
use super::domain::FIRST_RELATIVE_ID;
use super::fleet_ports::{FleetDirectory, FleetVault};
use super::lab_account::LabAccount;
use super::lab_handle::{Lab, LabSetting};
use super::plan::WorldPlan;
use super::server_plan::{ConnectorPlan, ServerPlan, ServicePlan};
use crate::port::{ConnectServer, Directory, Fault, Vault};

const DOING: &str = "making a fleet";

/// What a new fleet is to look like.
#[derive(Clone, Debug)]
pub struct FleetPlan {
    /// How many sites, each with one Connect server: `SITE000`, `SITE001` …
    pub sites: usize,
    /// How many accounts each site has: `site017-a1`, `site017-a2` …, each of an AD connector of its server.
    pub accounts_per_site: usize,
    /// Whether each site's last account is the one that its server's service runs as, instead.
    pub service_accounts: bool,
    /// What all sites have in common: the forest, its domain controllers, their lag and policy, the build. Its accounts
    /// and servers are not looked at.
    pub base: WorldPlan,
}

impl FleetPlan {
    /// So many sites with so many connector accounts each, otherwise as the default world.
    pub fn new(sites: usize, accounts_per_site: usize) -> Self {
        Self { sites, accounts_per_site, service_accounts: false, base: WorldPlan::default_world() }
    }

    /// What one site is to look like.
    pub fn site(&self, number: usize) -> WorldPlan {
        let mut names: Vec<String> =
            (1..=self.accounts_per_site).map(|account| format!("site{number:03}-a{account}")).collect();
        let service = if self.service_accounts { names.pop() } else { None };
        let base = WorldPlan {
            account: names.first().cloned().unwrap_or_default(),
            engine_user: names.first().cloned().unwrap_or_default(),
            // Room for each account's own, so that no two of the fleet's are the same.
            first_relative_id: u32::try_from(number.saturating_mul(self.accounts_per_site))
                .map_or(u32::MAX, |before| FIRST_RELATIVE_ID.saturating_add(before)),
            ..self.base.clone()
        };
        let server_name = format!("SITE{number:03}");
        let forests = std::iter::once(base.forest.clone()).chain((2..).map(|forest| format!("forest{forest}.test")));
        let connectors = names.iter().zip(forests).map(|(name, forest)| ConnectorPlan {
            account: name.clone(),
            user: name.clone(),
            ..base.connector(&forest)
        });
        let connectors = connectors.collect();
        let mut accounts: Vec<LabAccount> =
            names.iter().map(|name| LabAccount::connector(name, &[&server_name])).collect();
        let mut server = ServerPlan { connectors, ..base.server(&server_name, false) };
        if let Some(name) = service {
            let netbios = base.forest.split('.').next().unwrap_or_default().to_uppercase();
            let start_name = format!(r"{netbios}\{name}");
            accounts.push(LabAccount::service(&name, &start_name, &[&server_name]));
            server.service = ServicePlan::Domain { start_name, account: name };
        }
        WorldPlan { active_server: server_name, staging_servers: 0, servers: vec![server], accounts, ..base }
    }
}

/// Sites behind one vault, one directory and many servers. Clones share the sites.
#[derive(Clone)]
pub struct Fleet {
    pub(super) sites: Arc<Sites>,
}

/// The sites, and which of them knows a name.
pub(super) struct Sites {
    labs: Vec<Lab>,
    /// By sAMAccountName (the name in the vault too) and by distinguished name, in lower case.
    of_name: BTreeMap<String, usize>,
}

impl Fleet {
    /// A new fleet in memory.
    pub fn in_memory(plan: &FleetPlan, setting: &LabSetting) -> Result<Self, Fault> {
        let connectors = plan.accounts_per_site.saturating_sub(usize::from(plan.service_accounts));
        if plan.sites == 0 || connectors == 0 {
            return Err(Fault::refused(DOING, "it has no site, or its sites have no connector")
                .hint("give it one site or more, and each one connector account or more"));
        }
        let (mut labs, mut of_name) = (Vec::with_capacity(plan.sites), BTreeMap::new());
        for number in 0..plan.sites {
            let lab = Lab::in_memory(&plan.site(number), setting.clone())?;
            for name in lab.names()? {
                of_name.insert(name.to_lowercase(), number);
            }
            labs.push(lab);
        }
        Ok(Self { sites: Arc::new(Sites { labs, of_name }) })
    }

    /// The vault of all sites.
    pub fn vault(&self) -> Arc<dyn Vault> {
        Arc::new(FleetVault { sites: Arc::clone(&self.sites) })
    }

    /// The directory of all sites.
    pub fn directory(&self) -> Arc<dyn Directory> {
        Arc::new(FleetDirectory { sites: Arc::clone(&self.sites) })
    }

    /// Every server, by its name.
    pub fn servers(&self) -> BTreeMap<String, Arc<dyn ConnectServer>> {
        let servers =
            self.sites.labs.iter().flat_map(|lab| {
                lab.server_names().into_iter().filter_map(|name| Some((name.clone(), lab.server(&name)?)))
            });
        servers.collect()
    }

    /// Every account, site by site.
    pub fn accounts(&self) -> Vec<LabAccount> {
        self.sites.labs.iter().flat_map(Lab::accounts).collect()
    }

    /// The sites' labs, for whoever interferes with one.
    pub fn sites(&self) -> &[Lab] {
        &self.sites.labs
    }

    /// The site of an account.
    pub fn site_of(&self, account: &str) -> Option<&Lab> {
        self.sites.of_name.get(&account.to_lowercase()).map(|&number| &self.sites.labs[number])
    }

    /// [`Lab::truth`] at the account's site.
    pub fn truth(&self, account: &str) -> Result<Truth, Fault> {
        self.sites.lab(account).truth(account)
    }
}

impl Sites {
    /// The site that knows a name: a distinguished name, `user`, `DOMAIN\user` or `user@domain`. For one that nobody
    /// knows it is the first site, whose answer is as good as any.
    pub(super) fn lab(&self, name: &str) -> &Lab {
        let lowered = name.to_lowercase();
        let user = || lowered.split_once('\\').map_or(lowered.as_str(), |(_, user)| user);
        let user = || user().split_once('@').map_or_else(user, |(user, _)| user);
        let number = self.of_name.get(&lowered).or_else(|| self.of_name.get(user()));
        &self.labs[number.copied().unwrap_or_default()]
    }

    pub(super) fn len(&self) -> usize {
        self.labs.len()
    }
}

impl Lab {
    /// The names and distinguished names of its accounts.
    fn names(&self) -> Result<Vec<String>, Fault> {
        self.books(|books| {
            let accounts = books.world.domain(DOING)?.accounts.iter();
            Ok(accounts.flat_map(|account| [account.name.clone(), account.dn.clone()]).collect())
        })
    }
}
