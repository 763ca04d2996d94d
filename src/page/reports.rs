use askama::Template;

use super::link::link;
use super::{Frame, Pairs, value_of};
use crate::report::{At, Form, Period, Table, Text};

/// Where a report's period and form are chosen.
#[derive(Debug, Template)]
#[template(path = "page/reports.html")]
pub struct Reports {
    /// Around it.
    pub frame: Frame,
    /// What was asked for last.
    pub wanted: Wanted,
    /// Why that came to nothing.
    pub fault: Option<String>,
}

/// Each form of a report: its word, for a link and a file's name, and its name.
const FORMS: [(Form, &str, &str); 9] = [
    (Form::Html, "html", "Page (HTML)"),
    (Form::Json, "json", "JSON"),
    (Form::Csv(Table::Population), "population", "Accounts (CSV)"),
    (Form::Csv(Table::Rotations), "rotations", "Rotations (CSV)"),
    (Form::Csv(Table::Conditions), "conditions", "Conditions (CSV)"),
    (Form::Text, "text", "Text"),
    (Form::Pdf, "pdf", "Print (PDF)"),
    (Form::Jsonl, "jsonl", "Entries (JSON Lines)"),
    (Form::Ocsf, "ocsf", "Changes (OCSF)"),
];

/// A report that somebody wants, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its first day or instant.
    pub from: String,
    /// The first that is not in it any more.
    pub to: String,
    /// Its form.
    pub form: String,
}

impl Wanted {
    /// Of a query's fields.
    pub fn of(pairs: &Pairs) -> Self {
        let value = |name| value_of(pairs, name).to_owned();
        Self { from: value("from"), to: value("to"), form: value("form") }
    }

    /// The report. `Err` = why there is none.
    pub fn read(&self, now: At) -> Result<(Period, Form), String> {
        let instant = |text: &str| {
            Period::instant(text).ok_or_else(|| {
                let text = Text::of(text);
                format!("`{text}` is no day and no time: write 2026-07-01 (midnight UTC) or 2026-07-01T06:00:00Z")
            })
        };
        let period = Period::new(instant(&self.from)?, instant(&self.to)?)
            .ok_or_else(|| "there is no time in this period: the first day must be before the last".to_owned())?;
        if period.to > now {
            return Err(format!(
                "the period ends after now, so that its report would be another one later: let it end at {} or before",
                now.stamp()
            ));
        }
        let form = FORMS.iter().find(|(_, word, _)| *word == self.form || (self.form.is_empty() && *word == "html"));
        let form = form.ok_or_else(|| format!("`{}` is no form of a report", Text::of(&self.form)))?;
        Ok((period, form.0))
    }
}

/// The name of a report's file, without its ending.
pub fn file_name(period: Period, form: Form) -> String {
    let day = |at: At| at.stamp().replace(':', "");
    let word = FORMS.iter().find(|(known, ..)| *known == form).map_or("report", |(_, word, _)| word);
    format!("{word}-{}-{}", day(period.from), day(period.to))
}

/// A period that is offered.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) name: String,
    pub(super) period: Period,
}

impl Offer {
    pub(super) fn link(&self, word: &str) -> String {
        let day = |at: At| at.stamp().trim_end_matches("T00:00:00Z").to_owned();
        link("/reports/made", &[("from", &day(self.period.from)), ("to", &day(self.period.to)), ("form", word)])
    }
}

impl Reports {
    /// The last days and the last quarters that are over.
    pub(super) fn offers(&self) -> Vec<Offer> {
        let now = self.frame.now;
        let days = [30, 90, 365].into_iter().filter_map(|days| {
            Some(Offer { name: format!("Last {days} days"), period: Period::last_days(days, now.0)? })
        });
        let year = now.0.strftime("%Y").to_string().parse::<i32>().unwrap_or_default();
        let quarters = [year, year - 1].into_iter().flat_map(|year| (1..=4).rev().map(move |number| (year, number)));
        let quarters = quarters.filter_map(|(year, number)| {
            Some(Offer {
                name: format!("Quarter {number} of {year}"),
                period: Period::quarter(&format!("{year}Q{number}"))?,
            })
        });
        days.chain(quarters.filter(|offer| offer.period.to <= now).take(4)).collect()
    }

    pub(super) fn forms(&self) -> Vec<(&'static str, &'static str, bool)> {
        let is_first = |word: &str| word == "html" && self.wanted.form.is_empty();
        FORMS.iter().map(|(_, word, name)| (*word, *name, *word == self.wanted.form || is_first(word))).collect()
    }
}
