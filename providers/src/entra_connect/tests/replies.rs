//! What comes back, and what it means.

use serde_json::{Value, json};

use super::super::Reached;
use super::super::envelope::{Outcome, REPLY_MARK, Reply};
use super::*;
use crate::port::Meaning;

fn reply(operation: &str, value: Value) -> String {
    Reply { protocol: PROTOCOL, operation: operation.to_owned(), outcome: Outcome::Done(value) }.encoded().unwrap()
}

/// What a lost reply of this operation means.
fn lost(operation: &Operation) -> Meaning {
    if operation.acts() { Meaning::Unclear } else { Meaning::Later }
}

async fn meaning(transport: Canned, operation: &Operation) -> Fault {
    let fault = call(&remote(transport), operation).await.expect_err(operation.name());
    shows_no_secret(&format!("{fault} {fault:?}"));
    assert!(fault.cause.contains("canned") && fault.doing == operation.doing("connect-größe"), "{fault}");
    fault
}

#[test]
fn a_reply_is_found_wherever_it_stands() {
    let line = reply("stop", json!("größe"));
    let bare = line.trim_end();
    for output in [
        line.clone(),
        format!("{bare}\r\n"),
        format!("Welcome\n\n{line}"),
        format!("Welcome\r\n{bare}\r\nlogout\r\n"),
        format!("\u{feff}profile> {line}"),
        format!("{line}and more without an end"),
        format!("{line}{}", REPLY_MARK.trim_end()),
        format!("{}\u{1b}[2J{line}", "x".repeat(1 << 20)),
    ] {
        let found = Reply::found_in(output.as_bytes()).expect("there is one").expect("it can be read");
        assert_eq!((found.operation.as_str(), found.outcome), ("stop", Outcome::Done(json!("größe"))));
    }
    let mut bytes = vec![0xff, 0xfe, 0];
    bytes.extend(line.as_bytes());
    assert!(Reply::found_in(&bytes).is_some_and(|found| found.is_ok()));
}

#[test]
fn no_whole_reply_is_none() {
    let line = reply("stop", json!("größe"));
    for length in 0..line.len() {
        assert_eq!(Reply::found_in(&line.as_bytes()[..length]), None, "{length}");
    }
    for output in ["", "\n\n", "Welcome\n", "entra-rotator-reply\n", "Entra-Rotator-Reply {}\n", "{}\n"] {
        assert_eq!(Reply::found_in(output.as_bytes()), None, "{output}");
    }
}

#[test]
fn two_replies_or_a_spoilt_one_are_no_answer() {
    let line = reply("stop", Value::Null);
    for output in [
        format!("{line}{line}"),
        format!("{line}noise\n{line}"),
        format!("{REPLY_MARK}\n"),
        format!("{REPLY_MARK}rubbish\n"),
        format!("{REPLY_MARK}{}", line),
        line.replace("\"done\"", "\"perhaps\""),
        line.replace("\"outcome\"", "\"outcomes\""),
        line.replace('}', "} ").replace('\n', "x\n"),
    ] {
        assert!(Reply::found_in(output.as_bytes()).is_some_and(|found| found.is_err()), "{output}");
    }
}

#[tokio::test]
async fn what_has_no_answer_is_unclear_if_it_acts_and_for_later_if_it_looks() {
    for operation in operations() {
        let own = reply(operation.name(), Value::Null);
        let other = if operation == Operation::Stop { "start" } else { "stop" };
        for output in [
            String::new(),
            "Welcome\n".to_owned(),
            own[..own.len() - 1].to_owned(),
            format!("{own}{own}"),
            format!("{REPLY_MARK}rubbish\n"),
            reply(other, Value::Null),
            reply("", Value::Null),
            reply(operation.name(), json!({ "of": "another form" })),
        ] {
            let fault = meaning(Canned::saying(output.clone()), &operation).await;
            assert_eq!(fault.meaning, lost(&operation), "{} after {output:?}: {fault}", operation.name());
        }
    }
}

#[tokio::test]
async fn how_far_it_came_decides_what_it_means() {
    for operation in operations() {
        for (reached, wanted) in [
            (Reached::Settings, Meaning::Broken),
            (Reached::Refused, Meaning::Refused),
            (Reached::Nothing, Meaning::Later),
            (Reached::Request, lost(&operation)),
        ] {
            let broken = Broken::new(reached, "no route to host").hint("look at the network");
            let fault = meaning(Canned::one(Err(broken)), &operation).await;
            assert_eq!((fault.meaning, fault.hint.as_str()), (wanted, "look at the network"));
            assert_eq!(fault.cause, "no route to host (canned)");
        }
    }
}

