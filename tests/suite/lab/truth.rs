//! The truth of a lab with several accounts, told by `lab show`, which does not link the engine.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Lab;

/// Who holds which password, by label, and how the servers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Truth {
    /// Account, then holder; a place that holds nothing is `-`.
    pub(super) accounts: BTreeMap<String, BTreeMap<String, String>>,
    /// The state of each server's service.
    pub(super) services: BTreeMap<String, String>,
    /// SyncCycleEnabled.
    pub(super) scheduler_enabled: bool,
}

impl Truth {
    pub(super) fn of(lab: &Lab) -> Self {
        let truth = lab.run("lab show --format json").json();
        let all = |value: &Value| value.as_array().expect("a list").clone();
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let pairs = |list: &Value, name: &str, held: &str| -> BTreeMap<String, String> {
            all(list).iter().map(|each| (text(&each[name]), text(&each[held]))).collect()
        };
        Self {
            accounts: all(&truth["accounts"])
                .iter()
                .map(|account| (text(&account["account"]), pairs(&account["holders"], "holder", "label")))
                .collect(),
            services: pairs(&truth["servers"], "server", "service-state"),
            scheduler_enabled: truth["scheduler"]["enabled"].as_bool().expect("a switch"),
        }
    }

    /// Who holds what of this account; nobody has anything where nothing is known of it.
    pub(super) fn holders(&self, account: &str) -> BTreeMap<String, String> {
        self.accounts.get(account).cloned().unwrap_or_default()
    }

    /// The password that counts: what its authority has, the domain or the server's own users.
    pub(super) fn live(&self, account: &str) -> String {
        let holders = self.holders(account);
        let live = holders.iter().find(|(holder, _)| *holder == "directory" || holder.starts_with("local:"));
        live.unwrap_or_else(|| panic!("{account} has no authority in {self:?}")).1.clone()
    }

    /// Every place of the vault that holds something of this account.
    pub(super) fn vault(&self, account: &str) -> Vec<String> {
        let held =
            self.holders(account).into_iter().filter(|(holder, label)| holder.starts_with("vault:") && label != "-");
        held.map(|(_, label)| label).collect()
    }

    /// The one label that authority, engines, service managers and vault:current hold, with nothing pending and no
    /// engine that runs with another one than it stores. Else what is wrong.
    pub(super) fn one_label(&self, account: &str) -> Result<String, String> {
        let live = self.live(account);
        let holders = self.holders(account);
        for (holder, label) in &holders {
            let fine = match holder.as_str() {
                "vault:previous" => true,
                "vault:pending" | "vault:kept" => label == "-",
                _ => *label == live,
            };
            if !fine || holder.starts_with("engine-cache:") {
                return Err(format!("{account}: {holder} has {label} in {holders:?}"));
            }
        }
        if holders.get("vault:current") != Some(&live) {
            return Err(format!("{account}: current is not the live one in {holders:?}"));
        }
        if !holders.keys().any(|holder| holder.starts_with("engine:") || holder.starts_with("service:")) {
            return Err(format!("{account}: nobody uses it in {holders:?}"));
        }
        Ok(live)
    }

    /// Every service runs, or says which does not.
    pub(super) fn all_run(&self) -> Result<(), String> {
        match self.services.iter().find(|(_, state)| *state != "running") {
            Some((server, state)) => Err(format!("ADSync on {server} is {state}")),
            None => Ok(()),
        }
    }
}

/// Does `work` for each item on a few threads, and panics with every complaint that came of it.
pub(super) fn on_threads<T: Sync>(items: &[T], threads: usize, work: impl Fn(&T) -> Result<String, String> + Sync) {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let next = AtomicUsize::new(0);
    let complaints = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match work(item) {
                        Ok(told) => println!("{told}"),
                        Err(complaint) => complaints.lock().expect("no panic").push(complaint),
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().expect("no panic");
    assert!(complaints.is_empty(), "{} of {} failed:\n{}", complaints.len(), items.len(), complaints.join("\n---\n"));
}
