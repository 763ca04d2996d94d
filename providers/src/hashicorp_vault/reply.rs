use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::announcement::Mark;
use super::document::Document;
use super::wire::Reply;
use crate::https::Effect;
use crate::port::{Fault, Meaning};

/// The longest piece of the vault's own words that goes into a fault.
const ERROR_CHARS_MAX: usize = 300;

/// An entry as it was at one moment.
pub(super) struct Seen {
    /// The latest version, which a check-and-set must name. 0 = the entry never was, or was deleted as a whole.
    pub(super) version: u64,
    /// `None` when there is no entry, or its latest version was deleted or destroyed, or holds nothing.
    pub(super) document: Option<Document>,
    /// The latest version was deleted but not destroyed: what it holds can be brought back.
    pub(super) is_deleted: bool,
    /// What the entry tells its readers about a candidate.
    pub(super) mark: Option<Mark>,
}

/// How a write with check-and-set ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is the entry's latest version now.
    Version(u64),
    /// The entry was at another version. Nothing was written.
    Conflict,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Versioned {
    data: Option<Document>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    version: u64,
    #[serde(default)]
    destroyed: bool,
    #[serde(default)]
    custom_metadata: Option<BTreeMap<String, Value>>,
}

/// What each answer of the vault with a body has, and no other server's.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "request_id")]
    _request_id: String,
}

/// What a reader needs to tell a person when the vault says no.
pub(super) struct Asked<'a> {
    pub(super) doing: &'a str,
    /// The API path: `secret/data/svc-pending`.
    pub(super) path: &'a str,
    /// The capabilities that the call needs on that path.
    pub(super) capabilities: &'a str,
}

/// The answer to a read of an entry.
pub(super) fn seen(reply: &Reply, asked: &Asked<'_>) -> Result<Seen, Fault> {
    let envelope: Option<Envelope<Versioned>> = serde_json::from_slice(&reply.body).ok();
    match (reply.status.as_u16(), envelope) {
        (200, Some(Envelope { data: Some(entry), .. })) => Ok(of(entry)),
        // A version that was deleted or destroyed: the entry is still there and goes on counting.
        (404, Some(Envelope { data: Some(entry), .. })) if entry.data.is_none() => Ok(of(entry)),
        // Only the vault's own empty list of errors means "nothing there"; a proxy's 404 page does not.
        (404, Some(Envelope { data: None, errors: Some(errors) })) if errors.is_empty() => {
            Ok(Seen { version: 0, document: None, is_deleted: false, mark: None })
        }
        // The parser's own words would quote what it read.
        (200, _) => Err(Fault::broken(asked.doing, "the answer is not that of a KV version 2 entry with text in it")
            .hint("the mount must be of type kv, version 2; `password` and `rotation` must be texts")),
        _ => Err(refusal(reply, Effect::Read, asked)),
    }
}

fn of(entry: Versioned) -> Seen {
    let mark = entry.metadata.custom_metadata.as_ref().and_then(Mark::of);
    let is_deleted = entry.data.is_none() && !entry.metadata.destroyed;
    let document = entry.data.filter(|document| !document.is_empty());
    Seen { version: entry.metadata.version, document, is_deleted, mark }
}

/// The answer to a write with check-and-set.
pub(super) fn written(reply: &Reply, asked: &Asked<'_>) -> Result<Written, Fault> {
    if reply.status.is_success() {
        let envelope: Option<Envelope<Metadata>> = serde_json::from_slice(&reply.body).ok();
        return match envelope.and_then(|envelope| envelope.data) {
            Some(metadata) => Ok(Written::Version(metadata.version)),
            None => Err(Fault::unclear(asked.doing, format!("the answer (HTTP {}) names no version", reply.status))
                .hint("the mount must be of type kv, version 2")),
        };
    }
    if reply.status.as_u16() == 400 && errors(reply).is_some_and(|texts| texts.contains("check-and-set")) {
        return Ok(Written::Conflict);
    }
    Err(refusal(reply, Effect::Write, asked))
}

