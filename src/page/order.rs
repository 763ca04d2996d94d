use askama::Template;

use super::link::{link, of_order, of_rotation};
use super::{Frame, Word};
use crate::report::{At, Text};

/// Where a person orders something.
#[derive(Debug, Template)]
#[template(path = "page/order.html")]
pub struct Order {
    /// Around it.
    pub frame: Frame,
    /// What the form must bring back: its session's, and its own.
    pub csrf: String,
    /// Good for one answer.
    pub form: String,
    /// `rotate`, `resume` or `rollback`.
    pub what: &'static str,
    /// The account.
    pub account: Text,
    /// How it stands.
    pub state: Word,
    /// Since when.
    pub since: Option<At>,
    /// Why it is held, where it is.
    pub why: Option<Text>,
    /// Outside its maintenance windows: when the next one opens, in words.
    pub outside: Option<String>,
    /// Whether a reason and a ticket go with it.
    pub has_reason: bool,
    /// As typed.
    pub reason: Text,
    /// As typed.
    pub ticket: Text,
    /// What is wrong with what was typed.
    pub fault: Option<&'static str>,
}

impl Order {
    pub(super) fn title(&self) -> &'static str {
        match self.what {
            "rotate" => "Rotate now",
            "resume" => "Resume",
            _ => "Roll back",
        }
    }

    pub(super) fn meaning(&self) -> &'static str {
        match self.what {
            "rotate" => {
                "A new password is made, stored, set in the directory, given to every server that uses it, and proven. Each of those \
                 servers' sync service is restarted. What fails before the proof is put back."
            }
            "resume" => {
                "Every step of the open rotation is looked at anew, and it goes on from there. Do it when the cause is mended."
            }
            _ => {
                "The open rotation turns back to the old password, in the directory and on every server, and proves that one."
            }
        }
    }
}

/// What came of the last order for an account.
#[derive(Debug, Template)]
#[template(path = "page/ordered.html")]
pub struct Ordered {
    /// Around it.
    pub frame: Frame,
    /// The account.
    pub account: Text,
    /// `rotate`, `resume` or `rollback`.
    pub what: Text,
    /// Who.
    pub by: Text,
    /// When the service took it.
    pub at: At,
    /// Why.
    pub reason: Text,
    /// The ticket.
    pub ticket: Text,
    /// What came of it, for each rotation.
    pub answers: Vec<Answered>,
    /// Whether it is under way in this process.
    pub is_at_work: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// In words.
    pub outcome: Word,
    /// When.
    pub at: At,
    /// Which rotation.
    pub rotation: Option<Text>,
    /// What holds now, why, and the next step, line by line.
    pub message: Vec<Text>,
}

impl Ordered {
    pub(super) fn again(&self) -> String {
        of_order(&self.account.0)
    }

    pub(super) fn past(&self) -> String {
        link("/history", &[("account", &self.account.0)])
    }
}

impl Answered {
    pub(super) fn link(&self) -> Option<String> {
        self.rotation.as_ref().map(|id| of_rotation(&id.0))
    }
}
