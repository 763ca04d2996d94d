//! The model of a Connect server: what its sync engine stores, and what the running engine holds in memory.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::builds;
use super::cipher::{self, Sealed, open_password, random_hex, seal_password};
use super::domain::Domain;
use super::entra::Entra;
use super::event_log::ServerEvent;
use super::labels::Labels;
use super::local_users::{LocalPolicy, LocalUser};
use super::plan::Logon;
use super::restore_task::RestoreTask;
use super::server_plan::{ConnectorPlan, ServerPlan, ServicePlan};
use super::service::Service;
use crate::port::{ConnectorFacts, ConnectorKind, Fault, ProofFacts, Secret, ServerFacts, SyncScheduler};

/// The identifier that every Entra connector has.
const ENTRA_CONNECTOR_ID: &str = "b891884f-051e-4a83-95af-2544101c9083";

/// One Connect server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Server {
    /// Its name, which is its Windows computer name too.
    pub(super) name: String,
    pub(super) build: String,
    pub(super) staging: bool,
    pub(super) upgrading: bool,
    pub(super) service: Service,
    /// What the machine itself keeps its secrets under: the service manager's passwords, the service's memory.
    pub(super) machine_key: String,
    pub(super) key_set: KeySet,
    pub(super) connectors: Vec<Connector>,
    pub(super) entra: Entra,
    pub(super) local_users: Vec<LocalUser>,
    pub(super) local_policy: LocalPolicy,
    /// The one-shot task that gives the scheduler's switch back.
    pub(super) restore_task: Option<RestoreTask>,
    pub(super) open_programs: Vec<String>,
    pub(super) events: Vec<ServerEvent>,
    pub(super) last_record: u64,
    /// Where the engine binds.
    pub(super) logon: Logon,
}

/// The engine's key set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeySet {
    /// Under the DPAPI of the service's account: what a start has to open.
    pub(super) protected: Sealed,
    /// The same key under the machine's own, so that the world can tell what is stored, opened or not.
    known: Sealed,
}

impl KeySet {
    pub(super) fn new(protection: &[u8], machine_key: &[u8]) -> Self {
        let key = cipher::new_key();
        Self { protected: cipher::seal(protection, &key), known: cipher::seal(machine_key, &key) }
    }
}

/// A connector. The password it stores and the one that the running engine holds are enciphered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Connector {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) kind: ConnectorKind,
    pub(super) user: String,
    pub(super) domain: String,
    pub(super) dc: Option<String>,
    /// The account under which the world labels this connector's passwords; empty for the one to Entra ID.
    pub(super) account: String,
    pub(super) alternate_credentials: Vec<(String, String)>,
    pub(super) modified_at: Option<Timestamp>,
    pub(super) version: i64,
    pub(super) stored: Option<Sealed>,
    pub(super) cached: Option<Sealed>,
    /// Its last runs, newest first.
    pub(super) runs: Vec<ProofFacts>,
}

/// What a new server needs to know besides its plan.
pub(super) struct Birth<'a> {
    /// Of its service; 0 is taken for a stopped one.
    pub(super) process_id: u32,
    /// The password of an account, by its name in the plan: those of the connectors, and the service's own.
    pub(super) password: &'a dyn Fn(&str) -> Option<Secret>,
    /// Where connectors bind whose plan names no domain controller.
    pub(super) connector_dc: Option<String>,
    /// `contoso.onmicrosoft.com`
    pub(super) tenant: &'a str,
    pub(super) logon: Logon,
}

