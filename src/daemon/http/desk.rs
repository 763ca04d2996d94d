use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::sync::{Mutex, Semaphore, mpsc};

use super::super::board::Board;
use super::super::keeper::Order;
use super::keys::Keys;
use super::session::Sessions;
use super::tries::Tries;
use super::{demands, door, health, login, pages, reports};
use crate::clock::{Clock, Entropy};
use crate::journal::{Journal, Place};
use crate::order::Ledger;

/// Of a form nobody needs more, in bytes.
const BODY_MAX: usize = 16 * 1024;

/// What every answer is made from.
pub(super) struct Desk {
    pub(super) board: Arc<Board>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The journal, over a connection of its own: who looks must not keep the keeper waiting.
    pub(super) journal: Arc<dyn Journal>,
    pub(super) place: Place,
    /// What the journal's notes say, read on at each look.
    pub(super) ledger: Mutex<Ledger>,
    pub(super) host: String,
    pub(super) keys: Keys,
    pub(super) sessions: Sessions,
    pub(super) tries: Tries,
    /// The names by which it may be called; `None` = by any, as a certificate says whose it is.
    pub(super) names: Option<Vec<String>>,
    pub(super) is_tls: bool,
    /// The way to the keeper.
    pub(super) orders: mpsc::Sender<Order>,
    /// One report at a time: each reads the whole journal.
    pub(super) reports: Arc<Semaphore>,
}

impl Desk {
    /// Whether one must have signed in to look.
    pub(super) fn asks_who(&self) -> bool {
        !self.keys.is_empty()
    }
}

/// The ways in. `has_page`: whether there is more than health and metrics.
pub(super) fn router(desk: Arc<Desk>, has_page: bool) -> Router {
    let mut named = Router::new().route("/metrics", get(health::numbers));
    if desk.asks_who() {
        named = named.route("/api/status", get(health::status));
    }
    // What names accounts is not for everybody; whether it lives is.
    let named = named.route_layer(from_fn_with_state(Arc::clone(&desk), door::keep_from));
    let mut app = Router::new().route("/livez", get(health::livez)).route("/readyz", get(health::readyz)).merge(named);
    if has_page {
        let mut page = Router::new()
            .route("/", get(pages::accounts))
            .route("/running", get(pages::running))
            .route("/held", get(pages::held))
            .route("/history", get(pages::history))
            .route("/history/{rotation}", get(pages::rotation))
            .route("/conditions", get(pages::conditions))
            .route("/reports", get(reports::choose))
            .route("/reports/made", get(reports::made))
            .route("/login", get(login::form).post(login::sign_in))
            .route("/logout", post(login::sign_out))
            .route("/style.css", get(pages::style))
            .route("/icon.svg", get(pages::icon));
        if desk.keys.has_persons() {
            page = page.route("/order", get(demands::form).post(demands::send)).route("/ordered", get(demands::told));
        }
        let page = page
            .fallback(pages::nothing)
            .layer(from_fn_with_state(Arc::clone(&desk), door::keep))
            .layer(DefaultBodyLimit::max(BODY_MAX));
        app = app.merge(page);
    }
    app.with_state(desk)
}
