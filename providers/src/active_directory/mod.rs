//! Active Directory over LDAPS.
//!
//! Passwords are set at the PDC emulator of the account's domain, because every domain controller asks it
//! before it refuses a logon. Everything that looks at a set then stays on that one domain controller,
//! named by its host name: metadata of two domain controllers can't be compared.
//!
//! Every call opens a connection of its own, verifies the server, and closes it. Deliberately absent: plain
//! LDAP and StartTLS (a password never waits for an upgrade), retries (the engine decides), and any cache.

mod account;
mod answer;
mod ber;
mod certificate;
#[cfg(feature = "kerberos")]
mod channel_binding;
mod connection;
mod deadline;
mod discovery;
mod distinguished_name;
mod domain_controllers;
mod domain_name;
mod endpoint;
mod entry;
mod filetime;
mod forest;
mod identity;
#[cfg_attr(not(feature = "kerberos"), path = "no_kerberos.rs")]
mod kerberos;
mod locator;
mod lockout;
mod logon;
mod message;
mod own_account;
mod password;
mod policy;
mod resolve;
mod sid;
mod topology;
mod wire;

use std::path::PathBuf;

use async_trait::async_trait;

use self::answer::BindAnswer;
use self::connection::{Connection, Found, Lost, Octets};
pub use self::domain_controllers::DomainControllers;
use self::domain_controllers::Source;
use self::endpoint::Endpoint;
use self::identity::Rotator;
pub use self::identity::{Identity, PasswordSource};
use self::locator::Locator;
pub use self::logon::{LogonAnswer, logon};
use crate::port::{AccountFacts, Directory, Fault, Fingerprint, Lockout, OwnCredential, ResetRight, Secret};
use crate::tls;

/// How to reach a domain, and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where its domain controllers are.
    pub controllers: DomainControllers,
    /// The CA that issued their certificates, in PEM form; `None` = the machine's trust store.
    pub ca_file: Option<PathBuf>,
    /// Who the rotator is.
    pub identity: Identity,
}

/// A domain, reached over LDAPS.
#[derive(Debug)]
pub struct ActiveDirectory {
    source: Source,
    ca_file: Option<PathBuf>,
    rotator: Rotator,
}

impl ActiveDirectory {
    /// Checks the settings without connecting. A url that is not `ldaps://`, no url, no CA certificate, no
    /// name or no password is `Broken`.
    pub fn new(settings: Settings) -> Result<Self, Fault> {
        let source = Source::check(&settings.controllers)?;
        let rotator = Rotator::new(settings.identity)?;
        tls::client_config(settings.ca_file.as_deref())?;
        Ok(Self { source, ca_file: settings.ca_file, rotator })
    }

    /// Connects without a logon.
    async fn connect(&self, at: &Endpoint) -> Result<Connection, Fault> {
        Connection::open(at, &tls::client_config(self.ca_file.as_deref())?).await
    }

    /// Connects and logs on as the rotator.
    async fn log_on(&self, at: &Endpoint) -> Result<Connection, Fault> {
        let connection = self.connect(at).await?;
        match self.rotator.log_on(&connection, at).await {
            Ok(()) => Ok(connection),
            Err(fault) => {
                connection.close().await;
                Err(fault)
            }
        }
    }
}

#[async_trait]
impl Directory for ActiveDirectory {
    fn describe(&self) -> String {
        format!("Active Directory at {}, as {}", self.source.describe(), self.rotator.name())
    }

    async fn account(&self, locator: &str) -> Result<AccountFacts, Fault> {
        deadline::call(async {
            let named = Locator::parse(locator)?;
            let here = self.work(&named).await?;
            let mut found = account::find(&here, &named).await;
            let mut searched = here.root.domain_name.to_string();
            if let Ok(None) = found {
                // A principal name may be of another domain of the forest, and then often ends with that one's name.
                let other = forest::of_principal(&here.connection, &here.root, &named).await;
                here.connection.close().await;
                if let Some(domain) = other? {
                    let here = self.work_in(&domain).await?;
                    found = account::find(&here, &named).await;
                    searched = format!("{searched} and {}", domain.name);
                    here.connection.close().await;
                }
            } else {
                here.connection.close().await;
            }
            found?.ok_or_else(|| {
                Fault::refused(
                    format!("finding the account {locator:?} in {searched}"),
                    "there is none, or the rotator's account may not see it",
                )
                .hint(
                    r"name it by sAMAccountName, user principal name or distinguished name; in another domain of the forest as DOMAIN\name",
                )
            })
        })
        .await
    }

    async fn fingerprint(&self, dn: &str, dc: &str) -> Result<Fingerprint, Fault> {
        deadline::call(async {
            let at = self.endpoint(dn, dc).await?;
            let connection = self.log_on(&at).await?;
            let fingerprint = fingerprint(&connection, &at, dn).await;
            connection.close().await;
            fingerprint
        })
        .await
    }

    async fn set_password(&self, dn: &str, dc: &str, secret: &Secret) -> Result<(), Fault> {
        deadline::call(async { self.reset(dn, &self.endpoint(dn, dc).await?, secret).await }).await
    }

    async fn change_password(&self, dn: &str, dc: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        deadline::call(async { self.change(dn, &self.endpoint(dn, dc).await?, old, new).await }).await
    }

    async fn reset_right(&self, dn: &str, dc: &str) -> Result<ResetRight, Fault> {
        deadline::call(async { self.probe(dn, &self.endpoint(dn, dc).await?).await }).await
    }

