//! What an agent does with requests that it should not get.

use super::super::envelope::{Outcome, REQUEST_BYTES_MAX, Reply};
use super::*;
use crate::port::Meaning;

/// The agent's fault, after which nothing was asked of the server.
async fn refused(request: &[u8]) -> Fault {
    let recording = Recording::default();
    let reply = agent::answer(&recording, request).await;
    assert_eq!(recording.asked(), [], "{}", String::from_utf8_lossy(request));
    let Reply { protocol: PROTOCOL, operation, outcome: Outcome::Fault(fault) } = reply else { panic!("{reply:?}") };
    assert_eq!((operation.as_str(), fault.meaning), ("", Meaning::Broken));
    shows_no_secret(&format!("{fault} {fault:?}"));
    fault
}

/// A sound request with one thing changed.
fn spoilt(operation: &Operation, from: &str, to: &str) -> Vec<u8> {
    let bytes = request(operation.clone()).encoded().unwrap();
    let text = str::from_utf8(&bytes).unwrap();
    assert!(text.contains(from), "{text}");
    text.replacen(from, to, 1).into_bytes()
}

fn setting() -> Operation {
    Operation::SetConnectorPassword { connector: "größe.test".to_owned(), secret: hidden(1) }
}

#[tokio::test]
async fn another_version_is_answered_with_ours_whatever_else_is_in_it() {
    for version in ["0", "2", "4294967295"] {
        let to = format!(r#""protocol":{version},"more":[]"#);
        let fault = refused(&spoilt(&setting(), r#""protocol":1"#, &to)).await;
        assert!(fault.cause.contains(version) && fault.hint.contains("both sides"), "{fault}");
    }
    refused(br#"{"protocol":2,"operation":{"name":"format-the-disk","secret":"Sesame"}}"#).await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_without_a_word_of_it() {
    for (from, to) in [
        (r#""protocol":1"#, r#""protocol":-1"#),
        (r#""protocol":1,"#, ""),
        (r#""protocol":1"#, r#""protocol":"Sesame""#),
        (r#""step""#, r#""steps""#),
        (r#""step":"#, r#""step":7,"secret":"#),
        (r#""name":"set-connector-password""#, r#""name":"Sesame""#),
        (r#""name":"set-connector-password","#, ""),
        (r#""connector":"#, r#""more":"Sesame","connector":"#),
        (r#""connector":"größe.test","#, ""),
        (r#""secret":"Sesame"#, r#""secret":17,"Sesame":"Sesame"#),
        (r#""secret":"#, r#""secrets":"#),
        ("}}", "}"),
        ("}}\n", "}}\n{}\n"),
        ("}}", "}},"),
    ] {
        refused(&spoilt(&setting(), from, to)).await;
    }
    let pause = Operation::PauseScheduler { restore: true, restore_at: time("2026-11-21T12:00:00Z") };
    refused(&spoilt(&pause, "2026-11-21T12", "Sesame")).await;
    for rubbish in ["", "\n", "null", "[]", "{}", "Sesame", "\"Sesame\"", "{\"Sesame\":", "\u{0}"] {
        refused(rubbish.as_bytes()).await;
    }
    refused(&[0xff; 64]).await;
}

/// Cut anywhere, and with any one byte of it another, it is never another request with a secret in its fault.
#[tokio::test]
async fn a_damaged_request_never_shows_its_secret() {
    let whole = request(setting()).encoded().unwrap();
    for length in 0..whole.len() - 1 {
        refused(&whole[..length]).await;
    }
    for at in 0..whole.len() {
        for byte in [b'"', b'\\', b'}', b'0', 0, 0xc3] {
            let mut bytes = whole.to_vec();
            bytes[at] = byte;
            let reply = agent::answer(&Recording::default(), &bytes).await;
            shows_no_secret(&reply.encoded().unwrap());
        }
    }
}

#[tokio::test]
async fn a_request_has_a_length() {
    let exact = |more: usize| {
        let mut bytes = request(setting()).encoded().unwrap().to_vec();
        bytes.resize(REQUEST_BYTES_MAX + more, b' ');
        bytes
    };
    let fault = refused(&exact(1)).await;
    assert!(fault.cause.contains("65536"), "{fault}");
    let reply = agent::answer(&Recording::default(), &exact(0)).await;
    assert_eq!(reply.outcome, Outcome::Done(serde_json::Value::Null));
}

#[tokio::test]
async fn what_is_too_long_to_ask_is_not_sent() {
    // It would panic when it is asked.
    let server = remote(Canned(Mutex::default()));
    let long = Secret::new("Sesame".repeat(REQUEST_BYTES_MAX / 6));
    let fault = server.set_connector_password("größe.test", &long).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Broken);
    shows_no_secret(&fault.to_string());
}

#[tokio::test]
async fn a_step_may_be_left_out() {
    let recording = Recording::default();
    let reply = agent::answer(&recording, br#"{"protocol":1,"operation":{"name":"stop"}}"#).await;
    assert_eq!((reply.operation.as_str(), recording.asked()), ("stop", vec![(String::new(), Operation::Stop)]));
}
