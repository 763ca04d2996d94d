//! `history`: what happened, and whether that is what was written. Verifying an export needs neither configuration nor journal.

mod export;
mod import;
mod list;
mod prune;
mod signed;
mod verify;

use super::arguments::{Global, HistoryCommand, HistoryOptions};
use super::output::say;
use super::session;
use crate::journal::JournalError;
use crate::order::{self, Exit};

pub(super) async fn run(global: &Global, options: &HistoryOptions) -> Exit {
    match &options.command {
        None => told(listed(global, options).await),
        Some(HistoryCommand::Verify(options)) => verify::run(global, options).await,
        Some(HistoryCommand::Export(options)) => told(export::run(global, options).await),
        Some(HistoryCommand::Import(options)) => told(import::run(global, options).await),
        Some(HistoryCommand::Prune(options)) => told(prune::run(global, options).await),
        Some(HistoryCommand::Head) => told(signed::head(global).await),
        Some(HistoryCommand::Key(options)) => told(signed::key(global, options).await),
    }
}

async fn listed(global: &Global, options: &HistoryOptions) -> Result<Exit, Stop> {
    let journal = session::records(global)?.journal().await?;
    Ok(list::list(global, options, &*journal).await?)
}

/// Why a command ends early.
enum Stop {
    /// It was said already.
    Said(Exit),
    /// The journal did not do what it was asked.
    Journal(JournalError),
}

impl From<Exit> for Stop {
    fn from(exit: Exit) -> Self {
        Self::Said(exit)
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

fn told(done: Result<Exit, Stop>) -> Exit {
    match done {
        Ok(exit) | Err(Stop::Said(exit)) => exit,
        Err(Stop::Journal(error)) => {
            let (message, exit) = order::journal_failed(&error);
            say(&message);
            exit
        }
    }
}

/// Says what is wrong and what to do; the command ends with that.
fn refuse(what: &str, todo: &str, exit: Exit) -> Stop {
    say(&format!("{what}\n  next step: {todo}"));
    Stop::Said(exit)
}
