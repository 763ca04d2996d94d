//! The whole world in one value: what `world.json` holds. It knows no clock and holds no clear password.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::clock::{MINUTE, filetime};
use super::domain::Domain;
use super::engine::Server;
use super::lab_account::LabAccount;
use super::labels::Labels;
use crate::port::{Fault, SyncScheduler};

/// The form of `world.json`.
pub(super) const SCHEMA: u32 = 2;
/// Key version of an account whose password was set once after its creation, as the wizard does.
pub(super) const FIRST_KEY_VERSION: i64 = 2;
/// How old the first password is when the world begins: older than the 90 days after which it is flagged.
const FIRST_PASSWORD_AGE_MINUTES: i64 = 120 * 24 * 60;
/// How long the services have been running when the world begins.
const SERVICE_AGE: SignedDuration = SignedDuration::from_hours(72);
/// How long ago the last cycle started when the world begins, unless one runs.
const LAST_CYCLE_AGE: SignedDuration = SignedDuration::from_mins(5);

/// What is counted, each from zero.
pub(super) const COUNTERS: [&str; 7] =
    ["directory-binds", "directory-writes", "engine-writes", "proofs", "restarts", "scheduler-writes", "vault-writes"];

/// The world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct World {
    pub(super) schema: u32,
    /// Its name in the table of worlds; empty = it has none.
    pub(super) name: String,
    /// When the world was first opened; until then its times are not fixed.
    pub(super) begun_at: Option<Timestamp>,
    /// When the last request came.
    pub(super) last_at: Option<Timestamp>,
    /// The accounts this world was made with.
    pub(super) accounts: Vec<LabAccount>,
    pub(super) labels: Labels,
    /// `None` when the servers bind to a real directory.
    pub(super) domain: Option<Domain>,
    pub(super) scheduler: Scheduler,
    pub(super) servers: Vec<Server>,
    pub(super) next_process_id: u32,
    pub(super) counters: BTreeMap<String, u64>,
}

/// The sync scheduler. Its switch lies in the cloud, so the world has one for all servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scheduler {
    pub(super) enabled: bool,
    pub(super) suspended: bool,
    pub(super) interval_minutes: u32,
    /// How long a cycle runs.
    pub(super) cycle_seconds: u32,
    /// How long the cycle that runs when the world is first opened goes on; 0 = none runs.
    pub(super) first_cycle_left_s: u32,
    /// Start of one cycle; the others lie whole intervals away.
    pub(super) anchor: Option<Timestamp>,
    /// When the switch last moved: a cycle that ran then runs on to its end.
    pub(super) switched_at: Option<Timestamp>,
}

impl World {
    /// Fixes the times when the world is first opened.
    pub(super) fn begin(&mut self, now: Timestamp) {
        if self.begun_at.is_some() {
            return;
        }
        self.begun_at = Some(now);
        self.last_at = Some(now);
        self.scheduler.anchor = Some(before(now, self.scheduler.last_cycle_age()));
        let set_at = before(now, SignedDuration::from_mins(FIRST_PASSWORD_AGE_MINUTES));
        for server in &mut self.servers {
            server.begin(now, before(now, SERVICE_AGE), set_at);
        }
        if let Some(domain) = &mut self.domain {
            domain.catch_up(i64::MAX);
            let first_set = filetime(now) - FIRST_PASSWORD_AGE_MINUTES * MINUTE;
            for replica in domain.controllers.iter_mut().flat_map(|controller| controller.replicas.values_mut()) {
                replica.password_last_set = first_set + (replica.key_version - FIRST_KEY_VERSION);
            }
        }
    }

    pub(super) fn count(&mut self, counter: &str) {
        match self.counters.get_mut(counter) {
            Some(count) => *count += 1,
            None => drop(self.counters.insert(counter.to_owned(), 1)),
        }
    }

