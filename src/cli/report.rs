use std::io::Write;
use std::path::Path;

use jiff::Timestamp;

use super::arguments::{Global, ReportForm, ReportOptions, ReportTable};
use super::output::say;
use super::session;
use crate::clock::{Clock, SystemClock};
use crate::journal::{Journal, JournalError};
use crate::order::{self, Exit};
use crate::report::{self, Period, Report, Table, Verified};

/// How far back the report goes that nobody gave a period.
const DAYS: u32 = 90;

pub(super) async fn run(global: &Global, options: &ReportOptions) -> Exit {
    if options.schema {
        return match report::schema() {
            Ok(schema) => write(options.out.as_deref(), schema.as_bytes()),
            Err(cause) => broken(&cause.to_string()),
        };
    }
    let period = match period(options, SystemClock.now()) {
        Ok(period) => period,
        Err(why) => {
            say(&why);
            return Exit::Usage;
        }
    };
    let records = match session::records(global) {
        Ok(records) => records,
        Err(exit) => return exit,
    };
    let made = match records.journal().await {
        Ok(journal) => make(&*journal, period, options.unverified).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(Ok(report)) => match formed(&report, options) {
            Ok(bytes) => write(options.out.as_deref(), &bytes),
            Err(cause) => broken(&cause),
        },
        Ok(Err(exit)) => exit,
        Err(error) => {
            let (message, exit) = order::journal_failed(&error);
            say(&message);
            exit
        }
    }
}

async fn make(journal: &dyn Journal, period: Period, unverified: bool) -> Result<Result<Report, Exit>, JournalError> {
    let verified = match journal.verify().await? {
        Ok(_) => Verified::Intact,
        Err(tampered) if unverified => {
            say(&format!("the journal was changed: {tampered}; the report says so"));
            Verified::Broken(tampered)
        }
        Err(tampered) => {
            say(&format!(
                "no report: the journal was changed: {tampered}\n  next step: `history verify` tells how much of it is intact; \
                 find out who wrote to its file, or write the report all the same with --unverified, which it then says"
            ));
            return Ok(Err(Exit::Failed));
        }
    };
    report::load(journal, period, verified).await.map(Ok)
}

fn period(options: &ReportOptions, now: Timestamp) -> Result<Period, String> {
    let instant = |text: &str| {
        Period::instant(text).ok_or_else(|| {
            format!("`{text}` is no day and no time; write 2026-07-01 (midnight UTC) or 2026-07-01T06:00:00Z")
        })
    };
    let period = match (&options.from, &options.to, &options.quarter) {
        (Some(from), Some(to), _) => Period::new(instant(from)?, instant(to)?)
            .ok_or_else(|| format!("there is no time from {from} to {to}; --from must be before --to"))?,
        (_, _, Some(quarter)) => {
            Period::quarter(quarter).ok_or_else(|| format!("`{quarter}` is no quarter; write 2026Q3"))?
        }
        _ => {
            let days = options.last_days.unwrap_or(DAYS);
            Period::last_days(days, now).ok_or_else(|| format!("there are no {days} days before today"))?
        }
    };
    // What is not over yet gives another report tomorrow.
    if period.to.0 > now {
        return Err(format!(
            "the period ends after now, so that its report would be another one later; say --from {} --to {}",
            period.from.stamp(),
            report::At(now).stamp()
        ));
    }
    Ok(period)
}

fn formed(report: &Report, options: &ReportOptions) -> Result<Vec<u8>, String> {
    let table = match options.table {
        ReportTable::Population => Table::Population,
        ReportTable::Rotations => Table::Rotations,
        ReportTable::Conditions => Table::Conditions,
    };
    match options.form {
        ReportForm::Html => report::html(report).map(String::into_bytes).map_err(|cause| cause.to_string()),
        ReportForm::Json => report::json(report).map(String::into_bytes).map_err(|cause| cause.to_string()),
        ReportForm::Csv => report::csv(report, table).map_err(|cause| cause.to_string()),
        ReportForm::Text => Ok(report::plain(report).into_bytes()),
    }
}

fn broken(cause: &str) -> Exit {
    say(&format!("the report can't be put into this form: {cause}"));
    Exit::Failed
}

/// Writes it whole or not at all: a reader never finds half a report.
fn write(out: Option<&Path>, bytes: &[u8]) -> Exit {
    let Some(file) = out else {
        let mut stdout = std::io::stdout();
        return match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            // A reader that went away is no fault of ours.
            Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
                say(&format!("standard output can't be written: {cause}"));
                Exit::Failed
            }
            _ => Exit::Done,
        };
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}.part", std::process::id()));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&draft)
        .and_then(|mut opened| opened.write_all(bytes).and_then(|()| opened.sync_all()))
        .and_then(|()| std::fs::rename(&draft, file));
    match written {
        Ok(()) => Exit::Done,
        Err(cause) => {
            // It may not even be there.
            let _ = std::fs::remove_file(&draft);
            say(&format!(
                "{} can't be written: {cause}\n  next step: name a file in a folder of yours",
                file.display()
            ));
            Exit::Usage
        }
    }
}
