use jiff::Timestamp;
use serde::Serialize;

use super::arguments::{Global, StatusOptions};
use super::output::{say, show, table};
use super::session;
use crate::clock::{Clock, SystemClock};
use crate::engine::{Rotation, late_proof_due};
use crate::journal::{Journal, JournalError, Query, State};
use crate::order::{self, Exit, Ledger, Post, Raised};
use crate::rotation::Event;
use crate::schedule::{AgeState, Blocked, Due, age, due};
use crate::wiring::Records;

#[derive(Serialize)]
struct Status {
    accounts: Vec<Account>,
    /// What the unattended service found and has not cleared.
    conditions: Vec<Condition>,
}

#[derive(Serialize)]
struct Condition {
    kind: String,
    severity: String,
    since: Timestamp,
    account: Option<String>,
    title: String,
}

#[derive(Serialize)]
struct Account {
    account: String,
    /// `never-rotated`, `rotated`, `rolled-back`, `held`, `interrupted`, `repaired`.
    state: &'static str,
    rotation: Option<String>,
    since: Option<Timestamp>,
    last_rotated: Option<Timestamp>,
    /// Why it is held.
    why: Option<String>,
    /// The last failure before that.
    cause: Option<String>,
    next_step: Option<String>,
    /// What is still disabled, and how it is turned on.
    paused: Option<&'static str>,
    /// The ways out of a hold, in order.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    runbook: &'static [&'static str],
    /// The age of the password in use in whole days, as far as it is known.
    age_days: Option<i64>,
    /// `unlimited`, `fresh`, `near`, `urgent`, `overdue` or `unknown`, by the configured maximum age.
    age: AgeState,
    /// When the schedule rotates it next.
    next: Option<Timestamp>,
    /// `due` with its time, `overdue`, `proven` or `failed`; none where there is nothing to prove late.
    late_proof: Option<LateProof>,
}

#[derive(Serialize)]
struct LateProof {
    state: &'static str,
    due: Option<Timestamp>,
}

pub(super) async fn run(global: &Global, options: &StatusOptions) -> Exit {
    let records = match session::records(global) {
        Ok(records) => records,
        Err(exit) => return exit,
    };
    let status = match gather(&records).await {
        Ok(status) => status,
        Err(error) => {
            let (message, exit) = order::journal_failed(&error);
            say(&message);
            return exit;
        }
    };
    let any = |state: &str| status.accounts.iter().any(|account| account.state == state);
    let late = |state: &str| {
        status.accounts.iter().any(|account| account.late_proof.as_ref().is_some_and(|proof| proof.state == state))
    };
    let exit = match options.check {
        true if any("held") || late("failed") => Exit::Held,
        true if late("overdue")
            || status.accounts.iter().any(|account| matches!(account.age, AgeState::Overdue | AgeState::Unknown)) =>
        {
            Exit::Overdue
        }
        true if any("interrupted") => Exit::Later,
        _ => Exit::Done,
    };
    show(global.format, &status, text);
    exit
}

async fn gather(records: &Records) -> Result<Status, JournalError> {
    let journal = records.journal().await?;
    let mut ledger = Ledger::default();
    ledger.read_on(&*journal).await?;
    let mut accounts = Vec::new();
    for name in &records.accounts {
        let mut shown = account(&*journal, name).await?;
        if let Some(post) = records.roster.posts.get(name) {
            schedule(&mut shown, &*journal, &ledger, post).await?;
        }
        accounts.push(shown);
    }
    let condition = |raised: &Raised| Condition {
        kind: raised.kind.clone(),
        severity: raised.severity.clone(),
        since: raised.at,
        account: raised.account.clone(),
        title: raised.title.clone(),
    };
    Ok(Status { accounts, conditions: ledger.raised().map(|(_, raised)| condition(raised)).collect() })
}

/// Age and next rotation, by the account's schedule.
async fn schedule(
    shown: &mut Account,
    journal: &dyn Journal,
    ledger: &Ledger,
    post: &Post,
) -> Result<(), JournalError> {
    let (now, name) = (SystemClock.now(), &post.wish.account);
    let exempt = post.member.exempt.as_ref().map(|exempt| exempt.until);
    let read = order::Account::read(journal, ledger, name, exempt, post.policy.retry.budget, now).await?;
    let age = age(&post.policy, &read.standing, now);
    shown.age_days = age.age.map(|age| age.as_hours() / 24);
    let is_out = match read.standing.blocked {
        Some(Blocked::Exempt { until }) => until > now,
        Some(Blocked::Managed) => true,
        _ => false,
    };
    if !is_out {
        shown.age = age.state;
    }
    if let Due::At(fire) = due(&post.policy, name, &read.standing, now, now) {
        shown.next = Some(fire.at);
    }
    Ok(())
}

