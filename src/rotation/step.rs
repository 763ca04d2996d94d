use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which of the two directory writes a convergence belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// The first reset, by [`Step::Directory`].
    Directory,
    /// The second reset, by [`Step::Seal`].
    Seal,
}

/// One step of a plan. Its text form (`engine:SYNC1/contoso.test`) is what `plan` prints, what the journal
/// stores and what the lab's faults name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Step {
    /// A test sync before anything changes: never rotate on a server that was broken already.
    Baseline {
        /// The Connect server.
        server: String,
        /// The AD connector.
        connector: String,
    },
    /// The candidate is made and becomes durable in the vault, beside current.
    Stage,
    /// The last look at the server, and sync kept out of the way.
    Quiesce {
        /// The active Connect server.
        server: String,
    },
    /// The account's password is reset in the directory.
    Directory,
    /// The domain controller that the connector uses has the reset.
    Converge {
        /// Which of the two resets.
        change: Change,
        /// The domain controller.
        dc: String,
    },
    /// The sync engine is given the password.
    Engine {
        /// The Connect server.
        server: String,
        /// The AD connector.
        connector: String,
    },
    /// The ADSync service is restarted, so that nothing of the old password stays in memory.
    Restart {
        /// The Connect server.
        server: String,
    },
    /// The directory is reset to the same password once more, so that the one before is no longer the
    /// "previous" one that AD goes on accepting for 60 minutes. Only after it does a proof count.
    Seal,
    /// The Service Control Manager is given the password of the ADSync service's account.
    ServiceLogon {
        /// The Connect server.
        server: String,
    },
    /// The ADSync service is stopped.
    Stop {
        /// The Connect server.
        server: String,
    },
    /// The ADSync service is started.
    Start {
        /// The Connect server.
        server: String,
    },
    /// Where the engine can't use what it stores for a connector, it is given that connector's own password from the
    /// vault once more.
    Reenter {
        /// The Connect server.
        server: String,
        /// The AD connector.
        connector: String,
    },
    /// A person abandons the engine's encryption key (`miiskmu.exe /a`).
    AbandonKey {
        /// The Connect server.
        server: String,
    },
    /// The Entra connector account is reset on both sides.
    EntraReset {
        /// The Connect server.
        server: String,
    },
    /// A test sync with the new password.
    Prove {
        /// The Connect server.
        server: String,
        /// The AD connector.
        connector: String,
    },
    /// The account itself logs on with the new password: the proof where no server has it.
    Logon,
    /// The candidate becomes current in the vault, and current becomes previous.
    Promote,
    /// What Quiesce paused goes on.
    Release {
        /// The active Connect server.
        server: String,
    },
    /// Only on the way back: the candidate is removed from the vault.
    Discard,
}

impl Step {
    /// Whether the world shows if the step took effect. The others have no state of their own, or are
    /// harmless to repeat, and are simply done again.
    pub fn can_be_looked_at(&self) -> bool {
        matches!(
            self,
            Self::Stage
                | Self::Directory
                | Self::Seal
                | Self::Engine { .. }
                | Self::Restart { .. }
                | Self::Stop { .. }
                | Self::Start { .. }
                | Self::Reenter { .. }
                | Self::EntraReset { .. }
                | Self::Promote
        )
    }

    /// Whether a refusal settles the matter. Repeating a refused reset or a refused logon costs lockout
    /// budget and gives the same answer; a refusing engine, service or vault is worth another try.
    pub fn refusal_is_final(&self) -> bool {
        matches!(
            self,
            Self::Baseline { .. }
                | Self::Stage
                | Self::Quiesce { .. }
                | Self::Directory
                | Self::Seal
                | Self::Prove { .. }
                | Self::Logon
                | Self::AbandonKey { .. }
                | Self::EntraReset { .. }
        )
    }

    /// Whether the step waits for something that moves by itself (a gap, replication, another run of the
    /// engine, the network), and so may try many times. None of them changes anything by trying.
    pub fn waits_for_the_world(&self) -> bool {
        matches!(self, Self::Baseline { .. } | Self::Quiesce { .. } | Self::Converge { .. } | Self::Prove { .. })
    }

    /// Whether a look that says "no effect" is as good as a refusal. True where the look reads what the
    /// same process wrote; directories and vaults may answer from a replica that lags.
    pub fn look_is_local(&self) -> bool {
        matches!(self, Self::Engine { .. })
    }

