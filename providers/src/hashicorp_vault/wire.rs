use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, Url};
use rustls::CertificateError;
use zeroize::Zeroizing;

use super::{Settings, paths};
use crate::port::{Fault, Meaning, Secret, step_scope};
use crate::tls;

/// For the name, the connection and the TLS handshake. Shorter than [`CALL_LIMIT`]: only then is it certain
/// that a call that failed to connect was never sent.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For one whole request and its reply.
const CALL_LIMIT: Duration = Duration::from_secs(15);
/// An entry's data is below one kilobyte; Vault's own limit for a request is 32 MiB.
const REPLY_BYTES_MAX: usize = 1024 * 1024;

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

/// A whole reply. The body may hold passwords: it is wiped and never shown.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// Where a redirect points to: host and port only.
    pub(super) redirect_host: Option<String>,
}

/// HTTPS to one vault. Follows no redirect, uses no proxy, keeps no idle connection (a write on one that is
/// just being closed could not be told from a write that arrived).
pub(super) struct Wire {
    client: Client,
    base: Url,
    namespace: Option<String>,
    token: Secret,
    trust: String,
}

impl Wire {
    pub(super) fn new(settings: &Settings) -> Result<Self, Fault> {
        let doing = "preparing the connection to the vault";
        let base = paths::base(&settings.url)?;
        let namespace = match &settings.namespace {
            Some(namespace) => Some(paths::segments("namespace", namespace)?.join("/")),
            None => None,
        };
        let token = Secret::new(settings.token.expose().trim());
        if token.expose().is_empty() {
            return Err(Fault::broken(doing, "the token is empty").hint("put the vault token where the settings say"));
        }
        let tls = tls::client_config(settings.ca_file.as_deref())?;
        let client = Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .https_only(true)
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(CALL_LIMIT)
            .user_agent(concat!("entra-rotator/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Fault::broken(doing, innermost(&e)))?;
        let trust = match &settings.ca_file {
            Some(file) => format!("the CA in {}", file.display()),
            None => "the CAs of this machine".to_owned(),
        };
        let wire = Self { client, base, namespace, token, trust };
        wire.token_header(doing)?;
        Ok(wire)
    }

    /// The address, for people.
    pub(super) fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// One request to `/v1/PATH`, and its whole reply.
    pub(super) async fn call(
        &self,
        effect: Effect,
        path: &[String],
        body: Option<Bytes>,
        doing: &str,
    ) -> Result<Reply, Fault> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => segments.pop_if_empty().push("v1").extend(path),
            Err(()) => return Err(Fault::broken(doing, "the vault's address can't carry a path")),
        };
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.client.request(method.clone(), url).header("X-Vault-Token", self.token_header(doing)?);
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let reply = self.reply(request, effect, doing).await;
        let status = reply.as_ref().map_or(0, |reply| reply.status.as_u16());
        tracing::debug!(step = step_scope::current(), %method, path = path.join("/"), status, "vault call");
        reply
    }

    async fn reply(&self, request: reqwest::RequestBuilder, effect: Effect, doing: &str) -> Result<Reply, Fault> {
        let mut response = request.send().await.map_err(|e| self.cut(&e, effect, doing))?;
        let redirect_host = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| self.base.join(text).ok())
            .and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
        let mut body = Zeroizing::new(Vec::new());
        while let Some(part) = response.chunk().await.map_err(|e| self.cut(&e, effect, doing))? {
            if body.len() + part.len() > REPLY_BYTES_MAX {
                let cause = format!("the reply is longer than {REPLY_BYTES_MAX} bytes");
                return Err(Fault::new(effect.lost(), doing, cause));
            }
            append(&mut body, &part);
        }
        Ok(Reply { status: response.status(), body, redirect_host })
    }

    /// What it means that no whole reply came.
    fn cut(&self, error: &reqwest::Error, effect: Effect, doing: &str) -> Fault {
        let host = self.base.host_str().unwrap_or_default();
        if let Some(fault) = self.certificate(error, host, doing) {
            return fault;
        }
        if error.is_builder() {
            return Fault::broken(doing, innermost(error));
        }
        let at = format!("{host}:{}", self.base.port_or_known_default().unwrap_or_default());
        if error.is_connect() {
            let cause = if error.is_timeout() {
                format!("no TLS connection to {at} within {} s", CONNECT_LIMIT.as_secs())
            } else {
                format!("no connection to {at}: {}", innermost(error))
            };
            return Fault::later(doing, cause).hint("is the vault running, and reachable from this machine?");
        }
        let cause = if error.is_timeout() {
            format!("no reply from {at} within {} s", CALL_LIMIT.as_secs())
        } else {
            format!("the connection to {at} broke before the reply was complete: {}", innermost(error))
        };
        Fault::new(effect.lost(), doing, cause)
    }

    /// A certificate that is not accepted: nothing was sent. A wrong issuer or name is a matter of configuration,
    /// a date may pass (a renewal under way).
    fn certificate(&self, error: &reqwest::Error, host: &str, doing: &str) -> Option<Fault> {
        let rustls::Error::InvalidCertificate(reason) = find_tls(error)? else { return None };
        let dated = matches!(
            reason,
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        );
        let (cause, hint) = match reason {
            // A bad signature is what a CA of the same name with another key looks like: one made anew.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => (
                format!("the certificate of {host} was not issued by {}", self.trust),
                "name the CA that issued the vault's certificate as ca_file; if it should be trusted already, \
                 something stands between this machine and the vault",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
                format!("the certificate of the vault is not valid for the name {host}"),
                "use a name in the url that stands in the certificate, or have one issued with this name",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                (format!("the certificate of {host} has expired"), "have the vault's certificate renewed")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                (format!("the certificate of {host} is not valid yet"), "check this machine's clock")
            }
            other => (format!("the certificate of {host} is not accepted: {other}"), "look at the vault's certificate"),
        };
        let meaning = if dated { Meaning::Later } else { Meaning::Broken };
        Some(Fault::new(meaning, doing, cause).hint(hint))
    }

    fn token_header(&self, doing: &str) -> Result<HeaderValue, Fault> {
        let mut header = HeaderValue::from_str(self.token.expose()).map_err(|_| {
            Fault::broken(doing, "the token holds characters that no token has").hint("is it the right file?")
        })?;
        header.set_sensitive(true);
        Ok(header)
    }
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

/// The TLS error inside, if there is one. `io::Error` skips the error it wraps in `source`, so it is asked.
fn find_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The text of the innermost cause. The outer ones repeat the address and say less.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
