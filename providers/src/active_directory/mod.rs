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
mod connection;
mod deadline;
mod endpoint;
mod entry;
mod filetime;
mod lockout;
mod logon;
mod message;
mod own_account;
mod password;
mod policy;
mod resolve;
mod topology;
mod wire;

use std::path::PathBuf;

use async_trait::async_trait;

use self::answer::BindAnswer;
use self::connection::{Connection, Found, Lost, Octets};
use self::endpoint::Endpoint;
pub use self::logon::{LogonAnswer, logon};
use self::topology::RootEntry;
use crate::port::{AccountFacts, Directory, Fault, Fingerprint, Lockout, Meaning, OwnCredential, ResetRight, Secret};
use crate::tls;

/// How to reach a domain, and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Domain controllers as `ldaps://host[:port]`, in the order to try.
    pub urls: Vec<String>,
    /// The CA that issued their certificates, in PEM form; `None` = the machine's trust store.
    pub ca_file: Option<PathBuf>,
    /// The rotator's own account: distinguished name, user principal name or `DOMAIN\user`.
    pub bind_name: String,
    /// Its password.
    pub bind_password: Secret,
}

/// A domain, reached over LDAPS.
#[derive(Debug)]
pub struct ActiveDirectory {
    endpoints: Vec<Endpoint>,
    ca_file: Option<PathBuf>,
    bind_name: String,
    bind_password: Secret,
}

