//! Each page, filled from the journal. What this process does at the moment comes from the board; without a keeper in it, as in
//! one that stands by, everything else is there all the same.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use super::desk::Desk;
use super::door::Visit;
use super::health::is_alive;
use super::keys::Who;
use crate::engine::Rotation;
use crate::journal::{JournalError, NOTES, Query, State as Standing};
use crate::order::{AccountStatus, LateProofStatus, Post, journal_failed, state_word, still_paused};
use crate::page::{
    Account, Accounts, AgeOf, Condition, Conditions, Filter, Frame, HeldRotation, Here, History, HistoryRow, ICON,
    Message, Next, OneRotation, Pairs, ROWS, RunningRotation, STYLE, Service, Tone, Word, pairs, value_of,
};
use crate::report::{At, Length, Text, told};
use crate::schedule::{Blocked, Due};

/// Accounts on a page.
const ACCOUNTS: usize = 50;

/// Open rotations that are shown with their steps.
const OPEN_MAX: usize = 100;

/// How often a page may look again by itself, in seconds.
const EVERY_S: std::ops::RangeInclusive<u32> = 2..=60;

/// What came of asking the journal: the answer, or one that says what went wrong.
pub(super) type Answer<T> = Result<T, Response>;

/// A page as HTML.
pub(super) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(cause) => {
            tracing::error!(%cause, "a page can't be put together");
            (StatusCode::INTERNAL_SERVER_ERROR, "this page can't be put together; the log says more\n").into_response()
        }
    }
}

/// The answer to a journal that can't be read.
pub(super) fn failed(error: &JournalError) -> Response {
    let (told, _) = journal_failed(error);
    tracing::error!(cause = told, "a page can't be shown");
    (StatusCode::SERVICE_UNAVAILABLE, format!("the journal can't be read: {told}\n")).into_response()
}

/// What stands around every page.
pub(super) async fn frame(desk: &Desk, visit: &Visit, here: Here) -> Answer<Frame> {
    let open = desk.journal.list(&Query { open: true, ..Query::default() }).await.map_err(|error| failed(&error))?;
    let held = open.iter().filter(|listed| listed.state == Standing::Held).count();
    let service = if let Some(works) = desk.board.waits_for() {
        Service::StandsBy(Text(works))
    } else if desk.board.is_stopping() {
        Service::Ends
    } else if is_alive(&desk.board, &*desk.clock) {
        Service::Works
    } else {
        Service::NotSeen
    };
    Ok(Frame {
        here,
        host: Text::of(&desk.host),
        now: At(desk.clock.now()),
        service,
        open: (open.len() - held, held),
        who: visit.who.as_ref().filter(|_| !visit.csrf.is_empty()).map(|who| match who {
            Who::Looker => Text::default(),
            Who::Person(name) => Text::of(name),
        }),
        csrf: visit.csrf.clone(),
        may_sign_in: visit.who.is_none() && !desk.keys.is_empty() && here != Here::Elsewhere,
    })
}

/// Whether this visitor may order something of this process.
fn may_order(desk: &Desk, visit: &Visit) -> bool {
    visit.person().is_some() && desk.board.waits_for().is_none()
}

/// A text of ours, in which somebody else's names may stand, line by line.
pub(super) fn lines(text: &str) -> Vec<Text> {
    text.lines().map(Text::of).collect()
}

