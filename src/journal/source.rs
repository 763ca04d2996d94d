use async_trait::async_trait;

use super::{JournalError, Stored};

/// Where imported entries come from.
#[async_trait]
pub trait Source: Send {
    /// The next ones, in order; none = there are no more, and all were good. An error ends the import without effect.
    async fn next(&mut self) -> Result<Vec<Stored>, JournalError>;
}
