//! Connections that break, servers that don't answer, and WinRM's own faults: what an exchange that broke is called
//! follows from whether a byte of the request may have left.

use std::time::{Duration, Instant};

use providers::entra_connect::Reached;
use serde_json::{Value, json};

use crate::bed::{LIMIT, REQUEST, exchange, within};
use crate::server::Server;

async fn broken_by(order: &Value) -> (Server, providers::entra_connect::Broken) {
    let server = Server::new();
    server.order(&json!([order]));
    let broken = exchange(server.settings("cat")).await.expect_err("it was answered");
    assert!(!format!("{broken:?}").contains("hunter2"), "{broken:?}");
    (server, broken)
}

#[tokio::test]
async fn a_cut_before_the_request_is_nothing_and_from_then_on_it_is_the_request() {
    for (on, does, reached) in [
        ("blank", "before", Reached::Nothing),
        ("blank", "after", Reached::Nothing),
        ("Create", "before", Reached::Nothing),
        ("Create", "after", Reached::Nothing),
        ("Command", "before", Reached::Nothing),
        ("Command", "after", Reached::Nothing),
        ("Send", "before", Reached::Request),
        ("Send", "after", Reached::Request),
        ("Receive", "before", Reached::Request),
        ("Receive", "after", Reached::Request),
    ] {
        let (server, broken) = broken_by(&json!({"on": on, "does": does})).await;
        assert_eq!(broken.reached, reached, "{on} {does}: {broken:?}");
        assert_eq!(server.came("Send"), usize::from(reached == Reached::Request), "{on} {does}: never twice");
        let left = usize::from((on, does) == ("Create", "after"));
        assert_eq!(server.state()["shells"], left, "{on} {does}: but for a shell nobody told us of, none is left");
    }
}

