//! Who the rotator is, and its logon at a domain controller.
//!
//! A password from the vault follows what every reader of the vault is told: take current; when the directory
//! refuses it and a candidate is pending, try that one, once. So the rotator's own account can be rotated like
//! any other. Two binds are the most that a logon costs, and at most one of them is with a password that AD
//! may never have had. What was refused is remembered and not offered again for a while, because each wrong
//! logon counts towards a lockout.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::answer::BindAnswer;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::kerberos;
use crate::port::{Fault, Meaning, OwnCredential, Secret, SecretRef, Slot, Vault};

/// To fetch one password from the vault.
const FETCH_LIMIT: Duration = Duration::from_secs(20);
/// How long a refused password is not offered again: the usual time for which AD counts wrong logons.
const REFUSED_PAUSE: Duration = Duration::from_mins(30);
/// A value may be replaced between the look and the read; then once more.
const FETCHES_MAX: u32 = 2;

/// Who the rotator is.
#[derive(Clone, Debug)]
pub enum Identity {
    /// A simple bind over LDAPS.
    Password {
        /// Distinguished name, user principal name or `DOMAIN\user`.
        name: String,
        /// Where its password comes from.
        password: PasswordSource,
    },
    /// Kerberos: the ticket, the keytab or the managed service account of the process. Needs the feature
    /// `kerberos`.
    Kerberos,
}

impl Identity {
    /// A simple bind with a password that is known.
    pub fn password(name: impl Into<String>, secret: Secret) -> Self {
        Self::Password { name: name.into(), password: PasswordSource::Given(secret) }
    }
}

/// Where the rotator's password comes from.
#[derive(Clone)]
pub enum PasswordSource {
    /// It is known, and stays the same.
    Given(Secret),
    /// It lies in the vault and is read anew for each logon.
    InVault {
        /// The vault.
        vault: Arc<dyn Vault>,
        /// The account's name there.
        name: String,
    },
}

impl fmt::Debug for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given([redacted])"),
            Self::InVault { vault, name } => {
                f.debug_struct("InVault").field("vault", &vault.describe()).field("name", name).finish()
            }
        }
    }
}

/// A password, and which of the vault's it is; `None` for the one that was given.
struct Candidate {
    secret: Secret,
    at: Option<SecretRef>,
}

/// Why nobody is logged on by Kerberos.
pub(super) struct Denied {
    pub(super) fault: Fault,
    /// It was a wrong logon, that counts towards a lockout.
    pub(super) counts: bool,
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        Self { fault, counts: false }
    }
}

/// What became of one password.
#[derive(PartialEq, Eq)]
enum Answer {
    Accepted,
    Refused,
    /// Refused a short while ago.
    NotAsked,
}

/// A password with which a logon failed.
#[derive(Debug)]
struct Refused {
    at: Option<SecretRef>,
    since: Instant,
}

/// The rotator, and what this process knows about its logons.
#[derive(Debug)]
pub(super) struct Rotator {
    identity: Identity,
    refused: Mutex<Vec<Refused>>,
}

impl Rotator {
    /// An identity that can't log on at all is `Broken`.
    pub(super) fn new(identity: Identity) -> Result<Self, Fault> {
        let broken = |cause: &str| Err(Fault::broken("reading the directory's settings", cause));
        match &identity {
            // LDAP would take this as a logon of nobody, and accept it.
            Identity::Password { name, .. } if name.is_empty() => broken("the rotator's own account has no name")?,
            Identity::Password { password: PasswordSource::Given(secret), .. } if secret.expose().is_empty() => {
                broken("the rotator's own account has no password")?;
            }
            Identity::Password { .. } => {}
            Identity::Kerberos => kerberos::available()?,
        }
        Ok(Self { identity, refused: Mutex::default() })
    }

    /// Whom the rotator logs on as, for people.
    pub(super) fn name(&self) -> &str {
        match &self.identity {
            Identity::Password { name, .. } => name,
            Identity::Kerberos => "the holder of the Kerberos ticket",
        }
    }

    /// What our own settings say about the credential; the directory adds the rest.
    pub(super) fn credential(&self) -> OwnCredential {
        let (kind, note) = match &self.identity {
            Identity::Password { password: PasswordSource::Given(_), .. } => ("password", String::new()),
            Identity::Password { password: PasswordSource::InVault { name, .. }, .. } => {
                ("password", format!("kept in the vault as {name}"))
            }
            Identity::Kerberos => ("Kerberos key", String::new()),
        };
        OwnCredential {
            holder: "directory".to_owned(),
            name: self.name().to_owned(),
            kind: kind.to_owned(),
            set_at: None,
            expires_at: None,
            note,
        }
    }

    /// Logs the connection on. A refused logon is `Broken`: it is our own account, and asking again would
    /// lock it.
    pub(super) async fn log_on(&self, connection: &Connection, at: &Endpoint) -> Result<(), Fault> {
        match &self.identity {
            Identity::Password { name, password } => self.by_password(connection, at, name, password).await,
            Identity::Kerberos => self.by_kerberos(connection, at).await,
        }
    }

    async fn by_kerberos(&self, connection: &Connection, at: &Endpoint) -> Result<(), Fault> {
        if self.is_refused(&None) {
            let minutes = REFUSED_PAUSE.as_secs() / 60;
            let cause = format!("the key was refused, and is not offered again within {minutes} minutes");
            return Err(Fault::broken(format!("logging on to {at} by Kerberos"), cause)
                .hint("make a new keytab, and start again: each wrong logon counts"));
        }
        match kerberos::log_on(connection, at).await {
            Ok(()) => Ok(()),
            Err(denied) => {
                if denied.counts {
                    self.refused().push(Refused { at: None, since: Instant::now() });
                }
                Err(denied.fault)
            }
        }
    }

