use std::fmt;

use serde::{Deserialize, Serialize};

use super::FailureClass;

/// What a failed call means for the world. The engine decides by this word alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// The other side said no. Surely unchanged, and asking again the same way gives the same answer.
    Refused,
    /// It may have happened: a reply was lost, a connection was cut after the request was sent.
    Unclear,
    /// Surely unchanged, and worth trying again: not connected, busy, throttled.
    Later,
    /// Ours: wrong configuration, a broken invariant, an answer that nobody should give. Surely unchanged.
    Broken,
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Unclear => "unclear",
            Self::Later => "later",
            Self::Broken => "broken",
        })
    }
}

/// Why a call failed: what it means, what we were doing, the cause, and what a person can do next.
///
/// Holds no secret: adapters build the texts from names, codes and the other side's messages only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What the failure means for the world.
    pub meaning: Meaning,
    /// What we were doing, a lower-case fragment: `setting the password of CN=svc,DC=contoso,DC=test`.
    pub doing: String,
    /// The cause, with codes where there are any, a lower-case fragment.
    pub cause: String,
    /// The operator's next step, one sentence; empty when there is nothing to add.
    pub hint: String,
    /// What kind of failure it is, where whoever made the fault is sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// How long the other side asked us to wait before the next try, in seconds; `None` = it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(meaning: Meaning, doing: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            meaning,
            doing: doing.into(),
            cause: cause.into(),
            hint: String::new(),
            class: None,
            retry_after_s: None,
        }
    }

    /// The other side said no; surely unchanged.
    pub fn refused(doing: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::new(Meaning::Refused, doing, cause)
    }

    /// It may have happened.
    pub fn unclear(doing: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::new(Meaning::Unclear, doing, cause)
    }

    /// Surely unchanged; worth trying again.
    pub fn later(doing: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::new(Meaning::Later, doing, cause)
    }

    /// Ours; surely unchanged.
    pub fn broken(doing: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::new(Meaning::Broken, doing, cause)
    }

    /// The same fault with a next step for the operator.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same fault, with the wait that the other side asked for.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: Option<u32>) -> Self {
        self.retry_after_s = seconds;
        self
    }

    /// The same fault, known to be of that kind.
    #[must_use]
    pub fn of(mut self, class: FailureClass) -> Self {
        self.class = Some(class);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.cause)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

impl std::error::Error for Fault {}
