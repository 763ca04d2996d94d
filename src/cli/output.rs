use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::arguments::{Format, LogFormat};

/// Version of every JSON document that the program prints.
pub(super) const SCHEMA: u32 = 1;

/// Logs go to standard error, and only what the filter admits.
pub(super) fn start_logging(filter: &str, form: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(admitted(filter))
        .with_ansi(std::io::stderr().is_terminal() && form == LogFormat::Text)
        .with_writer(std::io::stderr);
    let started = match form {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    // Only a second start could fail, and there is none.
    drop(started);
}

/// Logs go to Windows' Application log, and what is said too.
#[cfg(windows)]
pub(super) fn start_logging_to_events(filter: &str, form: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(admitted(filter))
        .with_ansi(false)
        .with_writer(crate::windows_service::EventLog::begin());
    let started = match form {
        // The event has a time and a level of its own.
        LogFormat::Text => log.without_time().with_level(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    drop(started);
}

fn admitted(filter: &str) -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|cause| {
        say(&format!("--log {filter} is no filter ({cause}); logging warnings"));
        tracing_subscriber::EnvFilter::new("warn")
    })
}

/// Talk: a line on standard error. A service has none, but what was meant to be one may have been started at a terminal.
pub(super) fn say(line: &str) {
    #[cfg(windows)]
    if crate::windows_service::speaks_to_event_log() {
        tracing::info!("{line}");
    }
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Data: a line on standard output. A reader that went away is no fault of ours.
pub(super) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Data as JSON with a schema version, or as what `table` makes of it.
pub(super) fn show<T: Serialize>(format: Format, data: &T, table: impl FnOnce(&T) -> String) {
    #[derive(Serialize)]
    struct Document<'d, T> {
        schema: u32,
        #[serde(flatten)]
        data: &'d T,
    }
    match format {
        Format::Json => match serde_json::to_string_pretty(&Document { schema: SCHEMA, data }) {
            Ok(text) => print(&text),
            Err(cause) => say(&format!("this can't be printed as JSON: {cause}")),
        },
        Format::Table => print(&table(data)),
    }
}

/// A plain table.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}
