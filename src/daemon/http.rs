use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use providers::port::{Fault, Secret};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use super::board::Board;
use super::metrics;
use crate::clock::Clock;

/// A keeper that was not seen at work for so long is not alive.
pub(super) const ALIVE_WITHIN: Duration = Duration::from_secs(180);

/// How long a client may take for the head of its request.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// How long an answer may take when the service ends.
const END_LIMIT: Duration = Duration::from_secs(2);

/// Where and how it is served.
#[derive(Clone, Debug)]
pub struct HttpSetting {
    /// The address.
    pub listen: SocketAddr,
    /// Over TLS.
    pub tls: Option<Tls>,
    /// What anything beyond health and metrics asks for; none = there is nothing beyond.
    pub token: Option<Secret>,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Tls {
    /// PEM.
    pub cert_file: PathBuf,
    /// PEM.
    pub key_file: PathBuf,
}

#[derive(Clone)]
struct Desk {
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    /// SHA-256 of the token: compared by digest, a difference tells nothing by its time.
    token: Option<[u8; 32]>,
}

/// Serves health and metrics until it is ended.
pub(super) struct Http {
    handle: Handle<SocketAddr>,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Http {
    /// Begins to listen.
    pub(super) fn start(setting: &HttpSetting, board: Arc<Board>, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
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
        let token = setting.token.as_ref().map(|token| Sha256::digest(token.expose().as_bytes()).into());
        let app = router(Desk { board, clock, token }).into_make_service();
        let handle = Handle::new();
        macro_rules! served {
            ($server:expr) => {{
                let mut server = $server.map_err(failed)?.handle(handle.clone());
                let timer = hyper_util::rt::TokioTimer::new();
                let builder = server.http_builder();
                // Or a client that says nothing would be waited for without an end, to learn which version it speaks.
                *builder = std::mem::replace(builder, hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new())).http1_only();
                builder.http1().timer(timer).header_read_timeout(HEAD_LIMIT);
                tokio::spawn(async move {
                    if let Err(cause) = server.serve(app).await {
                        tracing::error!(%cause, "health and metrics are not served any more");
                    }
                });
            }};
        }
        match &setting.tls {
            None => served!(axum_server::from_tcp(listener)),
            Some(tls) => served!(axum_server::tls_rustls::from_tcp_rustls(
                listener,
                RustlsConfig::from_config(Arc::new(tls_config(tls)?))
            )),
        }
        Ok(Self { handle, address })
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.handle.graceful_shutdown(Some(END_LIMIT));
    }
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

fn router(desk: Desk) -> Router {
    let beyond = desk.token.is_some();
    let app = Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).route("/metrics", get(numbers));
    let app = if beyond { app.route("/api/status", get(status)) } else { app };
    app.with_state(desk)
}

/// Whether the keeper was seen at work lately.
pub(super) fn is_alive(board: &Board, clock: &dyn Clock) -> bool {
    board.last_round().is_some_and(|at| clock.monotonic().saturating_sub(at) < ALIVE_WITHIN)
}

async fn livez(State(desk): State<Desk>) -> Response {
    if is_alive(&desk.board, &*desk.clock) {
        return "alive\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the keeper was not seen at work lately\n").into_response()
}

async fn readyz(State(desk): State<Desk>) -> Response {
    let view = desk.board.view();
    let why = if view.stopping {
        "it is ending\n"
    } else if !is_alive(&desk.board, &*desk.clock) {
        "the keeper was not seen at work lately\n"
    } else if view.stands_by.is_some() {
        // Ready to take over, which is all that is asked of it.
        return "standing by\n".into_response();
    } else if !view.ready {
        "interrupted rotations are taken up first\n"
    } else {
        return "ready\n".into_response();
    };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn numbers(State(desk): State<Desk>) -> Response {
    match metrics::text(&desk.board.view(), &desk.board.steps, desk.clock.now()) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(cause) => (StatusCode::INTERNAL_SERVER_ERROR, cause.to_string()).into_response(),
    }
}

async fn status(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let given: Option<[u8; 32]> = given.map(|token| Sha256::digest(token.as_bytes()).into());
    if given.is_none() || given != desk.token {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], "a token is needed\n")
            .into_response();
    }
    Json(desk.board.view()).into_response()
}
