use jiff::Timestamp;

use super::arguments::{Global, StatusOptions};
use super::output::{say, show, table};
use super::session;
use crate::clock::{Clock, SystemClock};
use crate::journal::JournalError;
use crate::order::{self, AccountStatus, ConditionStatus, Exit, Status};
use crate::schedule::AgeState;
use crate::wiring::Records;

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
    Status::read(&*journal, &records.accounts, &records.roster, SystemClock.now()).await
}

fn text(status: &Status) -> String {
    let time =
        |at: &Option<Timestamp>| at.map_or_else(|| "-".into(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
    let row = |account: &AccountStatus| {
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
    let line = |condition: &ConditionStatus| {
        format!("{}: {} (since {:.0})", condition.severity, condition.title, condition.since)
    };
    lines.extend(status.conditions.iter().map(line));
    lines.join("\n")
}
