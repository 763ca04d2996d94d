use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::conformance::{Able, unable};
use crate::port::{ConnectServer, Secret};

/// How long a call to an adapter may take before the suite says that it has no deadline.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// How the server that a check wants is set up. Its service runs, its scheduler is enabled, and every password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Situation {
    /// As the newest build installs it: the service runs as its virtual account; one AD connector, and the one to Entra
    /// ID, which logs on with a password.
    AsInstalled,
    /// The same, and the service runs as a user of the domain.
    DomainService,
    /// The same, and the service runs as a user of the server.
    LocalService,
    /// A build that can neither search with a stored password nor tell how it logs on to Entra ID.
    OldBuild,
    /// As [`Situation::DomainService`], with letters beyond ASCII in the names of the AD connector and of the service's
    /// account.
    NamesBeyondAscii,
}

/// What a check has to know of a server.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its name, as configured.
    pub server: String,
    /// Its Windows computer name.
    pub host: String,
    /// File version of miiserver.exe.
    pub build: String,
    /// The name of its AD connector.
    pub connector: String,
    /// The account that the connector binds as.
    pub connector_user: String,
    /// The name of its connector to Entra ID.
    pub entra_connector: String,
    /// StartName.
    pub start_name: String,
    /// The password of the AD connector's account.
    pub connector_secret: Secret,
    /// The password of the service's account; `None` = Windows manages it.
    pub service_secret: Option<Secret>,
}

/// Who may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The engine's database, for the AD connector.
    Stored,
    /// The running engine, for the AD connector.
    InMemory,
    /// The service manager, for the service's account.
    ByServiceManager,
    /// The server's own account database, for the user that the service runs as.
    ByLocalUser,
}

/// What can be ordered to go wrong. It lasts, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap<'a> {
    /// The server answers nobody, and does nothing.
    ServerSilent,
    /// The engine refuses a password.
    EngineRefuses,
    /// Somebody else configures the connectors.
    ConnectorBusy,
    /// The service manager refuses a password.
    ServiceManagerRefuses,
    /// The service does not stop.
    StopFails,
    /// The service does not start in time.
    StartFails,
    /// At the next start the service's account has lost the right to log on as a service.
    ServiceRightLost,
    /// The connector's domain controller can't be reached.
    DirectoryAway,
    /// Entra ID refuses the administrator.
    EntraResetRefused,
    /// The next call of this step is done, and its reply is lost on the way back. Once.
    ReplyLost(&'a str),
    /// Whoever is asked on behalf of this step ends before anything is done, and after the request had left. Once.
    EndsBefore(&'a str),
    /// Nobody can be connected to: no byte of a request leaves.
    WayClosed,
}

/// A call that reached the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The port's name of it.
    pub call: String,
    /// The step that it was said to be for.
    pub step: String,
    /// Whether it was done.
    pub done: bool,
}

/// The truth about the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchedulerTruth {
    /// SyncCycleEnabled.
    pub enabled: bool,
    /// The value that a planted task will give it, and when.
    pub task: Option<(bool, Timestamp)>,
}

/// A server to try an adapter on, and what is seen past the adapter.
///
/// From [`Site::asked`] on these are capabilities. A site without one keeps the default, and the checks that need it are
/// reported as not applicable.
#[async_trait]
pub trait Site: Send + Sync {
    /// The adapter to try.
    fn server(&self) -> Arc<dyn ConnectServer>;

    /// What is known of it.
    fn known(&self) -> &Known;

    /// The same server past the adapter.
    fn direct(&self) -> Arc<dyn ConnectServer>;

    /// Whether exactly this password is held there.
    async fn holds(&self, place: Held, secret: &Secret) -> Able<bool>;

    /// All that a call may change, as a text: two are equal when nothing was changed in between.
    async fn snapshot(&self) -> Able<String>;

    /// The truth about the scheduler.
    async fn scheduler(&self) -> Able<SchedulerTruth>;

    /// Orders a mishap.
    async fn order(&self, mishap: Mishap<'_>) -> Able<()>;

    /// Takes all mishaps back.
    async fn take_back(&self) -> Able<()>;

    /// Every call that has reached the server, by whomever, oldest first.
    async fn asked(&self) -> Able<Vec<Asked>> {
        unable("nobody here sees what reaches the server")
    }

    /// Whether the adapter words its faults itself, of what Windows says. Then their meaning and class are the port's, and
    /// the rest is its own.
    fn words_faults(&self) -> bool {
        false
    }

    /// The calls that the server sees when the adapter is asked for this one.
    fn asked_for(&self, call: &'static str) -> Vec<&'static str> {
        vec![call]
    }

    /// The next request waits on its way to the server, before it is sent: how long.
    async fn delay_the_next_request(&self) -> Able<Duration> {
        unable("nothing can be delayed on this way")
    }

    /// Fills the event logs with as many events as are ever given, of at least so many bytes together, all of them now
    /// past and with letters beyond ASCII.
    async fn fill_events(&self, _bytes: usize) -> Able<()> {
        unable("the event logs here can't be filled")
    }
}

/// An adapter, and where it is tried.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A new server in this situation.
    async fn site(&self, situation: Situation) -> Able<Box<dyn Site>>;

    /// How long a call may take.
    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    /// The secrets that the adapter works with itself.
    fn own_secrets(&self) -> Vec<Secret> {
        Vec::new()
    }

    /// Crates that log at trace level while the adapter works: had nothing been heard of them, then nothing would be
    /// known about what they show.
    fn log_of(&self) -> &'static [&'static str] {
        &[]
    }
}
