use super::{Gathering, Lines, Period, Report, Verified, ocsf};
use crate::journal::{Journal, JournalError, Query};

/// Reads the journal, one rotation at a time, and makes the report. `verified` is what the check of its chain gave.
pub async fn load(journal: &dyn Journal, period: Period, verified: Verified) -> Result<Report, JournalError> {
    let mut gathering = Gathering::new(period);
    for listed in journal.list(&Query::default()).await? {
        gathering.rotation(&journal.read(&listed.id).await?);
    }
    let mut after = 0;
    loop {
        let page = journal.notes(after).await?;
        // Positions grow, so that this ends with the journal.
        let Some(last) = page.last() else { break };
        after = last.position;
        page.iter().for_each(|noted| gathering.note(noted));
    }
    Ok(gathering.end(verified))
}

/// Gives the journal's entries of the period to `put`, a line each, in their order and a page at a time.
pub async fn put_lines<E>(
    journal: &dyn Journal,
    period: Period,
    verified: &Verified,
    mut put: impl FnMut(&str) -> Result<(), E>,
) -> Result<Result<(), E>, JournalError> {
    let mut lines = Lines::new(period, *verified != Verified::Intact);
    let mut after = 0;
    loop {
        let page = journal.stored(after).await?;
        // Positions grow, so that this ends with the journal.
        let Some(last) = page.last() else { return Ok(Ok(())) };
        after = last.position;
        for stored in page {
            if let Some(line) = lines.line(stored)?
                && let Err(error) = put(&line)
            {
                return Ok(Err(error));
            }
        }
    }
}

/// Gives the changes of passwords in the period to `put` as OCSF events, a line each: by rotation as they began, and in each
/// rotation in its order.
pub async fn put_ocsf<E>(
    journal: &dyn Journal,
    period: Period,
    verified: &Verified,
    mut put: impl FnMut(&str) -> Result<(), E>,
) -> Result<Result<(), E>, JournalError> {
    // What has no entry since the begin has no change in the period either.
    let query = Query { since: Some(period.from.0), ..Query::default() };
    for listed in journal.list(&query).await? {
        let entries = journal.read(&listed.id).await?;
        let position = entries.first().map_or(0, |entry| entry.position);
        let lines = ocsf(&entries, &period, *verified != Verified::Intact)
            .map_err(|cause| JournalError::Unreadable { position, cause: cause.to_string() })?;
        for line in lines {
            if let Err(error) = put(&line) {
                return Ok(Err(error));
            }
        }
    }
    Ok(Ok(()))
}
