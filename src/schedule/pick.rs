use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

/// A rotation that waits for its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its account.
    pub account: String,
    /// From when on it may start.
    pub at: Timestamp,
    /// Its place in the order of those that share a server: connectors 0, service 1, Entra 2, the rotator's own 3.
    pub rank: u8,
    /// The servers that it works on.
    pub servers: Vec<String>,
    /// Whether it needs the tenant's scheduler for itself.
    pub exclusive: bool,
    /// Whether it goes before the others.
    pub urgent: bool,
}

/// A rotation that runs: the same, for its account, rank, servers and `exclusive`.
pub type Running = Candidate;

/// What may run at once. One rotation per server and per account is not a limit but a law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rotations in flight, at most.
    pub in_flight: usize,
    /// The least time between two starts.
    pub spacing: SignedDuration,
}

/// Which of `waiting` may start now, by index, in the order to start them. With a spacing, one at a time.
///
/// Urgent ones first, then the oldest, then by name; one that is due goes behind every due or running one of lower rank on
/// a server of its own. `last_start` later than `now` comes from a clock that was set back, and holds nothing up.
pub fn pick(
    waiting: &[Candidate],
    running: &[Running],
    limits: &Limits,
    last_start: Option<Timestamp>,
    now: Timestamp,
) -> Vec<usize> {
    let since = last_start.map(|last| last.duration_until(now)).filter(|since| !since.is_negative());
    if since.is_some_and(|since| since < limits.spacing) {
        return Vec::new();
    }
    let free = limits.in_flight.saturating_sub(running.len());
    let free = if limits.spacing > SignedDuration::ZERO { free.min(1) } else { free };
    if free == 0 {
        return Vec::new();
    }

    let mut due: Vec<usize> = (0..waiting.len()).filter(|index| waiting[*index].at <= now).collect();
    due.sort_by(|a, b| {
        let key = |index: usize| (!waiting[index].urgent, waiting[index].at, waiting[index].account.as_str());
        key(*a).cmp(&key(*b)).then(a.cmp(b))
    });

    let mut lowest: BTreeMap<&str, u8> = BTreeMap::new();
    for candidate in due.iter().map(|index| &waiting[*index]).chain(running) {
        for server in &candidate.servers {
            lowest.entry(server).and_modify(|rank| *rank = candidate.rank.min(*rank)).or_insert(candidate.rank);
        }
    }
    let mut servers: BTreeSet<&str> = running.iter().flat_map(|one| &one.servers).map(String::as_str).collect();
    let mut accounts: BTreeSet<&str> = running.iter().map(|one| one.account.as_str()).collect();
    let mut exclusive = running.iter().any(|one| one.exclusive);

    let mut picked = Vec::new();
    for index in due {
        if picked.len() == free {
            break;
        }
        let candidate = &waiting[index];
        let busy = candidate.servers.iter().any(|server| servers.contains(server.as_str()));
        let in_order = candidate.servers.iter().all(|server| lowest.get(server.as_str()) >= Some(&candidate.rank));
        if busy || !in_order || (exclusive && candidate.exclusive) || accounts.contains(candidate.account.as_str()) {
            continue;
        }
        servers.extend(candidate.servers.iter().map(String::as_str));
        accounts.insert(&candidate.account);
        exclusive |= candidate.exclusive;
        picked.push(index);
    }
    picked
}
