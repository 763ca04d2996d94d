//! `schedule`: when each account is rotated, and why then.

use jiff::Timestamp;
use serde::Serialize;

use super::arguments::{Global, ScheduleCommand};
use super::output::{say, show, table};
use super::session;
use crate::clock::{Clock, SystemClock};
use crate::journal::{Journal, JournalError, Note};
use crate::order::{self, Account, Exit, Ledger, Post};
use crate::schedule::{Due, Fire, due, explain, local, upcoming};

#[derive(Serialize)]
struct Coming {
    accounts: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    account: String,
    /// `waiting`, `held`, `running`, `exempt`, `managed`, `gave-up`, `never`.
    state: &'static str,
    /// Why there is no fire, where there is none.
    why: Option<String>,
    fires: Vec<ShownFire>,
}

#[derive(Serialize)]
struct ShownFire {
    at: Timestamp,
    /// The time in the account's own zone.
    local: String,
    #[serde(flatten)]
    fire: Fire,
    explained: String,
}

pub(super) async fn run(global: &Global, command: &ScheduleCommand) -> Exit {
    let done = match command {
        ScheduleCommand::Next { account, count } => next(global, account, *count).await,
        ScheduleCommand::Renew { account } => renew(global, account).await,
    };
    done.unwrap_or_else(|exit| exit)
}

async fn next(global: &Global, names: &[String], count: u16) -> Result<Exit, Exit> {
    let mut world = session::open_unattended(global)?;
    if global.lab {
        world.roster = world.roster.demonstration();
    }
    let chosen = session::choose(&world, names)?;
    let now = SystemClock.now();
    let failed = |error: JournalError| {
        let (message, exit) = order::journal_failed(&error);
        say(&message);
        exit
    };
    // Where nothing was ever rotated there is no journal, and looking makes none.
    let journal =
        if world.journal_place.is_there() { Some(world.journal_as_it_is().await.map_err(failed)?) } else { None };
    let mut ledger = Ledger::default();
    if let Some(journal) = &journal {
        ledger.read_on(&**journal).await.map_err(failed)?;
    }
    let mut accounts = Vec::new();
    for wish in chosen {
        let Some(post) = world.roster.posts.get(&wish.account) else { continue };
        accounts.push(coming(post, journal.as_deref(), &ledger, now, count.into()).await.map_err(failed)?);
    }
    show(global.format, &Coming { accounts }, text);
    Ok(Exit::Done)
}

async fn coming(
    post: &Post,
    journal: Option<&dyn Journal>,
    ledger: &Ledger,
    now: Timestamp,
    count: usize,
) -> Result<Shown, JournalError> {
    let account = &post.wish.account;
    let exempt = post.member.exempt.as_ref().map(|exempt| exempt.until);
    let standing = match journal {
        Some(journal) => Account::read(journal, ledger, account, exempt, post.policy.retry.budget, now).await?.standing,
        None => crate::schedule::Standing::new(now),
    };
    let (state, why) = match due(&post.policy, account, &standing, now, now) {
        Due::At(_) => ("waiting", None),
        Due::GaveUp { failures } => (
            "gave-up",
            Some(format!(
                "{failures} attempts failed; `schedule renew --account {account}` lets the schedule try again"
            )),
        ),
        Due::Never { why } => ("never", Some(why.to_owned())),
        Due::Blocked(blocked) => {
            use crate::schedule::Blocked;
            match blocked {
                Blocked::Held { rotation } => {
                    ("held", Some(format!("rotation {rotation} waits for a person: `status` says what to do")))
                }
                Blocked::Running { rotation } => {
                    ("running", Some(format!("rotation {rotation} is under way or was interrupted")))
                }
                Blocked::Exempt { until } => ("exempt", Some(format!("until {}", local(until, &post.zone)))),
                Blocked::Managed => ("managed", Some("Windows manages its password".to_owned())),
                Blocked::Foreign(why) => ("foreign", Some(why)),
            }
        }
    };
    let fires = upcoming(&post.policy, account, &standing, now, count)
        .into_iter()
        .map(|fire| ShownFire {
            at: fire.at,
            local: local(fire.at, &post.zone),
            explained: explain(&fire, &post.zone),
            fire,
        })
        .collect();
    Ok(Shown { account: account.clone(), state, why, fires })
}

fn text(coming: &Coming) -> String {
    let mut rows = Vec::new();
    for account in &coming.accounts {
        if let Some(why) = &account.why {
            rows.push(vec![account.account.clone(), account.state.to_owned(), why.clone()]);
        }
        rows.extend(
            account.fires.iter().map(|fire| vec![account.account.clone(), fire.local.clone(), fire.explained.clone()]),
        );
    }
    table(&["ACCOUNT", "WHEN", "WHY"], rows)
}

/// A person's word that the schedule may try an account again.
async fn renew(global: &Global, account: &str) -> Result<Exit, Exit> {
    let world = session::open_unattended(global)?;
    session::choose(&world, std::slice::from_ref(&account.to_owned()))?;
    let journal = session::usable(world.journal_as_it_is().await)?;
    let note = Note::Renewed { account: account.to_owned(), by: order::initiator() };
    session::usable(journal.note(SystemClock.now(), &note).await)?;
    say(&format!("{account}: the schedule tries again; `schedule next` says when"));
    Ok(Exit::Done)
}
