//! The report as one page: no script, nothing from elsewhere, readable light, dark, narrow and printed.

use std::fmt::Display;
use std::io::Write;

use askama::Template;

use super::words::{self, Tone};
use super::{CONTROLS, Control, Report, RotationFacts};

/// How long the longest bar is.
const BAR: u64 = 1000;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    r: &'r Report,
    controls: &'static [Control],
    /// For each range of ages, how long its bar is.
    age_bars: Vec<u64>,
    month_bars: Vec<[u64; 3]>,
}

/// The page. Whatever it shows is escaped; every figure stands in an element whose `data-figure` is the JSON pointer to it.
pub(super) fn html(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let most = report.ages.iter().map(|bucket| bucket.accounts).max().unwrap_or_default();
    let busiest =
        report.months.iter().map(|month| month.rotated + month.put_back + month.held).max().unwrap_or_default();
    let page = Page {
        r: report,
        controls: &CONTROLS,
        age_bars: report.ages.iter().map(|bucket| share(bucket.accounts, most)).collect(),
        month_bars: report
            .months
            .iter()
            .map(|month| [month.rotated, month.put_back, month.held].map(|number| share(number, busiest)))
            .collect(),
    };
    page.write_into(out)
}

fn share(number: u64, of: u64) -> u64 {
    (number * BAR).checked_div(of).unwrap_or_default()
}

impl Page<'_> {
    fn dash<T: Display>(&self, value: &Option<T>) -> String {
        value.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)
    }

    fn verdict(&self) -> (&'static str, String) {
        let (tone, verdict) = words::verdict(self.r);
        (tone.class(), verdict)
    }

    fn tone(&self, bad: &u64) -> &'static str {
        Tone::strict(*bad).class()
    }

    fn mild(&self, some: &u64) -> &'static str {
        Tone::mild(*some).class()
    }

    fn outcome_tone(&self, facts: &RotationFacts) -> &'static str {
        words::outcome(facts.outcome).0.class()
    }

    fn outcome(&self, facts: &RotationFacts) -> &'static str {
        words::outcome(facts.outcome).1
    }

    fn step_mark(&self, result: &str) -> &'static str {
        words::step(result)
    }

    fn unclean(&self, facts: &RotationFacts) -> bool {
        facts.outcome != "finished"
    }
}
