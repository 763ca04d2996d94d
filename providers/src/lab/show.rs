//! The world's truth: who holds which password, by its label. Written without knowing the engine.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

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
}

/// The truth about the lab in `dir`: for each account the holders of a password and its label, the counters
/// of what was done, and the scheduler's switch. A place that holds nothing has the label null; a holder that
/// the account does not have is left out.
pub fn show(dir: &Path) -> Result<serde_json::Value, Fault> {
    Store::new(dir).with(None, |books| {
        let own: Vec<&String> = books.world.accounts.iter().map(|account| &account.name).collect();
        let others = books.vault.accounts.keys().filter(|name| !own.contains(name));
        let names: Vec<String> = own.iter().copied().chain(others).cloned().collect();
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
            },
        };
        serde_json::to_value(truth).map_err(|error| Fault::broken("showing the lab", error.to_string()))
    })
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
            let Some(stored) = server.stored_password(connector)? else { continue };
            let key = engine_key(&server.name, &connector.name);
            let label = labels.of(account, &stored);
            let cached = server.cached_password(connector)?.and_then(|cached| labels.of(account, &cached));
            let differs = cached != label;
            holders.push(Holder { holder: format!("engine:{key}"), label });
            if differs {
                holders.push(Holder { holder: format!("engine-cache:{key}"), label: cached });
            }
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
