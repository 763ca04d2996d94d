use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::board::Board;
use super::super::metrics;
use super::ALIVE_WITHIN;
use super::desk::Desk;
use crate::clock::Clock;

/// Whether the keeper was seen at work lately.
pub(in super::super) fn is_alive(board: &Board, clock: &dyn Clock) -> bool {
    board.last_round().is_some_and(|at| clock.monotonic().saturating_sub(at) < ALIVE_WITHIN)
}

pub(super) async fn livez(State(desk): State<Arc<Desk>>) -> Response {
    if is_alive(&desk.board, &*desk.clock) {
        return "alive\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the keeper was not seen at work lately\n").into_response()
}

pub(super) async fn readyz(State(desk): State<Arc<Desk>>) -> Response {
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

pub(super) async fn numbers(State(desk): State<Arc<Desk>>) -> Response {
    match metrics::text(&desk.board.view(), &desk.board.steps, desk.clock.now()) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(cause) => (StatusCode::INTERNAL_SERVER_ERROR, cause.to_string()).into_response(),
    }
}

/// The board.
pub(super) async fn status(State(desk): State<Arc<Desk>>) -> Response {
    Json(desk.board.view()).into_response()
}
