use std::time::Duration;

use serde_json::json;

use super::super::{Lost, PowerShell, Reached, Script};
use crate::port::Secret;

const LIMIT: Duration = Duration::from_secs(20);
/// For those that never answer: whatever they had said by then.
const SHORT: Duration = Duration::from_millis(700);
/// For those that must have spoken by then, also on a busy machine.
const LONG: Duration = Duration::from_secs(8);

pub(super) fn stand_in() -> PowerShell {
    PowerShell::at(concat!(env!("CARGO_MANIFEST_DIR"), "/src/entra_connect/windows/tests/powershell.exe"))
}

async fn play(how: &str, limit: Duration) -> Result<serde_json::Value, Lost> {
    let secret = Secret::new("pass-wörd \u{1f511}");
    stand_in().run(Script::SetConnectorPassword, &json!({ "play": how, "text": "Größe" }), Some(&secret), limit).await
}

async fn reached(how: &str, limit: Duration) -> Reached {
    play(how, limit).await.unwrap_err().reached
}

#[tokio::test]
async fn a_reply_is_found_in_the_noise() {
    for how in ["plain", "noise"] {
        assert_eq!(play(how, LIMIT).await, Ok(json!({ "done": { "value": { "said": "Größe" } } })), "{how}");
    }
}

#[tokio::test]
async fn a_reply_counts_though_the_process_does_not_end() {
    assert!(play("reply-and-hang", LONG).await.is_ok());
}

#[tokio::test]
async fn what_was_not_started_did_nothing() {
    let lost = PowerShell::at("/nonexistent/powershell.exe").run(Script::Runs, &json!({}), None, LIMIT).await;
    assert_eq!(lost.unwrap_err().reached, Reached::Nothing);
}

#[tokio::test]
async fn who_was_heard_and_is_gone_before_it_acted_changed_nothing() {
    assert_eq!(reached("die", LIMIT).await, Reached::Ready);
    assert_eq!(reached("hang", LONG).await, Reached::Ready);
}

#[tokio::test]
async fn whatever_else_gives_no_reply_may_have_acted() {
    for how in ["silent", "acting-and-die", "half", "twice"] {
        assert_eq!(reached(how, LIMIT).await, Reached::Unknown, "{how}");
    }
    for how in ["hang-unheard", "acting-and-hang"] {
        assert_eq!(reached(how, SHORT).await, Reached::Unknown, "{how}");
    }
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let lost = play("flood", LIMIT).await.unwrap_err();
    assert_eq!((lost.reached, lost.cause.contains("more than it may")), (Reached::Unknown, true), "{}", lost.cause);
}

#[tokio::test]
async fn the_secret_is_in_no_cause() {
    let cause = play("die", LIMIT).await.unwrap_err().cause;
    assert!(cause.contains("it broke over [redacted] and [redacted]"), "{cause}");
}