    /// The names of all accounts whose passwords this world knows: those it was made with first, then those of its
    /// connectors and services.
    pub(super) fn account_names(&self) -> Vec<String> {
        let own = self.accounts.iter().map(|account| account.name.as_str());
        let connectors = self.servers.iter().flat_map(|server| &server.connectors);
        let connectors = connectors.map(|connector| connector.account.as_str()).filter(|name| !name.is_empty());
        let services = self.servers.iter().filter_map(|server| server.service.account());
        let mut names: Vec<String> = Vec::new();
        for name in own.chain(connectors).chain(services) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The model directory, or the answer of a world that has none.
    pub(super) fn domain(&mut self, doing: &str) -> Result<&mut Domain, Fault> {
        self.domain.as_mut().ok_or_else(|| {
            Fault::refused(doing, "this lab has no model directory, its servers bind to a real one")
                .hint("configure the real directory beside this lab's servers")
        })
    }

    pub(super) fn server(&mut self, name: &str, doing: &str) -> Result<&mut Server, Fault> {
        self.server_and_labels(name, doing).map(|(server, _)| server)
    }

    /// A server, and beside it the labels of its passwords.
    pub(super) fn server_and_labels(&mut self, name: &str, doing: &str) -> Result<(&mut Server, &mut Labels), Fault> {
        let Some(at) = self.servers.iter().position(|server| server.name == name) else {
            let known = self.servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Fault::refused(doing, format!("this lab has no server {name}"))
                .hint(format!("its servers are: {known}")));
        };
        Ok((&mut self.servers[at], &mut self.labels))
    }
}

impl Scheduler {
    /// A cycle every 30 minutes, as installed.
    pub(super) fn new() -> Self {
        Self {
            enabled: true,
            suspended: false,
            interval_minutes: 30,
            cycle_seconds: 40,
            first_cycle_left_s: 0,
            anchor: None,
            switched_at: None,
        }
    }

    /// How long ago the last cycle started when the world begins.
    fn last_cycle_age(&self) -> SignedDuration {
        match self.first_cycle_left_s {
            0 => LAST_CYCLE_AGE,
            left => SignedDuration::from_secs(i64::from(self.cycle_seconds.saturating_sub(left))),
        }
    }

    /// What the scheduler shows at `now`.
    pub(super) fn facts(&self, now: Timestamp) -> SyncScheduler {
        let interval = i64::from(self.interval_minutes) * 60;
        let anchor = self.anchor.unwrap_or(now).as_second();
        let into_cycle = (now.as_second() - anchor).rem_euclid(interval);
        let started = now.as_second() - into_cycle;
        let switched_since = self.switched_at.is_some_and(|at| at.as_second() > started);
        let was_enabled = if switched_since { !self.enabled } else { self.enabled };
        let planned = self.enabled && !self.suspended;
        SyncScheduler {
            enabled: self.enabled,
            suspended: self.suspended,
            cycle_running: was_enabled && !self.suspended && into_cycle < i64::from(self.cycle_seconds),
            next_cycle_at: if planned { Timestamp::from_second(started + interval).ok() } else { None },
        }
    }

    /// Turns SyncCycleEnabled.
    pub(super) fn switch(&mut self, enabled: bool, now: Timestamp) {
        if self.enabled != enabled {
            self.enabled = enabled;
            self.switched_at = Some(now);
        }
    }
}

/// `now` less `age`, held at the earliest instant there is.
fn before(now: Timestamp, age: SignedDuration) -> Timestamp {
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn cycles_come_every_half_hour_and_end() {
        let scheduler = Scheduler { anchor: Some(at("2026-11-21T10:00:00Z")), ..Scheduler::new() };
        let running = scheduler.facts(at("2026-11-21T12:30:39Z"));
        assert!(running.cycle_running);
        assert_eq!(running.next_cycle_at, Some(at("2026-11-21T13:00:00Z")));
        assert!(!scheduler.facts(at("2026-11-21T12:30:40Z")).cycle_running);
    }

    #[test]
    fn switching_off_lets_the_running_cycle_end_and_plans_none() {
        let mut scheduler = Scheduler { anchor: Some(at("2026-11-21T10:00:00Z")), ..Scheduler::new() };
        scheduler.switch(false, at("2026-11-21T10:00:10Z"));
        let off = scheduler.facts(at("2026-11-21T10:00:20Z"));
        assert!(off.cycle_running && !off.enabled && off.next_cycle_at.is_none());
        assert!(!scheduler.facts(at("2026-11-21T10:30:10Z")).cycle_running);
        scheduler.switch(true, at("2026-11-21T10:30:10Z"));
        assert!(!scheduler.facts(at("2026-11-21T10:30:20Z")).cycle_running);
        assert!(scheduler.facts(at("2026-11-21T11:00:05Z")).cycle_running);
    }
}
