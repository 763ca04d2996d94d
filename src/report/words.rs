//! What the page and the print say in the same words.

use super::{Report, RotationFacts};

/// How a figure is to be taken: the class of the page's style, and the colour of the print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    Soft,
    Good,
    Warn,
    Bad,
}

impl Tone {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Soft => "soft",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    /// Of a number of which none is good.
    pub(super) fn strict(number: u64) -> Self {
        if number > 0 { Self::Bad } else { Self::Good }
    }

    /// The same where some can be borne.
    pub(super) fn mild(number: u64) -> Self {
        if number > 0 { Self::Warn } else { Self::Good }
    }
}

/// Who approved a rotation, or that nobody did who should have; empty where nobody had to.
pub(super) fn approved(facts: &RotationFacts) -> String {
    match (&facts.approved, &facts.without_approval) {
        (Some(approval), _) => approval.by.to_string(),
        (None, Some(why)) => format!("NOBODY, as an exception: {why}"),
        (None, None) => String::new(),
    }
}

/// The figure that a person looks for first, as a sentence.
pub(super) fn verdict(report: &Report) -> (Tone, String) {
    let coverage = &report.coverage;
    let outside = coverage.of - coverage.in_policy;
    let accounts = |number: u64| if number == 1 { "1 account".to_owned() } else { format!("{number} accounts") };
    if coverage.of == 0 {
        let nothing = "No account of this journal has a maximum age, so nothing can be said about policy.";
        return (Tone::Warn, nothing.to_owned());
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
        return (Tone::Bad, format!("{} of {of} with a policy {verb} within it; {late}.", coverage.in_policy));
    }
    let all = if coverage.of == 1 { "The 1 account".to_owned() } else { format!("All {}", accounts(coverage.of)) };
    let verb = if coverage.of == 1 { "is" } else { "are" };
    if report.counts.held_at_end > 0 {
        let held = report.counts.held_at_end;
        let rotations = if held == 1 { "1 rotation waits".to_owned() } else { format!("{held} rotations wait") };
        return (Tone::Warn, format!("{all} with a policy {verb} within it; {rotations} for a person."));
    }
    (Tone::Good, format!("{all} with a policy {verb} within it."))
}

/// How a rotation ended.
pub(super) fn outcome(word: &str) -> (Tone, &'static str) {
    match word {
        "finished" => (Tone::Good, "✓ finished"),
        "failed" => (Tone::Bad, "✕ failed, put back"),
        "rolled-back-by-order" => (Tone::Warn, "↩ rolled back by order"),
        "held" => (Tone::Bad, "‖ held"),
        "repaired" => (Tone::Warn, "✓ closed by a repair"),
        _ => (Tone::Warn, "… open"),
    }
}

/// What came of a step.
pub(super) fn step(result: &str) -> &'static str {
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