    /// One sentence for people: what the step does.
    pub fn sentence(&self) -> String {
        match self {
            Self::Baseline { server, connector } => {
                format!("test sync of {connector} on {server} with the password in use")
            }
            Self::Stage => "make the new password and keep it in the vault as pending, beside current".into(),
            Self::Quiesce { server } => {
                format!("look at {server} once more and keep sync out of the way")
            }
            Self::Directory => "set the account's password where it lives".into(),
            Self::Converge { change: Change::Directory, dc } => format!("wait until {dc} has the reset"),
            Self::Converge { change: Change::Seal, dc } => format!("wait until {dc} has the second reset"),
            Self::Engine { server, connector } => {
                format!("give the password to {connector} on {server}")
            }
            Self::Restart { server } => format!("restart the ADSync service on {server}"),
            Self::ServiceLogon { server } => format!("give the password to the service manager of {server}"),
            Self::Stop { server } => format!("stop the ADSync service on {server}"),
            Self::Start { server } => format!("start the ADSync service on {server}"),
            Self::Reenter { server, connector } => {
                format!("where {server} can't use what it stores for {connector}, enter its password from the vault")
            }
            Self::AbandonKey { server } => format!("a person abandons the encryption key on {server} (miiskmu.exe /a)"),
            Self::EntraReset { server } => format!("reset the Entra connector account of {server}"),
            Self::Seal => "reset to the same password again, so that the one before is no longer accepted".into(),
            Self::Prove { server, connector } => {
                format!("test sync of {connector} on {server} with the password set")
            }
            Self::Logon => "log on as the account with the password set".into(),
            Self::Promote => "make pending current in the vault, and current previous".into(),
            Self::Release { server } => format!("let sync on {server} go on"),
            Self::Discard => "remove the pending candidate from the vault".into(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Baseline { server, connector } => write!(f, "baseline:{server}/{connector}"),
            Self::Stage => f.write_str("stage"),
            Self::Quiesce { server } => write!(f, "quiesce:{server}"),
            Self::Directory => f.write_str("directory"),
            Self::Converge { change: Change::Directory, dc } => write!(f, "converge-directory:{dc}"),
            Self::Converge { change: Change::Seal, dc } => write!(f, "converge-seal:{dc}"),
            Self::Engine { server, connector } => write!(f, "engine:{server}/{connector}"),
            Self::Restart { server } => write!(f, "restart:{server}"),
            Self::ServiceLogon { server } => write!(f, "service-logon:{server}"),
            Self::Stop { server } => write!(f, "stop:{server}"),
            Self::Start { server } => write!(f, "start:{server}"),
            Self::Reenter { server, connector } => write!(f, "reenter:{server}/{connector}"),
            Self::AbandonKey { server } => write!(f, "abandon-key:{server}"),
            Self::EntraReset { server } => write!(f, "entra-reset:{server}"),
            Self::Seal => f.write_str("seal"),
            Self::Prove { server, connector } => write!(f, "prove:{server}/{connector}"),
            Self::Logon => f.write_str("logon"),
            Self::Promote => f.write_str("promote"),
            Self::Release { server } => write!(f, "release:{server}"),
            Self::Discard => f.write_str("discard"),
        }
    }
}

/// A text that is no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a step")]
pub struct NotAStep(String);

impl FromStr for Step {
    type Err = NotAStep;

    fn from_str(text: &str) -> Result<Self, NotAStep> {
        let wrong = || NotAStep(text.to_owned());
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        // A server's name never holds a slash, a connector's may.
        let pair = || rest.split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).ok_or_else(wrong);
        let one = || {
            if rest.is_empty() { Err(wrong()) } else { Ok(rest.to_owned()) }
        };
        let none = |step| {
            if rest.is_empty() { Ok(step) } else { Err(wrong()) }
        };
        match word {
            "baseline" => pair().map(|(server, connector)| Self::Baseline { server, connector }),
            "stage" => none(Self::Stage),
            "quiesce" => one().map(|server| Self::Quiesce { server }),
            "directory" => none(Self::Directory),
            "converge-directory" => one().map(|dc| Self::Converge { change: Change::Directory, dc }),
            "converge-seal" => one().map(|dc| Self::Converge { change: Change::Seal, dc }),
            "engine" => pair().map(|(server, connector)| Self::Engine { server, connector }),
            "restart" => one().map(|server| Self::Restart { server }),
            "service-logon" => one().map(|server| Self::ServiceLogon { server }),
            "stop" => one().map(|server| Self::Stop { server }),
            "start" => one().map(|server| Self::Start { server }),
            "reenter" => pair().map(|(server, connector)| Self::Reenter { server, connector }),
            "abandon-key" => one().map(|server| Self::AbandonKey { server }),
            "entra-reset" => one().map(|server| Self::EntraReset { server }),
            "seal" => none(Self::Seal),
            "prove" => pair().map(|(server, connector)| Self::Prove { server, connector }),
            "logon" => none(Self::Logon),
            "promote" => none(Self::Promote),
            "release" => one().map(|server| Self::Release { server }),
            "discard" => none(Self::Discard),
            _ => Err(wrong()),
        }
    }
}

impl From<Step> for String {
    fn from(step: Step) -> Self {
        step.to_string()
    }
}

impl TryFrom<String> for Step {
    type Error = NotAStep;

    fn try_from(text: String) -> Result<Self, NotAStep> {
        text.parse()
    }
}
