//! The Windows service `ADSync`: who it runs as, what the Service Control Manager holds, and what its DPAPI protects.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::builds;
use super::cipher::{self, Sealed, open_password, random_hex, seal_password};
use super::domain::BindAnswer;
use super::engine::{KeySet, Server};
use super::entra::Entra;
use super::event_log::{SERVICE_LOGON_REFUSED, SERVICE_NOT_STARTED, SERVICE_RIGHT_LOST};
use super::local_users::LocalRefusal;
use super::server_plan::ServicePlan;
use super::world::World;
use crate::port::{FailureClass, Fault, Secret, ServiceFacts};

/// Its name as the service manager knows it.
pub(super) const SERVICE: &str = "ADSync";
const DISPLAY_NAME: &str = "Microsoft Entra ID Sync";
const RUNNING: &str = "running";
const STOPPED: &str = "stopped";
/// The service manager takes no longer password, in UTF-16 units.
const PASSWORD_LENGTH_MAX: usize = 126;
/// ERROR_SERVICE_LOGON_FAILED
const LOGON_FAILED: u32 = 1069;
/// ERROR_SERVICE_REQUEST_TIMEOUT
const TIMED_OUT: u32 = 1053;

/// The service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Service {
    /// StartName.
    pub(super) start_name: String,
    pub(super) kind: ServiceAccount,
    /// What the service manager logs on with, under the machine's own key; `None` where Windows manages it.
    password: Option<Sealed>,
    /// The account lost the right to log on as a service.
    pub(super) right_lost: bool,
    /// The master key of the account's DPAPI, as far as it does not depend on the password.
    dpapi: String,
    pub(super) state: String,
    pub(super) process_id: u32,
    pub(super) started_at: Option<Timestamp>,
    /// When it last started, also while it is stopped.
    last_started_at: Option<Timestamp>,
}

/// Whose password it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum ServiceAccount {
    /// Windows' own: a virtual or a managed service account.
    Managed,
    /// A user of the model domain, or of the real one.
    Domain { account: String },
    /// A user of the server.
    Local { user: String },
}

/// Why a service's logon is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogonRefusal {
    /// By Windows' error number.
    Error(u32),
    /// ERROR_LOGON_TYPE_NOT_GRANTED
    RightLost,
}

impl LogonRefusal {
    /// What a domain controller's answer becomes on the way; `None` = accepted.
    pub(super) fn of_bind(answer: BindAnswer) -> Option<Self> {
        Some(Self::Error(match answer {
            BindAnswer::Accepted => return None,
            BindAnswer::Wrong => 1326,
            BindAnswer::Locked => 1909,
            BindAnswer::Disabled => 1331,
            BindAnswer::AccountExpired => 1793,
            BindAnswer::MustChange => 1907,
            BindAnswer::PasswordExpired => 1330,
            BindAnswer::NoAnswer => 1311,
        }))
    }

    pub(super) fn of_local(refusal: LocalRefusal) -> Self {
        Self::Error(refusal as u32)
    }

    /// The error's text, as Windows prints it.
    fn words(self) -> &'static str {
        match self {
            Self::RightLost => "the user has not been granted the requested logon type at this computer",
            Self::Error(1311) => "there are currently no logon servers available to service the logon request",
            Self::Error(1330) => "the password for this account has expired",
            Self::Error(1331) => "this user can't sign in because this account is currently disabled",
            Self::Error(1793) => "the user's account has expired",
            Self::Error(1907) => "the user's password must be changed before signing in",
            Self::Error(1909) => "the referenced account is currently locked out and may not be logged on to",
            Self::Error(_) => "the user name or password is incorrect",
        }
    }
}

impl Service {
    pub(super) fn new(plan: &ServicePlan, process_id: u32) -> Self {
        let (start_name, kind) = match plan {
            ServicePlan::Virtual => (r"NT SERVICE\ADSync", ServiceAccount::Managed),
            ServicePlan::Managed(name) => (name.as_str(), ServiceAccount::Managed),
            ServicePlan::Domain { start_name, account } => {
                (start_name.as_str(), ServiceAccount::Domain { account: account.clone() })
            }
            ServicePlan::Local { start_name, user } => {
                (start_name.as_str(), ServiceAccount::Local { user: user.clone() })
            }
        };
        Self {
            start_name: start_name.to_owned(),
            kind,
            password: None,
            right_lost: false,
            dpapi: random_hex(32),
            state: RUNNING.to_owned(),
            process_id,
            started_at: None,
            last_started_at: None,
        }
    }

