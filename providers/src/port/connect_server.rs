use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fault, Secret};

/// What a Connect server is and does now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// The server's name, as configured.
    pub server: String,
    /// Its Windows computer name: what stands before the backslash of a local user.
    pub host: String,
    /// File version of miiserver.exe.
    pub build: String,
    /// Version of the PowerShell module ADSync; empty when it can't be told.
    pub module: String,
    /// Staging servers import and compute but export nothing.
    pub staging: bool,
    /// The Windows service `ADSync`.
    pub service: ServiceFacts,
    /// Whether the sync engine was asked too, which answers only while its service runs. Where it was not, `module`,
    /// `staging`, `scheduler`, `connectors` and `entra` are not known, and say nothing.
    pub engine_answers: bool,
    /// The sync scheduler.
    pub scheduler: SyncScheduler,
    /// The connectors, AD and Entra.
    pub connectors: Vec<ConnectorFacts>,
    /// Programs open on the server that hold the configuration: `AzureADConnect.exe`, `miisclient.exe`.
    pub open_programs: Vec<String>,
    /// Whether a setup or an upgrade of Entra Connect runs.
    pub upgrading: bool,
    /// The domain controller that the server itself logs on at; `None` = it can't tell, or is in no domain.
    pub logon_dc: Option<String>,
    /// How the server's engine logs on to Entra ID (`Get-ADSyncEntraConnectorCredential`); `None` = the build can't tell.
    pub entra: Option<EntraIdentity>,
}

/// How a sync engine logs on to Entra ID: ConnectorIdentityType.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum EntraIdentity {
    /// `ServiceAccount`: a user in the cloud, with a password.
    ServiceAccount {
        /// Its user principal name.
        user: String,
    },
    /// `Application`: application-based authentication (ABA), with a certificate.
    Application {
        /// When the certificate ends; `None` = it can't be told.
        certificate_ends_at: Option<Timestamp>,
        /// Whether Entra Connect renews it, rather than an administrator who brought it along.
        managed: bool,
    },
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
    /// Partitions that bind with credentials of their own: `(partition, user)`.
    pub alternate_credentials: Vec<(String, String)>,
    /// LastModificationTime.
    pub modified_at: Option<Timestamp>,
    /// Version: moves with every change of the connector.
    pub version: i64,
}

/// A user of the server's own account database (SAM).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalUserFacts {
    /// Its name.
    pub name: String,
    /// When its password was set. Windows tells an age in whole seconds, so two readings of one set may differ by some.
    pub password_set_at: Timestamp,
    /// The server's clock at the reading.
    pub at: Timestamp,
    /// Reasons not to rotate, as sentences: disabled, locked, expired.
    pub refusals: Vec<String>,
    /// Shortest password that the server's policy allows.
    pub length_min: u32,
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
    /// `(domain controller or service, result)` of every connection that was tried: `success`, `failed-authentication`,
    /// `failed-connection` …
    #[serde(default)]
    pub connections: Vec<(String, String)>,
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

    /// Turns SyncCycleEnabled off. Before that the server plants a one-shot task of its own, which gives it the value
    /// `restore` at `restore_at`, whatever becomes of us. Planted already = the new task keeps its
    /// value, not its time.
    async fn pause_scheduler(&self, restore: bool, restore_at: Timestamp) -> Result<(), Fault>;

    /// Gives SyncCycleEnabled the value `enabled`, and then removes the task that [`pause_scheduler`](Self::pause_scheduler)
    /// planted.
    async fn release_scheduler(&self, enabled: bool) -> Result<(), Fault>;

    /// Gives the sync engine the password that `connector` binds with. The running engine goes on with
    /// the old one until the service restarts.
    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault>;

    /// Gives the Service Control Manager the password of the service's account. `account` is the StartName that
    /// [`describe`](Self::describe) shows; another one = `Refused`. The running service goes on; only the next start
    /// logs on with it.
    async fn set_service_logon(&self, account: &str, secret: &Secret) -> Result<(), Fault>;

    /// A user of the server's own account database, by StartName (`.\user`, `HOST\user`).
    async fn local_user(&self, account: &str) -> Result<LocalUserFacts, Fault>;

    /// Changes a local user's password: the old one is shown, so that its keys (DPAPI) live on. A wrong old one, and
    /// what the server's policy forbids, = `Refused`.
    async fn change_local_password(&self, account: &str, old: &Secret, new: &Secret) -> Result<(), Fault>;

    /// Whether the server accepts the password of a local user. There is no grace for the one before.
    async fn local_logon(&self, account: &str, secret: &Secret) -> Result<bool, Fault>;

    /// Stops the service and waits, with a limit, until it has stopped. Stopped already = `Ok`.
    async fn stop(&self) -> Result<(), Fault>;

    /// Starts the service and waits, with a limit, until it runs. Runs already = `Ok`. A start that failed = `Refused`,
    /// with Windows' error number in the cause (1069: the logon was refused).
    async fn start(&self) -> Result<(), Fault>;

    /// Stops the service and starts it anew; fails as those two do.
    async fn restart(&self) -> Result<(), Fault>;

    /// Whether the password that the engine *stores* for `connector` opens a search in its directory
    /// (`Search-ADSyncDirectoryObjects`). `None` = the build has no such search.
    async fn stored_logon(&self, connector: &str) -> Result<Option<bool>, Fault>;

    /// Runs a Delta Import on `connector` and waits, with a limit, for its result. A run that ended is
    /// `Ok`, whatever its result; `Err` means that no run came about or that its result is not known.
    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault>;

    /// Resets the Entra connector account on both sides (`Add-ADSyncAADServiceAccount`), as the administrator `user`.
    async fn reset_entra_account(&self, user: &str, secret: &Secret) -> Result<(), Fault>;

    /// What the event logs Application and System hold since then of the ADSync service, its directory synchronization
    /// and the service manager: raw event XML, oldest first, at most [`EVENTS_MAX`].
    async fn events(&self, since: Timestamp) -> Result<Vec<String>, Fault>;

    /// The results of the last runs of `connector`, newest first, at most [`RUNS_MAX`].
    async fn runs(&self, connector: &str) -> Result<Vec<ProofFacts>, Fault>;
}

/// Most events that one call of [`ConnectServer::events`] gives: the newest ones.
pub const EVENTS_MAX: usize = 500;

/// Most results that one call of [`ConnectServer::runs`] gives.
pub const RUNS_MAX: usize = 10;
