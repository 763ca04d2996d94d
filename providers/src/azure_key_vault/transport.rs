use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{AUTHORIZATION, HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request, Url};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use zeroize::Zeroizing;

use super::Settings;
use super::credential::Watched;
use crate::port::{Fault, Meaning, step_scope};
use crate::tls;
use crate::tls_refusal::{certificate, innermost};

/// For the name, the connection and the TLS handshake. Shorter than [`CALL_LIMIT`]: only then is it certain that a call
/// that failed to connect was never sent.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For one whole request and its reply.
const CALL_LIMIT: Duration = Duration::from_secs(15);
/// A page of 25 versions with all their tags is below 200 kB.
const REPLY_BYTES_MAX: usize = 1024 * 1024;
/// Where the metadata service of an Azure machine answers, and of no other machine.
const METADATA_HOST: &str = "169.254.169.254";

/// Whether a call can change the vault: decides what a lost reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Read,
    Write,
}

impl Effect {
    /// What it means that the reply was lost or is not to be understood.
    pub(super) fn lost(self) -> Meaning {
        match self {
            Self::Read => Meaning::Later,
            Self::Write => Meaning::Unclear,
        }
    }
}

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

/// HTTP as we want it: bounded in time and size, no redirect, no proxy, no idle connection (a write on one that is just
/// being closed could not be told from a write that arrived).
pub(super) struct Wire {
    client: Client,
    trust: String,
}

impl Wire {
    /// HTTPS to the vault and the authority.
    pub(super) fn secure(settings: &Settings, vault: &Url) -> Result<Self, Fault> {
        let tls = tls::client_config(settings.ca_file.as_deref())?;
        let mut builder = plain().tls_backend_preconfigured((*tls).clone()).https_only(true);
        if let (Some(address), Some(host)) = (settings.address, vault.host_str()) {
            builder = builder.resolve(host, (address, 0).into());
        }
        let trust = match &settings.ca_file {
            Some(file) => format!("the CA in {}", file.display()),
            None => "the CAs of this machine".to_owned(),
        };
        Self::build(builder, trust)
    }

    /// HTTP to a metadata service on this machine or its host. No TLS is set up: an https address does not work.
    pub(super) fn local() -> Result<Self, Fault> {
        // Without a backend of its own reqwest would ask for a process-wide one, and there is none.
        let empty = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| Fault::broken("setting up TLS", e.to_string()))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Self::build(plain().tls_backend_preconfigured(empty), String::new())
    }

    fn build(builder: reqwest::ClientBuilder, trust: String) -> Result<Self, Fault> {
        let client =
            builder.build().map_err(|e| Fault::broken("preparing the connection to the vault", innermost(&e)))?;
        Ok(Self { client, trust })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends, and reads the whole reply. A fault has no `doing`.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder, effect: Effect) -> Result<Reply, Fault> {
        let request = request.build().map_err(|e| Fault::broken("", innermost(&e)))?;
        let at = format!(
            "{}:{}",
            request.url().host_str().unwrap_or_default(),
            request.url().port_or_known_default().unwrap_or_default()
        );
        let mut response = self.client.execute(request).await.map_err(|e| self.cut(&e, &at, effect))?;
        let body = self.body(&mut response, &at, effect).await?;
        Ok(Reply { status: response.status().as_u16(), headers: std::mem::take(response.headers_mut()), body })
    }

    async fn body(&self, response: &mut Response, at: &str, effect: Effect) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let mut body = Zeroizing::new(Vec::new());
        while let Some(part) = response.chunk().await.map_err(|e| self.cut(&e, at, effect))? {
            if body.len() + part.len() > REPLY_BYTES_MAX {
                let cause = format!("the reply is longer than {REPLY_BYTES_MAX} bytes");
                return Err(Fault::new(effect.lost(), "", cause));
            }
            append(&mut body, &part);
        }
        Ok(body)
    }

    /// What it means that no whole reply came.
    fn cut(&self, error: &reqwest::Error, at: &str, effect: Effect) -> Fault {
        let host = at.rsplit_once(':').map_or(at, |(host, _)| host);
        if let Some(fault) = certificate(error, host, &self.trust, "") {
            return fault;
        }
        if error.is_builder() {
            return Fault::broken("", innermost(error));
        }
        if error.is_connect() {
            let cause = if error.is_timeout() {
                format!("no connection to {at} within {} s", CONNECT_LIMIT.as_secs())
            } else {
                format!("no connection to {at}: {}", innermost(error))
            };
            return Fault::later("", cause).hint(unreachable(host));
        }
        let cause = if error.is_timeout() {
            format!("no reply from {at} within {} s", CALL_LIMIT.as_secs())
        } else {
            format!("the connection to {at} broke before the reply was complete: {}", innermost(error))
        };
        Fault::new(effect.lost(), "", cause)
    }
}

/// What a person looks at when nobody answers there.
fn unreachable(host: &str) -> &'static str {
    if host == METADATA_HOST {
        return "is this a machine in Azure? Only there is a managed identity; a server on premises takes the identity \
                `arc`, or `certificate`";
    }
    "see that this machine reaches it: name resolution, firewall, private endpoint (no proxy is used)"
}

fn plain() -> reqwest::ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_LIMIT)
        .timeout(CALL_LIMIT)
        .user_agent(concat!("entra-rotator/", env!("CARGO_PKG_VERSION")))
}

/// Appends without leaving an unwiped copy behind when the buffer must grow.
fn append(body: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    if body.capacity() - body.len() < part.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + part.len()).next_power_of_two()));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(part);
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
        if let Some(date) = reply.headers.get("date").and_then(|value| http_date(value.to_str().ok()?)) {
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

/// `Sat, 21 Nov 2026 21:14:42 GMT`.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// How long the other side asks us to wait: seconds, or a date.
pub(super) fn retry_after_s(text: Option<&str>) -> Option<u32> {
    let text = text?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let wait = http_date(text)?.as_second() - Timestamp::now().as_second();
    u32::try_from(wait.max(0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_metadata_service_is_told_as_what_it_is() {
        assert!(unreachable("169.254.169.254").contains("`arc`"));
        assert!(unreachable("v.vault.azure.net").contains("private endpoint"));
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        assert_eq!(retry_after_s(Some(" 17 ")), Some(17));
        assert_eq!(retry_after_s(Some("Sat, 21 Nov 2009 21:14:42 GMT")), Some(0));
        assert_eq!(retry_after_s(Some("soon")), None);
        assert_eq!(retry_after_s(Some("-1")), None);
        assert_eq!(retry_after_s(None), None);
        let later = Timestamp::now() + jiff::SignedDuration::from_secs(60);
        let wait = retry_after_s(Some(&rfc2822::to_string(&later.to_zoned(jiff::tz::TimeZone::UTC)).unwrap())).unwrap();
        assert!((55..=60).contains(&wait), "{wait}");
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:10 GMT").unwrap().as_second(), 10);
    }
}
