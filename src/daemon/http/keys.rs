use axum::http::{HeaderMap, header};
use providers::port::Secret;
use sha2::{Digest, Sha256};

/// Who somebody is, by the token that he has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Whoever has the service's token: may look.
    Looker,
    /// Somebody who may order something too, by the name that the journal keeps.
    Person(String),
}

/// The tokens. Compared by digest: a difference tells nothing by the time that it takes.
pub(super) struct Keys(Vec<([u8; 32], Who)>);

impl Keys {
    /// `Err` = whose token another one has too: it could not be told who somebody is.
    pub(super) fn new(token: Option<&Secret>, persons: &[(String, Secret)]) -> Result<Self, String> {
        let looker = token.map(|token| (digest(token.expose()), Who::Looker));
        let mut keys: Vec<([u8; 32], Who)> = looker.into_iter().collect();
        for (name, token) in persons {
            let token = digest(token.expose());
            if keys.iter().any(|(known, _)| *known == token) {
                return Err(name.clone());
            }
            keys.push((token, Who::Person(name.clone())));
        }
        Ok(Self(keys))
    }

    /// Whether anybody may order anything.
    pub(super) fn has_persons(&self) -> bool {
        self.0.iter().any(|(_, who)| matches!(who, Who::Person(_)))
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
}

/// The token in the headers.
pub(super) fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
}

/// What is kept of a secret text.
pub(super) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether two secret texts are the same; how long that takes tells nothing of where they differ.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    digest(one) == digest(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_person_and_nobody_elses() {
        let secret = |text: &str| Secret::from(text.to_owned());
        let persons = [("ada".to_owned(), secret("of ada")), ("bob".to_owned(), secret("of bob"))];
        let keys = Keys::new(Some(&secret("looks")), &persons).expect("three tokens");
        assert_eq!(keys.whose("looks"), Some(Who::Looker));
        assert_eq!(keys.whose("of bob"), Some(Who::Person("bob".into())));
        for wrong in ["", "of", "of bob ", "OF BOB"] {
            assert_eq!(keys.whose(wrong), None, "{wrong:?}");
        }
        assert_eq!(Keys::new(Some(&secret("of bob")), &persons).err().as_deref(), Some("bob"));
        assert!(keys.has_persons() && !Keys::new(Some(&secret("looks")), &[]).expect("one").has_persons());
    }
}
