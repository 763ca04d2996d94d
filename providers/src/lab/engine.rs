//! The model of a Connect server: its service, its connectors, and what the running engine holds in memory.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::cipher::{self, Sealed};
use super::plan::Logon;
use crate::port::{ConnectorFacts, ConnectorKind, Fault, Secret, ServerFacts, ServiceFacts, SyncScheduler};

/// Audit event: the credential of a connector was changed.
pub(super) const EVENT_CREDENTIAL_CHANGED: u32 = 2518;
/// Event: a run could not start because the connector's credential was refused.
pub(super) const EVENT_NO_START_CREDENTIALS: u32 = 6000;
/// How many events a server keeps, the newest ones.
const EVENTS_MAX: usize = 200;

/// One Connect server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) build: String,
    pub(super) staging: bool,
    pub(super) service: Service,
    /// What Windows manages as the password of the service's account.
    pub(super) service_password: String,
    /// The engine's key, enciphered under what the service's password gives.
    pub(super) key_set: Sealed,
    pub(super) connectors: Vec<Connector>,
    pub(super) open_programs: Vec<String>,
    pub(super) events: Vec<ServerEvent>,
    /// Where the engine binds.
    pub(super) logon: Logon,
}

/// The Windows service `ADSync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) account: String,
    pub(super) state: String,
    pub(super) process_id: u32,
    pub(super) started_at: Option<Timestamp>,
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
    /// The account under which the world labels this connector's passwords.
    pub(super) account: String,
    pub(super) modified_at: Option<Timestamp>,
    pub(super) version: i64,
    pub(super) stored: Option<Sealed>,
    pub(super) cached: Option<Sealed>,
}

/// An entry in the server's Application log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerEvent {
    pub(super) at: Timestamp,
    pub(super) id: u32,
    pub(super) connector: String,
}

/// A fresh key set: the password that protects it and the enciphered key.
pub(super) fn new_key_set() -> (String, Sealed) {
    let service_password = cipher::random_hex(32);
    let key_set = cipher::seal(&protection(&service_password), &cipher::new_key());
    (service_password, key_set)
}

fn protection(service_password: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Sha256::digest(service_password).to_vec())
}

impl Server {
    /// What `describe` shows of this server.
    pub(super) fn facts(&self, scheduler: SyncScheduler) -> ServerFacts {
        let connectors = self.connectors.iter().map(|connector| ConnectorFacts {
            name: connector.name.clone(),
            id: connector.id.clone(),
            kind: connector.kind,
            user: connector.user.clone(),
            domain: connector.domain.clone(),
            dc: connector.dc.clone(),
            alternate_credentials: Vec::new(),
            modified_at: connector.modified_at,
            version: connector.version,
        });
        ServerFacts {
            server: self.name.clone(),
            host: self.name.clone(),
            module: String::new(),
            upgrading: false,
            logon_dc: None,
            entra: None,
            build: self.build.clone(),
            staging: self.staging,
            service: ServiceFacts {
                account: self.service.account.clone(),
                state: self.service.state.clone(),
                process_id: self.service.process_id,
                started_at: self.service.started_at,
            },
            scheduler,
            connectors: connectors.collect(),
            open_programs: self.open_programs.clone(),
        }
    }

    /// The connector of that name, or the server's answer to a wrong one.
    pub(super) fn connector(&self, name: &str, doing: &str) -> Result<&Connector, Fault> {
        let known = self.connectors.iter().map(|connector| connector.name.as_str()).collect::<Vec<_>>().join(", ");
        self.connectors.iter().find(|connector| connector.name == name).ok_or_else(|| {
            Fault::refused(doing, format!("{} has no connector {name}", self.name))
                .hint(format!("its connectors are: {known}"))
        })
    }

    fn connector_mut(&mut self, name: &str) -> Option<&mut Connector> {
        self.connectors.iter_mut().find(|connector| connector.name == name)
    }

    /// The engine's key, as the service gets it at its start.
    pub(super) fn key(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        cipher::open(&protection(&self.service_password), &self.key_set)
    }

    /// Stores a password. The running engine does not notice.
    pub(super) fn store_password(&mut self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let sealed = cipher::seal(&self.key()?, secret.expose().as_bytes());
        if let Some(connector) = self.connector_mut(connector) {
            connector.stored = Some(sealed);
        }
        Ok(())
    }

    /// Leaves the traces of a credential change: version, time and audit event.
    pub(super) fn touch(&mut self, connector: &str, now: Timestamp) {
        if let Some(connector) = self.connector_mut(connector) {
            connector.version += 1;
            connector.modified_at = Some(now);
        }
        self.log_event(EVENT_CREDENTIAL_CHANGED, connector, now);
    }

    /// The service stops and starts: a new process, which reads what is stored.
    pub(super) fn restart(&mut self, process_id: u32, now: Timestamp) {
        let earliest = self.service.started_at.and_then(|at| at.checked_add(SignedDuration::from_millis(1)).ok());
        self.service.state = "running".to_owned();
        self.service.process_id = process_id;
        self.service.started_at = Some(earliest.map_or(now, |earliest| earliest.max(now)));
        for connector in &mut self.connectors {
            connector.cached = connector.stored.clone();
        }
    }

    /// The password that the running engine binds with.
    pub(super) fn cached_password(&self, connector: &Connector) -> Result<Option<Secret>, Fault> {
        let key = self.key()?;
        connector.cached.as_ref().map(|sealed| cipher::open_password(&key, sealed)).transpose()
    }

    /// The password that the engine's database stores.
    pub(super) fn stored_password(&self, connector: &Connector) -> Result<Option<Secret>, Fault> {
        let key = self.key()?;
        connector.stored.as_ref().map(|sealed| cipher::open_password(&key, sealed)).transpose()
    }

    pub(super) fn log_event(&mut self, id: u32, connector: &str, at: Timestamp) {
        self.events.push(ServerEvent { at, id, connector: connector.to_owned() });
        let surplus = self.events.len().saturating_sub(EVENTS_MAX);
        self.events.drain(..surplus);
    }
}
