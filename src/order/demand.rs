use super::{Mark, Order, Wanted};
use crate::rotation::Trigger;

/// What a person wants the service to do with an account at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The account.
    pub account: String,
    /// What.
    pub deed: Deed,
    /// Who, for the journal.
    pub by: String,
    /// Why, for the journal.
    pub reason: String,
    /// The ticket, for the journal.
    pub ticket: String,
    /// How the account's rotations stood when that person looked at them. When they stand otherwise, nothing is done.
    pub seen: Mark,
}

/// What a person may demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A new password.
    Rotate,
    /// To look at every step of an open rotation anew, and to go on.
    Resume,
    /// To turn an open rotation back to the old password.
    RollBack,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rotate, Self::Resume, Self::RollBack];

    /// The word of the command that does the same.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Resume => "resume",
            Self::RollBack => "rollback",
        }
    }

    /// What is ordered for an open rotation; `None` = a new one.
    pub fn order(self) -> Option<Order> {
        match self {
            Self::Rotate => None,
            Self::Resume => Some(Order::Resume),
            Self::RollBack => Some(Order::RollBack),
        }
    }
}

impl Demand {
    /// As a rotation.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            reason: self.reason.clone(),
            ticket: self.ticket.clone(),
            trigger: Trigger::Person,
            newest: Some(self.seen.newest.clone()),
            only_new: true,
            ..Wanted::default()
        }
    }
}
