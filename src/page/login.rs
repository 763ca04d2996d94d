use askama::Template;

/// Where a person types a token. Whoever looks at it has shown none yet, so it tells nothing: it has no frame.
#[derive(Debug, Template)]
#[template(path = "page/login.html")]
pub struct Login {
    /// Why the last try came to nothing.
    pub fault: Option<&'static str>,
    /// Where one goes from here: a path of this page.
    pub next: String,
}
