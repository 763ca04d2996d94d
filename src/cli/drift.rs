//! `doctor --drift`: what the unattended service's watch would see of each account.

use jiff::Timestamp;
use providers::port::Fault;
use serde::Serialize;

use super::arguments::Global;
use super::output::show;
use super::session;
use crate::engine::{Drift, Expected, Found, Looked, Wish, drift, look};
use crate::journal::{Journal, Query, State};
use crate::order::{Exit, sharing};
use crate::wiring::World;

#[derive(Serialize)]
struct Report {
    exit: u8,
    accounts: Vec<Account>,
}

#[derive(Serialize)]
struct Account {
    account: String,
    /// When its password was set, where that can be told.
    set_at: Option<Timestamp>,
    found: Vec<Found>,
    /// What could not be seen: nothing is known of it.
    unseen: Vec<Unseen>,
}

#[derive(Serialize)]
struct Unseen {
    what: String,
    cause: String,
    next_step: String,
}

pub(super) async fn run(global: &Global, names: &[String]) -> Exit {
    match looked(global, names).await {
        Ok(accounts) => {
            let exit = exit(&accounts);
            show(global.format, &Report { exit: exit.code(), accounts }, text);
            exit
        }
        Err(exit) => exit,
    }
}

async fn looked(global: &Global, names: &[String]) -> Result<Vec<Account>, Exit> {
    let world = session::open(global)?;
    let wishes = session::choose(&world, names)?;
    // Where nothing was ever rotated there is no journal, and looking makes none.
    let journal = match world.journal_place.is_there() {
        true => Some(session::usable(world.journal_as_it_is().await)?),
        false => None,
    };
    let mut accounts = Vec::new();
    for wish in &wishes {
        let drift = drift_of(&world, journal.as_deref(), wish).await?;
        let unseen = drift.unseen.into_iter().map(|fault| Unseen {
            what: fault.doing,
            cause: fault.cause,
            next_step: fault.hint,
        });
        accounts.push(Account {
            account: wish.account.clone(),
            set_at: drift.set_at,
            found: drift.found,
            unseen: unseen.collect(),
        });
    }
    Ok(accounts)
}

async fn drift_of(world: &World, journal: Option<&dyn Journal>, wish: &Wish) -> Result<Drift, Exit> {
    let ports = world.ports();
    // Its own changes would be found.
    let unseen = |cause: String| {
        let fault = Fault::later(format!("looking at {}", wish.account), cause).hint("wait for it, or `resume` it");
        Drift { unseen: vec![fault], ..Drift::default() }
    };
    let Some(journal) = journal else { return Ok(drift(ports, wish, &Expected::nothing(ports)).await) };
    let open = session::usable(journal.list(&Query { open: true, ..Query::of(&wish.account) }).await)?;
    if let Some(running) = open.iter().find(|listed| listed.state == State::Running) {
        return Ok(unseen(format!("rotation {} of it runs, or was interrupted", running.id)));
    }
    match session::usable(look(journal, ports, wish, &sharing(world, wish)).await)? {
        Looked::Seen(drift) => Ok(drift),
        Looked::Overtaken(rotation) => Ok(unseen(format!("rotation {rotation} went on there meanwhile"))),
    }
}

fn exit(accounts: &[Account]) -> Exit {
    if accounts.iter().any(|account| !account.found.is_empty()) {
        Exit::Failed
    } else if accounts.iter().any(|account| !account.unseen.is_empty()) {
        Exit::Later
    } else {
        Exit::Done
    }
}

fn text(report: &Report) -> String {
    let mut lines = Vec::new();
    for Account { account, found, unseen, set_at } in &report.accounts {
        for Found { kind, about, seen, todo } in found {
            let about = if about.is_empty() { String::new() } else { format!(" {about}:") };
            lines.push(format!("{account}: {}:{about} {seen}\n  next step: {todo}", kind.word()));
        }
        for Unseen { what, cause, next_step } in unseen {
            let hint = if next_step.is_empty() { String::new() } else { format!("\n  next step: {next_step}") };
            lines.push(format!("{account}: not seen: {what}: {cause}{hint}"));
        }
        if found.is_empty() && unseen.is_empty() {
            let set = set_at.map(|at| format!(", password set at {at:.0}")).unwrap_or_default();
            lines.push(format!("{account}: no drift{set}"));
        }
    }
    lines.join("\n")
}