    pub(super) fn runs(&self) -> bool {
        self.state == RUNNING
    }

    pub(super) fn begin(&mut self, started_at: Timestamp) {
        self.started_at = Some(started_at);
        self.last_started_at = self.started_at;
    }

    pub(super) fn facts(&self) -> ServiceFacts {
        ServiceFacts {
            account: self.start_name.clone(),
            state: self.state.clone(),
            process_id: self.process_id,
            started_at: self.started_at,
        }
    }

    /// The name under which the world labels the passwords of the service's account; `None` = Windows manages it.
    pub(super) fn account(&self) -> Option<&str> {
        match &self.kind {
            ServiceAccount::Managed => None,
            ServiceAccount::Domain { account } => Some(account),
            ServiceAccount::Local { user } => Some(user),
        }
    }

    /// `(domain, user)` of a StartName of either form: `DOM\user`, `user@dom`.
    pub(super) fn domain_user(&self) -> Option<(&str, &str)> {
        let upn = || self.start_name.split_once('@').map(|(user, domain)| (domain, user));
        self.start_name.split_once('\\').or_else(upn)
    }

    /// What protects the key set: the account's DPAPI master key, which may depend on `epoch`.
    pub(super) fn protection(&self, epoch: &str) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(
            Sha256::new().chain_update(&self.dpapi).chain_update([0]).chain_update(epoch).finalize().to_vec(),
        )
    }

    /// The account's DPAPI master key is gone, and Windows makes another.
    pub(super) fn lose_dpapi(&mut self) {
        self.dpapi = random_hex(32);
    }
}

impl Server {
    /// What the service manager holds as the password of the service's account; `None` where Windows manages it.
    pub(super) fn scm_password(&self) -> Result<Option<Secret>, Fault> {
        let sealed = self.service.password.as_ref();
        Ok(sealed.map(|sealed| open_password(self.machine_key.as_bytes(), sealed)).transpose()?.flatten())
    }

    /// Writes the service manager's copy. The running service does not notice.
    pub(super) fn keep_scm_password(&mut self, secret: &Secret) {
        self.service.password = Some(seal_password(self.machine_key.as_bytes(), secret));
    }

    /// Why the service manager would not take this logon; `Ok` when it would.
    pub(super) fn check_service_logon(&self, account: &str, secret: &Secret, doing: &str) -> Result<(), Fault> {
        let holds = &self.service.start_name;
        if !account.eq_ignore_ascii_case(holds) {
            return Err(Fault::refused(doing, format!("the service runs as {holds}, not as {account}"))
                .hint("the password may change, the account may not"));
        }
        if self.service.kind == ServiceAccount::Managed {
            return Err(
                Fault::refused(doing, format!("Windows manages the password of {holds}")).hint("leave it to Windows")
            );
        }
        let length = secret.expose().encode_utf16().count();
        if length > PASSWORD_LENGTH_MAX {
            return Err(Fault::refused(
                doing,
                format!("the password has {length} characters, a service's logon takes at most {PASSWORD_LENGTH_MAX}"),
            )
            .hint("generate a shorter one"));
        }
        Ok(())
    }

    /// The service stops: its memory is gone.
    pub(super) fn stop(&mut self) {
        self.service.state = STOPPED.to_owned();
        self.service.process_id = 0;
        self.service.started_at = None;
        for connector in &mut self.connectors {
            connector.cached = None;
        }
    }

    /// The service process starts, opens its key set and reads what is stored. When it can't, it stops again.
    pub(super) fn start(&mut self, epoch: &str, process_id: u32, now: Timestamp, doing: &str) -> Result<(), Fault> {
        if !self.key_set_opens(epoch)? {
            self.stop();
            self.log_key_set_lost(now);
            return Err(Fault::refused(
                doing,
                "the service ended by itself with event 6028, the server encryption key cannot be accessed",
            )
            .hint("don't abandon the key before the way back is ruled out; see the runbook for event 6028")
            .of(FailureClass::KeySet));
        }
        let earliest = self.service.last_started_at.and_then(|at| at.checked_add(SignedDuration::from_millis(1)).ok());
        let started_at = earliest.map_or(now, |earliest| earliest.max(now));
        self.service.state = RUNNING.to_owned();
        self.service.process_id = process_id;
        self.service.begin(started_at);
        let key = self.key()?;
        for connector in &mut self.connectors {
            let opens = connector.stored.as_ref().map(|sealed| open_password(&key, sealed)).transpose()?.flatten();
            connector.cached = if opens.is_some() { connector.stored.clone() } else { None };
        }
        if let Entra::Application { ends_at: Some(_), .. } = self.entra {
            self.look_at_certificate(now);
        }
        Ok(())
    }