impl Server {
    /// A server as its plan wants it, running, with every password in its place and seen by `labels`. Its times are
    /// fixed by [`Server::begin`].
    pub(super) fn new(plan: &ServerPlan, birth: &Birth<'_>, labels: &mut Labels) -> Result<Self, Fault> {
        let password = |account: &str| {
            (birth.password)(account).ok_or_else(|| {
                Fault::broken(format!("making the server {}", plan.name), format!("no password is given for {account}"))
            })
        };
        let machine_key = random_hex(32);
        let service = Service::new(&plan.service, birth.process_id);
        let mut local_users = Vec::new();
        let mut own = None;
        if let Some(account) = service.account() {
            let secret = password(account)?;
            let digest = labels.see(account, &secret);
            if let ServicePlan::Local { user, .. } = &plan.service {
                local_users.push(LocalUser::new(user, digest));
            }
            own = Some(secret);
        }
        let mut server = Self {
            name: plan.name.clone(),
            build: plan.build.clone(),
            staging: plan.staging,
            upgrading: plan.upgrading,
            key_set: KeySet::new(&[], machine_key.as_bytes()),
            service,
            connectors: Vec::new(),
            entra: Entra::Application { days_left: 0, ends_at: None, managed: true },
            local_users,
            local_policy: LocalPolicy::default(),
            restore_task: None,
            open_programs: plan.open_programs.clone(),
            events: Vec::new(),
            last_record: 0,
            logon: birth.logon.clone(),
            machine_key,
        };
        if let Some(secret) = &own {
            server.keep_scm_password(secret);
        }
        let epoch = server.first_epoch(labels)?;
        server.renew_key_set(&epoch);
        let key = server.key()?;
        for connector in &plan.connectors {
            let secret = password(&connector.account)?;
            labels.see(&connector.account, &secret);
            server.connectors.push(Connector::of_plan(connector, seal_password(&key, &secret), birth));
        }
        let user = format!("Sync_{}_{}@{}", plan.name, random_hex(6), birth.tenant);
        server.entra = Entra::new(plan.entra, &user, &key, server.machine_key.as_bytes());
        server.connectors.push(Connector {
            name: format!("{} - AAD", birth.tenant),
            id: ENTRA_CONNECTOR_ID.to_owned(),
            kind: ConnectorKind::Entra,
            user,
            domain: birth.tenant.to_owned(),
            ..Connector::empty()
        });
        Ok(server)
    }

    /// What the service's DPAPI depends on in a world where nobody has changed anything yet.
    fn first_epoch(&self, labels: &Labels) -> Result<String, Fault> {
        let Some(account) = self.service.account() else { return Ok(String::new()) };
        let domain_user = self.local_users.is_empty();
        if domain_user && !builds::key_dies_with_reset(&self.build) {
            return Ok(String::new());
        }
        if domain_user && self.logon != Logon::Model {
            let secret = self.scm_password()?;
            return Ok(secret.map(|secret| labels.digest(account, &secret)).unwrap_or_default());
        }
        Ok("0".to_owned())
    }

    /// Fixes the times: the service has been running since `started_at`, all passwords are from `set_at`.
    pub(super) fn begin(&mut self, now: Timestamp, started_at: Timestamp, set_at: Timestamp) {
        self.service.begin(started_at);
        for connector in &mut self.connectors {
            connector.modified_at = connector.modified_at.or(Some(set_at));
        }
        for user in &mut self.local_users {
            user.password_set_at = user.password_set_at.or(Some(set_at));
        }
        self.entra.begin(now);
    }

    /// What `describe` shows of this server.
    pub(super) fn facts(&self, scheduler: SyncScheduler, domain: Option<&Domain>) -> ServerFacts {
        let connectors = self.connectors.iter().map(|connector| ConnectorFacts {
            name: connector.name.clone(),
            id: connector.id.clone(),
            kind: connector.kind,
            user: connector.user.clone(),
            domain: connector.domain.clone(),
            dc: connector.dc.clone(),
            alternate_credentials: connector.alternate_credentials.clone(),
            modified_at: connector.modified_at,
            version: connector.version,
        });
        ServerFacts {
            server: self.name.clone(),
            host: self.name.clone(),
            build: self.build.clone(),
            // The module comes with the engine and carries its version.
            module: self.build.clone(),
            staging: self.staging,
            service: self.service.facts(),
            // The lab knows its servers whether they run or not.
            engine_answers: true,
            scheduler,
            connectors: connectors.collect(),
            open_programs: self.open_programs.clone(),
            upgrading: self.upgrading,
            logon_dc: self.logon_dc(domain),
            entra: self.entra.facts(&self.build),
        }
    }

