//! An agent reached over SSH: one connection, one command, one answer.
//!
//! The server's key must be known beforehand, and the logon is by key: a password would have to be kept somewhere, and
//! whoever stood in between at the first meeting would have it. Of the request's bytes russh keeps copies: the one that
//! is handed to it is wiped, the one in its write buffer is encrypted in place. Where another packet waits to be sent at
//! that very moment, they pass through a queue of russh's that it doesn't wipe.

mod key_file;
mod known_hosts;
mod link;
mod logon;
mod run;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::transport::{Answer, Broken, Reached, Transport};
use crate::port::Secret;
use link::Link;

/// The port that SSH servers listen on.
pub const DEFAULT_PORT: u16 = 22;

/// The command that is run where none is named.
pub const DEFAULT_COMMAND: &str = "entra-rotator agent";

/// Longest time for connection, handshake and logon together.
const LOGON_LIMIT: Duration = Duration::from_secs(20);

/// Longest time for a polite end, within the exchange's own limit.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// Whom to reach over SSH, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's name or address, as it stands in the known hosts.
    pub host: String,
    /// Its port, [`DEFAULT_PORT`] as a rule.
    pub port: u16,
    /// The account to log on as.
    pub user: String,
    /// The keys of known servers, in the format of OpenSSH's `known_hosts`. A server that isn't in it is not talked to.
    pub known_hosts_file: PathBuf,
    /// How to log on.
    pub logon: Logon,
    /// What is run there, [`DEFAULT_COMMAND`] as a rule; the server's shell reads it. Never a secret.
    pub command: String,
}

/// How to log on. Passwords are not offered.
#[derive(Clone, Debug)]
pub enum Logon {
    /// By a private key in a file.
    KeyFile {
        /// The file, in OpenSSH's format; nobody but its owner may read it.
        file: PathBuf,
        /// What the file is encrypted with, if it is.
        passphrase: Option<Secret>,
    },
    /// By a key that an SSH agent holds.
    Agent {
        /// Where the agent listens: a socket, on Windows a named pipe. `None` = where the environment's `SSH_AUTH_SOCK`
        /// says, on Windows the pipe of the system's own agent.
        socket: Option<PathBuf>,
    },
}

/// An agent at the other end of an SSH connection.
pub struct SshTransport {
    settings: Settings,
    address: String,
}

impl SshTransport {
    /// The way to one server. Nothing is read or tried before the first exchange.
    pub fn new(settings: Settings) -> Self {
        let Settings { host, port, user, .. } = &settings;
        let address = if host.contains(':') {
            format!("ssh://{user}@[{host}]:{port}")
        } else {
            format!("ssh://{user}@{host}:{port}")
        };
        Self { settings, address }
    }
}

#[async_trait]
impl Transport for SshTransport {
    fn address(&self) -> &str {
        &self.address
    }

    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, limit: Duration) -> Result<Answer, Broken> {
        let begun = Instant::now();
        let (deadline, logon_limit) = (begun + limit, limit.min(LOGON_LIMIT));
        let mut stage = "settings read";
        let mut link = match timeout_at(begun + logon_limit, Link::open(&self.settings, &mut stage)).await {
            Ok(opened) => opened?,
            Err(_) => {
                return Err(Broken::new(Reached::Nothing, format!("no {stage} within {} s", seconds(logon_limit))));
            }
        };
        let mut reached = Reached::Nothing;
        let done = match timeout_at(deadline, link.run(&self.settings.command, request, &mut reached)).await {
            Ok(done) => done,
            Err(_) => Err(Broken::new(reached, format!("no answer within {} s", seconds(limit)))),
        };
        // Whatever comes of the farewell, the answer stands.
        let _ = timeout_at(deadline.min(Instant::now() + GOODBYE_LIMIT), link.close()).await;
        done
    }
}

fn seconds(limit: Duration) -> f64 {
    limit.as_secs_f64()
}
