use askama::Template;

use super::Frame;
use crate::report::Text;

/// A page that only says something: why there is nothing, why something was not done.
#[derive(Debug, Template)]
#[template(path = "page/message.html")]
pub struct Message {
    /// Around it.
    pub frame: Frame,
    /// What it is about.
    pub title: &'static str,
    /// Cause and next step, line by line.
    pub text: Vec<Text>,
    /// A way on: where, and what it is called.
    pub on: (String, &'static str),
}
