use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::{SqliteJournal, vouch_locked};
use crate::journal::{Cut, JournalError, Noted, Vouching};

impl SqliteJournal {
    /// The tombstone first: the last entry may be among those that go, and the next one is chained to it.
    pub(super) async fn prune_locked(
        &self,
        connection: &mut SqliteConnection,
        at: Timestamp,
        cut: &Cut,
        tombstone: &Vouching<'_>,
    ) -> Result<Noted, JournalError> {
        let failed = |cause: sqlx::Error| self.failed(&cause);
        let not = |cause: String| JournalError::NotPruned { cause };
        let noted = vouch_locked(connection, at, tombstone).await.map_err(failed)?;
        for range in &cut.ranges {
            // An end of a gap that was there before is not there any more.
            let hash: Option<String> = sqlx::query_scalar("SELECT hash FROM entries WHERE position = ?")
                .bind(range.to)
                .fetch_optional(&mut *connection)
                .await
                .map_err(failed)?;
            if hash.is_some_and(|hash| hash != range.hash) {
                return Err(not(format!("entry {} has another hash", range.to)));
            }
        }
        let mut removed = 0;
        for id in &cut.rotations {
            let state: Option<String> = sqlx::query_scalar("SELECT state FROM rotations WHERE id = ?")
                .bind(id)
                .fetch_optional(&mut *connection)
                .await
                .map_err(failed)?;
            if state.as_deref() != Some("closed") {
                return Err(not(format!("rotation {id} is not closed any more")));
            }
            let gone = sqlx::query("DELETE FROM entries WHERE rotation = ?").bind(id).execute(&mut *connection).await;
            removed += gone.map_err(failed)?.rows_affected();
            let index = sqlx::query("DELETE FROM rotations WHERE id = ?").bind(id).execute(&mut *connection).await;
            index.map_err(failed)?;
        }
        // One that was written to since has more; and what is in a range must be gone.
        let mut left: i64 = 0;
        for range in &cut.ranges {
            let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM entries WHERE position BETWEEN ? AND ?")
                .bind(range.from)
                .bind(range.to)
                .fetch_one(&mut *connection)
                .await
                .map_err(failed)?;
            left += there;
        }
        if removed != cut.entries || left != 0 {
            let expected = cut.entries;
            return Err(not(format!(
                "{removed} entries would go and {left} stay that were to go; {expected} were to go"
            )));
        }
        Ok(noted)
    }
}
