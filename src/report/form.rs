use std::io::Write;

use super::html::html;
use super::lines::csv;
use super::pdf::pdf;
use super::plain::plain;
use super::{Gathering, Lines, Period, Report, Table, Verified, json, ocsf};
use crate::journal::{Journal, JournalError, Query};

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A page.
    Html,
    /// Everything, for programs.
    Json,
    /// One table.
    Csv(Table),
    /// For a terminal, or a mail.
    Text,
    /// To be printed and kept.
    Pdf,
    /// The journal's entries, a line each.
    Jsonl,
    /// The changes of passwords as events of OCSF, a line each.
    Ocsf,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum NoReport {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It can't be put into this form.
    #[error("{0}")]
    Unfit(String),
    /// It can't be written where it should go.
    #[error(transparent)]
    Unwritten(#[from] std::io::Error),
}

/// Makes a report of the journal and writes it. `verified` is what the check of its chain gave. Reads one rotation, or a page of
/// entries, at a time.
pub async fn make(
    journal: &dyn Journal,
    period: Period,
    verified: Verified,
    form: Form,
    out: &mut dyn Write,
) -> Result<(), NoReport> {
    let unverified = verified != Verified::Intact;
    match form {
        Form::Jsonl => return put_lines(journal, period, unverified, out).await,
        Form::Ocsf => return put_ocsf(journal, period, unverified, out).await,
        Form::Html | Form::Json | Form::Csv(_) | Form::Text | Form::Pdf => {}
    }
    let mut gathering = Gathering::new(period);
    if matches!(form, Form::Text | Form::Csv(Table::Population | Table::Conditions)) {
        gathering = gathering.brief();
    }
    put(&gathered(journal, gathering, verified).await?, form, out)
}

/// Writes a report. Refused in a form that is made of the journal's entries.
pub fn put(report: &Report, form: Form, out: &mut dyn Write) -> Result<(), NoReport> {
    match form {
        Form::Html => html(report, out)?,
        Form::Json => json(report, out)?,
        Form::Csv(table) => csv(report, table, out)?,
        Form::Text => out.write_all(plain(report).as_bytes())?,
        Form::Pdf => out.write_all(&pdf(report).map_err(|cause| NoReport::Unfit(cause.to_string()))?)?,
        Form::Jsonl | Form::Ocsf => return Err(NoReport::Unfit("it is made of the journal's entries".to_owned())),
    }
    Ok(())
}

/// Reads the journal and gathers what the report says.
pub async fn load(journal: &dyn Journal, period: Period, verified: Verified) -> Result<Report, NoReport> {
    gathered(journal, Gathering::new(period), verified).await
}

async fn gathered(journal: &dyn Journal, mut gathering: Gathering, verified: Verified) -> Result<Report, NoReport> {
    for listed in journal.list(&Query::default()).await? {
        gathering.rotation(&journal.read(&listed.id).await?)?;
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

/// The journal's entries of the period, a line each, in their order and a page at a time.
async fn put_lines(
    journal: &dyn Journal,
    period: Period,
    unverified: bool,
    out: &mut dyn Write,
) -> Result<(), NoReport> {
    let mut lines = Lines::new(period, unverified);
    let mut after = 0;
    loop {
        let page = journal.stored(after).await?;
        // Positions grow, so that this ends with the journal.
        let Some(last) = page.last() else { return Ok(()) };
        after = last.position;
        for stored in page {
            if let Some(line) = lines.line(stored)? {
                writeln!(out, "{line}")?;
            }
        }
    }
}

/// The changes of passwords in the period as OCSF events, a line each: by rotation as they began, and in each rotation in its
/// order.
async fn put_ocsf(
    journal: &dyn Journal,
    period: Period,
    unverified: bool,
    out: &mut dyn Write,
) -> Result<(), NoReport> {
    // What has no entry since the begin has no change in the period either.
    let query = Query { since: Some(period.from.0), ..Query::default() };
    for listed in journal.list(&query).await? {
        let entries = journal.read(&listed.id).await?;
        let position = entries.first().map_or(0, |entry| entry.position);
        let lines = ocsf(&entries, &period, unverified)
            .map_err(|cause| JournalError::Unreadable { position, cause: cause.to_string() })?;
        for line in lines {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}
