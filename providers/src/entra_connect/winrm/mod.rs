//! Agents by WinRM: a command in a remote shell (WS-Management, MS-WSMV), over HTTPS alone.

mod channel_binding;
mod connection;
mod course;
mod endpoint;
#[cfg(feature = "kerberos")]
mod kerberos;
#[cfg(not(feature = "kerberos"))]
#[path = "no_kerberos.rs"]
mod kerberos;
mod logon;
mod message;
mod ntlm;
mod reply;
mod trust;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;
use zeroize::Zeroizing;

use self::course::Course;
use self::endpoint::Endpoint;
use super::transport::{Answer, Broken, Reached, Transport};
use crate::port::Secret;

/// What is run on the server when nothing else is said. The PATH there must know it.
pub const COMMAND: &str = "entra-rotator agent";

/// What is kept of an exchange's limit for ending the shell.
const TIDY_LIMIT: Duration = Duration::from_secs(5);
/// No more of the limit than this part of it.
const TIDY_PART: u32 = 10;

/// How a server is reached by WinRM.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://connect1.contoso.example:5986/wsman`; nothing but https.
    pub url: String,
    /// The CAs that the listener's certificate is believed by; `None` = those of this machine.
    pub ca_file: Option<PathBuf>,
    /// Who we are there.
    pub logon: Logon,
    /// The agent's command line, [`COMMAND`] as a rule. `cmd.exe` reads it: never a secret, never anything that others say.
    pub command: String,
    /// Where the host of the url is, when DNS does not know it.
    pub address: Option<IpAddr>,
}

/// How we log on to a server.
#[derive(Clone, Debug)]
pub enum Logon {
    /// By NTLMv2, bound to the TLS connection.
    Ntlm {
        /// `DOMAIN\user`, `user@domain.name`, or `.\user` for one of the server itself.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// By Kerberos, with the ticket of this process. Needs the Cargo feature `kerberos`.
    Kerberos,
    /// By a client certificate that is mapped to an account there.
    Certificate {
        /// The certificate, and those of its issuers, in PEM form.
        certificate_file: PathBuf,
        /// Its key, in PEM form, not encrypted.
        key_file: PathBuf,
    },
}

/// An agent at the other end of WinRM.
pub struct WinrmTransport {
    at: Endpoint,
    settings: Settings,
    address: String,
}

impl WinrmTransport {
    /// Reads the url; no file is read and nothing is connected to yet.
    pub fn new(settings: Settings) -> Result<Self, Broken> {
        let at = Endpoint::new(&settings.url, settings.address)?;
        if settings.command.trim().is_empty() {
            return Err(Broken::new(Reached::Settings, "there is no command for the agent").hint(COMMAND));
        }
        Ok(Self { address: format!("winrm {}", at.url), at, settings })
    }
}

#[async_trait]
impl Transport for WinrmTransport {
    fn address(&self) -> &str {
        &self.address
    }

    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, limit: Duration) -> Result<Answer, Broken> {
        let tidy_limit = TIDY_LIMIT.min(limit / TIDY_PART);
        let mut course = Course::new(&self.at, &self.settings);
        let done = timeout(limit - tidy_limit, course.run(request, limit)).await;
        let (reached, late) = (course.reached, || format!("no answer within {} s", limit.as_secs()));
        let done = done.unwrap_or_else(|_| Err(Broken::new(reached, late())));
        let _ = timeout(tidy_limit, course.tidy()).await;
        done.map_err(|broken| match reached {
            // Whatever a later message led to: a byte of the request may have left.
            Reached::Request => Broken { reached, ..broken },
            _ => broken,
        })
    }
}
