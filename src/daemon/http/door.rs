//! What stands before every page, and before what machines read: by which name it is called, who calls, how long an answer may
//! take, and the headers that keep a browser from doing what nobody meant.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::desk::Desk;
use super::keys::{Who, bearer_of, is_same};
use super::pages::is_by_itself;
use crate::page::value_of;

/// How long a page may take. A report has a limit of its own.
const PAGE_LIMIT: Duration = Duration::from_secs(30);

/// The same for what makes a report.
pub(super) const REPORT_LIMIT: Duration = Duration::from_secs(600);

/// How long the answer to a wrong token takes while such ones are not listened to.
const SLOWED: Duration = Duration::from_secs(1);

/// What a browser may do with a page: show it and its style, and send its forms back.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'";

// Not `no-referrer`: with it a browser tells a form's origin as `null`, and whose form it is could not be told any more.
const HEADERS: [(HeaderName, &str); 9] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// What anybody may have: nothing of it tells anything.
const OPEN: [&str; 3] = ["/login", "/style.css", "/icon.svg"];

/// Who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Visit {
    /// `None` = nobody who has shown a token.
    pub(super) who: Option<Who>,
    /// What a form must bring back; empty without a session.
    pub(super) csrf: String,
}

impl Visit {
    /// Who may order something here, by name: who has signed in with a token of his own.
    pub(super) fn person(&self) -> Option<&str> {
        match &self.who {
            Some(Who::Person(name)) if !self.csrf.is_empty() => Some(name),
            _ => None,
        }
    }

    /// Whether a form brings back what its session was given.
    pub(super) fn is_bound(&self, fields: &[(String, String)]) -> bool {
        !self.csrf.is_empty() && is_same(value_of(fields, "csrf"), &self.csrf)
    }
}

pub(super) async fn keep(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let limit = if request.uri().path() == "/reports/made" { REPORT_LIMIT } else { PAGE_LIMIT };
    let visit = visit(&desk, from.ip(), request.uri(), request.headers()).await;
    guarded(match visit.and_then(|visit| enter(&desk, visit, &request)) {
        Err(refused) => *refused,
        Ok(visit) => {
            request.extensions_mut().insert(visit);
            tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
                (StatusCode::SERVICE_UNAVAILABLE, "it took too long: try again later\n").into_response()
            })
        }
    })
}

/// The same for what machines read: whoever shows no token is not led to where one is typed.
pub(super) async fn keep_from(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    guarded(match visit(&desk, from.ip(), request.uri(), request.headers()).await {
        Err(refused) => *refused,
        Ok(visit) if visit.who.is_none() && desk.asks_who() => no_token("a token is needed\n"),
        Ok(_) => next.run(request).await,
    })
}

fn guarded(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn no_token(told: &'static str) -> Response {
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], told).into_response()
}

/// Who asks, by a token in the headers or by a session; `Err` = what is answered instead.
async fn visit(desk: &Desk, from: IpAddr, uri: &Uri, headers: &HeaderMap) -> Result<Visit, Box<Response>> {
    if let Some(names) = &desk.names
        && !names.iter().any(|name| host_of(headers) == Some(name.as_str()))
    {
        // Or a page of somebody else's could give its name our address, and read us in this person's browser.
        let told = format!("this page is called by one of these names alone: {}\n", names.join(", "));
        return Err(Box::new((StatusCode::MISDIRECTED_REQUEST, told).into_response()));
    }
    let mut visit = Visit::default();
    if let Some(token) = bearer_of(headers) {
        visit.who = desk.keys.whose(token);
        if visit.who.is_none() {
            let slowed = guessed(desk, from).await;
            return Err(Box::new(slowed.unwrap_or_else(|| no_token("this is no token of this service\n"))));
        }
    } else if let Some(session) =
        key_of(desk, headers).and_then(|key| desk.sessions.of(key, desk.clock.monotonic(), is_by_itself(uri)))
    {
        (visit.who, visit.csrf) = (Some(session.who), session.csrf);
    }
    Ok(visit)
}

