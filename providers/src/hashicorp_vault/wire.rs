use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, Url};
use rustls::client::Resumption;
use zeroize::Zeroizing;

use super::client_certificate::Shown;
use super::cut::{self, Peer};
use super::{Settings, paths};
use crate::port::{Fault, Meaning, Secret, step_scope};
use crate::tls;

/// For the name, the connection and the TLS handshake. Shorter than [`CALL_LIMIT`]: only then is it certain
/// that a call that failed to connect was never sent.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For one whole request and its reply.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(15);
/// An entry's data is below one kilobyte; Vault's own limit for a request is 32 MiB.
const REPLY_BYTES_MAX: usize = 1024 * 1024;
/// Nobody waits longer than a day because a server said so.
const RETRY_AFTER_MAX_S: i64 = 24 * 3600;

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

/// What a request carries, and so its method.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// GET.
    None,
    /// POST of JSON.
    Json(Bytes),
    /// PATCH by a JSON merge patch.
    Merge(Bytes),
}

/// One request to `/v1/PATH`.
#[derive(Clone)]
pub(super) struct Request<'a> {
    pub(super) effect: Effect,
    pub(super) path: Vec<String>,
    pub(super) payload: Payload,
    /// The namespace that the path is in; `None` = the topmost.
    pub(super) namespace: Option<&'a str>,
}

/// A whole reply. The body may hold passwords: it is wiped and never shown.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// Where a redirect points to: host and port only.
    pub(super) redirect_host: Option<String>,
    /// The wait that the other side asked for, in seconds.
    pub(super) retry_after_s: Option<u32>,
    /// The other side's clock, in whole seconds.
    pub(super) date: Option<Timestamp>,
    /// After a 403: whether the vault still knew the token.
    pub(super) token_known: Option<bool>,
}

/// HTTPS to one vault. Follows no redirect, uses no proxy, keeps no idle connection (a write on one that is
/// just being closed could not be told from a write that arrived).
pub(super) struct Wire {
    client: Client,
    base: Url,
    peer: Peer,
}

impl Wire {
    pub(super) fn new(settings: &Settings) -> Result<Self, Fault> {
        let doing = "preparing the connection to the vault";
        let base = paths::base(&settings.url)?;
        let mut tls = (*tls::client_config(settings.ca_file.as_deref())?).clone();
        if let Some(files) = &settings.client_certificate {
            tls.client_auth_cert_resolver = Arc::new(Shown::new(files, tls.crypto_provider())?);
            // A resumed session would go on with the certificate that it began with.
            tls.resumption = Resumption::disabled();
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(CALL_LIMIT)
            .user_agent(concat!("entra-rotator/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Fault::broken(doing, cut::innermost(&e)))?;
        let trust = match &settings.ca_file {
            Some(file) => format!("the CA in {}", file.display()),
            None => "the CAs of this machine".to_owned(),
        };
        let peer = Peer {
            host: base.host_str().unwrap_or_default().to_owned(),
            port: base.port_or_known_default().unwrap_or_default(),
            trust,
            certificate: settings.client_certificate.as_ref().map(|files| files.certificate_file.clone()),
        };
        Ok(Self { client, base, peer })
    }

    /// The address, for people.
    pub(super) fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Sends the request, and gives back the whole reply.
    pub(super) async fn call(&self, request: Request<'_>, token: Option<&Secret>, doing: &str) -> Result<Reply, Fault> {
        let Request { effect, path, payload, namespace } = request;
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => segments.pop_if_empty().push("v1").extend(&path),
            Err(()) => return Err(Fault::broken(doing, "the vault's address can't carry a path")),
        };
        let (method, typed) = match payload {
            Payload::None => (Method::GET, None),
            Payload::Json(body) => (Method::POST, Some(("application/json", body))),
            Payload::Merge(body) => (Method::PATCH, Some(("application/merge-patch+json", body))),
        };
        let mut request = self.client.request(method.clone(), url);
        if let Some(token) = token {
            request = request.header("X-Vault-Token", header(token, doing)?);
        }
        if let Some(namespace) = namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some((kind, body)) = typed {
            request = request.header(CONTENT_TYPE, kind).body(body);
        }
        let reply = self.reply(request, effect, doing).await;
        let status = reply.as_ref().map_or(0, |reply| reply.status.as_u16());
        tracing::debug!(step = step_scope::current(), %method, path = path.join("/"), status, "vault call");
        reply
    }

    async fn reply(&self, request: reqwest::RequestBuilder, effect: Effect, doing: &str) -> Result<Reply, Fault> {
        let cut = |e: reqwest::Error| self.peer.cut(&e, effect, doing);
        let mut response = request.send().await.map_err(cut)?;
        let redirect_host = text(response.headers(), &LOCATION)
            .and_then(|text| self.base.join(text).ok())
            .and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
        let date = text(response.headers(), &DATE).and_then(time);
        let retry_after_s = text(response.headers(), &RETRY_AFTER).and_then(|text| wait(text, date));
        let mut body = Zeroizing::new(Vec::new());
        while let Some(part) = response.chunk().await.map_err(cut)? {
            if body.len() + part.len() > REPLY_BYTES_MAX {
                let cause = format!("the reply is longer than {REPLY_BYTES_MAX} bytes");
                return Err(Fault::new(effect.lost(), doing, cause));
            }
            append(&mut body, &part);
        }
        Ok(Reply { status: response.status(), body, redirect_host, retry_after_s, date, token_known: None })
    }
}

/// A token as a header. reqwest and hyper show headers in no log; marked, they could not.
fn header(token: &Secret, doing: &str) -> Result<HeaderValue, Fault> {
    let mut header = HeaderValue::from_str(token.expose()).map_err(|_| {
        Fault::broken(doing, "the token holds characters that no token has").hint("is it the right file?")
    })?;
    header.set_sensitive(true);
    Ok(header)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn time(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// `Retry-After` as seconds: a number, or a time on the other side's clock.
fn wait(text: &str, date: Option<Timestamp>) -> Option<u32> {
    let seconds = match text.trim().parse::<u32>() {
        Ok(seconds) => i64::from(seconds),
        Err(_) => time(text)?.as_second() - date?.as_second(),
    };
    u32::try_from(seconds.clamp(0, RETRY_AFTER_MAX_S)).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_both_forms_and_bounded() {
        let now = time("Sat, 21 Nov 2026 21:17:21 GMT");
        assert!(now.is_some());
        assert_eq!(wait("7", None), Some(7));
        assert_eq!(wait("Sat, 21 Nov 2026 21:18:21 GMT", now), Some(60));
        assert_eq!(wait("Sat, 21 Nov 2026 21:16:21 GMT", now), Some(0));
        assert_eq!(wait("4000000000", None), Some(24 * 3600));
        assert_eq!(wait("Sat, 21 Nov 2026 21:18:21 GMT", None), None);
        assert_eq!(wait("soon", now), None);
    }
}
