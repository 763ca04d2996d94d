use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::port::Secret;

/// The state of a Windows service, as its manager tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// SERVICE_STOPPED.
    Stopped,
    /// SERVICE_START_PENDING.
    StartPending,
    /// SERVICE_STOP_PENDING.
    StopPending,
    /// SERVICE_RUNNING.
    Running,
    /// Paused, or on its way there or back: ADSync knows no such state.
    Other,
}

impl ServiceState {
    /// The port's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::StartPending => "start-pending",
            Self::StopPending => "stop-pending",
            Self::Running => "running",
            Self::Other => "paused",
        }
    }
}

/// What QueryServiceStatusEx says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Where it is.
    pub state: ServiceState,
    /// Its process; 0 when stopped.
    pub process_id: u32,
    /// How it ended last: a Windows error number, 0 = as it should.
    pub exit_code: u32,
    /// The number of its own, where the one above is 1066.
    pub own_exit_code: u32,
}

/// What became of a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It stands still.
    Yes,
    /// The limit ended first. It may still stop.
    Pending(ServiceStatus),
    /// Nothing was done: these services need it, and run.
    Needed(Vec<String>),
}

/// What became of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    Yes,
    /// The limit ended first. It may still start.
    Pending(ServiceStatus),
    /// It began, and ended by itself.
    Ended(ServiceStatus),
}

/// What the account database says of a local user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalUser {
    /// How long ago its password was set, in seconds.
    pub password_age_s: u32,
    /// UF_ACCOUNTDISABLE.
    pub disabled: bool,
    /// UF_LOCKOUT.
    pub locked: bool,
    /// The account itself, or its password, has expired.
    pub expired: bool,
    /// UF_PASSWD_CANT_CHANGE.
    pub cant_change: bool,
    /// Shortest password that the machine's policy allows.
    pub length_min: u32,
}

/// A call of Windows that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineError {
    /// Windows' error number; 0 where the failure has none.
    pub code: u32,
    /// What failed, a lower-case fragment without any secret.
    pub cause: String,
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code == 0 { f.write_str(&self.cause) } else { write!(f, "error {}, {}", self.code, self.cause) }
    }
}

impl std::error::Error for MachineError {}

/// What a Connect server's own Windows is asked for. Each call blocks its thread; what its answer means, and the order of
/// the calls, are [`WindowsServer`](super::WindowsServer)'s.
pub trait Machine: Send + Sync + 'static {
    /// The computer's name.
    fn host(&self) -> Result<String, MachineError>;

    /// The machine's clock.
    fn now(&self) -> Timestamp;

    /// The state of a service.
    fn service(&self, name: &str) -> Result<ServiceStatus, MachineError>;

    /// The account a service runs as: StartName.
    fn service_account(&self, name: &str) -> Result<String, MachineError>;

    /// The command line of a service, with quotes and arguments.
    fn service_command_line(&self, name: &str) -> Result<String, MachineError>;

    /// Stops a service and waits, at most as long as `limit`. Stopped already = done.
    fn stop_service(&self, name: &str, limit: Duration) -> Result<Stopped, MachineError>;

    /// Starts a service and waits, at most as long as `limit`. Runs already = done.
    fn start_service(&self, name: &str, limit: Duration) -> Result<Started, MachineError>;

    /// ChangeServiceConfigW with the account it has and another password.
    fn set_service_logon(&self, name: &str, account: &str, secret: &Secret) -> Result<(), MachineError>;

    /// Those of the named programs that run now, in any session, each once.
    fn running_of(&self, programs: &[&str]) -> Result<Vec<String>, MachineError>;

    /// When a process was created.
    fn process_started_at(&self, process_id: u32) -> Result<Timestamp, MachineError>;

    /// The file version in a program's resources.
    fn file_version(&self, path: &str) -> Result<String, MachineError>;

    /// The newest events of a log that an XPath selects, as XML, oldest first, at most `most`.
    fn events(&self, channel: &str, xpath: &str, most: usize) -> Result<Vec<String>, MachineError>;

    /// A local user, by its bare name.
    fn local_user(&self, name: &str) -> Result<LocalUser, MachineError>;

    /// NetUserChangePassword.
    fn change_password(&self, name: &str, old: &Secret, new: &Secret) -> Result<(), MachineError>;

    /// LogonUserW against the machine's own database; `false` = no such user, or a wrong password.
    fn logon(&self, name: &str, secret: &Secret) -> Result<bool, MachineError>;

    /// The domain controller that the machine itself logs on at; `None` where it is in no domain.
    fn logon_dc(&self) -> Result<Option<String>, MachineError>;
}