/// The answer to a write that has nothing to tell.
pub(super) fn done(reply: &Reply, asked: &Asked<'_>) -> Result<(), Fault> {
    match reply.status.as_u16() {
        204 => Ok(()),
        // With a warning, say. A page of something in front of the vault is none of its answers.
        200 if serde_json::from_slice::<Answer>(&reply.body).is_ok() => Ok(()),
        _ => Err(refusal(reply, Effect::Write, asked)),
    }
}

/// The vault's own words, if the body is its list of errors. Nothing else of a body is ever shown.
fn errors(reply: &Reply) -> Option<String> {
    let envelope: Envelope<serde::de::IgnoredAny> = serde_json::from_slice(&reply.body).ok()?;
    let texts = envelope.errors?;
    let joined = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
    let plain = joined.chars().map(|c| if c.is_control() { ' ' } else { c });
    Some(plain.take(ERROR_CHARS_MAX).collect())
}

/// The status, with the vault's own words where there are any.
pub(super) fn said(reply: &Reply) -> String {
    match errors(reply) {
        Some(words) if !words.is_empty() => format!("HTTP {}: {words}", reply.status.as_u16()),
        _ => format!("HTTP {}", reply.status),
    }
}

/// Whether the vault itself answered, and not something in front of it.
pub(super) fn is_the_vaults(reply: &Reply) -> bool {
    errors(reply).is_some()
}

/// What a reply means that is neither the success nor the refusal that belongs to a call which changes no password.
pub(super) fn unexpected(reply: &Reply, doing: &str) -> Fault {
    if reply.status.is_success() {
        return Fault::broken(doing, format!("the answer (HTTP {}) can't be understood", reply.status))
            .hint("is it a vault that answers at this url?");
    }
    refusal(reply, Effect::Read, &Asked { doing, path: "", capabilities: "" })
}

/// What a reply that is not a success means.
pub(super) fn refusal(reply: &Reply, effect: Effect, asked: &Asked<'_>) -> Fault {
    let words = errors(reply).unwrap_or_default();
    let sealed = words.contains("sealed");
    // Nobody leads just now: the request went no further than this node.
    let leaderless =
        ["node not active", "in standby mode", "no cluster leader"].iter().any(|sign| words.contains(sign));
    let fault = |meaning| Fault::new(meaning, asked.doing, said(reply)).retry_after_s(reply.retry_after_s);
    match reply.status.as_u16() {
        408 => fault(effect.lost()),
        // Whatever stands in front of the vault may withhold an answer after it let the request pass.
        status @ 400..=499
            if effect == Effect::Write && !matches!(status, 429 | 472 | 473) && !is_the_vaults(reply) =>
        {
            fault(effect.lost()).hint("it was not the vault that answered so; what stands in front of it?")
        }
        300..=399 => {
            let to = reply.redirect_host.as_deref().unwrap_or("an address it does not name");
            Fault::refused(asked.doing, format!("the vault redirects to {to}; redirects are not followed"))
                .hint("set the url to the node that answers itself: the token goes to no other host")
        }
        // A mount that was just made, or just upgraded to version 2.
        400 if words.contains("non-versioned") => fault(Meaning::Later).hint("the mount is still being prepared"),
        400 => fault(Meaning::Broken).hint("the vault does not understand the request; is the mount KV version 2?"),
        401 | 403 => fault(Meaning::Refused).hint(forbidden(reply.token_known, asked)),
        404 => fault(Meaning::Refused).hint(format!(
            "is the url right, and is there a KV version 2 mount in front of \"{}\" (in this namespace)?",
            asked.path
        )),
        412 => fault(Meaning::Later).hint("this node has not caught up yet"),
        429 => fault(Meaning::Later).hint("the vault limits the rate of requests"),
        472 => fault(Meaning::Refused).hint("this cluster is a replica for disasters and serves nobody; use the other"),
        473 => fault(Meaning::Later).hint("this node is a standby that does not serve; use the active one"),
        503 if sealed => fault(Meaning::Later).hint("unseal the vault"),
        500..=599 if leaderless => fault(Meaning::Later).hint("the vault's cluster has no active node at the moment"),
        500..=599 => fault(effect.lost()),
        200..=299 => fault(effect.lost()),
        _ => fault(Meaning::Refused),
    }
}

