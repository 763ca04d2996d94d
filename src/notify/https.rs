use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use providers::port::{Fault, Secret};
use providers::tls;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::channel::Undelivered;
use crate::clock::{Clock, SystemClock};
use crate::config::SecretRef;

/// For the name, the connection and the TLS handshake.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For one whole request and its answer; below a channel's deadline, so that the cause is told.
const CALL_LIMIT: Duration = Duration::from_secs(14);
/// More of an answer than this is not read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What is sent.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// Another segment at the end of the address's path.
    pub(super) below: Option<&'a str>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(super) body: Option<Vec<u8>>,
    /// Whether an answer's body is one word that may be shown, such as Slack's `no_service`.
    pub(super) answers_a_word: bool,
}

/// HTTPS to one address that is itself a secret: shown are its scheme and host, nothing else. Follows no redirect and
/// uses no proxy.
pub(super) struct SecretAddress {
    client: Client,
    address: Secret,
    shown: String,
    asked_wait: Mutex<Option<Duration>>,
}

impl SecretAddress {
    pub(super) fn new(what: &str, address: &SecretRef, ca_file: Option<&Path>) -> Result<Self, Fault> {
        let address = address.read(&format!("the address of {what}"))?;
        let doing = format!("preparing {what}");
        let wrong = |cause: &str| {
            Fault::broken(doing.clone(), cause).hint("put the whole address there: https://HOST/…, on one line")
        };
        // The parser's errors name no part of the text.
        let url =
            Url::parse(address.expose().trim()).map_err(|cause| wrong(&format!("the address is no URL: {cause}")))?;
        if url.scheme() != "https" {
            return Err(wrong("the address does not begin with https://; a notice never goes over plain HTTP"));
        }
        let host = url.host_str().ok_or_else(|| wrong("the address names no host"))?;
        let shown = match url.port() {
            Some(port) => format!("https://{host}:{port}"),
            None => format!("https://{host}"),
        };
        let tls = tls::client_config(ca_file)?;
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
            .map_err(|cause| Fault::broken(doing.clone(), innermost(&cause)))?;
        Ok(Self { client, address: Secret::new(url.as_str()), shown, asked_wait: Mutex::new(None) })
    }

    /// Scheme and host.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn asked_wait(&self) -> Option<Duration> {
        *self.asked_wait.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request. An answer other than 2xx is an error.
    pub(super) async fn call(&self, wanted: Request<'_>) -> Result<(), Undelivered> {
        let came = self.answered(wanted).await;
        let (wait, came) = match came {
            Ok(()) => (None, Ok(())),
            Err((undelivered, wait)) => (wait, Err(undelivered)),
        };
        *self.asked_wait.lock().unwrap_or_else(PoisonError::into_inner) = wait;
        came
    }

    async fn answered(&self, wanted: Request<'_>) -> Result<(), (Undelivered, Option<Duration>)> {
        let broken = |cause: &str| (Undelivered::for_good(cause), None);
        let mut url = Url::parse(self.address.expose()).map_err(|_| broken("the address is no URL"))?;
        if let Some(below) = wanted.below {
            match url.path_segments_mut() {
                Ok(mut segments) => drop(segments.pop_if_empty().push(below)),
                Err(()) => return Err(broken("the address can't carry a path")),
            }
        }
        let mut request = self.client.request(wanted.method, url);
        for (name, value) in wanted.headers {
            request = request.header(name, value);
        }
        if let Some(body) = wanted.body {
            request = request.header(CONTENT_TYPE, "application/json; charset=utf-8").body(body);
        }
        let answer = request.send().await.map_err(|error| (self.cut(&error), None))?;
        let status = answer.status();
        tracing::debug!(address = self.shown, status = status.as_u16(), "a notice was sent");
        if status.is_success() {
            // The status has said it: that the rest gets lost changes nothing.
            let _ = read(answer).await;
            return Ok(());
        }
        let wait = asked_wait(&answer);
        let mut cause = format!("{} answered {}", self.shown, status.as_u16());
        if status.is_redirection() {
            cause.push_str(", a redirect, which is not followed");
        }
        if wanted.answers_a_word
            && let Some(word) = read(answer).await.and_then(|body| self.harmless_word(&body))
        {
            cause.push_str(&format!(" ({word})"));
        }
        let again =
            status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        Err((Undelivered { cause, again }, wait))
    }

    /// A word such as `no_service`; never a part of the address, which an answer could repeat.
    fn harmless_word(&self, body: &[u8]) -> Option<String> {
        let word = std::str::from_utf8(body).ok()?.trim();
        let is_word =
            (1..=40).contains(&word.len()) && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
        let is_ours = self.address.expose().to_lowercase().contains(word);
        (is_word && !is_ours).then(|| word.to_owned())
    }

    /// Why no answer came. The innermost cause alone: the outer ones repeat the address.
    fn cut(&self, error: &reqwest::Error) -> Undelivered {
        if error.is_builder() {
            return Undelivered::for_good("the request can't be made from this address");
        }
        let shown = &self.shown;
        Undelivered::for_now(match (error.is_connect(), error.is_timeout()) {
            (true, true) => format!("no TLS connection to {shown} within {} s", CONNECT_LIMIT.as_secs()),
            (true, false) => {
                let cause = innermost(error);
                let hint = if cause.contains("peer certificate") {
                    ": name the CA that issued its certificate as `ca_file`"
                } else {
                    ""
                };
                format!("no connection to {shown}: {cause}{hint}")
            }
            (false, true) => format!("no answer from {shown} within {} s", CALL_LIMIT.as_secs()),
            (false, false) => format!("the connection to {shown} broke: {}", innermost(error)),
        })
    }
}

/// Whether a CA file can be used.
pub(super) fn checked_ca_file(file: &Path) -> Result<(), Fault> {
    tls::client_config(Some(file)).map(drop)
}

/// The answer's body, as far as it is read.
async fn read(mut answer: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.ok()? {
        let room = ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(&part[..part.len().min(room)]);
        if part.len() >= room {
            break;
        }
    }
    Some(body)
}

/// Retry-After: seconds, or a date.
fn asked_wait(answer: &Response) -> Option<Duration> {
    if !matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    wait_in(answer.headers().get(RETRY_AFTER)?.to_str().ok()?, SystemClock.now())
}

fn wait_in(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// The text of the innermost cause.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests;