#[tokio::test]
async fn a_cut_while_tidying_up_takes_no_answer_away() {
    for (on, does) in [("Signal", "before"), ("Delete", "before"), ("Delete", "after"), ("Delete", "silent")] {
        let server = Server::new();
        server.order(&json!([{"on": on, "does": does, "seconds": 20}]));
        let begun = Instant::now();
        assert_eq!(exchange(server.settings("cat")).await.unwrap().output, REQUEST, "{on} {does}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{on} {does}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_connection_that_is_ended_in_good_order_is_made_anew() {
    for on in ["blank", "Create", "Command", "Send", "Receive", "Signal"] {
        let server = Server::new();
        server.order(&json!([{"on": on, "does": "close"}]));
        assert_eq!(exchange(server.settings("cat")).await.unwrap().output, REQUEST, "{on}");
        let state = server.state();
        assert_eq!((&state["connections"], server.came("Send")), (&json!(2), 1), "{on}");
        assert_eq!(state["shells"], 0, "{on}");
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_within_the_limit() {
    for (on, reached) in [("blank", Reached::Nothing), ("Create", Reached::Nothing), ("Send", Reached::Request)] {
        let server = Server::new();
        server.order(&json!([{"on": on, "does": "silent", "seconds": 30, "times": -1}]));
        let begun = Instant::now();
        let broken = within(server.settings("cat"), Duration::from_secs(2)).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_millis(2500), "{on}: {:?}", begun.elapsed());
        assert_eq!((broken.reached, broken.cause.as_str()), (reached, "no answer within 2 s"), "{on}");
    }
}

#[tokio::test]
async fn a_server_that_is_slow_is_waited_for() {
    let server = Server::new();
    let orders: Vec<_> =
        ["Create", "Command", "Send", "Receive"].map(|on| json!({"on": on, "does": "slow", "seconds": 0.3})).into();
    server.order(&json!(orders));
    assert_eq!(exchange(server.settings("cat")).await.unwrap().output, REQUEST);
}

#[tokio::test]
async fn nothing_yet_is_no_end_and_the_output_after_it_is_whole() {
    let server = Server::new();
    server.order(&json!([{"on": "Receive", "does": "later", "times": 3}]));
    assert_eq!(exchange(server.settings("cat")).await.unwrap().output, REQUEST);
    assert_eq!(server.came("Send"), 1);
}

#[tokio::test]
async fn faults_are_told_with_their_number_and_a_hint() {
    let fault = |on: &str, kind: &str, code: u32, words: &str| json!({"on": on, "does": "fault", "kind": kind, "code": code, "words": words});
    let shells = "This user is allowed a maximum number of 30 concurrent shells, which has been exceeded.";
    for (order, reached, word, hint) in [
        (fault("Create", "InternalError", 2_150_859_173, shells), Reached::Nothing, "2150859173", "winrm/config/winrs"),
        (
            fault("Create", "QuotaLimit", 2_150_859_174, "Too many."),
            Reached::Nothing,
            "QuotaLimit",
            "winrm/config/winrs",
        ),
        (fault("Create", "InternalError", 99, shells), Reached::Nothing, "maximum number", "winrm/config/winrs"),
        (fault("Command", "QuotaLimit", 2_150_859_174, "Too many."), Reached::Nothing, "start the command", "quotas"),
        (
            fault("Create", "AccessDenied", 5, "Access is denied."),
            Reached::Refused,
            "Access is denied",
            "Remote Management",
        ),
        (fault("Create", "TimedOut", 2_150_858_793, "No."), Reached::Nothing, "make a shell", "Operational"),
        (fault("Command", "InternalError", 1, "Odd <&>."), Reached::Nothing, "Odd <&>.", "Operational"),
        (
            fault("Send", "AccessDenied", 5, "Access is denied."),
            Reached::Request,
            "take the request",
            "Remote Management",
        ),
        (fault("Send", "QuotaLimit", 2_150_859_174, "Too many."), Reached::Request, "QuotaLimit", "quotas"),
        (
            fault("Receive", "InvalidSelectors", 2_150_858_843, "No shell."),
            Reached::Request,
            "No shell.",
            "Operational",
        ),
    ] {
        let (server, broken) = broken_by(&order).await;
        assert_eq!(broken.reached, reached, "{order}: {broken:?}");
        assert!(broken.cause.contains(word) && broken.hint.contains(hint), "{order}: {broken:?}");
        assert_eq!(server.state()["shells"], 0, "{order}");
    }
}

#[tokio::test]
async fn a_real_quota_is_met_and_over_when_shells_are_free_again() {
    let server = Server::with(&json!({"shells": 1}), |_| ());
    let first = tokio::spawn(exchange(server.settings("cat >/dev/null; sleep 2")));
    while server.came("Send") == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let broken = exchange(server.settings("cat")).await.unwrap_err();
    assert_eq!(broken.reached, Reached::Nothing);
    assert!(broken.cause.contains("2150859173"), "{broken:?}");
    first.await.unwrap().unwrap();
    exchange(server.settings("cat")).await.unwrap();
}

#[tokio::test]
async fn a_logon_that_is_asked_for_again_in_the_middle_ends_the_exchange() {
    for (on, reached) in [("Command", Reached::Refused), ("Send", Reached::Request), ("Receive", Reached::Request)] {
        let (_, broken) = broken_by(&json!({"on": on, "does": "answer", "status": 401})).await;
        assert_eq!(broken.reached, reached, "{on}: {broken:?}");
    }
}

#[tokio::test]
async fn answers_that_are_none_of_winrms_are_not_understood() {
    let html = "<html><body>hello</body></html>";
    let empty = "<s:Envelope xmlns:s=\"x\"><s:Body/></s:Envelope>";
    for (on, answer, before, words) in [
        ("Create", json!({"status": 500, "body": html}), Reached::Nothing, "HTTP 500"),
        ("Create", json!({"status": 503}), Reached::Nothing, "HTTP 503"),
        ("Create", json!({"status": 404, "body": html}), Reached::Settings, "knows no /wsman"),
        ("Create", json!({"status": 403}), Reached::Refused, "HTTP 403"),
        (
            "Create",
            json!({"status": 302, "headers": {"Location": "https://elsewhere/"}}),
            Reached::Settings,
            "elsewhere",
        ),
        ("Create", json!({"status": 200, "body": html}), Reached::Nothing, "no SOAP"),
        ("Create", json!({"status": 200}), Reached::Nothing, "no SOAP"),
        ("Create", json!({"status": 200, "body": empty}), Reached::Nothing, "names no shell"),
        ("Command", json!({"status": 200, "body": empty}), Reached::Nothing, "names no command"),
        ("Send", json!({"status": 200, "body": html}), Reached::Request, "no SOAP"),
        ("Send", json!({"status": 404}), Reached::Request, "HTTP 404"),
        ("Receive", json!({"status": 200, "body": empty}), Reached::Request, "no output"),
        ("Receive", json!({"status": 500, "body": "\u{0}\u{1}"}), Reached::Request, "HTTP 500"),
    ] {
        let mut order = answer.clone();
        order.as_object_mut().unwrap().extend([("on".to_owned(), json!(on)), ("does".to_owned(), json!("answer"))]);
        let (_, broken) = broken_by(&order).await;
        assert_eq!(broken.reached, before, "{order}: {broken:?}");
        assert!(broken.cause.contains(words), "{order}: {broken:?}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off() {
    for (on, reached) in [("Create", Reached::Nothing), ("Receive", Reached::Request)] {
        let begun = Instant::now();
        let (_, broken) = broken_by(&json!({"on": on, "does": "endless"})).await;
        assert_eq!(broken.reached, reached, "{on}");
        assert!(begun.elapsed() < LIMIT / 2, "{on}: {:?}", begun.elapsed());
    }
}