fn forbidden(token_known: Option<bool>, asked: &Asked<'_>) -> String {
    let Asked { capabilities, path, .. } = asked;
    match token_known {
        Some(true) => format!("give the token's policy {capabilities} on \"{path}\": the token itself is valid"),
        Some(false) => format!(
            "the vault does not know the token: it has expired or was revoked (or it lacks \"read\" on \
             \"auth/token/lookup-self\", and {capabilities} on \"{path}\")"
        ),
        None => format!(
            "give the token's policy {capabilities} on \"{path}\"; a token that has expired or was revoked gets the \
             same answer"
        ),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use zeroize::Zeroizing;

    use super::*;

    const ASKED: Asked<'static> = Asked { doing: "testing", path: "secret/data/svc", capabilities: "\"read\"" };

    fn reply(status: u16, body: &str) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        let redirect_host = Some("evil.test:443".into());
        Reply { status, body: Zeroizing::new(body.as_bytes().to_vec()), redirect_host, ..Reply::default() }
    }

    fn read(status: u16, body: &str) -> Meaning {
        seen(&reply(status, body), &ASKED).map(|seen| seen.version).unwrap_err().meaning
    }

    fn write(status: u16, body: &str) -> Meaning {
        written(&reply(status, body), &ASKED).unwrap_err().meaning
    }

    #[test]
    fn only_the_vaults_own_404_means_empty() {
        assert_eq!(seen(&reply(404, r#"{"errors":[]}"#), &ASKED).unwrap().version, 0);
        let gone = r#"{"data":{"data":null,"metadata":{"version":4,"destroyed":true}}}"#;
        let gone = seen(&reply(404, gone), &ASKED).unwrap();
        assert!(gone.version == 4 && gone.document.is_none() && !gone.is_deleted);
        let deleted = r#"{"data":{"data":null,"metadata":{"version":4,"deletion_time":"2026-11-21T21:17:21Z","destroyed":false}}}"#;
        let deleted = seen(&reply(404, deleted), &ASKED).unwrap();
        assert!(deleted.version == 4 && deleted.document.is_none() && deleted.is_deleted);
        let empty = seen(&reply(200, r#"{"data":{"data":{},"metadata":{"version":4}}}"#), &ASKED).unwrap();
        assert!(empty.version == 4 && empty.document.is_none() && !empty.is_deleted);
        assert_eq!(read(404, "<html>not found</html>"), Meaning::Refused);
        assert_eq!(read(404, "{}"), Meaning::Refused);
        assert_eq!(read(404, r#"{"errors":["no handler for route"]}"#), Meaning::Refused);
        assert_eq!(read(404, ""), Meaning::Refused);
    }

    #[test]
    fn what_is_not_known_is_never_called_unchanged() {
        for status in [200, 202, 204, 500, 502, 503, 504] {
            assert_eq!(write(status, "<html>"), Meaning::Unclear, "{status}");
        }
        for status in [400, 401, 403, 404, 405, 408, 413, 418, 425, 499] {
            assert_eq!(write(status, "<html>"), Meaning::Unclear, "{status}");
            assert_eq!(done(&reply(status, ""), &ASKED).unwrap_err().meaning, Meaning::Unclear, "{status}");
        }
        assert_eq!(write(408, r#"{"errors":["x"]}"#), Meaning::Unclear);
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(read(status, ""), Meaning::Later, "{status}");
        }
        assert_eq!(read(200, "<html>"), Meaning::Broken);
    }

    #[test]
    fn only_the_vaults_own_yes_is_one() {
        assert!(done(&reply(204, ""), &ASKED).is_ok());
        assert!(done(&reply(200, r#"{"request_id":"1","data":null,"warnings":["x"]}"#), &ASKED).is_ok());
        for (status, body) in [(200, "<html>"), (200, ""), (200, "{}"), (202, ""), (203, "")] {
            assert_eq!(done(&reply(status, body), &ASKED).unwrap_err().meaning, Meaning::Unclear, "{status} {body}");
        }
    }

    #[test]
    fn a_definite_no_is_told_apart_from_not_now() {
        let sealed = r#"{"errors":["Vault is sealed"]}"#;
        assert_eq!(write(503, sealed), Meaning::Later);
        for (status, meaning) in [
            (307, Meaning::Refused),
            (400, Meaning::Broken),
            (403, Meaning::Refused),
            (405, Meaning::Refused),
            (412, Meaning::Later),
            (429, Meaning::Later),
        ] {
            assert_eq!(write(status, r#"{"errors":["x"]}"#), meaning, "{status}");
            assert_eq!(read(status, r#"{"errors":["x"]}"#), meaning, "{status}");
        }
        let conflict = r#"{"errors":["check-and-set parameter did not match the current version"]}"#;
        assert_eq!(written(&reply(400, conflict), &ASKED).unwrap(), Written::Conflict);
        let preparing =
            r#"{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable"]}"#;
        assert_eq!(write(400, preparing), Meaning::Later);
    }

    #[test]
    fn a_cluster_without_a_leader_has_surely_done_nothing() {
        for words in ["local node not active but active cluster node not found", "Vault is in standby mode"] {
            assert_eq!(write(500, &format!(r#"{{"errors":["{words}"]}}"#)), Meaning::Later, "{words}");
        }
        assert_eq!(write(500, r#"{"errors":["internal error"]}"#), Meaning::Unclear);
        assert_eq!(write(472, ""), Meaning::Refused);
        assert_eq!(write(473, ""), Meaning::Later);
    }

    #[test]
    fn a_403_says_what_is_known_of_the_token_and_a_429_when_to_come_again() {
        let of = |token_known| {
            let reply = Reply { token_known, ..reply(403, r#"{"errors":["permission denied"]}"#) };
            refusal(&reply, Effect::Read, &ASKED).hint
        };
        assert!(of(Some(true)).contains("the token itself is valid"), "{}", of(Some(true)));
        assert!(of(Some(false)).contains("does not know the token"), "{}", of(Some(false)));
        assert!(of(None).contains("gets the same answer"), "{}", of(None));
        let busy = Reply { retry_after_s: Some(7), ..reply(429, "") };
        assert_eq!(refusal(&busy, Effect::Write, &ASKED).retry_after_s, Some(7));
    }

    #[test]
    fn no_body_of_a_read_reaches_a_fault() {
        for body in [
            r#"{"data":{"data":{"password":["hunter2"]},"metadata":{"version":1}}}"#,
            r#"{"data":{"data":{"password":"hunter2","rotation":7},"metadata":{"version":1}}}"#,
            r#"{"data":{"data":{"password":"hunter2"}}}"#,
            r#"{"data":{"data":"hunter2","metadata":{"version":1}},"errors":null}"#,
            "hunter2",
        ] {
            for status in [200, 404, 500] {
                let fault = seen(&reply(status, body), &ASKED).map(|_| ()).unwrap_err();
                assert!(!format!("{fault} {fault:?}").contains("hunter2"), "{status} {fault}");
            }
        }
    }

    #[test]
    fn the_vaults_words_are_short_and_on_one_line() {
        let long = format!(r#"{{"errors":["a\nb{}"]}}"#, "x".repeat(1000));
        let fault = done(&reply(403, &long), &ASKED).unwrap_err();
        assert!(!fault.cause.contains('\n') && fault.cause.len() < 400, "{fault}");
        assert!(fault.hint.contains("secret/data/svc"), "{fault}");
        assert!(done(&reply(307, ""), &ASKED).unwrap_err().cause.contains("evil.test:443"));
    }
}
