use askama::Template;

use super::link::{link, of_rotation};
use super::{Frame, Pairs, Word, value_of};
use crate::journal::{Became, Query};
use crate::report::{Length, Period, RotationFacts, Text};

/// How many rotations stand on a page.
pub const ROWS: u32 = 50;

/// What was: a page of it.
#[derive(Debug, Template)]
#[template(path = "page/history.html")]
pub struct History {
    /// Around it.
    pub frame: Frame,
    /// What was asked for.
    pub filter: Filter,
    /// What of that can't be understood.
    pub faults: Vec<(&'static str, String)>,
    /// Newest first.
    pub rotations: Vec<HistoryRow>,
    /// Whether there are older ones: before which place.
    pub older: Option<i64>,
    /// The names of the accounts, to choose from.
    pub names: Vec<Text>,
}

/// What is asked of the history, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this account.
    pub account: String,
    /// Of which this became: the word of [`Became`].
    pub outcome: String,
    /// That this initiator asked for.
    pub initiator: String,
    /// Begun from then on.
    pub from: String,
    /// Begun before.
    pub to: String,
    /// Before this place.
    pub before: String,
}

/// A rotation.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    /// How it stands.
    pub state: Word,
    /// What is known of it.
    pub facts: RotationFacts,
}

impl Filter {
    /// Of a query's fields.
    pub fn of(pairs: &Pairs) -> Self {
        let value = |name| value_of(pairs, name).to_owned();
        // A name may have spaces at its ends.
        let name =
            |of: &str| pairs.iter().find(|(name, _)| name == of).map(|(_, name)| name.clone()).unwrap_or_default();
        Self {
            account: name("account"),
            outcome: value("outcome"),
            initiator: name("initiator"),
            from: value("from"),
            to: value("to"),
            before: value("before"),
        }
    }

    /// As the journal is asked: one more than are shown, which tells whether there are older ones. `Err` = the fields that can't
    /// be understood, and why.
    pub fn query(&self) -> Result<Query, Vec<(&'static str, String)>> {
        let mut faults = Vec::new();
        let mut instant = |field: &'static str, text: &str| {
            let at = Period::instant(text);
            if at.is_none() && !text.is_empty() {
                let text = Text::of(text);
                faults.push((
                    field,
                    format!("`{text}` is no day and no time: write 2026-07-01 (midnight UTC) or 2026-07-01T06:00:00Z"),
                ));
            }
            at
        };
        let began = (instant("from", &self.from), instant("to", &self.to));
        let became = Became::ALL.into_iter().find(|became| became.word() == self.outcome);
        if became.is_none() && !self.outcome.is_empty() {
            faults.push(("outcome", format!("`{}` is no outcome", Text::of(&self.outcome))));
        }
        let before = self.before.parse().ok();
        if before.is_none() && !self.before.is_empty() {
            faults.push(("before", format!("`{}` is no place in the journal", Text::of(&self.before))));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Query {
            account: given(&self.account),
            became,
            initiator: given(&self.initiator),
            began,
            before,
            newest: Some(ROWS + 1),
            ..Query::default()
        })
    }

    fn link(&self, before: &str) -> String {
        link(
            "/history",
            &[
                ("account", &self.account),
                ("outcome", &self.outcome),
                ("initiator", &self.initiator),
                ("from", &self.from),
                ("to", &self.to),
                ("before", before),
            ],
        )
    }

    fn is_set(&self) -> bool {
        *self != Self { before: self.before.clone(), ..Self::default() }
    }
}

impl HistoryRow {
    pub(super) fn link(&self) -> String {
        of_rotation(&self.facts.rotation.0)
    }

    pub(super) fn of_initiator(&self) -> String {
        link("/history", &[("initiator", &self.facts.initiator.0)])
    }

    pub(super) fn length(&self) -> Option<&Length> {
        self.facts.length.as_ref()
    }
}

impl History {
    pub(super) fn outcomes(&self) -> Vec<(&'static str, String, bool)> {
        let words = |became: Became| match became {
            Became::Running => "under way or interrupted".to_owned(),
            Became::RolledBack => "rolled back".to_owned(),
            other => other.word().to_owned(),
        };
        Became::ALL
            .into_iter()
            .map(|became| (became.word(), words(became), became.word() == self.filter.outcome))
            .collect()
    }

    pub(super) fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|(of, _)| *of == field).map(|(_, fault)| fault.as_str())
    }

    pub(super) fn older_link(&self) -> Option<String> {
        self.older.map(|before| self.filter.link(&before.to_string()))
    }

    pub(super) fn newest_link(&self) -> Option<String> {
        (!self.filter.before.is_empty()).then(|| self.filter.link(""))
    }

    pub(super) fn is_filtered(&self) -> bool {
        self.filter.is_set()
    }
}
