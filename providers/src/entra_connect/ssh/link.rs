use std::borrow::Cow;
use std::net::Shutdown;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::client::{Config, DisconnectReason, Handle, Handler, connect_stream};
use russh::keys::{Algorithm, PublicKeyOrCertificate};
use russh::{Disconnect, Preferred, SshId, compression};
use tokio::net::TcpStream;

use crate::entra_connect::said::cleaned;
use crate::entra_connect::tcp;
use crate::entra_connect::transport::{Broken, Reached};

use super::Settings;
use super::known_hosts::KnownHosts;
use super::logon::Ready;

/// After so much silence the server is asked for a sign of life.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// So many signs of life may stay away.
const KEEPALIVES_MAX: usize = 2;

/// A connection to a server that is the known one and has let us in.
pub(super) struct Link {
    pub(super) handle: Handle<Watch>,
    pub(super) seen: Arc<Seen>,
    _cut: Cut,
}

/// What the session saw, for messages: russh itself says little more than that it ended.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Why the server's key was not taken.
    stranger: OnceLock<Broken>,
    /// How the connection ended.
    end: OnceLock<String>,
}

impl Seen {
    /// How the connection ended.
    pub(super) fn end(&self) -> &str {
        self.end.get().map_or("the connection was lost", String::as_str)
    }
}

/// What russh asks and tells during a session.
pub(super) struct Watch {
    known: KnownHosts,
    seen: Arc<Seen>,
}

impl Handler for Watch {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        // No algorithm with certificates is offered, so that none comes; the key inside one would prove nothing.
        let judged = match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.known.judge(key),
            PublicKeyOrCertificate::Certificate(_) => {
                Err(Broken::new(Reached::Settings, "the server shows a certificate, which is not supported"))
            }
        };
        Ok(judged.map_err(|stranger| self.seen.stranger.set(stranger)).is_ok())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let (said, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                (format!("the server ended the connection: {}", cleaned(&info.message)), Ok(()))
            }
            DisconnectReason::Error(cause) => (told(&cause), Err(cause)),
        };
        let _ = self.seen.end.set(said);
        result
    }
}

/// Ends the connection when dropped. russh's session is a task of its own, which goes on when nobody waits for it any
/// more, and waits as long as the other side likes: without its socket it ends at once.
struct Cut(std::net::TcpStream);

impl Drop for Cut {
    fn drop(&mut self) {
        // It fails where the connection is gone already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Link {
    /// Connects, looks who is there, and logs on. `stage` is what was waited for last.
    pub(super) async fn open(settings: &Settings, stage: &mut &'static str) -> Result<Self, Broken> {
        let Settings { host, port, .. } = settings;
        let known = KnownHosts::read(&settings.known_hosts_file, host, *port)?;
        *stage = "key to log on with";
        let ready = Ready::new(&settings.logon).await?;
        *stage = "TCP connection";
        let lost = |cause: std::io::Error| {
            Broken::new(Reached::Nothing, format!("no TCP connection: {cause}")).hint(
                "does an SSH server listen there, and does this machine reach it: host, port, name resolution, firewall?",
            )
        };
        let stream = tcp::connect(host, *port).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let stream = stream.into_std().map_err(lost)?;
        let cut = Cut(stream.try_clone().map_err(lost)?);
        let stream = TcpStream::from_std(stream).map_err(lost)?;
        *stage = "SSH handshake";
        let (config, seen) = (config(known.kinds()), Arc::new(Seen::default()));
        let watch = Watch { known, seen: Arc::clone(&seen) };
        let handle = match connect_stream(Arc::new(config), stream, watch).await {
            Ok(handle) => handle,
            Err(cause) => return Err(seen.stranger.get().cloned().unwrap_or_else(|| no_handshake(&cause))),
        };
        let mut link = Self { handle, seen, _cut: cut };
        *stage = "logon";
        link.log_on(&settings.user, ready).await?;
        Ok(link)
    }

    /// Says goodbye, and waits for the session's end.
    pub(super) async fn close(self) {
        let Self { handle, _cut, .. } = self;
        if handle.disconnect(Disconnect::ByApplication, "", "").await.is_ok() {
            let _ = handle.await;
        }
    }
}

fn config(known: Vec<Algorithm>) -> Config {
    Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-entra-rotator_", env!("CARGO_PKG_VERSION")))),
        preferred: Preferred {
            key: host_key_order(&known).into(),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        keepalive_interval: Some(KEEPALIVE_INTERVAL),
        keepalive_max: KEEPALIVES_MAX,
        ..Config::default()
    }
}

/// The kinds of host keys, those first that the server is known by: it may have others too.
fn host_key_order(known: &[Algorithm]) -> Vec<Algorithm> {
    let is_known = |kind: &Algorithm| {
        known
            .iter()
            .any(|known| known == kind || matches!((known, kind), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })))
    };
    // Signatures of RSA keys with SHA-1 are not taken.
    let kinds = Preferred::DEFAULT.key.iter().filter(|kind| !matches!(kind, Algorithm::Rsa { hash: None })).cloned();
    let (mut order, others): (Vec<_>, Vec<_>) = kinds.partition(is_known);
    order.extend(others);
    order
}

fn no_handshake(cause: &russh::Error) -> Broken {
    match cause {
        russh::Error::Version => Broken::new(Reached::Nothing, "what listens there is no SSH server")
            .hint("look whether host and port are those of the SSH server"),
        russh::Error::NoCommonAlgo { kind, .. } => {
            Broken::new(Reached::Settings, format!("no SSH handshake: no common algorithm for {kind:?}"))
                .hint("the server's SSH is too old, or its algorithms are restricted to others than ours")
        }
        other => Broken::new(Reached::Nothing, format!("no SSH handshake: {}", told(other))),
    }
}

/// An error of russh's as the end of a sentence.
pub(super) fn told(cause: &russh::Error) -> String {
    match cause {
        russh::Error::KeepaliveTimeout => "the server gave no sign of life any more".to_owned(),
        // An end in the middle of a packet, or between two.
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_) => "the connection was lost".to_owned(),
        other => cleaned(&other.to_string()),
    }
}
