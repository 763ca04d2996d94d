use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode, Url};
use rustls::client::Resumption;
use zeroize::Zeroizing;

use super::client_certificate::Shown;
use super::{Settings, paths};
use crate::https::{self, Effect, Peer};
use crate::port::{Fault, Secret, step_scope};
use crate::tls;

/// What a request carries, and so its method. Never shown: a body may hold a password.
#[derive(Clone)]
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
        let base = paths::base(&settings.url)?;
        let mut tls = (*tls::client_config(settings.ca_file.as_deref())?).clone();
        if let Some(files) = &settings.client_certificate {
            tls.client_auth_cert_resolver = Arc::new(Shown::new(files, tls.crypto_provider())?);
            // A resumed session would go on with the certificate that it began with.
            tls.resumption = Resumption::disabled();
        }
        let client = https::build(https::builder(tls).https_only(true))?;
        let peer = Peer {
            host: base.host_str().unwrap_or_default().to_owned(),
            port: base.port_or_known_default().unwrap_or_default(),
            trust: https::trusted(settings.ca_file.as_deref()),
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
        let mut response = https::sent(request.send(), &self.peer, effect, doing).await?;
        let redirect_host = text(response.headers(), &LOCATION)
            .and_then(|text| self.base.join(text).ok())
            .and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
        let date = text(response.headers(), &DATE).and_then(https::date);
        let retry_after_s = text(response.headers(), &RETRY_AFTER).and_then(|text| https::wait_s(text, date));
        let body = https::body(&mut response, &self.peer, effect, doing).await?;
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
