//! What a person orders on the page. It is handed to the keeper, which begins it as it begins what is due, or says why not.
//!
//! Nothing is believed of the browser but what the person typed: which account and which deed a form is about is kept here, under an id
//! that is good once and in one session alone.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use tokio::sync::oneshot;

use super::super::keeper::Order as ToKeeper;
use super::super::serve::standing_by;
use super::desk::Desk;
use super::door::{Visit, is_our_form, key_of};
use super::pages::{Answer, failed, frame, html, lines, message};
use super::session::Shown;
use crate::order::{AccountStatus, Deed, Demand, Mark, Wanted, control_character, is_outside, next_window};
use crate::page::{Answered, Here, Order, Ordered, Pairs, Tone, Word, of_held, of_order, of_running, pairs, value_of};
use crate::report::{At, Text};

/// How long the keeper may take to say whether it takes an order: something small may have to end first.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// The longest reason or ticket, in characters.
const TEXT_MAX: usize = 500;

fn fields(query: Option<String>) -> Pairs {
    pairs(query.unwrap_or_default().as_bytes())
}

/// A refusal, with its cause.
async fn refused(desk: &Desk, visit: &Visit, status: StatusCode, text: impl std::fmt::Display) -> Response {
    message(desk, visit, status, "Nothing was ordered", text, ("/", "The accounts")).await
}

/// Who may not order anything is told so.
async fn person_of<'v>(desk: &Desk, visit: &'v Visit) -> Answer<&'v str> {
    if let Some(person) = visit.person() {
        return Ok(person);
    }
    let text = "Only a person with a token of his own may order something, after signing in with it here. This one only looks.";
    Err(refused(desk, visit, StatusCode::FORBIDDEN, text).await)
}

/// A process that stands by takes no order.
async fn working(desk: &Desk, visit: &Visit) -> Answer<()> {
    match desk.board.waits_for() {
        None => Ok(()),
        Some(works) => Err(refused(desk, visit, StatusCode::CONFLICT, sentence(&standing_by(&works))).await),
    }
}

pub(super) async fn form(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = fields(query);
    form_of(&desk, &visit, &headers, &fields).await.unwrap_or_else(|answer| answer)
}

async fn form_of(desk: &Desk, visit: &Visit, headers: &HeaderMap, fields: &Pairs) -> Answer<Response> {
    person_of(desk, visit).await?;
    working(desk, visit).await?;
    let Some(deed) = Deed::ALL.into_iter().find(|deed| deed.word() == value_of(fields, "what")) else {
        return Err(refused(desk, visit, StatusCode::NOT_FOUND, "There is no such order.").await);
    };
    show(desk, visit, headers, deed, value_of(fields, "account"), Typed::default()).await
}

/// What a person typed, and why it came to nothing.
#[derive(Default)]
struct Typed {
    reason: String,
    ticket: String,
    fault: Option<&'static str>,
}

async fn show(
    desk: &Desk,
    visit: &Visit,
    headers: &HeaderMap,
    deed: Deed,
    account: &str,
    typed: Typed,
) -> Answer<Response> {
    let roster = desk.board.roster();
    let Some(post) = roster.as_ref().and_then(|roster| roster.posts.get(account)) else {
        let text = format!("The configuration has no account {}.", Text::of(account));
        return Err(refused(desk, visit, StatusCode::NOT_FOUND, text).await);
    };
    let frame = frame(desk, visit, Here::Elsewhere).await?;
    let unread = |error: crate::journal::JournalError| failed(&error);
    let now = frame.now.0;
    // Before what is shown: what changes while it is read makes the form worth nothing.
    let seen = Mark::read(&*desk.journal, account).await.map_err(unread)?;
    let status = {
        let mut ledger = desk.ledger.lock().await;
        ledger.read_on(&*desk.journal).await.map_err(unread)?;
        AccountStatus::read(&*desk.journal, &ledger, account, Some(post), now).await.map_err(unread)?
    };
    let is_open = matches!(status.state, "held" | "interrupted");
    if deed.order().is_some() && !is_open {
        let text = format!("No rotation of {} is open: there is nothing to {}.", Text::of(account), deed.word());
        return Err(refused(desk, visit, StatusCode::CONFLICT, text).await);
    }
    let is_at_work = desk.board.at_work().rotating.contains(account);
    // What has just been ordered is looked at before there is a rotation of it.
    if deed == Deed::Rotate && (is_open || is_at_work) {
        return Err(open_already(desk, visit, account, status.state == "held", is_at_work).await);
    }
    let shown = Shown { account: account.to_owned(), deed, seen };
    let id = key_of(desk, headers).and_then(|key| desk.sessions.show(key, shown, &*desk.entropy));
    let Some(id) = id else {
        return Err(refused(desk, visit, StatusCode::FORBIDDEN, "Your session has ended: sign in again.").await);
    };
    let state = if is_at_work && status.state == "interrupted" { "under-way" } else { status.state };
    let is_new = deed == Deed::Rotate;
    let outside = is_new && is_outside(post, &Wanted::default(), now);
    let code = if typed.fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Order {
        csrf: visit.csrf.clone(),
        form: id,
        what: deed.word(),
        account: Text::of(account),
        state: Word::of_state(state),
        since: status.since.map(At),
        why: status.why.map(Text),
        outside: outside.then(|| next_window(post, now)),
        has_reason: is_new,
        reason: Text(typed.reason),
        ticket: Text(typed.ticket),
        fault: typed.fault,
        frame,
    };
    Ok((code, html(&page)).into_response())
}

