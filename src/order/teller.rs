use super::{Came, holder, initiator};
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

    /// Signs the history where a rotation has ended, or is held. Nobody waits for that with a lease in his hand.
    pub(super) async fn sign<'e>(&self, came: impl IntoIterator<Item = &'e Came>) {
        if !came.into_iter().any(Came::has_ended) {
            return;
        }
        if let Err(why) = self.world.signer.sign(self.world.ports(), self.journal).await {
            self.teller.say(&format!("the history was not signed: {why}"));
        }
    }
}
