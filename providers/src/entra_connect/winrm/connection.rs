//! One HTTPS connection, and what is said on it.
//!
//! hyper is driven here without a pool: NTLM logs on a connection, not a request, and only who holds the connection knows
//! whether a request has left.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;
use super::message::OPERATION_LIMIT;
use super::trust;
use crate::entra_connect::tcp;
use crate::entra_connect::transport::{Broken, Reached};

/// For the name, the connection and the TLS handshake.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// For one message and its reply: the server keeps a request for [`OPERATION_LIMIT`] at most, then says so.
const REPLY_LIMIT: Duration = OPERATION_LIMIT.saturating_add(Duration::from_secs(10));
/// We ask for envelopes of 150 kB; a server that sends more than this is none.
const REPLY_BYTES_MAX: usize = 1024 * 1024;

/// A connection whose server's certificate is verified.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
    /// The server's certificate, for the channel binding.
    pub(super) certificate: Option<Vec<u8>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The values of `WWW-Authenticate`.
    pub(super) offers: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// Why nothing came back.
pub(super) struct Lost {
    /// Not a byte of it had left.
    pub(super) unsent: bool,
    pub(super) broken: Broken,
}

impl Connection {
    /// Connects; nothing of a request has left when that fails.
    pub(super) async fn open(at: &Endpoint, tls: Arc<ClientConfig>) -> Result<Self, Broken> {
        let late = || {
            let cause = format!("no connection to {at} within {} s", CONNECT_LIMIT.as_secs());
            Broken::new(Reached::Nothing, cause).hint(NO_CONNECTION_HINT)
        };
        timeout(CONNECT_LIMIT, Self::connect(at, tls)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn connect(at: &Endpoint, tls: Arc<ClientConfig>) -> Result<Self, Broken> {
        let connected = match at.address {
            Some(address) => TcpStream::connect((address, at.port)).await,
            None => tcp::connect(&at.host, at.port).await,
        };
        let unconnected = |cause: io::Error| {
            Broken::new(Reached::Nothing, format!("no connection to {at}: {cause}")).hint(NO_CONNECTION_HINT)
        };
        let stream = connected.map_err(unconnected)?;
        stream.set_nodelay(true).map_err(unconnected)?;
        let name = ServerName::try_from(at.host.clone())
            .map_err(|cause| Broken::new(Reached::Settings, format!("{} is no host's name: {cause}", at.host)))?;
        let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(|error| trust::broken(&error, at))?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| Some(chain.first()?.to_vec()));
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| trust::broken(&error, at))?;
        let task = tokio::spawn(async move {
            // Whoever waits for a reply is told by the sender.
            let _ = connection.await;
        });
        Ok(Self { sender, task, certificate })
    }

    pub(super) fn closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// One message and its reply.
    pub(super) async fn post(
        &mut self,
        at: &Endpoint,
        authorization: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<Reply, Lost> {
        let late = || Lost {
            unsent: false,
            broken: Broken::new(Reached::Nothing, format!("no reply from {at} within {} s", REPLY_LIMIT.as_secs()))
                .hint(NO_CONNECTION_HINT),
        };
        timeout(REPLY_LIMIT, self.ask(at, authorization, body)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn ask(&mut self, at: &Endpoint, authorization: Option<HeaderValue>, body: Bytes) -> Result<Reply, Lost> {
        let request = request(at, authorization, body)
            .map_err(|error| Lost { unsent: true, broken: Broken::new(Reached::Settings, error.to_string()) })?;
        if let Err(error) = self.sender.ready().await {
            return Err(Lost { unsent: true, broken: trust::broken(&error, at) });
        }
        let response = self.sender.try_send_request(request).await.map_err(|mut error| Lost {
            unsent: error.take_message().is_some(),
            broken: trust::broken(error.error(), at),
        })?;
        let (head, body) = response.into_parts();
        let offers = offers(&head.headers);
        // An error of the limit is not one of hyper's; both end the exchange.
        let body = Limited::new(body, REPLY_BYTES_MAX).collect().await.map_err(|error| Lost {
            unsent: false,
            broken: Broken::new(Reached::Nothing, format!("the reply of {at} broke off: {error}")),
        })?;
        Ok(Reply { status: head.status, offers, body: body.to_bytes().to_vec() })
    }
}

const NO_CONNECTION_HINT: &str = "does WinRM listen by HTTPS there (winrm enumerate winrm/config/listener), and does \
                                  this machine reach it: name resolution, firewall?";

fn request(
    at: &Endpoint,
    authorization: Option<HeaderValue>,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&at.path)
        .header(header::HOST, at.authority())
        .header(header::USER_AGENT, concat!("entra-rotator/", env!("CARGO_PKG_VERSION")))
        .header(header::CONTENT_TYPE, "application/soap+xml;charset=UTF-8");
    if let Some(mut value) = authorization {
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    request.body(Full::new(body))
}

fn offers(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
    values.filter_map(|value| value.to_str().ok().map(str::to_owned)).collect()
}
