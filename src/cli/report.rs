use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::arguments::{Global, ReportForm, ReportOptions, ReportTable};
use super::output::say;
use super::session;
use crate::clock::{Clock, SystemClock};
use crate::history::Given;
use crate::journal::{Journal, JournalError};
use crate::order::{self, Exit};
use crate::report::{self, Form, NoReport, Period, Table, Verified};

/// How far back the report goes that nobody gave a period.
const DAYS: u32 = 90;

pub(super) async fn run(global: &Global, options: &ReportOptions) -> Exit {
    if options.schema {
        return print_schema(options);
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
    let done = match records.journal().await {
        Ok(journal) => make(&*journal, period, options).await,
        Err(error) => Err(error),
    };
    done.unwrap_or_else(|error| {
        let (message, exit) = order::journal_failed(&error);
        say(&message);
        exit
    })
}

fn print_schema(options: &ReportOptions) -> Exit {
    let schema = match options.form {
        ReportForm::Jsonl => report::line_schema(),
        ReportForm::Ocsf => {
            say(&format!(
                "that schema is somebody else's: https://schema.ocsf.io/{}/classes/account_change",
                report::OCSF_VERSION
            ));
            return Exit::Usage;
        }
        _ => report::schema(),
    };
    match schema {
        Ok(schema) => write(options.out.as_deref(), schema.as_bytes()),
        Err(cause) => {
            say(&format!("there is no schema: {cause}"));
            Exit::Failed
        }
    }
}

async fn make(journal: &dyn Journal, period: Period, options: &ReportOptions) -> Result<Exit, JournalError> {
    let verified = match order::verify(journal, &Given::default(), &[]).await?.finding {
        None => Verified::Intact,
        Some(finding) if options.unverified => {
            say(&format!("the journal was changed: {finding}; the report says so"));
            Verified::Broken(finding)
        }
        Some(finding) => {
            say(&format!(
                "no report: the journal was changed: {finding}\n  next step: `history verify` tells how much of it is intact; \
                 find out who wrote to its file, or write the report all the same with --unverified, which it then says"
            ));
            return Ok(Exit::Failed);
        }
    };
    let mut target = match Target::open(options.out.as_deref()) {
        Ok(target) => target,
        Err(failed) => return Ok(failed.told()),
    };
    match report::make(journal, period, verified, form(options), &mut target.writer).await {
        Ok(()) => Ok(target.close()),
        Err(NoReport::Unwritten(cause)) => Ok(target.give_up(cause)),
        Err(NoReport::Unfit(why)) => {
            target.drop_draft();
            say(&format!("no report: {why}"));
            Ok(Exit::Usage)
        }
        Err(NoReport::Journal(error)) => {
            target.drop_draft();
            Err(error)
        }
    }
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

fn form(options: &ReportOptions) -> Form {
    match options.form {
        ReportForm::Html => Form::Html,
        ReportForm::Json => Form::Json,
        ReportForm::Csv => Form::Csv(match options.table {
            ReportTable::Population => Table::Population,
            ReportTable::Rotations => Table::Rotations,
            ReportTable::Conditions => Table::Conditions,
        }),
        ReportForm::Text => Form::Text,
        ReportForm::Pdf => Form::Pdf,
        ReportForm::Jsonl => Form::Jsonl,
        ReportForm::Ocsf => Form::Ocsf,
    }
}

/// Writes a file whole or not at all; without one, standard output.
pub(super) fn write(out: Option<&Path>, bytes: &[u8]) -> Exit {
    let mut target = match Target::open(out) {
        Ok(target) => target,
        Err(failed) => return failed.told(),
    };
    match target.writer.write_all(bytes) {
        Ok(()) => target.close(),
        Err(cause) => target.give_up(cause),
    }
}

/// Where a report goes. A file is written whole or not at all: a reader never finds half a report.
struct Target<'o> {
    writer: BufWriter<Box<dyn Write>>,
    /// The file, what it is written to first, and that opened.
    file: Option<(&'o Path, PathBuf, File)>,
}

/// A file that can't be written.
struct Unwritable<'o>(&'o Path, std::io::Error);

impl Unwritable<'_> {
    fn told(&self) -> Exit {
        say(&format!(
            "{} can't be written: {}\n  next step: name a file in a folder of yours",
            self.0.display(),
            self.1
        ));
        Exit::Usage
    }
}

impl<'o> Target<'o> {
    fn open(out: Option<&'o Path>) -> Result<Self, Unwritable<'o>> {
        let Some(file) = out else {
            return Ok(Self { writer: BufWriter::new(Box::new(std::io::stdout())), file: None });
        };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let draft = folder.join(format!(".{name}.{}.part", std::process::id()));
        let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(&draft);
        let twice = opened.and_then(|opened| opened.try_clone().map(|again| (opened, again)));
        let (opened, again) = twice.map_err(|cause| Unwritable(file, cause))?;
        Ok(Self { writer: BufWriter::new(Box::new(again)), file: Some((file, draft, opened)) })
    }

    fn close(mut self) -> Exit {
        if let Err(cause) = self.writer.flush() {
            return self.give_up(cause);
        }
        let Some((file, draft, opened)) = self.file.take() else { return Exit::Done };
        drop(self.writer);
        let closed = opened.sync_all();
        drop(opened);
        match closed.and_then(|()| std::fs::rename(&draft, file)) {
            Ok(()) => Exit::Done,
            Err(cause) => {
                // It may not even be there.
                let _ = std::fs::remove_file(&draft);
                Unwritable(file, cause).told()
            }
        }
    }

    fn give_up(self, cause: std::io::Error) -> Exit {
        self.drop_draft();
        match self.file {
            Some((file, ..)) => Unwritable(file, cause).told(),
            // A reader that went away is no fault of ours.
            None if cause.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
            None => {
                say(&format!("standard output can't be written: {cause}"));
                Exit::Failed
            }
        }
    }

    fn drop_draft(&self) {
        if let Some((_, draft, _)) = &self.file {
            // It may not even be there.
            let _ = std::fs::remove_file(draft);
        }
    }
}
