use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{AUTHORIZATION, HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request, Url};
use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Client;
use zeroize::Zeroizing;

use super::Settings;
use super::credential::Watched;
use crate::https::{self, Effect, Peer, innermost};
use crate::port::{Fault, step_scope};
use crate::tls;

/// Where the metadata service of an Azure machine answers, and of no other machine.
const METADATA_HOST: &str = "169.254.169.254";
const NO_METADATA: &str = "is this a machine in Azure? Only there is a managed identity; a server on premises takes the \
                           identity `arc`, or `certificate`";

/// A call that ended without an answer for the client above, carried through its error type. `doing` is empty: whoever
/// made the call fills it in.
#[derive(Debug)]
pub(super) struct Cut(pub(super) Fault);

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.cause)
    }
}

impl std::error::Error for Cut {}

impl Cut {
    /// As the client above takes errors. `Other` is never tried again by it.
    pub(super) fn error(fault: Fault) -> Error {
        Error::new(ErrorKind::Other, Self(fault))
    }
}

/// A whole reply, as far as anybody asks for it.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// The client, and whose word a certificate is believed by.
pub(super) struct Wire {
    client: Client,
    trust: String,
}

impl Wire {
    /// HTTPS to the vault and the authority.
    pub(super) fn secure(settings: &Settings, vault: &Url) -> Result<Self, Fault> {
        let tls = tls::client_config(settings.ca_file.as_deref())?;
        let mut builder = https::builder((*tls).clone()).https_only(true);
        if let (Some(address), Some(host)) = (settings.address, vault.host_str()) {
            builder = builder.resolve(host, (address, 0).into());
        }
        Ok(Self { client: https::build(builder)?, trust: https::trusted(settings.ca_file.as_deref()) })
    }

    /// HTTP to a metadata service on this machine or its host. No TLS is set up: an https address does not work.
    pub(super) fn local() -> Result<Self, Fault> {
        // Without a backend of its own reqwest would ask for a process-wide one, and there is none.
        let empty = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| Fault::broken("setting up TLS", e.to_string()))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Ok(Self { client: https::build(https::builder(empty))?, trust: String::new() })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends, and reads the whole reply. A fault has no `doing`.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder, effect: Effect) -> Result<Reply, Fault> {
        let request = request.build().map_err(|e| Fault::broken("", innermost(&e)))?;
        let peer = Peer {
            host: request.url().host_str().unwrap_or_default().to_owned(),
            port: request.url().port_or_known_default().unwrap_or_default(),
            trust: self.trust.clone(),
            certificate: None,
        };
        let mut unconnected = false;
        let sending = async { self.client.execute(request).await.inspect_err(|e| unconnected = e.is_connect()) };
        let sent = https::sent(sending, &peer, effect, "").await;
        let mut response = sent.map_err(|fault| match unconnected && peer.host == METADATA_HOST {
            true => fault.hint(NO_METADATA),
            false => fault,
        })?;
        let body = https::body(&mut response, &peer, effect, "").await?;
        Ok(Reply { status: response.status().as_u16(), headers: std::mem::take(response.headers_mut()), body })
    }
}

/// What azure_core sends the vault's requests with.
///
/// A request to any other host and port than the vault's is refused before it is sent: the address of a next page is
/// in the vault's answer, and the client above would send the token wherever it points.
pub(super) struct VaultTransport {
    wire: Wire,
    vault: Url,
    credential: Arc<Watched>,
    /// The vault's clock and ours, at the last reply.
    clocks: Mutex<Option<(Timestamp, Timestamp)>>,
}

impl fmt::Debug for VaultTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultTransport").finish_non_exhaustive()
    }
}

impl VaultTransport {
    pub(super) fn new(wire: Wire, vault: Url, credential: Arc<Watched>) -> Self {
        Self { wire, vault, credential, clocks: Mutex::new(None) }
    }

    /// The vault's clock (whole seconds) and ours, when the last reply came.
    pub(super) fn clocks(&self) -> Option<(Timestamp, Timestamp)> {
        *self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HttpClient for VaultTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        if request.url().origin() != self.vault.origin() {
            let to = request.url().host_str().unwrap_or_default().to_owned();
            let cause = format!("the vault's answer points to {to}, and our token goes to no other host");
            return Err(Cut::error(Fault::broken("", cause)));
        }
        // Without a token (the first call, which only asks for the challenge) nothing can change.
        let authorized = request.headers().get_optional_str(&AUTHORIZATION).is_some();
        let changes = authorized && !matches!(request.method(), Method::Get | Method::Head);
        let effect = if changes { Effect::Write } else { Effect::Read };
        let wanted = translate(&self.wire, request).map_err(Cut::error)?;
        let reply = self.wire.send(wanted, effect).await;
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        let (method, path) = (request.method(), request.url().path());
        tracing::debug!(step = step_scope::current(), %method, path, status, "vault call");
        let reply = reply.map_err(Cut::error)?;
        if authorized && reply.status == 401 {
            self.credential.token_refused();
        }
        if let Some(date) = reply.headers.get("date").and_then(|value| https::date(value.to_str().ok()?)) {
            *self.clocks.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, Timestamp::now()));
        }
        Ok(given_back(reply))
    }
}

/// The same request for reqwest. The credential's header is marked, so that no layer prints it.
pub(super) fn translate(wire: &Wire, request: &Request) -> Result<reqwest::RequestBuilder, Fault> {
    let method = match request.method() {
        Method::Delete => reqwest::Method::DELETE,
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Patch => reqwest::Method::PATCH,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        other => return Err(Fault::broken("", format!("no call of ours is a {other}"))),
    };
    let mut to = wire.client().request(method, request.url().clone());
    for (name, value) in request.headers().iter() {
        let mut value = reqwest::header::HeaderValue::from_str(value.as_str())
            .map_err(|_| Fault::broken("", format!("the header {} holds characters that none takes", name.as_str())))?;
        value.set_sensitive(*name == AUTHORIZATION);
        to = to.header(name.as_str(), value);
    }
    match request.body() {
        Body::Bytes(bytes) => Ok(to.body(bytes.clone())),
        Body::SeekableStream(_) => Err(Fault::broken("", "no call of ours has a body of unknown length")),
    }
}

/// The reply for the client above.
pub(super) fn given_back(reply: Reply) -> AsyncRawResponse {
    let headers: HashMap<HeaderName, HeaderValue> = reply
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let value = value.to_str().ok()?.to_owned();
            Some((HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value)))
        })
        .collect();
    // Wiped when its last reader lets go of it; the client above makes copies that nobody wipes.
    AsyncRawResponse::from_bytes(reply.status.into(), Headers::from(headers), Bytes::from_owner(reply.body))
}

/// How long the other side asks us to wait: seconds, or a date, which is held against our own clock.
pub(super) fn retry_after_s(text: Option<&str>) -> Option<u32> {
    https::wait_s(text?, Some(Timestamp::now()))
}
