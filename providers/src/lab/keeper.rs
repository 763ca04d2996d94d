//! Where a lab's world is kept: in a folder, or in memory.

use std::fs::File;
use std::path::Path;

use jiff::Timestamp;

use super::memory::Memory;
use super::store::{Books, RequestLine, Store};
use crate::port::Fault;

/// The keeper of one world.
pub(super) enum Keeper {
    /// Outlives the process, and serves several of them.
    Folder(Store),
    /// Lives as long as its handles.
    Memory(Box<Memory>),
}

impl Keeper {
    /// Runs one request on the whole world, alone.
    pub(super) fn with<T>(
        &self,
        clock: &dyn Fn() -> Timestamp,
        request: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match self {
            Self::Folder(store) => store.with(Some(clock), request),
            Self::Memory(memory) => memory.with(clock, request),
        }
    }

    /// The lock of the world, for whoever has to wait for somebody while it holds it. One in memory is nobody else's.
    pub(super) fn lock(&self) -> Result<Option<File>, Fault> {
        match self {
            Self::Folder(store) => store.lock().map(Some),
            Self::Memory(_) => Ok(None),
        }
    }

    /// The same as [`with`](Self::with), under a lock that is held already, if one is.
    pub(super) fn with_lock<T>(
        &self,
        lock: Option<File>,
        clock: &dyn Fn() -> Timestamp,
        request: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match (self, lock) {
            (Self::Folder(store), Some(lock)) => store.with_lock(&lock, Some(clock), request),
            _ => self.with(clock, request),
        }
    }

    /// Without any no fault can strike.
    pub(super) fn may_have_faults(&self) -> bool {
        match self {
            Self::Folder(store) => store.may_have_faults(),
            Self::Memory(memory) => memory.has_faults(),
        }
    }

    /// Adds a line to the requests' log. Called by a request, about itself.
    pub(super) fn log(&self, line: &RequestLine<'_>) -> Result<(), Fault> {
        match self {
            Self::Folder(store) => store.log(line),
            Self::Memory(memory) => {
                memory.log(line);
                Ok(())
            }
        }
    }

    /// The folder, where there is one.
    pub(super) fn dir(&self) -> Option<&Path> {
        match self {
            Self::Folder(store) => Some(store.dir()),
            Self::Memory(_) => None,
        }
    }
}