async fn account(journal: &dyn Journal, name: &str) -> Result<Account, JournalError> {
    let mut shown = Account {
        account: name.to_owned(),
        state: "never-rotated",
        rotation: None,
        since: None,
        last_rotated: None,
        why: None,
        cause: None,
        next_step: None,
        paused: None,
        runbook: &[],
        age_days: None,
        age: AgeState::Unlimited,
        next: None,
        late_proof: None,
    };
    let listed: Vec<_> = journal.list(&Query::of(name)).await?;
    // An open rotation matters more than a later one: there is none, but a repair's own.
    let shown_one = listed.iter().rev().find(|listed| listed.state != State::Closed).or(listed.last());
    for listed in &listed {
        let rotation = Rotation::read(journal, &listed.id).await?;
        let state = super::history::state(&rotation);
        // A late proof comes after the end, and is no change of the state.
        let moves = |event: &Event| !matches!(event, Event::Claimed { .. } | Event::LateProof { .. });
        let at = rotation.log().iter().rev().find(|entry| moves(&entry.event)).map(|entry| entry.at);
        if state == "rotated" {
            shown.last_rotated = at;
        }
        if shown_one == Some(listed) {
            shown.state = state;
            shown.rotation = Some(listed.id.clone());
            shown.since = at;
            if let Some(why) = &rotation.progress().held {
                shown.why = Some(why.to_string());
                shown.cause = rotation.last_fault().map(|(step, fault)| format!("{step}: {fault}"));
                shown.runbook = why.runbook().steps;
                shown.paused = order::still_paused(&rotation);
                shown.next_step = shown.runbook.first().map(|step| (*step).to_owned());
            } else if state == "interrupted" {
                shown.next_step = Some("`resume` carries it on; so does the next `rotate`".to_owned());
            }
        }
    }
    if let Some(newest) = order::newest_finished(journal, name).await? {
        let due = late_proof_due(&newest);
        let state = match (newest.progress().late_proof, due) {
            (Some(true), _) => Some("proven"),
            (Some(false), _) => Some("failed"),
            (None, Some(_)) if order::overdue(&newest, SystemClock.now()) => Some("overdue"),
            (None, Some(_)) => Some("due"),
            (None, None) => None,
        };
        shown.late_proof = state.map(|state| LateProof { state, due });
        if matches!(state, Some("failed" | "overdue")) && shown.next_step.is_none() {
            let told = if state == Some("failed") {
                "`doctor`: the late proof failed"
            } else {
                "`rotate --due` makes the late proof"
            };
            shown.next_step = Some(told.to_owned());
        }
    }
    Ok(shown)
}

fn text(status: &Status) -> String {
    let time =
        |at: &Option<Timestamp>| at.map_or_else(|| "-".into(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
    let row = |account: &Account| {
        let rotation = account.rotation.clone().unwrap_or_else(|| "-".into());
        vec![
            account.account.clone(),
            account.state.to_owned(),
            time(&account.since),
            time(&account.last_rotated),
            account.age_days.map_or_else(|| "-".to_owned(), |days| format!("{days} d")),
            time(&account.next),
            rotation,
        ]
    };
    let header = ["ACCOUNT", "STATE", "SINCE", "LAST ROTATED", "AGE", "NEXT", "ROTATION"];
    let mut lines = vec![table(&header, status.accounts.iter().map(row).collect())];
    for account in &status.accounts {
        if let Some(why) = &account.why {
            lines.push(format!("{}: held: {why}", account.account));
        }
        if let Some(cause) = &account.cause {
            lines.push(format!("{}: cause: {cause}", account.account));
        }
        if let Some(paused) = account.paused {
            lines.push(format!("{}: {paused}", account.account));
        }
        if let Some(proof) = &account.late_proof {
            let due = proof.due.map_or_else(String::new, |due| format!(", due at {due:.0}"));
            lines.push(format!("{}: late proof: {}{due}", account.account, proof.state));
        }
        if let AgeState::Near | AgeState::Urgent | AgeState::Overdue = account.age {
            let word = if account.age == AgeState::Overdue { "over" } else { "near" };
            lines.push(format!("{}: its maximum age is {word}", account.account));
        }
        match account.runbook {
            [] => lines.extend(account.next_step.iter().map(|next| format!("{}: next step: {next}", account.account))),
            steps => {
                lines.push(format!("{}: next steps:", account.account));
                lines.extend(steps.iter().enumerate().map(|(place, step)| format!("  {}. {step}", place + 1)));
            }
        }
    }
    let line =
        |condition: &Condition| format!("{}: {} (since {:.0})", condition.severity, condition.title, condition.since);
    lines.extend(status.conditions.iter().map(line));
    lines.join("\n")
}
