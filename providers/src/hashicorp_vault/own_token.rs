//! What the vault says about the token that the adapter works with. The answer holds the token itself, so
//! nothing of it is kept but the names and times below.

use jiff::Timestamp;
use serde::Deserialize;

use super::reply::{self, Asked};
use super::wire::{Effect, Reply};
use crate::port::{Fault, OwnCredential};

/// The API path. A token of the `default` policy may read it.
pub(super) const PATH: &str = "auth/token/lookup-self";

/// The longest piece of the vault's own words that is kept.
const NAME_CHARS_MAX: usize = 120;

#[derive(Deserialize)]
struct Envelope {
    data: Token,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    display_name: String,
    /// Seconds since 1970.
    creation_time: i64,
    /// `null` for a token that never ends.
    expire_time: Option<Timestamp>,
    #[serde(default)]
    renewable: bool,
}

/// The answer to a look at one's own token. "Not permitted" is an answer too: the age is not known then.
pub(super) fn read(reply: &Reply, doing: &str) -> Result<OwnCredential, Fault> {
    let unknown = |note: String| OwnCredential {
        holder: "vault".to_owned(),
        name: "the vault token".to_owned(),
        kind: "token".to_owned(),
        set_at: None,
        expires_at: None,
        note,
    };
    match reply.status.as_u16() {
        200 => {}
        // A token that is no longer valid gets the same answer; whatever comes next will say so.
        401 | 403 => {
            return Ok(unknown(format!("its age is not known: the token may not read \"{PATH}\", or is not valid")));
        }
        _ => {
            let asked = Asked { doing, path: PATH, capabilities: "\"read\"" };
            return Err(reply::refusal(reply, Effect::Read, &asked));
        }
    }
    // The parser's own words would quote what it read.
    let Ok(Envelope { data: token }) = serde_json::from_slice(&reply.body) else {
        return Ok(unknown("its age is not known: the vault's answer can't be read".to_owned()));
    };
    let name: String = token.display_name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    let note = match (token.expire_time, token.renewable) {
        (None, _) => "it never expires",
        (Some(_), true) => "renewable: each renewal moves its end",
        (Some(_), false) => "",
    };
    Ok(OwnCredential {
        name: if name.is_empty() { "the vault token".to_owned() } else { name },
        set_at: Timestamp::from_second(token.creation_time).ok(),
        expires_at: token.expire_time,
        ..unknown(note.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use zeroize::Zeroizing;

    use super::*;
    use crate::port::Meaning;

    fn answer(status: u16, body: &str) -> Result<OwnCredential, Fault> {
        let status = StatusCode::from_u16(status).unwrap();
        read(&Reply { status, body: Zeroizing::new(body.as_bytes().to_vec()), redirect_host: None }, "looking")
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
