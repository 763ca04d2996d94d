//! The journal's entries of a period as JSON Lines: one object for each event of a rotation and each note, for a system that
//! collects logs. A line stands for itself, whatever becomes of the others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Period, json_safe};
use crate::journal::{Entry, JournalError, NOTES, Note, Stored};
use crate::rotation::{Event, LateProof, Side, Step};

/// Version of a line's form. A new field doesn't change it.
pub const LINE_SCHEMA: u32 = 1;

/// One entry of the journal.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "Line")]
pub struct Line<'e> {
    /// Version of this form.
    pub schema: u32,
    /// Place in the whole journal; with `hash` it names the entry.
    pub position: i64,
    /// When it was written, by the writer's clock, as stored.
    pub at: &'e str,
    /// `rotation` or `note`.
    pub kind: &'static str,
    /// What happened, one word: for a rotation `begun`, `claimed`, `intent`, `done`, `failed`, `looked`, `look-failed`, `turned`,
    /// `resumed`, `held`, `finished`, `rolled-back`, `late-proof`, `superseded`; for a note `population`, `not-begun`, `age`,
    /// `raised`, `cleared`, `renewed`, `ordered`, `answered`, `started`, `stopped`, `signing-key`, `head`, `pruned`.
    pub event: &'static str,
    /// `info`, `warning` (somebody should look) or `alarm` (somebody must, or a rotation was begun without the approval that was
    /// needed); of a condition what it was raised with.
    pub severity: &'e str,
    /// The account, by its name in the configuration, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<&'e str>,
    /// The rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<&'e str>,
    /// Place in the rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// The step, as `plan` prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub step: Option<&'e Step>,
    /// In one line, for a person.
    pub message: String,
    /// Everything that the entry says, as the journal has it.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub data: Data<'e>,
    /// The entry's hash in the journal's chain.
    pub hash: &'e str,
    /// There, and true, where the journal's chain is broken and somebody wanted its entries all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified: Option<bool>,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum Data<'e> {
    /// Of a rotation.
    Event(&'e Event),
    /// A note.
    Note(&'e Note),
}

/// Makes lines of a journal's entries, which it is given in order. It remembers whose each rotation is, and nothing else.
#[derive(Debug)]
pub struct Lines {
    period: Period,
    unverified: bool,
    accounts: BTreeMap<String, String>,
}

impl Lines {
    /// Of a period.
    pub fn new(period: Period, unverified: bool) -> Self {
        Self { period, unverified, accounts: BTreeMap::new() }
    }

    /// The line of an entry, without its end; `None` where it is not of the period.
    pub fn line(&mut self, stored: Stored) -> Result<Option<String>, JournalError> {
        let unreadable = |position, cause: String| JournalError::Unreadable { position, cause };
        let position = stored.position;
        let at: Timestamp = stored.at.parse().map_err(|cause: jiff::Error| unreadable(position, cause.to_string()))?;
        let begins = stored.rotation != NOTES && stored.seq == 0;
        // What is not told is not read, but for whose rotation it is.
        if !self.period.has(at) && !begins {
            return Ok(None);
        }
        let (stamp, hash) = (stored.at.clone(), stored.hash.clone());
        let line = |said: Said<'_>, of: Option<&Entry>| {
            serde_json::to_string(&Line {
                schema: LINE_SCHEMA,
                position,
                at: &stamp,
                kind: if of.is_some() { "rotation" } else { "note" },
                event: said.word,
                severity: said.severity,
                account: said.account,
                rotation: of.map(|entry| entry.rotation.as_str()),
                seq: of.map(|entry| entry.seq),
                step: said.step,
                message: said.message,
                data: said.data,
                hash: &hash,
                unverified: self.unverified.then_some(true),
            })
        };
        let text = if stored.rotation == NOTES {
            line(of_note(&stored.noted()?.note), None)
        } else {
            let entry = stored.entry()?;
            if let Event::Begun { plan, .. } = &entry.event {
                self.accounts.insert(entry.rotation.clone(), plan.inventory.account.clone());
            }
            if !self.period.has(at) {
                return Ok(None);
            }
            let account = self.accounts.get(&entry.rotation).map(String::as_str);
            line(Said { account, ..of_event(&entry.event) }, Some(&entry))
        };
        let text = text.map_err(|cause| unreadable(position, cause.to_string()))?;
        Ok(Some(json_safe(&text)))
    }
}

/// What of a line the entry says.
struct Said<'e> {
    word: &'static str,
    severity: &'e str,
    account: Option<&'e str>,
    step: Option<&'e Step>,
    message: String,
    data: Data<'e>,
}

fn of_event(event: &Event) -> Said<'_> {
    let (word, severity, step) = match event {
        Event::Begun { without_approval: Some(_), .. } => ("begun", "alarm", None),
        Event::Begun { .. } => ("begun", "info", None),
        Event::Claimed { .. } => ("claimed", "info", None),
        Event::Intent { step, .. } => ("intent", "info", Some(step)),
        Event::Done { step, .. } => ("done", "info", Some(step)),
        Event::Failed { step, .. } => ("failed", "warning", Some(step)),
        Event::Looked { step, side: Side::Foreign, .. } => ("looked", "warning", Some(step)),
        Event::Looked { step, .. } => ("looked", "info", Some(step)),
        Event::LookFailed { step, .. } => ("look-failed", "warning", Some(step)),
        Event::Turned { .. } => ("turned", "warning", None),
        Event::Resumed { .. } => ("resumed", "info", None),
        Event::Held { .. } => ("held", "alarm", None),
        Event::Finished => ("finished", "info", None),
        Event::RolledBack => ("rolled-back", "warning", None),
        Event::LateProof { outcome: LateProof::Proven { .. } } => ("late-proof", "info", None),
        Event::LateProof { outcome: LateProof::Failed { .. } } => ("late-proof", "alarm", None),
        Event::Superseded { .. } => ("superseded", "info", None),
    };
    Said { word, severity, account: None, step, message: event.line(), data: Data::Event(event) }
}

fn of_note(note: &Note) -> Said<'_> {
    let (word, severity, account) = match note {
        Note::Population { .. } => ("population", "info", None),
        Note::NotBegun { account, outcome, .. } if outcome == super::gather::MANAGED => {
            ("not-begun", "info", Some(account))
        }
        Note::NotBegun { account, .. } => ("not-begun", "warning", Some(account)),
        Note::Age { account, .. } => ("age", "info", Some(account)),
        Note::Raised { severity, account, .. } => ("raised", severity.as_str(), account.as_ref()),
        Note::Cleared { account, .. } => ("cleared", "info", account.as_ref()),
        Note::Renewed { account, .. } => ("renewed", "info", Some(account)),
        Note::Ordered { account, .. } => ("ordered", "info", Some(account)),
        Note::Answered { account, .. } => ("answered", "info", Some(account)),
        Note::Started { .. } => ("started", "info", None),
        Note::Stopped { .. } => ("stopped", "info", None),
        Note::SigningKey { .. } => ("signing-key", "info", None),
        Note::Head { .. } => ("head", "info", None),
        Note::Pruned { .. } => ("pruned", "info", None),
    };
    let account = account.map(String::as_str);
    Said { word, severity, account, step: None, message: note.line(), data: Data::Note(note) }
}
