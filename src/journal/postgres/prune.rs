use std::time::Duration;

use jiff::Timestamp;
use sqlx::{Connection as _, PgConnection};

use super::trouble::Trouble;
use super::{Before, PostgresJournal, write_note};
use crate::journal::{Cut, JournalError, Noted, Vouching};

/// How long all of it may take; each statement has the server's own limit.
pub(super) const PRUNE_LIMIT: Duration = Duration::from_secs(600);

/// Rotations that one statement removes.
const AT_A_TIME: usize = 500;

impl PostgresJournal {
    /// The tombstone first: the last entry may be among those that go, and the next one is chained to it.
    pub(super) async fn prune_once(
        &self,
        connection: &mut PgConnection,
        before: &Before,
        at: Timestamp,
        cut: &Cut,
        tombstone: &Vouching<'_>,
    ) -> Result<Noted, Trouble> {
        let mut transaction = connection.begin().await?;
        let chain = self.chain(&mut transaction).await?;
        if let Some(written) = before.written(&mut transaction).await? {
            transaction.commit().await?;
            return Ok(written);
        }
        let noted = write_note(&mut transaction, &chain, at, &tombstone(chain.position(), chain.hash())).await?;
        if let Some(cause) = remove(&mut transaction, cut).await? {
            transaction.rollback().await?;
            return Err(JournalError::NotPruned { cause }.into());
        }
        before.remember(&noted);
        transaction.commit().await?;
        Ok(noted)
    }
}

/// Removes what is to go. `Some` = why it may not.
async fn remove(transaction: &mut PgConnection, cut: &Cut) -> Result<Option<String>, Trouble> {
    let from: Vec<i64> = cut.ranges.iter().map(|range| range.from).collect();
    let to: Vec<i64> = cut.ranges.iter().map(|range| range.to).collect();
    let hashes: Vec<&str> = cut.ranges.iter().map(|range| range.hash.as_str()).collect();
    // An end of a gap that was there before is not there any more.
    let other: Option<i64> = sqlx::query_scalar(
        "SELECT position FROM unnest($1::bigint[], $2::text[]) AS range (last, said) JOIN entries ON position = last WHERE hash <> said LIMIT 1",
    )
    .bind(&to)
    .bind(&hashes)
    .fetch_optional(&mut *transaction)
    .await?;
    if let Some(position) = other {
        return Ok(Some(format!("entry {position} has another hash")));
    }
    let mut removed = 0;
    for rotations in cut.rotations.chunks(AT_A_TIME) {
        let open: Option<String> = sqlx::query_scalar(
            "SELECT wanted FROM unnest($1::text[]) AS wanted LEFT JOIN rotations ON id = wanted WHERE state IS DISTINCT FROM 'closed' LIMIT 1",
        )
        .bind(rotations)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(id) = open {
            return Ok(Some(format!("rotation {id} is not closed any more")));
        }
        let gone = sqlx::query("DELETE FROM entries WHERE rotation = ANY($1)").bind(rotations);
        removed += gone.execute(&mut *transaction).await?.rows_affected();
        let index = sqlx::query("DELETE FROM rotations WHERE id = ANY($1)").bind(rotations);
        index.execute(&mut *transaction).await?;
    }
    // One that was written to since has more; and what is in a range must be gone.
    let left: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM unnest($1::bigint[], $2::bigint[]) AS range (first, last) JOIN entries ON position BETWEEN first AND last",
    )
    .bind(&from)
    .bind(&to)
    .fetch_one(transaction)
    .await?;
    let expected = cut.entries;
    let differs = removed != expected || left != 0;
    Ok(differs.then(|| format!("{removed} entries would go and {left} stay that were to go; {expected} were to go")))
}