pub(super) async fn send(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    send_it(&desk, &visit, &headers, &pairs(&body)).await.unwrap_or_else(|answer| answer)
}

async fn send_it(desk: &Desk, visit: &Visit, headers: &HeaderMap, fields: &Pairs) -> Answer<Response> {
    if !is_our_form(desk, headers) || !visit.is_bound(fields) {
        tracing::warn!("a form that no page of ours sent was refused");
        let text = "This form did not come from this page, or not from your session.";
        return Err(refused(desk, visit, StatusCode::FORBIDDEN, text).await);
    }
    let person = person_of(desk, visit).await?;
    let came = key_of(desk, headers).and_then(|key| desk.sessions.came_back(key, value_of(fields, "form")));
    let Some(Shown { account, deed, seen }) = came else {
        let text = "This form was sent before, or was open for too long. Begin again.";
        return Err(refused(desk, visit, StatusCode::CONFLICT, text).await);
    };
    working(desk, visit).await?;
    let [reason, ticket] = ["reason", "ticket"].map(|name| match deed {
        Deed::Rotate => value_of(fields, name).to_owned(),
        Deed::Resume | Deed::RollBack => String::new(),
    });
    let fault = if [&reason, &ticket].iter().any(|text| text.chars().count() > TEXT_MAX) {
        Some("A reason or ticket is longer than 500 characters.")
    } else if [&reason, &ticket].iter().any(|text| control_character(text).is_some()) {
        Some("A reason or ticket has a control character, such as a line feed. Nothing was ordered.")
    } else if !is_typed(value_of(fields, "confirm"), &account) {
        Some("That is not the account's name. Nothing was ordered.")
    } else {
        None
    };
    if fault.is_some() {
        let clipped = |text: String| text.chars().filter(|letter| !letter.is_control()).take(TEXT_MAX).collect();
        let typed = Typed { reason: clipped(reason), ticket: clipped(ticket), fault };
        return show(desk, visit, headers, deed, &account, typed).await;
    }
    let by = format!("{person} via page");
    let demand = Demand { account: account.clone(), deed, by, reason, ticket, seen };
    tracing::info!(account, by = demand.by, what = deed.word(), "a person orders something on the page");
    match hand_over(desk, demand).await {
        Ok(()) => Ok(Redirect::to(&of_order(&account)).into_response()),
        Err(why) => Err(refused(desk, visit, StatusCode::CONFLICT, sentence(&why)).await),
    }
}

/// No new one is begun where one is open: it would be gone on with instead.
async fn open_already(desk: &Desk, visit: &Visit, account: &str, is_held: bool, is_at_work: bool) -> Response {
    let (what, on) = if is_held {
        let what = "is held: resume it or roll it back first, or repair it at the command line";
        (what, (of_held(account), "What to do"))
    } else if is_at_work {
        ("is under way", (of_running(account), "How it goes on"))
    } else {
        let what =
            "was interrupted, or another process works on it: wait for its end, or resume it or roll it back first";
        (what, (of_running(account), "How it goes on"))
    };
    let text = format!("A rotation of {} {what}.", Text::of(account));
    message(desk, visit, StatusCode::CONFLICT, "Nothing was ordered", text, (&on.0, on.1)).await
}

