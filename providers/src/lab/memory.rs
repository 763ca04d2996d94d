//! A world in memory: nothing is copied, compared or written, so a request costs what it touches and no more.
//!
//! It may live for years of its own clock, so whatever grows with the requests is bounded here: the log of the
//! requests, the servers' events and the labels of old passwords. Everything else in a world has a bound of its own,
//! or grows with accounts and servers only.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::faults::FaultList;
use super::store::{Books, RequestLine};
use super::world::World;
use crate::port::Fault;
use crate::vault_book::VaultBook;

/// How many of the newest requests are remembered.
const REQUESTS_MAX: usize = 40;
/// How many of the newest events each server keeps.
pub(super) const EVENTS_KEPT_MAX: usize = 200;
/// How many of the newest passwords of each account keep their label: more than AD's longest history.
const LABELS_KEPT_MAX: usize = 32;

/// The keeper of a world in memory.
pub(super) struct Memory {
    books: Mutex<Books>,
    /// Apart from the books, because a request writes its line while it holds them.
    requests: Mutex<VecDeque<(Timestamp, String)>>,
}

impl Memory {
    /// Keeps this world, whose clocks start at `now`.
    pub(super) fn new(mut world: World, vault: VaultBook, now: Timestamp) -> Self {
        world.begin(now);
        world.labels.keep_at_most(LABELS_KEPT_MAX);
        let mut books = Books { world, vault, faults: FaultList::default(), now };
        books.label_vault();
        books.vault.forget_changes();
        Self { books: Mutex::new(books), requests: Mutex::new(VecDeque::new()) }
    }

    /// Runs one request, alone. What it changed stays changed even if it is refused: a wrong password counts.
    pub(super) fn with<T>(
        &self,
        clock: &dyn Fn() -> Timestamp,
        request: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut books = held(&self.books);
        let books = &mut *books;
        // Asked under the lock, so that times follow the order of the requests.
        books.now = clock();
        books.world.run_due_tasks(books.now);
        let answer = request(books);
        books.world.last_at = Some(books.now);
        books.label_changes();
        for server in &mut books.world.servers {
            server.drop_events_beyond(EVENTS_KEPT_MAX);
        }
        answer
    }

    pub(super) fn has_faults(&self) -> bool {
        !held(&self.books).faults.is_empty()
    }

    pub(super) fn log(&self, line: &RequestLine<'_>) {
        let RequestLine { time, holder, operation, step, answer } = *line;
        let mut requests = held(&self.requests);
        let oldest = if requests.len() < REQUESTS_MAX { None } else { requests.pop_front() };
        // The oldest line's room is used again.
        let mut text = oldest.map(|(_, text)| text).unwrap_or_default();
        text.clear();
        let _ = write!(text, "{holder}: {operation} [{step}] {answer}");
        requests.push_back((time, text));
    }

    /// The newest requests, oldest first.
    pub(super) fn requests(&self) -> Vec<String> {
        held(&self.requests).iter().map(|(time, text)| format!("{time} {text}")).collect()
    }
}

/// A request that panicked has left the world as far as it came, as a process that dies does.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Books {
    /// Gives the secrets of the accounts that this request changed in the vault their labels.
    fn label_changes(&mut self) {
        if !self.vault.changed() {
            return;
        }
        for name in self.vault.forget_changes() {
            let Some(places) = self.vault.accounts.get(&name) else { continue };
            for secret in places.secrets() {
                self.world.labels.see(&name, secret);
            }
        }
    }
}
