use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fault, Secret};

/// What a Connect server is and does now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// The server's name, as configured.
    pub server: String,
    /// File version of miiserver.exe.
    pub build: String,
    /// Staging servers import and compute but export nothing.
    pub staging: bool,
    /// The Windows service `ADSync`.
    pub service: ServiceFacts,
    /// The sync scheduler.
    pub scheduler: SyncScheduler,
    /// The connectors, AD and Entra.
    pub connectors: Vec<ConnectorFacts>,
    /// Programs open on the server that hold the configuration: `AzureADConnect.exe`, `miisclient.exe`.
    pub open_programs: Vec<String>,
}

/// The Windows service `ADSync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFacts {
    /// The account it runs as (StartName).
    pub account: String,
    /// `running`, `stopped`, `start-pending`, `stop-pending`.
    pub state: String,
    /// Process id; 0 when stopped. With `started_at` it tells one run of the service from another.
    pub process_id: u32,
    /// When that process was created.
    pub started_at: Option<Timestamp>,
}

/// What `Get-ADSyncScheduler` and `Get-ADSyncConnectorRunStatus` say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncScheduler {
    /// SyncCycleEnabled. Lies in Entra ID: one setting for the tenant.
    pub enabled: bool,
    /// SchedulerSuspended.
    pub suspended: bool,
    /// A cycle or a single connector runs now.
    pub cycle_running: bool,
    /// NextSyncCycleStartTimeInUTC; `None` when none is planned.
    pub next_cycle_at: Option<Timestamp>,
}

/// The two kinds of connector that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectorKind {
    /// To an Active Directory forest.
    ActiveDirectory,
    /// To Entra ID.
    Entra,
}

/// A connector as its server describes it. The stored password can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorFacts {
    /// The connector's name; for AD usually the forest's name.
    pub name: String,
    /// Its identifier.
    pub id: String,
    /// AD or Entra.
    pub kind: ConnectorKind,
    /// The account it binds as: forest-login-user.
    pub user: String,
    /// forest-login-domain.
    pub domain: String,
    /// The domain controller it uses, when the server can tell.
    pub dc: Option<String>,
    /// LastModificationTime.
    pub modified_at: Option<Timestamp>,
    /// Version: moves with every change of the connector.
    pub version: i64,
}

/// How sync is kept out of the way while the password changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuiesceMode {
    /// Write nothing: start only in a gap that is long enough.
    Gap,
    /// Turn SyncCycleEnabled off, for the whole tenant, and back on.
    Disable,
}

/// What a test sync gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofFacts {
    /// The connector.
    pub connector: String,
    /// The run's result as the engine words it: `success`, `completed-import-errors`, `no-start-credentials` …
    pub result: String,
    /// `(step, result)` of every step of the run profile, in order: since build 1.1.484 a failed step is
    /// skipped, so the run's result alone is not enough.
    pub steps: Vec<(String, String)>,
    /// When the run ended.
    pub at: Timestamp,
}

/// A server that runs Entra Connect Sync, reached locally or from afar, or its model.
#[async_trait]
pub trait ConnectServer: Send + Sync {
    /// The server's name, as configured.
    fn name(&self) -> &str;

    /// What the server is and does now.
    async fn describe(&self) -> Result<ServerFacts, Fault>;

    /// Sets SyncCycleEnabled.
    async fn set_scheduler(&self, enabled: bool) -> Result<(), Fault>;

    /// Gives the sync engine the password that `connector` binds with. The running engine goes on with
    /// the old one until the service restarts.
    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault>;

    /// Restarts the service and waits, with a limit, until it runs again.
    async fn restart(&self) -> Result<(), Fault>;

    /// Runs a Delta Import on `connector` and waits, with a limit, for its result. A run that ended is
    /// `Ok`, whatever its result; `Err` means that no run came about or that its result is not known.
    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault>;
}
