//! What the vault says about the token that the adapter works with. The answer holds the token itself, so
//! nothing of it is kept but the names and times below.

use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;

use super::life::Life;
use super::login::Login;
use super::reply::{self, Asked};
use super::wire::Reply;
use crate::https::Effect;
use crate::port::{Fault, OwnCredential};

/// The API path. A token of the `default` policy may read it.
pub(super) const PATH: &str = "auth/token/lookup-self";

/// The longest piece of the vault's own words that is kept.
const NAME_CHARS_MAX: usize = 120;

#[derive(Deserialize)]
struct Envelope {
    data: TokenFacts,
}

/// What is kept of the answer.
#[derive(Deserialize)]
pub(super) struct TokenFacts {
    #[serde(default)]
    pub(super) display_name: String,
    #[serde(default)]
    pub(super) policies: Vec<String>,
    /// Seconds since 1970.
    pub(super) creation_time: i64,
    /// `null` for a token that never ends.
    pub(super) expire_time: Option<Timestamp>,
    #[serde(default)]
    pub(super) renewable: bool,
    #[serde(default)]
    creation_ttl: u64,
    #[serde(default)]
    ttl: u64,
    /// A periodic token's: every renewal grants this much.
    #[serde(default)]
    period: u64,
}

impl TokenFacts {
    pub(super) fn life(&self, now: Instant) -> Life {
        let lease_s = if self.period > 0 { self.period } else { self.creation_ttl };
        Life::new(lease_s, self.ttl, self.renewable, now)
    }

    /// Whose token it is, as the vault names it.
    pub(super) fn name(&self) -> String {
        let name = plain(&self.display_name);
        if name.is_empty() { "the vault token".to_owned() } else { name }
    }

    /// Its policies, as the vault names them.
    pub(super) fn policies(&self) -> String {
        plain(&self.policies.join(", "))
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

/// The answer to a look at one's own token.
pub(super) enum Looked {
    Known(TokenFacts),
    /// The token may not look, or is not valid: the vault gives both the same answer.
    Refused,
    Unreadable,
    Other,
}

pub(super) fn looked(reply: &Reply) -> Looked {
    match reply.status.as_u16() {
        // The parser's own words would quote what it read.
        200 => serde_json::from_slice(&reply.body).map_or(Looked::Unreadable, |Envelope { data }| Looked::Known(data)),
        401 | 403 => Looked::Refused,
        _ => Looked::Other,
    }
}

/// The answer as the reports want it. "Not permitted" is an answer too: the age is not known then.
pub(super) fn read(reply: &Reply, login: &Login, doing: &str) -> Result<OwnCredential, Fault> {
    let unknown = |note: String| OwnCredential {
        holder: "vault".to_owned(),
        name: "the vault token".to_owned(),
        kind: "token".to_owned(),
        set_at: None,
        expires_at: None,
        note,
    };
    let token = match looked(reply) {
        Looked::Known(token) => token,
        // A token that is no longer valid gets the same answer; whatever comes next will say so.
        Looked::Refused => {
            return Ok(unknown(format!("its age is not known: the token may not read \"{PATH}\", or is not valid")));
        }
        Looked::Unreadable => return Ok(unknown("its age is not known: the vault's answer can't be read".to_owned())),
        Looked::Other => {
            let asked = Asked { doing, path: PATH, capabilities: "\"read\"" };
            return Err(reply::refusal(reply, Effect::Read, &asked));
        }
    };
    let note = match (login, token.expire_time, token.renewable) {
        (_, None, _) => "it never expires".to_owned(),
        (Login::TokenFile(_), Some(_), _) => "from a file that somebody else keeps fresh".to_owned(),
        (login, Some(_), _) if login.makes_tokens() => {
            format!("made by a login with {}; the next is made before it ends", login.method())
        }
        (_, Some(_), true) => "renewable: each renewal moves its end".to_owned(),
        (_, Some(_), false) => String::new(),
    };
    Ok(OwnCredential {
        name: token.name(),
        set_at: Timestamp::from_second(token.creation_time).ok(),
        // One that is replaced by itself asks nothing of a person.
        expires_at: token.expire_time.filter(|_| !login.makes_tokens()),
        ..unknown(note)
    })
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use zeroize::Zeroizing;

    use super::*;
    use crate::port::{Meaning, Secret};

    fn answer(status: u16, body: &str) -> Result<OwnCredential, Fault> {
        let status = StatusCode::from_u16(status).unwrap();
        let reply = Reply { status, body: Zeroizing::new(body.as_bytes().to_vec()), ..Reply::default() };
        read(&reply, &Login::Token(Secret::new("s.hunter2")), "looking")
    }

    #[test]
    fn a_token_has_an_age_and_maybe_an_end() {
        let body = r#"{"data":{"id":"s.hunter2","accessor":"hunter2","display_name":"token-rotator",
            "creation_time":1767225600,"expire_time":"2026-01-31T00:00:00.123456789Z","renewable":true}}"#;
        let token = answer(200, body).unwrap();
        assert_eq!(token.name, "token-rotator");
        assert_eq!(token.set_at.unwrap().to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(token.expires_at.unwrap().to_string(), "2026-01-31T00:00:00.123456789Z");
        assert!(token.note.contains("renewable"), "{token:?}");
        assert!(!format!("{token:?}").contains("hunter2"), "{token:?}");

        let root = answer(200, r#"{"data":{"creation_time":1767225600,"expire_time":null}}"#).unwrap();
        assert_eq!((root.expires_at, root.note.as_str()), (None, "it never expires"));
    }

    #[test]
    fn what_is_not_told_is_not_known_and_no_fault() {
        let refused = r#"{"errors":["permission denied"]}"#;
        for (status, body) in [(403, refused), (401, refused), (200, "{}"), (200, "hunter2")] {
            let token = answer(status, body).unwrap();
            assert_eq!((token.set_at, token.expires_at), (None, None), "{status}");
            assert!(token.note.contains("not known") && !token.note.contains("hunter2"), "{token:?}");
        }
        assert_eq!(answer(503, r#"{"errors":["Vault is sealed"]}"#).unwrap_err().meaning, Meaning::Later);
    }
}
