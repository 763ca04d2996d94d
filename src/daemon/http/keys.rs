use axum::http::{HeaderMap, header};
use providers::port::Secret;
use sha2::{Digest, Sha256};

/// Who somebody is, by the token that he has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Whoever has the service's token: may look.
    Looker,
}

/// The tokens. Compared by digest: a difference tells nothing by the time that it takes.
pub(super) struct Keys(Vec<([u8; 32], Who)>);

impl Keys {
    pub(super) fn new(token: Option<&Secret>) -> Self {
        Self(token.map(|token| (digest(token.expose()), Who::Looker)).into_iter().collect())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose token it is.
    pub(super) fn whose(&self, token: &str) -> Option<Who> {
        let given = digest(token);
        // All of them, so that the time does not tell which.
        self.0.iter().fold(None, |found, (known, who)| if *known == given { Some(who.clone()) } else { found })
    }

    /// Whose token stands in the headers.
    pub(super) fn bearer(&self, headers: &HeaderMap) -> Option<Who> {
        self.whose(bearer_of(headers)?)
    }
}

/// The token in the headers.
pub(super) fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
}

/// What is kept of a secret text.
pub(super) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