    async fn lockout(&self, dn: &str, dc: &str) -> Result<Lockout, Fault> {
        deadline::call(async {
            let at = self.endpoint(dn, dc).await?;
            let connection = self.log_on(&at).await?;
            let lockout = lockout::of(&connection, &at, dn).await;
            connection.close().await;
            lockout
        })
        .await
    }

    async fn working_dc(&self, dn: &str) -> Result<String, Fault> {
        deadline::call(async {
            let here = self.work(&Locator::Dn(dn)).await?;
            here.connection.close().await;
            Ok(here.at.host)
        })
        .await
    }

    async fn in_use(&self, dn: &str, dc: &str, secret: &Secret) -> Result<Option<bool>, Fault> {
        deadline::call(async { self.compare(dn, &self.endpoint(dn, dc).await?, secret).await }).await
    }

    async fn accepts(&self, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault> {
        deadline::call(async {
            let at = self.endpoint(dn, dc).await?;
            let doing = || format!("logging on to {} as {dn}", at.host);
            let connection = self.connect(&at).await?;
            let answer = connection.bind(dn, secret).await;
            connection.close().await;
            match answer? {
                BindAnswer::Accepted => Ok(true),
                BindAnswer::WrongCredentials => Ok(false),
                BindAnswer::Locked => Err(Fault::refused(doing(), "the account is locked out (775)")
                    .hint("find out who tries wrong passwords, then unlock it")),
                BindAnswer::Barred(bar) => Err(Fault::refused(doing(), bar.cause).hint(bar.next_step)),
                BindAnswer::Busy(bar) => Err(Fault::later(doing(), bar.cause).hint(bar.next_step)),
            }
        })
        .await
    }

    async fn replicate(&self, dn: &str, from: &str, to: &str) -> Result<(), Fault> {
        deadline::call(async {
            if from.eq_ignore_ascii_case(to) {
                return Ok(());
            }
            // The source is asked without a logon, so nothing is lost at a wrong one.
            let (from, to) = (self.named(from)?, self.endpoint(dn, to).await?);
            let doing = || format!("replicating {dn} from {} to {}", from.host, to.host);
            let source = self.connect(&from).await?;
            let source_root = topology::root_entry(&source, &from).await;
            source.close().await;
            let source_root = source_root?;
            let target = self.log_on(&to).await?;
            let target_root = topology::root_entry(&target, &to).await?;
            if target_root.dsa.eq_ignore_ascii_case(&source_root.dsa) {
                // Two names of one domain controller.
                target.close().await;
                return Ok(());
            }
            // The first colon ends the source's name, and a second one would begin an option.
            let (source, object) = (source_root.dsa, distinguished_name::without_colons(dn));
            let order = Octets::of(&format!("{source}:{object}"));
            match target.replace("", "replicateSingleObject", order).await {
                Ok(result) => {
                    target.close().await;
                    answer::replication(doing, &result)
                }
                // It may be under way; the fingerprint on the target is the proof, and asking twice does no harm.
                Err(lost @ Lost::NotHeld(_)) => Err(lost.fault(doing())),
                Err(Lost::NotSent(cause) | Lost::Unanswered(cause)) => Err(Fault::later(doing(), cause)),
            }
        })
        .await
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        deadline::call(async {
            let here = self.read_anywhere().await?;
            let credential = own_account::credential(&here.connection, self.rotator.credential()).await;
            here.connection.close().await;
            credential
        })
        .await
    }
}

async fn fingerprint(connection: &Connection, at: &Endpoint, dn: &str) -> Result<Fingerprint, Fault> {
    let doing = || format!("reading the password's metadata of {dn} on {}", at.host);
    let entry = match connection.read(dn, &["msDS-KeyVersionNumber", "pwdLastSet"]).await? {
        Found::One(entry) => entry,
        Found::Nothing | Found::Several(_) => {
            return Err(Fault::refused(doing(), "there is no such object").hint(
                "find the account again: it was moved, deleted, or is not replicated to this domain controller",
            ));
        }
    };
    let number = |name: &str| {
        entry.number(name).ok_or_else(|| {
            Fault::refused(doing(), format!("{name} can't be read")).hint(
                "let the rotator's account read it (deploy/active-directory/read-account.sddl): without it a set can't be \
                 proven",
            )
        })
    };
    Ok(Fingerprint {
        dc: at.host.clone(),
        key_version: number("msDS-KeyVersionNumber")?,
        password_last_set: number("pwdLastSet")?,
        dc_time: topology::root_entry(connection, at).await?.time,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Meaning;

    fn settings(urls: &[&str]) -> Settings {
        Settings {
            controllers: DomainControllers::Listed(urls.iter().map(|&url| url.to_owned()).collect()),
            ca_file: Some(PathBuf::from("/nonexistent/ca.pem")),
            identity: Identity::password("rotator@contoso.test", Secret::new("p4ss-in-the-clear")),
        }
    }

    #[test]
    fn unusable_settings_are_ours_and_show_no_password() {
        let as_whom = |name: &str, password: &str| Settings {
            ca_file: None,
            identity: Identity::password(name, Secret::new(password)),
            ..settings(&["ldaps://dc1"])
        };
        for bad in [
            settings(&[]),
            settings(&["ldap://dc1"]),
            settings(&["ldaps://dc1"]),
            as_whom("r", ""),
            as_whom("", "p4ss"),
        ] {
            assert!(!format!("{bad:?}").contains("p4ss"));
            let fault = ActiveDirectory::new(bad).expect_err("it is refused");
            assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
        }
    }
}
