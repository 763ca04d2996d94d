//! What it means that somebody who gives tokens does not give us one. azure_identity's own reader of these answers
//! fails on every description with a line break in it, which Entra ID's have, so it does not get to see them.

use serde::Deserialize;

use super::answer::plain;
use super::transport::{Reply, retry_after_s};
use crate::port::{Fault, Meaning};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    error: String,
    error_description: String,
    error_codes: Vec<u32>,
}

/// A fault without `doing`. Nothing has been asked of the vault yet.
pub(super) fn refusal(reply: &Reply, whom: &str) -> Fault {
    let answer: Answer = serde_json::from_slice(&reply.body).unwrap_or_default();
    let meaning = match (reply.status, answer.error.as_str()) {
        (_, "temporarily_unavailable" | "server_error") => Meaning::Later,
        // A metadata service says 404 and 410 while it is being updated.
        (404 | 408 | 410 | 429 | 500..=599, _) => Meaning::Later,
        // RFC 6749, 5.2: a definite no to whoever we are. What is left is a request that is wrong.
        (_, "invalid_client" | "unauthorized_client" | "invalid_grant" | "access_denied") => Meaning::Refused,
        _ => Meaning::Broken,
    };
    // Entra ID's first line says it; behind it come trace ids and times.
    let words = answer.error_description.lines().next().unwrap_or_default();
    let words = words.split(" Trace ID:").next().unwrap_or_default().trim();
    let said = match (words, answer.error.as_str()) {
        ("", "") => format!("HTTP {}", reply.status),
        ("", error) => format!("HTTP {} {}", reply.status, plain(error)),
        (words, _) => format!("HTTP {}: {}", reply.status, plain(words)),
    };
    let hint = match answer.error_codes.first() {
        Some(7_000_215) => "the client secret is wrong: store its value, not its id",
        Some(7_000_222) => "the client secret has run out: make a new one at the app registration",
        Some(700_027) => "upload this very certificate to the app registration, and compare this machine's clock",
        Some(700_016) => "see that client_id and tenant_id belong together",
        Some(90_002 | 900_023) => "see that tenant_id is the tenant's, and cloud the right one",
        Some(700_024) => "compare this machine's clock: the signed assertion is out of its time",
        Some(53_003) => "a conditional access policy for workload identities blocks it",
        _ if meaning == Meaning::Later => "",
        _ => "see that this identity exists and is assigned to this machine",
    };
    let wait = retry_after_s(reply.headers.get("retry-after").and_then(|value| value.to_str().ok()));
    Fault::new(meaning, "", format!("{whom} gives no token: {said}")).hint(hint).retry_after_s(wait)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn answered(status: u16, body: &str) -> Fault {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("retry-after", "9".parse().unwrap());
        refusal(&Reply { status, headers, body: Zeroizing::new(body.as_bytes().to_vec()) }, "Entra ID")
    }

    #[test]
    fn what_stays_wrong_is_told_apart_from_what_passes() {
        let body = r#"{"error":"invalid_client","error_codes":[7000222],
            "error_description":"AADSTS7000222: The provided client secret keys are expired.\r\nTrace ID: x"}"#;
        let fault = answered(401, body);
        assert_eq!(fault.meaning, Meaning::Refused);
        assert!(fault.cause.contains("AADSTS7000222") && !fault.cause.contains("Trace"), "{fault}");
        assert!(fault.hint.contains("run out"), "{fault}");
        for status in [404, 410, 429, 500, 503] {
            let fault = answered(status, "<html>");
            assert_eq!((fault.meaning, fault.retry_after_s), (Meaning::Later, Some(9)), "{status}");
        }
        assert_eq!(answered(400, r#"{"error":"temporarily_unavailable"}"#).meaning, Meaning::Later);
        for (error, meaning) in [
            ("invalid_request", Meaning::Broken),
            ("invalid_scope", Meaning::Broken),
            ("unauthorized_client", Meaning::Refused),
            ("invalid_grant", Meaning::Refused),
            ("access_denied", Meaning::Refused),
        ] {
            assert_eq!(answered(400, &format!(r#"{{"error":"{error}"}}"#)).meaning, meaning, "{error}");
        }
    }
}
