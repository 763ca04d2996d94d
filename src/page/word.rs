use std::fmt;

use crate::report::Text;

/// What a colour may add to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Somebody may want to look.
    Warn,
    /// Somebody must look.
    Bad,
    /// Neither.
    Plain,
}

/// A state: a mark and words, which say all of it without colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// One sign, for the eye alone.
    pub mark: &'static str,
    /// In words.
    pub words: String,
    /// What the colour adds.
    pub tone: Tone,
}

impl Word {
    /// Of its parts.
    pub fn new(tone: Tone, mark: &'static str, words: impl Into<String>) -> Self {
        Self { mark, words: words.into(), tone }
    }

    /// The class of its colour.
    pub fn class(&self) -> &'static str {
        match self.tone {
            Tone::Good => "good",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
            Tone::Plain => "plain",
        }
    }

    /// How a rotation stands, by the word that `status` and `history` have for it.
    pub fn of_state(state: &str) -> Self {
        match state {
            "rotated" | "reset" | "rehearsed" | "adopted" => Self::new(Tone::Good, "✓", state),
            "repaired" => Self::new(Tone::Good, "✓", "repaired"),
            "rolled-back" => Self::new(Tone::Warn, "↩", "rolled back"),
            "held" => Self::new(Tone::Bad, "‖", "held"),
            "interrupted" => Self::new(Tone::Warn, "…", "interrupted"),
            "under-way" => Self::new(Tone::Plain, "▸", "under way"),
            "never-rotated" => Self::new(Tone::Plain, "–", "never rotated"),
            other => Self::new(Tone::Plain, "–", other),
        }
    }

    /// What came of a step, by the report's word for it.
    pub fn of_step(result: &str) -> Self {
        match result {
            "done" => Self::new(Tone::Good, "✓", "done"),
            "done-seen" => Self::new(Tone::Good, "✓", "done, seen by a look"),
            "failed" => Self::new(Tone::Bad, "✕", "failed"),
            "no-effect" => Self::new(Tone::Bad, "✕", "no effect"),
            "foreign" => Self::new(Tone::Bad, "✕", "somebody else's"),
            "not-seen" => Self::new(Tone::Warn, "?", "not seen"),
            "open" => Self::new(Tone::Plain, "…", "begun"),
            _ => Self::new(Tone::Plain, "–", "not begun"),
        }
    }

    /// How grave something is.
    pub fn of_severity(severity: &str) -> Self {
        match severity {
            "alarm" => Self::new(Tone::Bad, "✕", "alarm"),
            "warning" => Self::new(Tone::Warn, "△", "warning"),
            other => Self::new(Tone::Plain, "–", other),
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A word of the journal may be anybody's.
        Text::of(&self.words).fmt(f)
    }
}
