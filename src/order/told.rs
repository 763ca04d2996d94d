use providers::port::{Fault, Meaning};

use super::Exit;
use crate::engine::{Check, Stopped};
use crate::journal::{Busy, JournalError};

/// A fault as a sentence with its next step.
pub fn sentence(fault: &Fault) -> String {
    let hint = if fault.hint.is_empty() { String::new() } else { format!("\n  next step: {}", fault.hint) };
    format!("{}: {}{hint}", fault.doing, fault.cause)
}

/// Cause, next step and exit code of a journal that did not do what it was asked.
pub fn journal_failed(error: &JournalError) -> (String, Exit) {
    let (hint, exit) = match error {
        JournalError::InFlight { .. } => ("wait for it, or `resume` it", Exit::Busy),
        JournalError::Fenced { .. } => {
            ("the other process goes on with it; this one stopped without acting further", Exit::Busy)
        }
        JournalError::LeaseLost { .. } => {
            ("whoever holds it now goes on; this process stopped without acting further", Exit::Busy)
        }
        JournalError::Unknown { .. } => ("`history` lists the rotations", Exit::Usage),
        JournalError::DiskFull { .. } => {
            ("make room on that disk; nothing is begun without a durable record", Exit::Refused)
        }
        JournalError::NotEmpty { .. } => {
            ("a history is imported into a new journal alone: name another place in the configuration", Exit::Refused)
        }
        JournalError::NotPruned { .. } => ("look at `history`, and prune again", Exit::Refused),
        JournalError::NotImported { .. } => ("`history verify --export FILE` says more", Exit::Failed),
        JournalError::Unreadable { .. } => ("`history verify` says whether the journal was changed", Exit::Usage),
        JournalError::Away { .. } => ("look at the database and the way to it; it was asked for a minute", Exit::Later),
        JournalError::Store { .. } => ("look at the file, its folder and their owner, or at the database", Exit::Usage),
    };
    (format!("{error}\n  next step: {hint}"), exit)
}

/// The same for a rotation that stopped without an outcome.
pub fn stopped(stopped: &Stopped, rotation: &str) -> (String, Exit) {
    match stopped {
        Stopped::Journal(
            error @ (JournalError::DiskFull { .. } | JournalError::Away { .. } | JournalError::Store { .. }),
        ) => (
            format!(
                "{error}\n  rotation {rotation} stopped where it was; both passwords are in the vault\n  next step: mend that, then `resume`"
            ),
            Exit::Later,
        ),
        Stopped::Journal(error) => journal_failed(error),
        Stopped::World(fault) => {
            let exit = if fault.meaning == Meaning::Broken { Exit::Usage } else { Exit::Later };
            let text = format!(
                "rotation {rotation} stays as it is: before it goes on, the journal must be compared with vault and directory\n  {}",
                sentence(fault)
            );
            (text, exit)
        }
        Stopped::Parked(id) => (
            format!(
                "rotation {id} is parked where it was; both passwords are in the vault\n  next step: `resume` goes on; so does the next start"
            ),
            Exit::Later,
        ),
        Stopped::NotNow(why) => (why.clone(), Exit::Refused),
        Stopped::Endless(_) => (stopped.to_string(), Exit::Held),
    }
}

/// The same for a lease that was not to be had.
pub fn busy(busy: &Busy) -> (String, Exit) {
    match busy {
        Busy::Held { .. } => (format!("{busy}\n  next step: wait for it, or look at `status`"), Exit::Busy),
        Busy::NoLease { .. } => {
            (format!("{busy}\n  next step: look at the folder and its owner, or at the database"), Exit::Usage)
        }
    }
}

/// A check as one line, with what to do.
pub fn told(check: &Check) -> String {
    let about = if check.about.is_empty() { String::new() } else { format!("{}: ", check.about) };
    let todo = if check.todo.is_empty() { String::new() } else { format!("; {}", check.todo) };
    format!("{about}{}{todo}", check.seen)
}