impl ActiveDirectory {
    /// Checks the settings without connecting. A url that is not `ldaps://`, no url, no CA certificate, no
    /// name or no password is `Broken`.
    pub fn new(settings: Settings) -> Result<Self, Fault> {
        let doing = "reading the directory's settings";
        let endpoints = settings.urls.iter().map(|url| Endpoint::parse(url)).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(
                Fault::broken(doing, "there is no url").hint("name a domain controller: ldaps://dc1.contoso.test")
            );
        }
        if settings.bind_name.is_empty() || settings.bind_password.expose().is_empty() {
            // LDAP would take this as a logon of nobody, and accept it.
            return Err(Fault::broken(doing, "the rotator's own account has no name or no password"));
        }
        tls::client_config(settings.ca_file.as_deref())?;
        let Settings { ca_file, bind_name, bind_password, .. } = settings;
        Ok(Self { endpoints, ca_file, bind_name, bind_password })
    }

    /// Where the domain controller called `host` listens: all are taken to use the port that is configured.
    fn endpoint(&self, host: &str) -> Endpoint {
        let port = self.endpoints.iter().find(|at| at.is(host)).unwrap_or(&self.endpoints[0]).port;
        Endpoint { host: host.to_owned(), port }
    }

    /// Connects without a logon.
    async fn connect(&self, at: &Endpoint) -> Result<Connection, Fault> {
        Connection::open(at, &tls::client_config(self.ca_file.as_deref())?).await
    }

    /// Connects and logs on as the rotator. A refused logon is `Broken`: it is our own account, and asking
    /// again would lock it.
    async fn log_on(&self, at: &Endpoint) -> Result<Connection, Fault> {
        let connection = self.connect(at).await?;
        let doing = || format!("logging on to {at} as the rotator's account {}", self.bind_name);
        let fault = match connection.bind(&self.bind_name, &self.bind_password).await {
            Ok(BindAnswer::Accepted) => return Ok(connection),
            Ok(BindAnswer::WrongCredentials) => Fault::broken(doing(), "wrong name or password (52e)")
                .hint("store the right password of the rotator's account before the next try: each wrong one counts"),
            Ok(BindAnswer::Locked) => Fault::broken(doing(), "the account is locked out (775)")
                .hint("find out who tries wrong passwords, then unlock it"),
            Ok(BindAnswer::Barred(cause)) => Fault::broken(doing(), cause).hint("repair the rotator's account"),
            Ok(BindAnswer::Busy(said)) => Fault::later(doing(), said),
            Err(fault) => fault,
        };
        connection.close().await;
        Err(fault)
    }

    /// A connection to the PDC emulator, from whichever configured domain controller answers first.
    async fn work(&self, warnings: &mut Vec<String>) -> Result<(Endpoint, Connection, RootEntry), Fault> {
        let mut unreachable = None;
        for at in &self.endpoints {
            let connection = match self.log_on(at).await {
                Ok(connection) => connection,
                Err(fault) if fault.meaning == Meaning::Later => {
                    unreachable.get_or_insert(fault);
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            return self.move_to_pdc(at.clone(), connection, warnings).await;
        }
        Err(unreachable.unwrap_or_else(|| Fault::broken("connecting to the directory", "there is no url")))
    }

    async fn move_to_pdc(
        &self,
        at: Endpoint,
        connection: Connection,
        warnings: &mut Vec<String>,
    ) -> Result<(Endpoint, Connection, RootEntry), Fault> {
        let root = topology::root_entry(&connection, &at).await?;
        let pdc = topology::pdc_host(&connection, &root.domain).await?;
        if at.is(&pdc) {
            return Ok((at, connection, root));
        }
        let there = self.endpoint(&pdc);
        if self.endpoints.iter().any(|at| at.is(&pdc)) || topology::resolves(&there.host, there.port).await {
            connection.close().await;
            let connection = self.log_on(&there).await?;
            let root = topology::root_entry(&connection, &there).await?;
            return Ok((there, connection, root));
        }
        if !root.host.eq_ignore_ascii_case(&pdc) {
            if self.endpoints.len() > 1 {
                connection.close().await;
                return Err(Fault::later(
                    "connecting to the PDC emulator",
                    format!("the name {pdc} can't be resolved"),
                )
                .hint("repair the name resolution, or name the PDC emulator among the urls"));
            }
            warnings.push(format!(
                "the PDC emulator {pdc} can't be resolved, so the work is done at {}: other domain controllers may \
                 refuse the new password until it is replicated",
                at.host
            ));
        }
        Ok((at, connection, root))
    }
}

#[async_trait]
impl Directory for ActiveDirectory {
    fn describe(&self) -> String {
        let hosts: Vec<String> = self.endpoints.iter().map(Endpoint::url).collect();
        format!("Active Directory at {}, as {}", hosts.join(", "), self.bind_name)
    }

    async fn account(&self, locator: &str) -> Result<AccountFacts, Fault> {
        let mut warnings = Vec::new();
        let (at, connection, root) = self.work(&mut warnings).await?;
        let facts = account::find(&connection, &root, &at.host, locator).await;
        connection.close().await;
        facts.map(|mut facts| {
            facts.warnings.splice(0..0, warnings);
            facts
        })
    }

    async fn fingerprint(&self, dn: &str, dc: &str) -> Result<Fingerprint, Fault> {
        let at = self.endpoint(dc);
        let connection = self.log_on(&at).await?;
        let fingerprint = fingerprint(&connection, &at, dn).await;
        connection.close().await;
        fingerprint
    }

    async fn set_password(&self, dn: &str, dc: &str, secret: &Secret) -> Result<(), Fault> {
        self.reset(dn, &self.endpoint(dc), secret).await
    }

    async fn change_password(&self, dn: &str, dc: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        self.change(dn, &self.endpoint(dc), old, new).await
    }

    async fn reset_right(&self, dn: &str, dc: &str) -> Result<ResetRight, Fault> {
        self.probe(dn, &self.endpoint(dc)).await
    }

    async fn lockout(&self, dn: &str, dc: &str) -> Result<Lockout, Fault> {
        let at = self.endpoint(dc);
        let connection = self.log_on(&at).await?;
        let lockout = lockout::of(&connection, &at, dn).await;
        connection.close().await;
        lockout
    }

    async fn working_dc(&self, _dn: &str) -> Result<String, Fault> {
        let (at, connection, _) = self.work(&mut Vec::new()).await?;
        connection.close().await;
        Ok(at.host)
    }

    async fn accepts(&self, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault> {
        let at = self.endpoint(dc);
        let doing = || format!("logging on to {} as {dn}", at.host);
        let connection = self.connect(&at).await?;
        let answer = connection.bind(dn, secret).await;
        connection.close().await;
        match answer? {
            BindAnswer::Accepted => Ok(true),
            BindAnswer::WrongCredentials => Ok(false),
            BindAnswer::Locked => Err(Fault::refused(doing(), "the account is locked out (775)")
                .hint("find out who tries wrong passwords, then unlock it")),
            BindAnswer::Barred(cause) => Err(Fault::refused(doing(), cause)),
            BindAnswer::Busy(said) => Err(Fault::later(doing(), said)),
        }
    }

    async fn replicate(&self, dn: &str, from: &str, to: &str) -> Result<(), Fault> {
        if from.eq_ignore_ascii_case(to) {
            return Ok(());
        }
        let (from, to) = (self.endpoint(from), self.endpoint(to));
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
        let order = Octets::of(&format!("{}:{dn}", source_root.dsa));
        match target.replace("", "replicateSingleObject", order).await {
            Ok(result) => {
                target.close().await;
                answer::replication(doing, &result)
            }
            // It may be under way; the fingerprint on the target is the proof, and asking twice does no harm.
            Err(Lost::NotSent(cause) | Lost::Unanswered(cause)) => Err(Fault::later(doing(), cause)),
        }
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        let (_, connection, _) = self.work(&mut Vec::new()).await?;
        let credential = own_account::credential(&connection, &self.bind_name, "password").await;
        connection.close().await;
        credential
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
            Fault::broken(doing(), format!("{name} can't be read"))
                .hint("let the rotator's account read it: without it a set can't be proven")
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

    fn settings(urls: &[&str]) -> Settings {
        Settings {
            urls: urls.iter().map(|&url| url.to_owned()).collect(),
            ca_file: Some(PathBuf::from("/nonexistent/ca.pem")),
            bind_name: "rotator@contoso.test".to_owned(),
            bind_password: Secret::new("p4ss-in-the-clear"),
        }
    }

    #[test]
    fn unusable_settings_are_ours_and_show_no_password() {
        let without_password = Settings { bind_password: Secret::new(""), ..settings(&["ldaps://dc1"]) };
        for bad in [settings(&[]), settings(&["ldap://dc1"]), settings(&["ldaps://dc1"]), without_password] {
            assert!(!format!("{bad:?}").contains("p4ss"));
            let fault = ActiveDirectory::new(bad).expect_err("it is refused");
            assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
        }
    }
}