/// Whether somebody typed an account's name: every letter of it, as the page shows it.
fn is_typed(typed: &str, account: &str) -> bool {
    !typed.is_empty() && (typed == account.trim() || typed == Text::of(account).to_string().trim())
}

/// `Err` = why nothing was begun.
async fn hand_over(desk: &Desk, demand: Demand) -> Result<(), String> {
    let (answer, mut answered) = oneshot::channel();
    if desk.orders.try_send(ToKeeper::Demand(demand, answer)).is_err() {
        return Err("the service is busy or ends: try again in a minute".to_owned());
    }
    match tokio::time::timeout(TAKEN_WITHIN, &mut answered).await {
        Ok(Ok(taken)) => taken,
        Ok(Err(_)) => Err("the service ends: nothing was begun".to_owned()),
        Err(_) => {
            // From now on it can't be taken any more; it may have been at the last moment.
            answered.close();
            answered.try_recv().unwrap_or_else(|_| {
                Err("the service had something else to do for this account or its servers, such as a look for drift, and did \
                     not take the order in time. Look at Running before you try again"
                    .to_owned())
            })
        }
    }
}

/// The program's own words as sentences.
fn sentence(text: &str) -> String {
    let mut lines = text.lines().map(|line| {
        let mut letters = line.trim().chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        let line = format!("{first}{}", letters.as_str());
        if line.ends_with(['.', ':', '?', '!']) { line } else { format!("{line}.") }
    });
    let first = lines.next().unwrap_or_default();
    lines.fold(first, |text, line| format!("{text}\n{line}"))
}

pub(super) async fn told(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = fields(query);
    told_of(&desk, &visit, value_of(&fields, "account")).await.unwrap_or_else(|answer| answer)
}

async fn told_of(desk: &Desk, visit: &Visit, account: &str) -> Answer<Response> {
    let ordered = {
        let mut ledger = desk.ledger.lock().await;
        ledger.read_on(&*desk.journal).await.map_err(|error| failed(&error))?;
        ledger.ordered(account).cloned()
    };
    let Some(ordered) = ordered else {
        let text = format!("Nobody has ordered anything for {} here.", Text::of(account));
        return Err(message(desk, visit, StatusCode::NOT_FOUND, "Not found", text, ("/", "The accounts")).await);
    };
    let is_at_work = desk.board.at_work().rotating.contains(account);
    let answers = ordered.answers.iter().map(|answer| Answered {
        outcome: outcome(&answer.outcome),
        at: At(answer.at),
        rotation: answer.rotation.as_ref().map(Text::of),
        message: lines(&sentence(&answer.message)),
    });
    Ok(html(&Ordered {
        account: Text::of(account),
        what: Text::of(&ordered.what),
        by: Text::of(&ordered.by),
        at: At(ordered.at),
        reason: Text::of(&ordered.reason),
        ticket: Text::of(&ordered.ticket),
        answers: answers.collect(),
        is_at_work,
        frame: frame(desk, visit, Here::Elsewhere).await?,
    }))
}

/// What came of an order, in words.
fn outcome(word: &str) -> Word {
    match word {
        "done" => Word::new(Tone::Plain, "–", "nothing to do"),
        "refused" => Word::new(Tone::Warn, "✕", "refused, nothing was changed"),
        "later" => Word::new(Tone::Warn, "…", "not yet: something could not be reached, or it was interrupted"),
        "busy" => Word::new(Tone::Warn, "…", "somebody else is at it"),
        "usage" => Word::new(Tone::Warn, "✕", "not possible"),
        "managed-by-windows" => Word::new(Tone::Plain, "–", "Windows changes it by itself"),
        other => Word::of_state(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_typed_whole() {
        assert!(is_typed("MSOL_1", "MSOL_1"));
        for other in ["", "msol_1", "MSOL_", "MSOL_12", "MSOL_1\u{200b}"] {
            assert!(!is_typed(other, "MSOL_1"), "{other:?}");
        }
        // What nobody can type is typed as it is shown.
        assert!(is_typed("a⟨U+202E⟩b", "a\u{202e}b") && !is_typed("ab", "a\u{202e}b"));
        assert!(!is_typed("", ""));
    }

    #[test]
    fn a_cause_becomes_sentences() {
        assert_eq!(sentence("outside it, wait\n  next step: wait"), "Outside it, wait.\nNext step: wait.");
        assert_eq!(sentence(""), "");
    }
}
