use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::desk::Desk;
use super::door::{Visit, cookie, guessed, is_our_form, key_of, next_of};
use super::pages::html;
use crate::page::{Login, pairs, value_of};

/// What the browser is to do with the session's key: no script reads it, and no other site's page sends it.
const KEPT: &str = "Path=/; HttpOnly; SameSite=Strict";

pub(super) async fn form(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    RawQuery(query): RawQuery,
) -> Response {
    let next = next_of(&pairs(query.unwrap_or_default().as_bytes())).to_owned();
    if visit.who.is_some() || desk.keys.is_empty() {
        return Redirect::to(&next).into_response();
    }
    show(None, next, StatusCode::OK)
}

fn show(fault: Option<&'static str>, next: String, status: StatusCode) -> Response {
    (status, html(&Login { fault, next })).into_response()
}

pub(super) async fn sign_in(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = pairs(&body);
    let next = next_of(&fields).to_owned();
    if !is_our_form(&desk, &headers) {
        let told = Some("This form did not come from this page. Type the token here.");
        return show(told, next, StatusCode::FORBIDDEN);
    }
    let Some(who) = desk.keys.whose(value_of(&fields, "token")) else {
        let told = Some("This is no token of this service. After several wrong ones there is a pause.");
        let slowed = guessed(&desk, from.ip()).await;
        return slowed.unwrap_or_else(|| show(told, next, StatusCode::FORBIDDEN));
    };
    desk.tries.right(from.ip());
    if let Some(key) = key_of(&desk, &headers) {
        desk.sessions.end(key);
    }
    let key = desk.sessions.begin(who, &*desk.entropy, desk.clock.monotonic());
    let secure = if desk.is_tls { "; Secure" } else { "" };
    let kept = format!("{}={key}; {KEPT}{secure}", cookie(&desk));
    ([(header::SET_COOKIE, kept)], Redirect::to(&next)).into_response()
}

pub(super) async fn sign_out(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !visit.is_bound(&pairs(&body)) || !is_our_form(&desk, &headers) {
        return (StatusCode::FORBIDDEN, "this form did not come from this page\n").into_response();
    }
    if let Some(key) = key_of(&desk, &headers) {
        desk.sessions.end(key);
    }
    let secure = if desk.is_tls { "; Secure" } else { "" };
    let gone = format!("{}=; Max-Age=0; {KEPT}{secure}", cookie(&desk));
    ([(header::SET_COOKIE, gone)], Redirect::to("/login")).into_response()
}