    /// The service's logon is refused: what the System log and whoever asked for the start are told.
    pub(super) fn refuse_start(&mut self, refusal: LogonRefusal, now: Timestamp, doing: &str) -> Fault {
        self.stop();
        let start_name = self.service.start_name.clone();
        let class = match refusal {
            LogonRefusal::RightLost => {
                self.log_event(SERVICE_RIGHT_LOST, &[SERVICE, &start_name], now);
                FailureClass::ServiceLogonRight
            }
            LogonRefusal::Error(number) => {
                self.log_event(SERVICE_LOGON_REFUSED, &[SERVICE, &start_name, &format!("%%{number}")], now);
                if number == 1311 { FailureClass::Connection } else { FailureClass::ServiceLogon }
            }
        };
        self.log_event(SERVICE_NOT_STARTED, &[DISPLAY_NAME, &format!("%%{LOGON_FAILED}")], now);
        let cause = format!(
            "error {LOGON_FAILED}, the service did not start due to a logon failure of {start_name}: {}",
            refusal.words()
        );
        Fault::refused(doing, cause).hint("look at the server's System log, events 7038, 7041 and 7000").of(class)
    }

    /// The service does not come up in time.
    pub(super) fn time_out_start(&mut self, now: Timestamp, doing: &str) -> Fault {
        self.stop();
        self.log_event(SERVICE_NOT_STARTED, &[DISPLAY_NAME, &format!("%%{TIMED_OUT}")], now);
        Fault::refused(
            doing,
            format!("error {TIMED_OUT}, the service did not respond to the start in a timely fashion"),
        )
        .hint("look at the server's System and Application logs, then start ADSync by hand")
    }

    /// Whether the service's account still opens the key set.
    pub(super) fn key_set_opens(&self, epoch: &str) -> Result<bool, Fault> {
        let opened = cipher::open(&self.service.protection(epoch), &self.key_set.protected)?;
        Ok(*opened == *self.key()?)
    }

    /// A fresh key set: whatever was enciphered under the old one can't be read any more.
    pub(super) fn renew_key_set(&mut self, epoch: &str) {
        self.key_set = KeySet::new(&self.service.protection(epoch), self.machine_key.as_bytes());
    }

    /// `miiskmu /a`, which only a person runs, while the service is stopped: a fresh key set, and no stored password.
    /// `epoch` is [`World::key_epoch`].
    pub(super) fn abandon_key(&mut self, epoch: &str, doing: &str) -> Result<(), Fault> {
        if self.service.runs() {
            return Err(Fault::refused(doing, "the service runs").hint("stop ADSync first"));
        }
        self.renew_key_set(epoch);
        for connector in &mut self.connectors {
            connector.stored = None;
        }
        self.entra.forget();
        Ok(())
    }
}

impl World {
    /// What the DPAPI master key of the server's service account depends on now: it opens what was protected while
    /// this was the same. Empty = on nothing that can change.
    pub(super) fn key_epoch(&self, server: &str) -> Result<String, Fault> {
        let Some(server) = self.servers.iter().find(|known| known.name == server) else { return Ok(String::new()) };
        match &server.service.kind {
            ServiceAccount::Managed => Ok(String::new()),
            // A copy of the master key lies with the domain's backup key.
            ServiceAccount::Domain { .. } if !builds::key_dies_with_reset(&server.build) => Ok(String::new()),
            ServiceAccount::Domain { account } => match &self.domain {
                Some(domain) => Ok(domain.account(account).map_or(0, |account| account.password_resets).to_string()),
                // Resets in a real directory can't be seen: every other password counts as one.
                None => {
                    let secret = server.scm_password()?;
                    Ok(secret.map(|secret| self.labels.digest(account, &secret)).unwrap_or_default())
                }
            },
            ServiceAccount::Local { user } => {
                let known = server.local_users.iter().find(|known| known.name == *user);
                Ok(known.map_or(0, |known| known.resets).to_string())
            }
        }
    }
}
