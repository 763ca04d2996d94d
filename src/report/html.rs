//! The report as one page: no script, nothing from elsewhere, readable light, dark, narrow and printed.

use std::fmt::Display;

use askama::Template;

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
pub fn html(report: &Report) -> Result<String, askama::Error> {
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
    page.render()
}

fn share(number: u64, of: u64) -> u64 {
    (number * BAR).checked_div(of).unwrap_or_default()
}

impl Page<'_> {
    fn dash<T: Display>(&self, value: &Option<T>) -> String {
        value.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)
    }

    /// The figure that a person looks for first, as a sentence, with its tone.
    fn verdict(&self) -> (&'static str, String) {
        let coverage = &self.r.coverage;
        let outside = coverage.of - coverage.in_policy;
        let accounts = |number: u64| if number == 1 { "1 account".to_owned() } else { format!("{number} accounts") };
        if coverage.of == 0 {
            return (
                "warn",
                "No account of this journal has a maximum age, so nothing can be said about policy.".to_owned(),
            );
        }
        if outside > 0 {
            let verb = if coverage.in_policy == 1 { "is" } else { "are" };
            let late = match (coverage.overdue, coverage.unknown) {
                (0, unknown) => format!("the age of {unknown} is not known"),
                (1, 0) => "1 is overdue".to_owned(),
                (overdue, 0) => format!("{overdue} are overdue"),
                (overdue, unknown) => format!("{overdue} overdue, {unknown} of unknown age"),
            };
            let of = accounts(coverage.of);
            return ("bad", format!("{} of {of} with a policy {verb} within it; {late}.", coverage.in_policy));
        }
        let all = if coverage.of == 1 { "The 1 account".to_owned() } else { format!("All {}", accounts(coverage.of)) };
        let verb = if coverage.of == 1 { "is" } else { "are" };
        if self.r.counts.held_at_end > 0 {
            let held = self.r.counts.held_at_end;
            let rotations = if held == 1 { "1 rotation waits".to_owned() } else { format!("{held} rotations wait") };
            return ("warn", format!("{all} with a policy {verb} within it; {rotations} for a person."));
        }
        ("good", format!("{all} with a policy {verb} within it."))
    }

    fn tone(&self, bad: &u64) -> &'static str {
        if *bad > 0 { "bad" } else { "good" }
    }

    fn mild(&self, some: &u64) -> &'static str {
        if *some > 0 { "warn" } else { "good" }
    }

    fn outcome_tone(&self, facts: &RotationFacts) -> &'static str {
        match facts.outcome.as_str() {
            "finished" => "good",
            "failed" | "held" => "bad",
            _ => "warn",
        }
    }

    fn outcome(&self, facts: &RotationFacts) -> &'static str {
        match facts.outcome.as_str() {
            "finished" => "✓ finished",
            "failed" => "✕ failed, put back",
            "rolled-back-by-order" => "↩ rolled back by order",
            "held" => "‖ held",
            "repaired" => "✓ closed by a repair",
            _ => "… open",
        }
    }

    fn step_mark(&self, result: &str) -> &'static str {
        match result {
            "done" => "✓ done",
            "done-seen" => "✓ done, seen by a look",
            "failed" => "✕ failed",
            "no-effect" => "✕ no effect",
            "foreign" => "✕ somebody else's",
            "not-seen" => "? not seen",
            "open" => "… open",
            _ => "– not begun",
        }
    }

    fn unclean(&self, facts: &RotationFacts) -> bool {
        facts.outcome != "finished"
    }
}
