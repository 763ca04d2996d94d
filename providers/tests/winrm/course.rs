//! What an agent is given and what comes back.

use std::time::{Duration, Instant};

use providers::entra_connect::winrm::WinrmTransport;
use providers::entra_connect::{Answer, Reached, TALK_BYTES_MAX, Transport};
use serde_json::json;

use crate::bed::{LIMIT, REQUEST, bytes, exchange, within};
use crate::server::Server;

#[tokio::test]
async fn the_request_arrives_and_both_outputs_and_the_status_come_back() {
    let server = Server::new();
    let answer = exchange(server.settings("cat; echo '<w\u{f6}rter & \u{1f511}>' >&2; exit 3")).await.unwrap();
    let talk = "<w\u{f6}rter & \u{1f511}>\n".as_bytes().to_vec();
    assert_eq!(answer, Answer { output: REQUEST.to_vec(), talk, status: Some(3) });
    let state = server.state();
    assert_eq!(state["shells"], 0, "nothing is left behind: {state}");
    assert_eq!(state["connections"], 1, "one connection, on which the logon is: {state}");
    let actions: Vec<_> = state["messages"].as_array().unwrap().iter().map(|message| message[0].clone()).collect();
    assert_eq!(actions.first(), Some(&json!("blank")), "logged on before anything is asked: {actions:?}");
    let options = &state["commands"][0]["options"];
    assert_eq!(*options, json!({"WINRS_CONSOLEMODE_STDIN": "FALSE", "WINRS_SKIP_CMD_SHELL": "FALSE"}));
}

#[tokio::test]
async fn the_longest_request_is_sent_in_pieces_and_arrives_whole() {
    let server = Server::with(&json!({"envelope": 40 * 1024}), |_| ());
    let request: Vec<u8> = (0..64 * 1024).map(|number| u8::try_from(number % 251).unwrap()).collect();
    let transport = WinrmTransport::new(server.settings("cat")).unwrap();
    let answer = transport.exchange(&bytes(&request), LIMIT).await.unwrap();
    assert!(answer.output == request, "{} bytes came back", answer.output.len());
    assert_eq!(server.came("Send"), 3);
}

#[tokio::test]
async fn a_mebibyte_of_output_comes_whole() {
    let server = Server::new();
    let line = "x".repeat(63);
    let answer = exchange(server.settings(&format!("cat >/dev/null; yes {line} | head -c 1048576"))).await.unwrap();
    assert!(answer.output == format!("{line}\n").repeat(16384).as_bytes(), "{} bytes", answer.output.len());
    assert_eq!(answer.status, Some(0));
}

#[tokio::test]
async fn characters_that_are_cut_between_two_replies_are_whole_again() {
    // Pieces of five bytes: each third character of three bytes is cut.
    let server = Server::with(&json!({"piece": 5}), |_| ());
    let text = "\u{20ac}\u{df}\u{1f511}\u{4f60}".repeat(10);
    let answer = exchange(server.settings(&format!("cat >/dev/null; printf %s '{text}'"))).await.unwrap();
    assert_eq!(String::from_utf8(answer.output).unwrap(), text);
}

#[tokio::test]
async fn more_output_than_an_agent_may_say_breaks_the_exchange() {
    let server = Server::with(&json!({"piece": 96 * 1024}), |_| ());
    let broken = exchange(server.settings("cat >/dev/null; yes | head -c 16777217; sleep 60")).await.unwrap_err();
    assert_eq!((broken.reached, broken.cause.as_str()), (Reached::Request, "the agent says more than it may"));
    assert_eq!(server.state()["shells"], 0, "the agent was ended");
}

#[tokio::test]
async fn of_much_talk_the_end_is_kept() {
    let server = Server::new();
    let answer = exchange(server.settings("cat >/dev/null; yes | head -c 100000 >&2; echo end >&2")).await.unwrap();
    assert_eq!(answer.talk.len(), TALK_BYTES_MAX);
    assert!(answer.talk.ends_with(b"y\nend\n") && answer.output.is_empty());
}

#[tokio::test]
async fn a_command_that_is_not_there_is_told_in_words() {
    let server = Server::new();
    let answer = exchange(server.settings("no-such-program agent")).await.unwrap();
    assert_eq!(answer.status, Some(127));
    assert!(String::from_utf8_lossy(&answer.talk).contains("no-such-program"), "{answer:?}");
}

#[tokio::test]
async fn an_agent_that_does_not_read_still_answers() {
    let server = Server::new();
    let answer = exchange(server.settings("echo done")).await.unwrap();
    assert_eq!((answer.output.as_slice(), answer.status), (&b"done\n"[..], Some(0)));
}

#[tokio::test]
async fn nothing_yet_is_asked_again_until_there_is_something() {
    let server = Server::with(&json!({"operation_s": 0.2}), |_| ());
    let answer = exchange(server.settings("cat; sleep 1; echo late")).await.unwrap();
    assert_eq!(answer.output, [REQUEST, b"late\n"].concat());
    assert!(server.came("Receive") > 4, "{}", server.state());
}

#[tokio::test]
async fn an_agent_that_takes_too_long_is_given_up_and_ended() {
    let server = Server::new();
    let begun = Instant::now();
    let limit = Duration::from_secs(3);
    let broken = within(server.settings("cat >/dev/null; sleep 60"), limit).await.unwrap_err();
    assert!(begun.elapsed() < limit + Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!((broken.reached, broken.cause.as_str()), (Reached::Request, "no answer within 3 s"));
    assert_eq!(server.state()["shells"], 0);
}

#[tokio::test]
async fn the_request_is_in_no_argument_and_no_environment() {
    let server = Server::new();
    let look = "cat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline /proc/$PPID/environ; cat >/dev/null";
    let answer = exchange(server.settings(look)).await.unwrap();
    let said = String::from_utf8_lossy(&answer.output);
    assert!(said.contains("cmdline"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// How long an exchange takes; printed, and held to a limit that tells a lost keep-alive or Nagle's wait.
#[tokio::test]
async fn an_exchange_is_quick() {
    let server = Server::new();
    let mut taken = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        exchange(server.settings("cat")).await.unwrap();
        taken.push(begun.elapsed());
    }
    taken.sort();
    println!("one exchange by WinRM over loopback: median {:?}, longest {:?}", taken[10], taken[19]);
    assert!(taken[10] < Duration::from_secs(1), "{taken:?}");
}