/// A page that only says something.
pub(super) async fn message(
    desk: &Desk,
    visit: &Visit,
    status: StatusCode,
    title: &'static str,
    text: impl std::fmt::Display,
    on: (&str, &'static str),
) -> Response {
    match frame(desk, visit, Here::Elsewhere).await {
        Ok(frame) => {
            let page = Message { frame, title, text: lines(&text.to_string()), on: (on.0.to_owned(), on.1) };
            (status, html(&page)).into_response()
        }
        Err(failed) => failed,
    }
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

pub(super) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}

pub(super) async fn nothing(State(desk): State<Arc<Desk>>, Extension(visit): Extension<Visit>) -> Response {
    let text = "There is no such page.";
    message(&desk, &visit, StatusCode::NOT_FOUND, "Not found", text, ("/", "The accounts")).await
}

fn fields(query: Option<String>) -> Pairs {
    pairs(query.unwrap_or_default().as_bytes())
}

pub(super) async fn accounts(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    RawQuery(query): RawQuery,
) -> Response {
    let page = value_of(&fields(query), "page").parse().unwrap_or(1_usize).max(1);
    accounts_of(&desk, &visit, page).await.unwrap_or_else(|failed| failed)
}

async fn accounts_of(desk: &Desk, visit: &Visit, page: usize) -> Answer<Response> {
    let unread = |error: JournalError| failed(&error);
    let frame = frame(desk, visit, Here::Accounts).await?;
    let roster = desk.board.roster();
    let posts: Vec<&Post> = roster.iter().flat_map(|roster| roster.posts.values()).collect();
    let skipped = (page - 1).saturating_mul(ACCOUNTS).min(posts.len());
    let at_work = desk.board.at_work();
    let mut ledger = desk.ledger.lock().await;
    ledger.read_on(&*desk.journal).await.map_err(unread)?;
    let mut accounts = Vec::new();
    for post in posts.iter().skip(skipped).take(ACCOUNTS) {
        let name = &post.wish.account;
        let status =
            AccountStatus::read(&*desk.journal, &ledger, name, Some(post), frame.now.0).await.map_err(unread)?;
        accounts.push(account(status, post, at_work.rotating.contains(name), frame.now.0));
    }
    let before = (page > 1 && skipped > 0).then(|| page - 1);
    let after = (skipped + accounts.len() < posts.len()).then_some(page + 1);
    Ok(html(&Accounts {
        of: posts.len(),
        first: skipped + 1,
        pages: (before, after),
        conditions: ledger.raised().count(),
        may_order: may_order(desk, visit),
        accounts,
        frame,
    }))
}

fn account(status: AccountStatus, post: &Post, is_here: bool, now: Timestamp) -> Account {
    let state = if is_here && status.state == "interrupted" { "under-way" } else { status.state };
    let left = |at: Timestamp| (at > now).then(|| Length::between(now, at));
    let next = match &status.due {
        Due::At(fire) => Next::At(At(fire.at), left(fire.at)),
        due => Next::Not(Text(not_due(due, post))),
    };
    Account {
        name: Text(status.account),
        kind: Text::of(&post.member.kind),
        state: Word::of_state(state),
        since: status.since.map(At),
        rotation: status.rotation.map(Text),
        is_held: status.why.is_some(),
        why: status.why.or(status.failure).map(Text),
        age: AgeOf {
            state: status.age,
            days: status.age_days,
            set_at: status.set_at.map(At),
            max_days: post.member.max_age_days,
            over_at: status.over_at.map(At),
        },
        next,
        schedule: Text::of(&post.member.schedule),
        failures: status.failures,
        late_proof: status.late_proof.map(|proof| late(&proof)),
    }
}

fn not_due(due: &Due, post: &Post) -> String {
    match due {
        Due::At(_) => String::new(),
        Due::Never { .. } if post.member.schedule.is_empty() => "by hand only".to_owned(),
        Due::Never { why } => (*why).to_owned(),
        Due::GaveUp { failures } => {
            format!("not by itself: the schedule gave up after {failures} failures. `schedule renew` lets it try again")
        }
        Due::Blocked(Blocked::Held { .. }) => "not while it is held".to_owned(),
        Due::Blocked(Blocked::Running { .. }) => "not while a rotation of it is open".to_owned(),
        Due::Blocked(Blocked::Exempt { until }) => format!("exempt until {}", At(*until)),
        Due::Blocked(Blocked::Managed) => "Windows changes it by itself".to_owned(),
        Due::Blocked(Blocked::Foreign(why)) => why.clone(),
    }
}

fn late(proof: &LateProofStatus) -> Word {
    let due = proof.due.map_or_else(String::new, |due| format!(", due {}", At(due)));
    match proof.state {
        "proven" => Word::new(Tone::Good, "✓", "proven once more, later"),
        "failed" => Word::new(Tone::Bad, "✕", "the late proof failed: a server no longer syncs"),
        "overdue" => Word::new(Tone::Warn, "△", format!("the late proof is overdue{due}")),
        _ => Word::new(Tone::Plain, "–", format!("a late proof is to come{due}")),
    }
}

pub(super) async fn running(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    RawQuery(query): RawQuery,
) -> Response {
    let every_s = value_of(&fields(query), "every").parse().ok().filter(|every| EVERY_S.contains(every));
    let mut response = running_now(&desk, &visit, every_s).await.unwrap_or_else(|failed| failed);
    if let Some(every_s) = every_s {
        // A person asked for it, and the page says how to end it.
        response.headers_mut().insert(header::REFRESH, every_s.into());
    }
    response
}

async fn running_now(desk: &Desk, visit: &Visit, every_s: Option<u32>) -> Answer<Response> {
    let frame = frame(desk, visit, Here::Running).await?;
    let at_work = desk.board.at_work();
    let mut rotations = Vec::new();
    for rotation in open(desk, Standing::Running).await? {
        let is_here = at_work.rotating.contains(&rotation.plan().inventory.account);
        rotations.extend(RunningRotation::of(rotation.plan(), rotation.progress(), rotation.log(), is_here, frame.now));
    }
    let errands = at_work.errands.iter().map(Text::of).collect();
    Ok(html(&crate::page::Running { frame, rotations, every_s, errands }))
}

/// The open rotations that stand like this, oldest first.
async fn open(desk: &Desk, state: Standing) -> Answer<Vec<Rotation>> {
    let unread = |error: JournalError| failed(&error);
    let listed = desk.journal.list(&Query { open: true, ..Query::default() }).await.map_err(unread)?;
    let mut rotations = Vec::new();
    for listed in listed.iter().filter(|listed| listed.state == state).take(OPEN_MAX) {
        rotations.push(Rotation::read(&*desk.journal, &listed.id).await.map_err(unread)?);
    }
    Ok(rotations)
}

pub(super) async fn held(State(desk): State<Arc<Desk>>, Extension(visit): Extension<Visit>) -> Response {
    held_now(&desk, &visit).await.unwrap_or_else(|failed| failed)
}

async fn held_now(desk: &Desk, visit: &Visit) -> Answer<Response> {
    let frame = frame(desk, visit, Here::Held).await?;
    let rotations = open(desk, Standing::Held).await?;
    let rotations = rotations.iter().filter_map(|rotation| {
        let (plan, progress, log) = (rotation.plan(), rotation.progress(), rotation.log());
        HeldRotation::of(plan, progress, log, still_paused(rotation), frame.now)
    });
    Ok(html(&crate::page::Held { rotations: rotations.collect(), may_order: may_order(desk, visit), frame }))
}

pub(super) async fn history(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    RawQuery(query): RawQuery,
) -> Response {
    history_of(&desk, &visit, Filter::of(&fields(query))).await.unwrap_or_else(|failed| failed)
}

async fn history_of(desk: &Desk, visit: &Visit, filter: Filter) -> Answer<Response> {
    let unread = |error: JournalError| failed(&error);
    let frame = frame(desk, visit, Here::History).await?;
    let roster = desk.board.roster();
    let names = roster.iter().flat_map(|roster| roster.posts.keys()).map(Text::of);
    // What would not show all of itself is not offered; links lead there.
    let names = names.filter(|name| name.to_string() == name.0).collect();
    let query = match filter.query() {
        Ok(query) => query,
        Err(faults) => {
            let page = History { frame, filter, faults, rotations: Vec::new(), older: None, names };
            return Ok((StatusCode::BAD_REQUEST, html(&page)).into_response());
        }
    };
    let listed = desk.journal.list(&query).await.map_err(unread)?;
    let shown: Vec<_> = listed.iter().rev().take(ROWS as usize).collect();
    let older = shown.last().filter(|_| listed.len() > shown.len()).map(|listed| listed.begun);
    let at_work = desk.board.at_work();
    let mut rotations = Vec::new();
    for listed in shown {
        let rotation = Rotation::read(&*desk.journal, &listed.id).await.map_err(unread)?;
        let state = state(&rotation, at_work.rotating.contains(&listed.account));
        rotations.extend(told(rotation.log()).map(|facts| HistoryRow { state, facts }));
    }
    Ok(html(&History { frame, filter, faults: Vec::new(), rotations, older, names }))
}

fn state(rotation: &Rotation, is_here: bool) -> Word {
    let word = state_word(rotation);
    Word::of_state(if is_here && word == "interrupted" { "under-way" } else { word })
}

pub(super) async fn rotation(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Response {
    rotation_of(&desk, &visit, &id).await.unwrap_or_else(|failed| failed)
}

async fn rotation_of(desk: &Desk, visit: &Visit, id: &str) -> Answer<Response> {
    let unknown = || JournalError::Unknown { rotation: id.to_owned() };
    // The notes are no rotation's.
    let read = if id == NOTES { Err(unknown()) } else { Rotation::read(&*desk.journal, id).await };
    let rotation = match read {
        Ok(rotation) => rotation,
        Err(JournalError::Unknown { .. }) => {
            let text = format!("There is no rotation {} in the journal.", Text::of(id));
            return Ok(
                message(desk, visit, StatusCode::NOT_FOUND, "Not found", text, ("/history", "The history")).await
            );
        }
        Err(error) => return Err(failed(&error)),
    };
    let Some(facts) = told(rotation.log()) else { return Err(failed(&unknown())) };
    let is_here = desk.board.at_work().rotating.contains(&rotation.plan().inventory.account);
    let stop_windows = rotation.stop_windows().into_iter();
    Ok(html(&OneRotation {
        frame: frame(desk, visit, Here::History).await?,
        state: state(&rotation, is_here),
        facts,
        stop_windows: stop_windows
            .map(|(server, length)| (Text(server), format!("{:.1}", length.as_secs_f64())))
            .collect(),
        entries: rotation.log().to_vec(),
    }))
}

pub(super) async fn conditions(State(desk): State<Arc<Desk>>, Extension(visit): Extension<Visit>) -> Response {
    conditions_now(&desk, &visit).await.unwrap_or_else(|failed| failed)
}

async fn conditions_now(desk: &Desk, visit: &Visit) -> Answer<Response> {
    let frame = frame(desk, visit, Here::Conditions).await?;
    let mut ledger = desk.ledger.lock().await;
    ledger.read_on(&*desk.journal).await.map_err(|error| failed(&error))?;
    let mut raised: Vec<_> = ledger.raised().map(|(_, raised)| raised).collect();
    let rank = |severity: &str| ["alarm", "warning", "info"].iter().position(|word| *word == severity);
    raised.sort_by_key(|raised| (rank(&raised.severity).unwrap_or(usize::MAX), raised.at));
    let conditions = raised.into_iter().map(|raised| Condition {
        severity: Word::of_severity(&raised.severity),
        kind: Text::of(&raised.kind),
        account: raised.account.as_ref().map(Text::of),
        title: Text::of(&raised.title),
        since: At(raised.at),
        length: Length::between(raised.at, frame.now.0),
    });
    Ok(html(&Conditions { conditions: conditions.collect(), frame }))
}
