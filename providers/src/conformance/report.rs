//! What a run of the suite found.

use std::fmt;

use super::verdict::Stop;

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The promise was kept.
    Passed,
    /// It was not: how.
    Failed(String),
    /// This world can't show it: why.
    NotApplicable(String),
}

impl From<Result<(), Stop>> for Outcome {
    fn from(verdict: Result<(), Stop>) -> Self {
        match verdict {
            Ok(()) => Self::Passed,
            Err(Stop::Failed(why)) => Self::Failed(why),
            Err(Stop::NotApplicable(why)) => Self::NotApplicable(why),
        }
    }
}

/// Every check that was run, with its outcome, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Name and outcome.
    pub lines: Vec<(&'static str, Outcome)>,
}

impl Report {
    /// The names of the checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        self.named(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// The names of the checks that passed.
    pub fn passed(&self) -> Vec<&'static str> {
        self.named(|outcome| matches!(outcome, Outcome::Passed))
    }

    /// The names of the checks that this world can't show.
    pub fn not_applicable(&self) -> Vec<&'static str> {
        self.named(|outcome| matches!(outcome, Outcome::NotApplicable(_)))
    }

    fn named(&self, wanted: impl Fn(&Outcome) -> bool) -> Vec<&'static str> {
        self.lines.iter().filter(|(_, outcome)| wanted(outcome)).map(|(name, _)| *name).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.lines {
            match outcome {
                Outcome::Passed => writeln!(f, "{name}: passed")?,
                Outcome::Failed(why) => writeln!(f, "{name}: FAILED: {why}")?,
                Outcome::NotApplicable(why) => writeln!(f, "{name}: not applicable: {why}")?,
            }
        }
        Ok(())
    }
}
