use jiff::Timestamp;
use serde::Serialize;

use super::arguments::{Global, StatusOptions};
use super::exit::Exit;
use super::output::{say, show, table};
use super::session;
use crate::engine::Rotation;
use crate::journal::{Journal, JournalError, State};
use crate::wiring::Records;

#[derive(Serialize)]
struct Status {
    accounts: Vec<Account>,
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
}

pub(super) async fn run(global: &Global, options: &StatusOptions) -> Exit {
    let records = match session::records(global) {
        Ok(records) => records,
        Err(exit) => return exit,
    };
    let status = match gather(&records).await {
        Ok(status) => status,
        Err(error) => {
            let (message, exit) = session::journal_failed(&error);
            say(&message);
            return exit;
        }
    };
    let any = |state: &str| status.accounts.iter().any(|account| account.state == state);
    let exit = match options.check {
        true if any("held") => Exit::Held,
        true if any("interrupted") => Exit::Later,
        _ => Exit::Done,
    };
    show(global.format, &status, text);
    exit
}

async fn gather(records: &Records) -> Result<Status, JournalError> {
    let journal = records.journal().await?;
    let mut accounts = Vec::new();
    for name in &records.accounts {
        accounts.push(account(&*journal, name).await?);
    }
    Ok(Status { accounts })
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
    };
    let listed: Vec<_> = journal.list().await?.into_iter().filter(|listed| listed.account == name).collect();
    // An open rotation matters more than a later one: there is none, but a repair's own.
    let shown_one = listed.iter().rev().find(|listed| listed.state != State::Closed).or(listed.last());
    for listed in &listed {
        let rotation = Rotation::read(journal, &listed.id).await?;
        let state = super::history::state(&rotation);
        let at = rotation.log().last().map(|entry| entry.at);
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
                shown.next_step = Some(why.next_step().to_owned());
            } else if state == "interrupted" {
                shown.next_step = Some("`resume` carries it on; so does the next `rotate`".to_owned());
            }
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
            rotation,
        ]
    };
    let header = ["ACCOUNT", "STATE", "SINCE", "LAST ROTATED", "ROTATION"];
    let mut lines = vec![table(&header, status.accounts.iter().map(row).collect())];
    for account in &status.accounts {
        if let Some(why) = &account.why {
            lines.push(format!("{}: held: {why}", account.account));
        }
        if let Some(cause) = &account.cause {
            lines.push(format!("{}: cause: {cause}", account.account));
        }
        if let Some(next) = &account.next_step {
            lines.push(format!("{}: next step: {next}", account.account));
        }
    }
    lines.join("\n")
}
