use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

use super::PostgresJournal;
use super::patience::patiently;
use super::trouble::Trouble;
use crate::journal::index::Index;
use crate::journal::{Chain, JournalError, Source, Stored};

/// How long each part of it may take: all of it takes as long as the source is.
const PART_LIMIT: Duration = Duration::from_secs(60);

/// Rotations that one statement writes.
const AT_A_TIME: usize = 2_000;

impl PostgresJournal {
    /// One transaction on one connection: a process that dies meanwhile leaves an empty journal. A source can't be read twice, so
    /// there is no second try; where the last answer was lost it is looked at what is there.
    pub(super) async fn take_in(&self, source: &mut dyn Source) -> Result<u64, Trouble> {
        let mut used = self.hosts.connection().await?;
        let mut transaction = within(async { Ok(used.connection.begin().await?) }).await?;
        let begun = within(self.chain(&mut transaction)).await?;
        let written = if begun.position() == 0 {
            fill(&mut transaction, source).await
        } else {
            Err(JournalError::NotEmpty { path: self.name.clone() }.into())
        };
        let (entries, end) = match written {
            Ok(written) => written,
            Err(trouble) => {
                // Where even that gets no answer the connection is closed, and the server undoes it.
                drop(within(async { Ok(transaction.rollback().await?) }).await);
                return Err(trouble);
            }
        };
        let committed = within(async { Ok(transaction.commit().await?) }).await;
        match committed {
            Ok(()) => self.hosts.keep(used),
            Err(Trouble::Lost(cause)) => {
                drop(used);
                let there: (i64, String) = patiently!(self.hosts, self.name, |connection, _again| async {
                    // With the lock the commit waits for the standby, where one is waited for.
                    let mut transaction = connection.begin().await?;
                    let asked = sqlx::query_as("SELECT position, hash FROM head FOR UPDATE");
                    let there = asked.fetch_one(&mut *transaction).await?;
                    transaction.commit().await?;
                    Ok(there)
                })?;
                if there != end {
                    return Err(Trouble::Lost(cause));
                }
            }
            Err(trouble) => return Err(trouble),
        }
        Ok(entries)
    }
}

async fn within<T>(part: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let late = |_| Trouble::Lost(format!("no answer within {PART_LIMIT:?}"));
    timeout(PART_LIMIT, part).await.map_err(late)?
}

/// Writes all that there is: how many entries, and the last one's position and hash.
async fn fill(transaction: &mut PgConnection, source: &mut dyn Source) -> Result<(u64, (i64, String)), Trouble> {
    let (mut index, mut entries, mut end) = (Index::default(), 0, (0, Chain::NONE.to_owned()));
    loop {
        let page = source.next().await?;
        let Some(last) = page.last() else { break };
        end = (last.position, last.hash.clone());
        let (mut text, mut begun) = (String::new(), Vec::new());
        for stored in &page {
            if index.take(stored)? {
                begun.push(stored.rotation.clone());
            }
            row(stored, &mut text);
        }
        within(copy(transaction, &begun, &text)).await?;
        entries += page.len() as u64;
    }
    let rotations: Vec<_> = index.rotations().collect();
    for part in rotations.chunks(AT_A_TIME) {
        let update = sqlx::query(
            "UPDATE rotations SET account = said.account, epoch = said.epoch, state = said.state, procedure = said.procedure, begun = said.begun, last_at = said.last_at, \
             became = said.became, initiator = said.initiator, began_s = said.began_s \
             FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::bigint[]) \
             AS said (id, account, epoch, state, procedure, begun, last_at, became, initiator, began_s) WHERE rotations.id = said.id",
        );
        let update = update
            .bind(part.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, folded)| folded.account.as_str()).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, folded)| folded.epoch).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, folded)| folded.state).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, folded)| folded.procedure.as_str()).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, folded)| folded.begun).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, folded)| folded.last_at.as_str()).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, folded)| folded.became.word()).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, folded)| folded.initiator.as_str()).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, folded)| folded.began_s).collect::<Vec<_>>());
        within(async { Ok(update.execute(&mut *transaction).await?) }).await?;
    }
    let head = sqlx::query("UPDATE head SET position = $1, hash = $2").bind(end.0).bind(&end.1);
    within(async { Ok(head.execute(transaction).await?) }).await?;
    Ok((entries, end))
}

/// Entries refer to rotations. What is to be said of those comes at the end: it is known then.
async fn copy(transaction: &mut PgConnection, begun: &[String], text: &str) -> Result<(), Trouble> {
    if !begun.is_empty() {
        sqlx::query("INSERT INTO rotations (id, account, epoch, state, begun, procedure) SELECT id, '', 0, 'closed', 0, '' FROM unnest($1::text[]) AS id")
            .bind(begun)
            .execute(&mut *transaction)
            .await?;
    }
    let mut copy = transaction
        .copy_in_raw("COPY entries (position, rotation, seq, epoch, at, format, event, hash) FROM STDIN")
        .await?;
    copy.send(text.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

/// A line as COPY reads it: <https://www.postgresql.org/docs/current/sql-copy.html>, "Text Format".
fn row(stored: &Stored, text: &mut String) {
    let Stored { position, rotation, seq, epoch, at, format, event, hash } = stored;
    let numbers = [position, seq, epoch, format].map(ToString::to_string);
    let fields = [&numbers[0], rotation, &numbers[1], &numbers[2], at, &numbers[3], event, hash];
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            text.push('\t');
        }
        for letter in field.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '\t' => text.push_str("\\t"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                other => text.push(other),
            }
        }
    }
    text.push('\n');
}
