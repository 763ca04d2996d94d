use sqlx::SqliteConnection;

use super::{SqliteJournal, last};
use crate::journal::index::Index;
use crate::journal::{JournalError, Source};

impl SqliteJournal {
    /// One transaction: a process that dies meanwhile leaves an empty journal.
    pub(super) async fn import_locked(
        &self,
        connection: &mut SqliteConnection,
        source: &mut dyn Source,
    ) -> Result<u64, JournalError> {
        let failed = |cause: sqlx::Error| self.failed(&cause);
        if last(connection).await.map_err(failed)?.is_some() {
            return Err(JournalError::NotEmpty { path: self.path.display().to_string() });
        }
        let (mut index, mut entries) = (Index::default(), 0);
        loop {
            let page = source.next().await?;
            if page.is_empty() {
                break;
            }
            for stored in page {
                if index.take(&stored)? {
                    // Entries refer to it. What it says comes at the end: it is known then.
                    sqlx::query("INSERT INTO rotations (id, account, epoch, state) VALUES (?, '', 0, 'closed')")
                        .bind(&stored.rotation)
                        .execute(&mut *connection)
                        .await
                        .map_err(failed)?;
                }
                sqlx::query(
                    "INSERT INTO entries (position, rotation, seq, epoch, at, format, event, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(stored.position)
                .bind(stored.rotation)
                .bind(stored.seq)
                .bind(stored.epoch)
                .bind(stored.at)
                .bind(stored.format)
                .bind(stored.event)
                .bind(stored.hash)
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
                entries += 1;
            }
        }
        for (id, folded) in index.rotations() {
            sqlx::query(
                "UPDATE rotations SET account = ?, epoch = ?, state = ?, became = ?, initiator = ?, began_s = ?, procedure = ?, begun = ?, last_at = ? WHERE id = ?",
            )
            .bind(&folded.account)
            .bind(folded.epoch)
            .bind(folded.state)
            .bind(folded.became.word())
            .bind(&folded.initiator)
            .bind(folded.began_s)
            .bind(&folded.procedure)
            .bind(folded.begun)
            .bind(&folded.last_at)
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        }
        Ok(entries)
    }
}
