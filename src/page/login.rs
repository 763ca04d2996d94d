use askama::Template;

use super::Frame;

/// Where a person types a token.
#[derive(Debug, Template)]
#[template(path = "page/login.html")]
pub struct Login {
    /// Around it.
    pub frame: Frame,
    /// Why the last try came to nothing.
    pub fault: Option<&'static str>,
    /// Where one goes from here: a path of this page.
    pub next: String,
}
