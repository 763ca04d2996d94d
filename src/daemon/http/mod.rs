//! What is served over HTTP: health and metrics to machines, the page to people. `desk` holds what answers are made from and
//! leads to them; `connections` bounds who may connect, `door` stands before every page, `keys`, `session` and `tries` say who
//! comes in, `login` lets in and out; `pages` and `reports` answer, `demands` hands a person's orders to the keeper.

mod connections;
mod demands;
mod desk;
mod door;
mod health;
mod keys;
mod login;
mod pages;
mod reports;
mod session;
mod tries;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use providers::port::{Fault, Secret};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::{Mutex, Semaphore, mpsc};

use self::connections::{Gate, Limits};
use self::desk::{Desk, router};
use self::keys::Keys;
use self::session::Sessions;
use self::tries::Tries;
use super::board::Board;
use super::keeper::Order;
use crate::clock::{Clock, Entropy};
use crate::journal::{Journal, Place};
use crate::order::Ledger;

pub(super) use health::is_alive;

/// A keeper that was not seen at work for so long is not alive.
pub(super) const ALIVE_WITHIN: Duration = Duration::from_secs(180);

/// The longest head, in bytes.
const HEAD_MAX: usize = 32 * 1024;

/// How long an answer may take when the service ends.
const END_LIMIT: Duration = Duration::from_secs(2);

/// Where and how it is served.
#[derive(Clone, Debug)]
pub struct HttpSetting {
    /// The address.
    pub listen: SocketAddr,
    /// Over TLS.
    pub tls: Option<Tls>,
    /// What anything beyond health asks for; without it and without a person whoever is on this machine may look.
    pub token: Option<Secret>,
    /// Who may order something on the page, each with a token of his own.
    pub persons: Vec<(String, Secret)>,
    /// This machine's name, for the page.
    pub host: String,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Tls {
    /// PEM.
    pub cert_file: PathBuf,
    /// PEM.
    pub key_file: PathBuf,
}

/// What is shown.
pub(super) struct Shown {
    pub(super) board: Arc<Board>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The journal, over a connection of its own.
    pub(super) journal: Arc<dyn Journal>,
    pub(super) place: Place,
    /// The way to the keeper.
    pub(super) orders: mpsc::Sender<Order>,
}

/// Serves until it is ended.
pub(super) struct Http {
    handle: Handle<SocketAddr>,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Http {
    /// Begins to listen.
    pub(super) fn start(setting: &HttpSetting, shown: Shown) -> Result<Self, Fault> {
        Self::start_within(setting, shown, Limits::USUAL)
    }

    fn start_within(setting: &HttpSetting, shown: Shown, limits: Limits) -> Result<Self, Fault> {
        let doing = || format!("listening on {}", setting.listen);
        let failed = |cause: std::io::Error| {
            Fault::broken(doing(), cause.to_string())
                .hint("another program may listen there: choose another `listen` in [serve]")
        };
        if !setting.listen.ip().is_loopback() && setting.tls.is_none() {
            return Err(Fault::broken(doing(), "beyond loopback it is served over TLS only")
                .hint("name a certificate and its key in [serve.tls], or listen on 127.0.0.1"));
        }
        let listener = TcpListener::bind(setting.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let keys = Keys::new(setting.token.as_ref(), &setting.persons).map_err(|name| {
            let cause = format!("the token of {name} is another one's too: nobody could tell who somebody is");
            Fault::broken("reading the tokens of [serve]", cause).hint("give each a token of his own")
        })?;
        let is_local = setting.listen.ip().is_loopback();
        let Shown { board, clock, entropy, journal, place, orders } = shown;
        // Beyond this machine nobody looks who has not shown a token.
        let has_page = is_local || !keys.is_empty();
        let desk = Desk {
            board,
            clock,
            entropy,
            journal,
            place,
            ledger: Mutex::new(Ledger::default()),
            host: setting.host.clone(),
            keys,
            sessions: Sessions::default(),
            tries: Tries::default(),
            names: is_local.then(|| names(setting.listen.ip())),
            is_tls: setting.tls.is_some(),
            orders,
            reports: Arc::new(Semaphore::new(1)),
        };
        let app = router(Arc::new(desk), has_page).into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        macro_rules! served {
            ($server:expr) => {{
                // Told to the server, not to its builder alone: else a client that says nothing is waited for without an end, to
                // learn which version it speaks. After the acceptor, which makes that forgotten.
                let mut server = $server.http1_only().handle(handle.clone());
                let timer = hyper_util::rt::TokioTimer::new();
                server.http_builder().http1().timer(timer).header_read_timeout(limits.head).max_buf_size(HEAD_MAX);
                tokio::spawn(async move {
                    if let Err(cause) = server.serve(app).await {
                        tracing::error!(%cause, "nothing is served any more");
                    }
                });
            }};
        }
        let tls = setting.tls.as_ref().map(tls_config).transpose()?;
        let (server, gate) = (axum_server::from_tcp(listener).map_err(failed)?, Gate::new(limits));
        match tls {
            None => served!(server.acceptor(gate)),
            Some(config) => {
                let tls = RustlsAcceptor::new(RustlsConfig::from_config(Arc::new(config)));
                served!(server.acceptor(tls.handshake_timeout(limits.head).acceptor(gate)));
            }
        }
        Ok(Self { handle, address })
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.handle.graceful_shutdown(Some(END_LIMIT));
    }
}

/// The names of a page that only this machine can reach.
fn names(listen: IpAddr) -> Vec<String> {
    let own = match listen {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
    if !names.contains(&own) {
        names.push(own);
    }
    names
}

fn tls_config(tls: &Tls) -> Result<rustls::ServerConfig, Fault> {
    let broken = |file: &PathBuf, cause: String| {
        Fault::broken(format!("reading {}", file.display()), cause)
            .hint("[serve.tls] names a certificate and its key, both PEM")
    };
    let certs: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&tls.cert_file)
        .map_err(|cause| broken(&tls.cert_file, cause.to_string()))?
        .collect();
    let certs = certs.map_err(|cause| broken(&tls.cert_file, cause.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key_file).map_err(|cause| broken(&tls.key_file, cause.to_string()))?;
    rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certs, key))
        .map_err(|cause| broken(&tls.cert_file, cause.to_string()))
}
