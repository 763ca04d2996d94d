use askama::Template;

use super::link::link;
use super::{Frame, Word};
use crate::report::{At, Length, Text};

/// What holds now and should not.
#[derive(Debug, Template)]
#[template(path = "page/conditions.html")]
pub struct Conditions {
    /// Around it.
    pub frame: Frame,
    /// The gravest first, each group by age.
    pub conditions: Vec<Condition>,
}

/// A condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// How grave.
    pub severity: Word,
    /// Its kind.
    pub kind: Text,
    /// The account, where it is about one.
    pub account: Option<Text>,
    /// One line.
    pub title: Text,
    /// Since when.
    pub since: At,
    /// How long that is.
    pub length: Length,
}

impl Condition {
    pub(super) fn past(&self) -> String {
        link("/history", &[("account", self.account.as_ref().map_or("", |account| &account.0))])
    }
}