    async fn by_password(
        &self,
        connection: &Connection,
        at: &Endpoint,
        name: &str,
        source: &PasswordSource,
    ) -> Result<(), Fault> {
        let doing = format!("logging on to {at} as the rotator's account {name}");
        let hint = "store the right password of the rotator's account before the next try: each wrong one counts";
        let first = source.first(&doing).await?;
        let mut answers = vec![self.offer(connection, &doing, name, &first).await?];
        if answers.contains(&Answer::Accepted) {
            return Ok(());
        }
        let second = source.second(&first, &doing).await.map_err(|fault| Fault {
            cause: format!(
                "the password is refused (52e), and whether another is pending is not known: {}",
                fault.cause
            ),
            ..fault
        })?;
        if let Some(second) = second {
            answers.push(self.offer(connection, &doing, name, &second).await?);
            if answers.contains(&Answer::Accepted) {
                return Ok(());
            }
        }
        let which = if answers.len() > 1 { ", the pending one too" } else { "" };
        let cause = if answers.contains(&Answer::Refused) {
            format!("wrong name or password (52e){which}")
        } else {
            let minutes = REFUSED_PAUSE.as_secs() / 60;
            format!("wrong name or password (52e){which}; not offered again within {minutes} minutes")
        };
        Err(Fault::broken(doing, cause).hint(hint))
    }

    /// One bind, unless this password was refused a short while ago.
    async fn offer(
        &self,
        connection: &Connection,
        doing: &str,
        name: &str,
        candidate: &Candidate,
    ) -> Result<Answer, Fault> {
        if self.is_refused(&candidate.at) {
            return Ok(Answer::NotAsked);
        }
        let accepted = bind(connection, doing, name, &candidate.secret).await?;
        let mut refused = self.refused();
        if accepted {
            // Another one may be set while this one is in use: what was wrong then need not stay wrong.
            refused.clear();
            return Ok(Answer::Accepted);
        }
        refused.push(Refused { at: candidate.at.clone(), since: Instant::now() });
        Ok(Answer::Refused)
    }

    fn is_refused(&self, candidate: &Option<SecretRef>) -> bool {
        let mut refused = self.refused();
        refused.retain(|known| known.since.elapsed() < REFUSED_PAUSE);
        refused.iter().any(|known| known.at == *candidate)
    }

    fn refused(&self) -> MutexGuard<'_, Vec<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One bind. `false` = the password is wrong; every other refusal is a fault.
async fn bind(connection: &Connection, doing: &str, name: &str, secret: &Secret) -> Result<bool, Fault> {
    match connection.bind(name, secret).await? {
        BindAnswer::Accepted => Ok(true),
        BindAnswer::WrongCredentials => Ok(false),
        BindAnswer::Locked => Err(Fault::broken(doing, "the account is locked out (775)")
            .hint("find out who tries wrong passwords, then unlock it")),
        BindAnswer::Barred(bar) => Err(Fault::broken(doing, bar.cause).hint(bar.next_step)),
        BindAnswer::Busy(bar) => Err(Fault::later(doing, bar.cause).hint(bar.next_step)),
    }
}

impl PasswordSource {
    /// What a logon begins with.
    async fn first(&self, doing: &str) -> Result<Candidate, Fault> {
        match self {
            Self::Given(secret) => Ok(Candidate { secret: secret.clone(), at: None }),
            Self::InVault { vault, name } => fetch(&**vault, name, Slot::Current, doing).await?.ok_or_else(|| {
                Fault::broken(doing, format!("the vault holds no password of it as {name}"))
                    .hint("put the password in use there, under the key `password`")
            }),
        }
    }

    /// What may be tried after the first was refused: the candidate, or what current became meanwhile.
    async fn second(&self, first: &Candidate, doing: &str) -> Result<Option<Candidate>, Fault> {
        let Self::InVault { vault, name } = self else { return Ok(None) };
        let pending = fetch(&**vault, name, Slot::Pending, doing).await?;
        let second = match pending {
            Some(pending) => Some(pending),
            // It may have been promoted since current was read.
            None => fetch(&**vault, name, Slot::Current, doing).await?,
        };
        Ok(second.filter(|second| second.secret != first.secret))
    }
}

/// What lies in one of the vault's places; `None` when it is empty.
async fn fetch(vault: &dyn Vault, name: &str, slot: Slot, doing: &str) -> Result<Option<Candidate>, Fault> {
    let ours = |fault: Fault| Fault {
        meaning: match fault.meaning {
            Meaning::Refused | Meaning::Broken => Meaning::Broken,
            Meaning::Later | Meaning::Unclear => Meaning::Later,
        },
        doing: doing.to_owned(),
        cause: format!("{}: {}", fault.doing, fault.cause),
        ..fault
    };
    let read = async {
        for fetched in 1..=FETCHES_MAX {
            let Some(at) = vault.find(name, slot).await? else { return Ok(None) };
            match vault.read(&at).await {
                Ok(secret) => return Ok(Some(Candidate { secret, at: Some(at) })),
                Err(fault) if fault.meaning == Meaning::Refused && fetched < FETCHES_MAX => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(None)
    };
    match timeout(FETCH_LIMIT, read).await {
        Ok(fetched) => fetched.map_err(ours),
        Err(_) => Err(Fault::later(doing, format!("no password from the vault within {} s", FETCH_LIMIT.as_secs()))),
    }
}