/// What nobody may see who has shown no token leads to where one signs in.
fn enter(desk: &Desk, visit: Visit, request: &Request) -> Result<Visit, Box<Response>> {
    let path = request.uri().path();
    if visit.who.is_none() && desk.asks_who() && !OPEN.contains(&path) {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            let login = Redirect::to(&format!("/login{}", next_query(request.uri())));
            return Err(Box::new(login.into_response()));
        }
        let told = (StatusCode::UNAUTHORIZED, "nobody has signed in, or that was too long ago\n");
        return Err(Box::new(told.into_response()));
    }
    Ok(visit)
}

/// A wrong token came. `Some` = there were too many, and this is the answer.
pub(super) async fn guessed(desk: &Desk, from: IpAddr) -> Option<Response> {
    let now = desk.clock.monotonic();
    let Some(left) = desk.tries.waits(from, now) else {
        desk.tries.wrong(from, now);
        tracing::warn!(%from, "a wrong token was shown");
        return None;
    };
    desk.clock.sleep(SLOWED).await;
    let seconds = left.as_secs() + 1;
    let told = format!("too many wrong tokens: try again in {seconds} seconds\n");
    Some((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())], told).into_response())
}

/// Where one goes after signing in.
fn next_query(uri: &Uri) -> String {
    let here = uri.path_and_query().map_or("/", |here| here.as_str());
    if here == "/" {
        return String::new();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", here);
    format!("?{}", query.finish())
}

/// A path of this page; whatever else somebody wrote leads to its beginning.
pub(super) fn next_of(pairs: &[(String, String)]) -> &str {
    let next = value_of(pairs, "next");
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && next.chars().all(|letter| letter.is_ascii_graphic() && letter != '\\');
    if is_ours { next } else { "/" }
}

/// The name by which it was called, without the port.
fn host_of(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    if host.starts_with('[') {
        return host.split_inclusive(']').next();
    }
    host.split(':').next()
}

/// The name of the cookie: other services of the same machine have cookies too, and a browser tells them not by their port.
pub(super) fn cookie(desk: &Desk) -> &'static str {
    if desk.is_tls { "__Host-entra-rotator" } else { "entra-rotator" }
}

/// The session's key, as the browser kept it.
pub(super) fn key_of<'h>(desk: &Desk, headers: &'h HeaderMap) -> Option<&'h str> {
    let name = cookie(desk);
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Whether a form was sent by a page of ours, as far as the browser tells: whichever it tells must fit, and it must tell
/// something.
pub(super) fn is_our_form(desk: &Desk, headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let scheme = if desk.is_tls { "https" } else { "http" };
    let site = text(&HeaderName::from_static("sec-fetch-site")).map(|site| site == "same-origin");
    let origin = text(&header::ORIGIN).map(|origin| {
        let host = text(&header::HOST).unwrap_or_default();
        origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) == Some(host)
    });
    [site, origin].contains(&Some(true)) && ![site, origin].contains(&Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_nowhere_else_after_signing_in() {
        let next = |text: &str| next_of(&[("next".to_owned(), text.to_owned())]).to_owned();
        assert_eq!(next("/history?account=a%20b"), "/history?account=a%20b");
        for elsewhere in ["", "https://evil.test/", "//evil.test", "/\\evil.test", "javascript:1", "/a\nset-cookie: b"]
        {
            assert_eq!(next(elsewhere), "/", "{elsewhere:?}");
        }
    }

    #[test]
    fn a_port_is_no_part_of_a_name() {
        let host = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(text).expect("a header"));
            host_of(&headers).map(str::to_owned)
        };
        for (text, name) in [("localhost:9464", "localhost"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a.b", "a.b")]
        {
            assert_eq!(host(text).as_deref(), Some(name));
        }
    }
}
