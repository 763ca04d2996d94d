use crate::journal::{Journal, JournalError, Query};
use crate::rotation::Event;

/// How an account's rotations stood when somebody looked at them, so that it can be told later whether they still stand so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The newest one.
    pub newest: Option<String>,
    /// The position of the last entry that changed how that one, or an open one, stands.
    pub changed: Option<i64>,
}

impl Mark {
    /// As it is now. Whoever shows how they stand reads this before that.
    pub async fn read(journal: &dyn Journal, account: &str) -> Result<Self, JournalError> {
        let newest =
            journal.list(&Query { newest: Some(1), ..Query::of(account) }).await?.pop().map(|listed| listed.id);
        let open = journal.list(&Query { open: true, ..Query::of(account) }).await?.into_iter().map(|listed| listed.id);
        let mut changed = None;
        for id in newest.iter().cloned().chain(open) {
            let entries = journal.read(&id).await?;
            let last = entries.iter().rev().find(|entry| changes(&entry.event));
            changed = changed.max(last.map(|entry| entry.position));
        }
        Ok(Self { newest, changed })
    }
}

/// Whether a person who was shown a rotation before it must look again. Going on with its steps is none of that: a rotation that
/// is interrupted is tried again and again, and a person must be able to say something to it.
fn changes(event: &Event) -> bool {
    match event {
        Event::Begun { .. }
        | Event::Turned { .. }
        | Event::Resumed { .. }
        | Event::Held { .. }
        | Event::Finished
        | Event::RolledBack
        | Event::Superseded { .. } => true,
        Event::Claimed { .. }
        | Event::Intent { .. }
        | Event::Done { .. }
        | Event::Failed { .. }
        | Event::Looked { .. }
        | Event::LookFailed { .. }
        | Event::LateProof { .. } => false,
    }
}