    /// The domain controller that the server itself logs on at: the first one, or the real one that it is told to use.
    pub(super) fn logon_dc(&self, domain: Option<&Domain>) -> Option<String> {
        let first = domain.and_then(|domain| domain.controllers.first()).map(|controller| controller.host.clone());
        first.or_else(|| self.logon.host())
    }

    /// The connector of that name, or the server's answer to a wrong one.
    pub(super) fn connector(&self, name: &str, doing: &str) -> Result<&Connector, Fault> {
        self.connectors.iter().find(|connector| connector.name == name).ok_or_else(|| {
            let known = self.connectors.iter().map(|connector| connector.name.as_str()).collect::<Vec<_>>().join(", ");
            Fault::refused(doing, format!("{} has no connector {name}", self.name))
                .hint(format!("its connectors are: {known}"))
        })
    }

    pub(super) fn connector_mut(&mut self, name: &str) -> Option<&mut Connector> {
        self.connectors.iter_mut().find(|connector| connector.name == name)
    }

    /// The engine's key, whether or not the service's account still opens it.
    pub(super) fn key(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        cipher::open(self.machine_key.as_bytes(), &self.key_set.known)
    }

    /// Stores a password. The running engine does not notice, unless it holds none at all.
    pub(super) fn store_password(&mut self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let sealed = seal_password(&self.key()?, secret);
        let runs = self.service.runs();
        if let Some(connector) = self.connector_mut(connector) {
            if runs && connector.cached.is_none() {
                connector.cached = Some(sealed.clone());
            }
            connector.stored = Some(sealed);
        }
        Ok(())
    }

    /// Leaves the traces of a credential change: version, time and, where the build writes it, the audit event.
    pub(super) fn touch(&mut self, connector: &str, now: Timestamp) {
        if let Some(connector) = self.connector_mut(connector) {
            connector.version += 1;
            connector.modified_at = Some(now);
        }
        if builds::at_least(&self.build, builds::AUDIT_MIN) {
            self.log_connector_changed(connector, now);
        }
    }

    /// The password that the running engine binds with; `None` while it is stopped, or when it has none.
    pub(super) fn cached_password(&self, connector: &Connector) -> Result<Option<Secret>, Fault> {
        let key = self.key()?;
        Ok(connector.cached.as_ref().map(|sealed| open_password(&key, sealed)).transpose()?.flatten())
    }

    /// The password that the engine's database stores; `None` when there is none, or none that its key opens.
    pub(super) fn stored_password(&self, connector: &Connector) -> Result<Option<Secret>, Fault> {
        let key = self.key()?;
        Ok(connector.stored.as_ref().map(|sealed| open_password(&key, sealed)).transpose()?.flatten())
    }
}

impl Connector {
    fn of_plan(plan: &ConnectorPlan, sealed: Sealed, birth: &Birth<'_>) -> Self {
        Self {
            name: plan.forest.clone(),
            id: random_guid(),
            user: plan.user.clone(),
            domain: plan.domain.clone(),
            dc: plan.dc.clone().or_else(|| birth.connector_dc.clone()),
            account: plan.account.clone(),
            alternate_credentials: plan.alternate_credentials.clone(),
            stored: Some(sealed.clone()),
            cached: Some(sealed),
            ..Self::empty()
        }
    }

    fn empty() -> Self {
        Self {
            name: String::new(),
            id: String::new(),
            kind: ConnectorKind::ActiveDirectory,
            user: String::new(),
            domain: String::new(),
            dc: None,
            account: String::new(),
            alternate_credentials: Vec::new(),
            modified_at: None,
            version: 1,
            stored: None,
            cached: None,
            runs: Vec::new(),
        }
    }
}

fn random_guid() -> String {
    let hex = random_hex(16);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
