//! The world's truth: who holds which password, by its label. Written without knowing the engine.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::engine::Server;
use super::faults::engine_key;
use super::store::{Books, Store};
use crate::port::{Fault, Slot};

/// The form of what [`show`] gives.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Truth {
    schema: u32,
    accounts: Vec<AccountTruth>,
    counters: BTreeMap<String, u64>,
    scheduler: SchedulerTruth,
    servers: Vec<ServerTruth>,
    /// The world's name in the table of worlds; empty = it has none.
    world: String,
}

#[derive(Serialize)]
struct AccountTruth {
    account: String,
    holders: Vec<Holder>,
}

#[derive(Serialize)]
struct Holder {
    holder: String,
    label: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct SchedulerTruth {
    enabled: bool,
    suspended: bool,
    interval_minutes: u32,
    /// What the servers planted to give the switch back.
    restore_tasks: Vec<TaskTruth>,
}

#[derive(Serialize)]
struct TaskTruth {
    server: String,
    enabled: bool,
    at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ServerTruth {
    server: String,
    staging: bool,
    build: String,
    /// StartName.
    service_account: String,
    service_state: String,
    open_programs: Vec<String>,
    upgrading: bool,
}

impl ServerTruth {
    fn of(server: &Server) -> Self {
        Self {
            server: server.name.clone(),
            staging: server.staging,
            build: server.build.clone(),
            service_account: server.service.start_name.clone(),
            service_state: server.service.state.clone(),
            open_programs: server.open_programs.clone(),
            upgrading: server.upgrading,
        }
    }
}

/// The truth about the lab in `dir`: for each account the holders of a password and its label, the counters
/// of what was done, the scheduler's switch with the tasks that will give it back, and the servers. A place that holds nothing has the label null; a holder that
/// the account does not have is left out.
pub fn show(dir: &Path) -> Result<serde_json::Value, Fault> {
    Store::new(dir).with(None, |books| {
        let own = books.world.account_names();
        let others: Vec<_> = books.vault.accounts.keys().filter(|name| !own.contains(name)).cloned().collect();
        let names = own.into_iter().chain(others);
        let mut accounts = Vec::new();
        for account in names {
            let holders = holders(books, &account)?;
            accounts.push(AccountTruth { account, holders });
        }
        let scheduler = &books.world.scheduler;
        let truth = Truth {
            schema: SCHEMA,
            accounts,
            counters: books.world.counters.clone(),
            scheduler: SchedulerTruth {
                enabled: scheduler.enabled,
                suspended: scheduler.suspended,
                interval_minutes: scheduler.interval_minutes,
                restore_tasks: restore_tasks(books),
            },
            servers: books.world.servers.iter().map(ServerTruth::of).collect(),
            world: books.world.name.clone(),
        };
        serde_json::to_value(truth).map_err(|error| Fault::broken("showing the lab", error.to_string()))
    })
}

fn restore_tasks(books: &Books) -> Vec<TaskTruth> {
    let tasks = books.world.servers.iter().filter_map(|server| {
        let task = server.restore_task.as_ref()?;
        Some(TaskTruth { server: server.name.clone(), enabled: task.enabled, at: task.at })
    });
    tasks.collect()
}

fn holders(books: &Books, account: &str) -> Result<Vec<Holder>, Fault> {
    let labels = &books.world.labels;
    let mut holders = Vec::new();
    let live = books.world.domain.as_ref().and_then(|domain| domain.live(account));
    if let Some(current) = live.and_then(|replica| replica.history.first()) {
        holders.push(Holder { holder: "directory".to_owned(), label: labels.of_digest(account, current) });
    }
    for server in &books.world.servers {
        for connector in server.connectors.iter().filter(|connector| connector.account == account) {
            let key = engine_key(&server.name, &connector.name);
            let label = server.stored_password(connector)?.and_then(|stored| labels.of(account, &stored));
            let cached = server.cached_password(connector)?.and_then(|cached| labels.of(account, &cached));
            // A stopped service has no memory that could differ.
            let differs = server.service.runs() && cached != label;
            holders.push(Holder { holder: format!("engine:{key}"), label });
            if differs {
                holders.push(Holder { holder: format!("engine-cache:{key}"), label: cached });
            }
        }
        if server.service.account() == Some(account) {
            let label = server.scm_password()?.and_then(|held| labels.of(account, &held));
            holders.push(Holder { holder: format!("service:{}", server.name), label });
        }
        if let Some(user) = server.local_users.iter().find(|user| user.name == account) {
            let label = user.digest().and_then(|digest| labels.of_digest(account, digest));
            holders.push(Holder { holder: format!("local:{}", server.name), label });
        }
    }
    if let Some(places) = books.vault.accounts.get(account) {
        for (slot, word) in [(Slot::Current, "current"), (Slot::Previous, "previous"), (Slot::Pending, "pending")] {
            holders.push(Holder { holder: format!("vault:{word}"), label: books.vault_label(account, slot) });
        }
        for kept in places.kept() {
            holders.push(Holder { holder: "vault:kept".to_owned(), label: labels.of(account, kept) });
        }
    }
    Ok(holders)
}
