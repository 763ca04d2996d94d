use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Hidden;
use crate::port::Secret;

/// What an agent is asked for: the calls of [`ConnectServer`](crate::port::ConnectServer), with their arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the port's call of the same name, and its arguments")]
pub enum Operation {
    Describe,
    PauseScheduler { restore: bool, restore_at: Timestamp },
    ReleaseScheduler { enabled: bool },
    SetConnectorPassword { connector: String, secret: Hidden },
    SetServiceLogon { account: String, secret: Hidden },
    LocalUser { account: String },
    ChangeLocalPassword { account: String, old: Hidden, new: Hidden },
    LocalLogon { account: String, secret: Hidden },
    Stop,
    Start,
    Restart,
    StoredLogon { connector: String },
    Prove { connector: String },
    ResetEntraAccount { user: String, secret: Hidden },
    Events { since: Timestamp },
    Runs { connector: String },
}

/// How long a look may take, over whatever wire.
const LOOK_LIMIT: Duration = Duration::from_secs(90);
/// How long a change may take that waits for nothing.
const CHANGE_LIMIT: Duration = Duration::from_secs(120);
/// How long a service may take to stop and to start: services of large databases take minutes.
const SERVICE_LIMIT: Duration = Duration::from_secs(600);
/// How long a delta import may take.
const PROOF_LIMIT: Duration = Duration::from_secs(1800);

impl Operation {
    /// Its name on the wire and in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::PauseScheduler { .. } => "pause-scheduler",
            Self::ReleaseScheduler { .. } => "release-scheduler",
            Self::SetConnectorPassword { .. } => "set-connector-password",
            Self::SetServiceLogon { .. } => "set-service-logon",
            Self::LocalUser { .. } => "local-user",
            Self::ChangeLocalPassword { .. } => "change-local-password",
            Self::LocalLogon { .. } => "local-logon",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::StoredLogon { .. } => "stored-logon",
            Self::Prove { .. } => "prove",
            Self::ResetEntraAccount { .. } => "reset-entra-account",
            Self::Events { .. } => "events",
            Self::Runs { .. } => "runs",
        }
    }

    /// The secrets among its arguments.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::SetConnectorPassword { secret, .. }
            | Self::SetServiceLogon { secret, .. }
            | Self::LocalLogon { secret, .. }
            | Self::ResetEntraAccount { secret, .. } => vec![secret.0.clone()],
            Self::ChangeLocalPassword { old, new, .. } => vec![old.0.clone(), new.0.clone()],
            _ => Vec::new(),
        }
    }

    /// What we are doing, for a fault: a lower-case fragment without any secret.
    pub fn doing(&self, server: &str) -> String {
        match self {
            Self::Describe => format!("describing {server}"),
            Self::PauseScheduler { .. } => format!("switching the scheduler off on {server}"),
            Self::ReleaseScheduler { .. } => format!("giving the scheduler's switch back on {server}"),
            Self::SetConnectorPassword { connector, .. } => {
                format!("setting the password of connector {connector} on {server}")
            }
            Self::SetServiceLogon { .. } => format!("setting the service's logon on {server}"),
            Self::LocalUser { account } => format!("reading the local user {account} on {server}"),
            Self::ChangeLocalPassword { account, .. } => format!("changing the password of {account} on {server}"),
            Self::LocalLogon { account, .. } => format!("logging on as {account} on {server}"),
            Self::Stop => format!("stopping ADSync on {server}"),
            Self::Start => format!("starting ADSync on {server}"),
            Self::Restart => format!("restarting ADSync on {server}"),
            Self::StoredLogon { connector } => format!("searching with the stored password of {connector} on {server}"),
            Self::Prove { connector } => format!("running a delta import on {connector} on {server}"),
            Self::ResetEntraAccount { .. } => format!("resetting the Entra connector account of {server}"),
            Self::Events { .. } => format!("reading the event logs of {server}"),
            Self::Runs { connector } => format!("reading the last runs of {connector} on {server}"),
        }
    }

    /// Whether it may leave a trace in the world: then a lost reply is unclear, else it is only to be asked again.
    ///
    /// A logon counts: a wrong one is counted against the account. So does a delta import that may still run.
    pub fn acts(&self) -> bool {
        !matches!(
            self,
            Self::Describe
                | Self::LocalUser { .. }
                | Self::StoredLogon { .. }
                | Self::Events { .. }
                | Self::Runs { .. }
        )
    }

    /// Whether it needs a tenure: it acts, and is more than a logon.
    pub fn changes(&self) -> bool {
        self.acts() && !matches!(self, Self::LocalLogon { .. })
    }

    /// How long it may take, connecting included.
    pub fn limit(&self) -> Duration {
        match self {
            Self::Describe
            | Self::LocalUser { .. }
            | Self::LocalLogon { .. }
            | Self::StoredLogon { .. }
            | Self::Events { .. }
            | Self::Runs { .. } => LOOK_LIMIT,
            Self::PauseScheduler { .. }
            | Self::ReleaseScheduler { .. }
            | Self::SetConnectorPassword { .. }
            | Self::SetServiceLogon { .. }
            | Self::ChangeLocalPassword { .. }
            | Self::ResetEntraAccount { .. } => CHANGE_LIMIT,
            Self::Stop | Self::Start | Self::Restart => SERVICE_LIMIT,
            Self::Prove { .. } => PROOF_LIMIT,
        }
    }
}
