use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::super::arguments::{Global, HistoryOptions};
use super::super::output::{print, show, table};
use crate::engine::Rotation;
use crate::journal::{Entry, Journal, JournalError, Query};
use crate::order::{self, Exit};
use crate::rotation::{Approval, Event};

#[derive(Serialize)]
struct History {
    rotations: Vec<Past>,
}

#[derive(Serialize)]
struct Past {
    rotation: String,
    account: String,
    state: &'static str,
    began: Option<Timestamp>,
    last: Option<Timestamp>,
    initiator: String,
    reason: String,
    ticket: String,
    /// Who approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved: Option<Approval>,
    /// Why it was begun without an approval where one was required.
    #[serde(skip_serializing_if = "Option::is_none")]
    without_approval: Option<String>,
    /// For each server, the seconds from the set to the end of its restart.
    stop_windows: Vec<StopWindow>,
    /// Only when one rotation was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entries: Vec<PastEntry>,
}

#[derive(Serialize)]
struct StopWindow {
    server: String,
    seconds: f64,
}

#[derive(Serialize)]
struct PastEntry {
    position: i64,
    seq: i64,
    epoch: i64,
    at: Timestamp,
    hash: String,
    #[serde(flatten)]
    event: Value,
    #[serde(skip)]
    line: String,
}

pub(super) async fn list(
    global: &Global,
    options: &HistoryOptions,
    journal: &dyn Journal,
) -> Result<Exit, JournalError> {
    let mut rotations = Vec::new();
    if let Some(id) = &options.rotation {
        rotations.push(past(&Rotation::read(journal, id).await?, true));
    } else {
        for listed in journal.list(&Query::default()).await? {
            if options.account.as_ref().is_none_or(|account| *account == listed.account) {
                rotations.push(past(&Rotation::read(journal, &listed.id).await?, false));
            }
        }
    }
    show(global.format, &History { rotations }, text);
    Ok(Exit::Done)
}

fn past(rotation: &Rotation, with_entries: bool) -> Past {
    let log = rotation.log();
    let stop_windows = rotation.stop_windows().into_iter();
    let (initiator, reason, ticket, approved, without_approval) = match log.first().map(|entry| &entry.event) {
        Some(Event::Begun { initiator, reason, ticket, approved, without_approval, .. }) => {
            (initiator.clone(), reason.clone(), ticket.clone(), approved.as_deref().cloned(), without_approval.clone())
        }
        _ => Default::default(),
    };
    Past {
        rotation: rotation.id().to_owned(),
        account: rotation.plan().inventory.account.clone(),
        state: order::state_word(rotation),
        began: log.first().map(|entry| entry.at),
        last: log.last().map(|entry| entry.at),
        initiator,
        reason,
        ticket,
        approved,
        without_approval,
        stop_windows: stop_windows
            .map(|(server, length)| StopWindow { server, seconds: length.as_secs_f64() })
            .collect(),
        entries: if with_entries { log.iter().map(past_entry).collect() } else { Vec::new() },
    }
}

fn past_entry(entry: &Entry) -> PastEntry {
    PastEntry {
        position: entry.position,
        seq: entry.seq,
        epoch: entry.epoch,
        at: entry.at,
        hash: entry.hash.clone(),
        event: serde_json::to_value(&entry.event).unwrap_or_default(),
        line: entry.event.line(),
    }
}

fn text(history: &History) -> String {
    let time =
        |at: Option<Timestamp>| at.map_or_else(|| "-".into(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
    if let [only] = &history.rotations[..]
        && !only.entries.is_empty()
    {
        print(&format!("rotation {} of {}: {}", only.rotation, only.account, only.state));
        if let Some(Approval { by, at, until, key, .. }) = &only.approved {
            print(&format!("approved by {by} at {at}, until {until}, with the key {key}"));
        }
        if let Some(why) = &only.without_approval {
            print(&format!("WITHOUT APPROVAL, as an exception: {why}"));
        }
        for window in &only.stop_windows {
            print(&format!("{}: {:.1} s from the set to the end of its restart", window.server, window.seconds));
        }
        let row = |entry: &PastEntry| vec![entry.seq.to_string(), time(Some(entry.at)), entry.line.clone()];
        return table(&["ENTRY", "AT", "WHAT"], only.entries.iter().map(row).collect());
    }
    let row = |past: &Past| {
        vec![
            past.rotation.clone(),
            past.account.clone(),
            past.state.to_owned(),
            time(past.began),
            past.initiator.clone(),
            past.reason.clone(),
            past.ticket.clone(),
            match (&past.approved, &past.without_approval) {
                (Some(approval), _) => approval.by.clone(),
                (None, Some(_)) => "NOBODY".to_owned(),
                (None, None) => String::new(),
            },
        ]
    };
    let header = ["ROTATION", "ACCOUNT", "STATE", "BEGAN", "BY", "REASON", "TICKET", "APPROVED BY"];
    table(&header, history.rotations.iter().map(row).collect())
}
