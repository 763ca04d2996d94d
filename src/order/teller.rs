use super::{holder, initiator};
use crate::engine::Watch;
use crate::journal::Journal;
use crate::wiring::World;

/// Who is told what happens meanwhile.
pub trait Teller: Send + Sync {
    /// A line of talk.
    fn say(&self, line: &str);
    /// Who watches the next rotation.
    fn watch(&self, account: &str) -> Box<dyn Watch + '_>;
}

/// What every order works with.
#[derive(Clone, Copy)]
pub struct Context<'c> {
    /// The world.
    pub world: &'c World,
    /// Its journal.
    pub journal: &'c dyn Journal,
    /// Who is told.
    pub teller: &'c dyn Teller,
    /// Who orders it, where that is not whoever runs the process.
    pub by: Option<&'c str>,
}

impl Context<'_> {
    /// Who orders it, for the journal.
    pub(super) fn initiator(&self) -> String {
        self.by.map_or_else(initiator, str::to_owned)
    }

    /// Who takes a rotation up, for the journal.
    pub(super) fn holder(&self) -> String {
        self.by.map_or_else(holder, |by| format!("{by}, {}", holder()))
    }
}
