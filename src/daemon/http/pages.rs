//! Each page, filled from the journal. What this process does at the moment comes from the board; without a keeper in it, as in
//! one that stands by, everything else is there all the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, Uri, header};
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
    Account, Accounts, AccountsFilter, AgeOf, Condition, Conditions, Filter, Frame, HeldRotation, Here, History,
    HistoryRow, ICON, Message, Next, OneRotation, Pairs, Part, ROWS, RunningRotation, STYLE, Service, Tone, Word,
    pairs, value_of,
};
use crate::report::{At, Length, Text, told};
use crate::schedule::{Blocked, Due};

/// Accounts on a page.
const ACCOUNTS: usize = 50;

/// Open rotations on a page: each is shown with its steps.
const ROTATIONS: usize = 50;

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
    accounts_of(&desk, &visit, &fields(query)).await.unwrap_or_else(|failed| failed)
}

async fn accounts_of(desk: &Desk, visit: &Visit, asked: &Pairs) -> Answer<Response> {
    let unread = |error: JournalError| failed(&error);
    let frame = frame(desk, visit, Here::Accounts).await?;
    let roster = desk.board.roster();
    let mut posts: Vec<&Post> = roster.iter().flat_map(|roster| roster.posts.values()).collect();
    let configured = posts.len();
    let troubled = desk.board.troubled(configured);
    let mut filter = AccountsFilter::of(asked);
    // What nobody has counted can't be asked for.
    filter.attention &= troubled.is_some();
    posts.retain(|post| filter.has(&post.wish.account));
    if let (true, Some((late, waiting))) = (filter.attention, &troubled) {
        let open = desk.journal.list(&Query { open: true, ..Query::default() }).await.map_err(unread)?;
        let held = open.iter().filter(|listed| listed.state == Standing::Held).map(|listed| &listed.account);
        let wanted: BTreeSet<&String> = late.iter().chain(waiting).chain(held).collect();
        posts.retain(|post| wanted.contains(&post.wish.account));
    }
    let part = Part::new(("Accounts", "/"), filter.fields(), (posts.len(), ACCOUNTS), value_of(asked, "page"));
    let at_work = desk.board.at_work();
    let mut ledger = desk.ledger.lock().await;
    ledger.read_on(&*desk.journal).await.map_err(unread)?;
    let mut accounts = Vec::new();
    for post in &posts[part.places()] {
        let name = &post.wish.account;
        let status =
            AccountStatus::read(&*desk.journal, &ledger, name, Some(post), frame.now.0).await.map_err(unread)?;
        accounts.push(account(status, post, at_work.rotating.contains(name), frame.now.0));
    }
    Ok(html(&Accounts {
        part,
        filter,
        configured,
        late: troubled.map(|(late, _)| late.len()),
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
        is_open: is_here || matches!(status.state, "held" | "interrupted"),
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
    let asked = fields(query);
    let every_s = every_s(&asked);
    let mut response = running_now(&desk, &visit, every_s, &asked).await.unwrap_or_else(|failed| failed);
    if let Some(every_s) = every_s {
        // A person asked for it, and the page says how to end it.
        response.headers_mut().insert(header::REFRESH, every_s.into());
    }
    response
}

/// How often a page looks again by itself.
fn every_s(asked: &Pairs) -> Option<u32> {
    value_of(asked, "every").parse().ok().filter(|every| EVERY_S.contains(every))
}

/// Whether a browser asks for it by itself, whoever sits there or has gone.
pub(super) fn is_by_itself(uri: &Uri) -> bool {
    match uri.path() {
        "/running" => every_s(&pairs(uri.query().unwrap_or_default().as_bytes())).is_some(),
        // It comes with each page.
        "/style.css" | "/icon.svg" => true,
        _ => false,
    }
}

async fn running_now(desk: &Desk, visit: &Visit, every_s: Option<u32>, asked: &Pairs) -> Answer<Response> {
    let frame = frame(desk, visit, Here::Running).await?;
    let at_work = desk.board.at_work();
    let mut rotations = Vec::new();
    let account = account_of(asked);
    let mut kept = kept_of(account);
    kept.extend(every_s.map(|every| ("every", every.to_string())));
    let (part, open) = open(desk, Standing::Running, ("Rotations", "/running"), kept, asked).await?;
    for rotation in open {
        let is_here = at_work.rotating.contains(&rotation.plan().inventory.account);
        rotations.extend(RunningRotation::of(rotation.plan(), rotation.progress(), rotation.log(), is_here, frame.now));
    }
    let errands = at_work.errands.iter().map(Text::of).collect();
    let (may_order, account) = (may_order(desk, visit), account.map(Text::of));
    Ok(html(&crate::page::Running { frame, rotations, part, account, may_order, every_s, errands }))
}

/// The account whose rotations alone are asked for; a name may have spaces at its ends.
fn account_of(asked: &Pairs) -> Option<&str> {
    asked.iter().find(|(name, _)| name == "account").map(|(_, name)| name.as_str()).filter(|name| !name.is_empty())
}

fn kept_of(account: Option<&str>) -> Vec<(&'static str, String)> {
    account.map(|name| ("account", name.to_owned())).into_iter().collect()
}

/// The open rotations that stand like this, oldest first: those of the page that is asked for.
async fn open(
    desk: &Desk,
    state: Standing,
    way: (&'static str, &'static str),
    kept: Vec<(&'static str, String)>,
    asked: &Pairs,
) -> Answer<(Part, Vec<Rotation>)> {
    let unread = |error: JournalError| failed(&error);
    let query = Query { open: true, account: account_of(asked).map(str::to_owned), ..Query::default() };
    let mut listed = desk.journal.list(&query).await.map_err(unread)?;
    listed.retain(|listed| listed.state == state);
    let part = Part::new(way, kept, (listed.len(), ROTATIONS), value_of(asked, "page"));
    let mut rotations = Vec::new();
    for listed in &listed[part.places()] {
        rotations.push(Rotation::read(&*desk.journal, &listed.id).await.map_err(unread)?);
    }
    Ok((part, rotations))
}

pub(super) async fn held(
    State(desk): State<Arc<Desk>>,
    Extension(visit): Extension<Visit>,
    RawQuery(query): RawQuery,
) -> Response {
    held_now(&desk, &visit, &fields(query)).await.unwrap_or_else(|failed| failed)
}

async fn held_now(desk: &Desk, visit: &Visit, asked: &Pairs) -> Answer<Response> {
    let frame = frame(desk, visit, Here::Held).await?;
    let account = account_of(asked);
    let (part, rotations) = open(desk, Standing::Held, ("Rotations", "/held"), kept_of(account), asked).await?;
    let rotations = rotations.iter().filter_map(|rotation| {
        let (plan, progress, log) = (rotation.plan(), rotation.progress(), rotation.log());
        HeldRotation::of(plan, progress, log, still_paused(rotation), frame.now)
    });
    let (may_order, account) = (may_order(desk, visit), account.map(Text::of));
    Ok(html(&crate::page::Held { rotations: rotations.collect(), part, account, may_order, frame }))
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
