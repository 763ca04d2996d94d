//! `notify test`: whether people are reached.

use std::sync::Arc;

use serde::Serialize;

use super::arguments::{Global, NoticeSeverity, NotifyCommand};
use super::output::{say, show, table};
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::notify::{Channel, Notice, Severity, Standing, Undelivered, channels, send_once};
use crate::order::{self, Exit};

/// What became of the notice at one channel.
#[derive(Serialize)]
struct Row {
    channel: String,
    /// `delivered`, `not-delivered`, or `not-wanted`: the channel takes only graver ones.
    result: &'static str,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

#[derive(Serialize)]
struct Tested {
    channels: Vec<Row>,
}

pub(super) async fn run(global: &Global, command: &NotifyCommand) -> Exit {
    let NotifyCommand::Test { severity } = command;
    let config = match config::read(&global.config) {
        Ok(config) => config,
        Err(faulty) => {
            say(&faulty.to_string());
            return Exit::Usage;
        }
    };
    let channels = match channels(&config.notify) {
        Ok(channels) => channels,
        Err(fault) => {
            say(&fault.to_string());
            return Exit::Usage;
        }
    };
    if channels.is_empty() {
        say(
            "the configuration names no channel: nobody would be told. Name one in its section [notify] (docs/notices.md)",
        );
        return Exit::Usage;
    }
    let notice = Arc::new(test_notice(match severity {
        NoticeSeverity::Info => Severity::Info,
        NoticeSeverity::Warning => Severity::Warning,
        NoticeSeverity::Alarm => Severity::Alarm,
    }));
    // All at once: a slow one delays no other.
    let tries: Vec<_> = channels
        .iter()
        .map(|channel| {
            let (channel, notice) = (channel.clone(), notice.clone());
            let wanted = channel.wants(&notice);
            tokio::spawn(async move { if wanted { Some(send_once(&channel, &notice).await) } else { None } })
        })
        .collect();
    let mut rows = Vec::new();
    for (channel, attempt) in channels.iter().zip(tries) {
        let lost = |_| Some(Err(Undelivered { cause: "the channel broke down".to_owned(), again: true }));
        rows.push(row(channel.as_ref(), attempt.await.unwrap_or_else(lost)));
    }
    let count = |result: &str| rows.iter().filter(|row| row.result == result).count();
    let exit = match (count("delivered"), count("not-delivered")) {
        (0, 0) => {
            say("no channel takes a notice of this severity");
            Exit::Usage
        }
        (_, 0) => Exit::Done,
        _ => Exit::Failed,
    };
    show(global.format, &Tested { channels: rows }, |tested| {
        let rows = tested.channels.iter();
        table(
            &["CHANNEL", "RESULT", "CAUSE"],
            rows.map(|row| vec![row.channel.clone(), row.result.into(), row.cause.clone().unwrap_or_default()])
                .collect(),
        )
    });
    exit
}

fn row(channel: &dyn Channel, came: Option<Result<(), Undelivered>>) -> Row {
    let (result, cause) = match came {
        None => ("not-wanted", None),
        Some(Ok(())) => ("delivered", None),
        Some(Err(undelivered)) => ("not-delivered", Some(undelivered.cause)),
    };
    Row { channel: channel.name().to_owned(), result, cause }
}

fn test_notice(severity: Severity) -> Notice {
    Notice {
        key: "test".to_owned(),
        kind: "test",
        severity,
        standing: Standing::Event,
        at: SystemClock.now(),
        host: order::host(),
        account: None,
        rotation: None,
        title: "this is a test".to_owned(),
        text: "Somebody ran `entra-rotator notify test`. Nothing happened, and nothing is to be done.".to_owned(),
        next_steps: Vec::new(),
    }
}