/// Even a sound reply: what another version means by its words nobody knows. It does nothing at all.
#[tokio::test]
async fn an_agent_of_another_version_has_done_nothing() {
    for operation in operations() {
        for protocol in [0, 2] {
            let fault = Fault::unclear("d", "c");
            for outcome in [Outcome::Done(Value::Null), Outcome::Fault(fault)] {
                let reply = Reply { protocol, operation: operation.name().to_owned(), outcome };
                let fault = meaning(Canned::saying(reply.encoded().unwrap()), &operation).await;
                assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
                assert!(fault.cause.contains(&protocol.to_string()) && fault.hint.contains("both sides"), "{fault}");
            }
        }
    }
}

/// A request that an agent could not read: nothing was done, whatever it asked for.
#[tokio::test]
async fn an_agents_own_fault_has_no_operation() {
    let fault = Fault::broken("reading the request", "it is no request");
    let line = Reply { protocol: PROTOCOL, operation: String::new(), outcome: Outcome::Fault(fault.clone()) };
    let came = remote(Canned::saying(line.encoded().unwrap())).restart().await.unwrap_err();
    assert_eq!(came, fault);
}

#[tokio::test]
async fn what_a_shell_says_instead_is_told_in_one_plain_line() {
    for (output, talk, wanted) in [
        ("", "sh: 1: entra-rotator:\tnot found\r\n", ": sh: 1: entra-rotator: not found"),
        ("The term\n is not\u{1b}[0m known", " \n", ": The term is not [0m known"),
        ("", "", "gave no reply (canned)"),
    ] {
        let answer = Answer { output: output.into(), talk: talk.into(), status: Some(127) };
        let fault = meaning(Canned::one(Ok(answer)), &Operation::Stop).await;
        assert!(fault.cause.contains("with 127") && fault.cause.contains(wanted), "{fault}");
        assert!(!fault.cause.contains(char::is_control) && fault.hint.contains("--version"), "{fault:?}");
    }
    let answer = Answer { output: "ö".repeat(1 << 16).into_bytes(), ..Answer::default() };
    let fault = meaning(Canned::one(Ok(answer)), &Operation::Stop).await;
    assert!(fault.cause.chars().count() < 1000, "{}", fault.cause.len());
    assert!(fault.cause.contains("without a status"), "{fault}");
}

/// A shell that takes the request for a command and quotes it, in one piece or broken into lines.
#[tokio::test]
async fn a_shell_that_quotes_the_request_is_not_quoted() {
    for operation in operations() {
        let line = String::from_utf8(request(operation.clone()).encoded().unwrap().to_vec()).unwrap();
        let broken: String = line.chars().flat_map(|letter| [letter, '\n']).collect();
        let tail: String = line.chars().skip(line.chars().count().saturating_sub(15)).collect();
        for text in [line.clone(), broken, tail, format!("+ {line}: unexpected token")] {
            for (output, talk) in [(text.clone(), String::new()), (String::new(), text.clone())] {
                let answer = Answer { output: output.into(), talk: talk.into(), status: Some(1) };
                let fault = meaning(Canned::one(Ok(answer)), &operation).await;
                let quoted = fault.cause.contains(": ") && !fault.cause.contains("that quote the request");
                assert_eq!(quoted, operation.secrets().is_empty(), "{fault}");
            }
        }
    }
}

/// An agent is our own program as a rule; nothing holds the other side to that.
#[tokio::test]
async fn no_fault_of_an_agent_carries_a_secret_on() {
    for operation in operations().into_iter().filter(|operation| !operation.secrets().is_empty()) {
        for secret in operation.secrets() {
            let quoting = format!("no place for {} here", secret.expose());
            let fault = Fault::refused(quoting.clone(), quoting.clone()).hint(quoting);
            let line = Reply { protocol: PROTOCOL, operation: String::new(), outcome: Outcome::Fault(fault) };
            let came = call(&remote(Canned::saying(line.encoded().unwrap())), &operation).await.unwrap_err();
            assert!(came.meaning == Meaning::Refused && came.cause == "words that quote the request", "{came:?}");
            shows_no_secret(&format!("{came:?}"));
            // A reader says what it met where it wanted something else.
            let odd =
                json!({"protocol": PROTOCOL, "operation": operation.name(), "outcome": {"done": secret.expose()}});
            let came = meaning(Canned::saying(format!("entra-rotator-reply {odd}\n")), &operation).await;
            assert!(came.meaning == lost(&operation) && came.cause.contains("can't be read"), "{came:?}");
            shows_no_secret(&format!("{came:?}"));
        }
    }
    let long = Reply {
        protocol: PROTOCOL,
        operation: String::new(),
        outcome: Outcome::Fault(Fault::later("d", "ö".repeat(1 << 16))),
    };
    let came = remote(Canned::saying(long.encoded().unwrap())).stop().await.unwrap_err();
    assert!(came.cause.chars().count() < 5_000 && came.cause.ends_with('…'), "{}", came.cause.len());
}
