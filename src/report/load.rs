use super::{Gathering, Period, Report, Verified};
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
