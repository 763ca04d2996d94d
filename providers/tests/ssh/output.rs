//! What comes back.

use providers::entra_connect::envelope::REPLY_BYTES_MAX;
use providers::entra_connect::{Answer, Reached, TALK_BYTES_MAX};

use crate::sshd::Sshd;
use crate::{LIMIT, broken, exchange};

async fn answered(lines: &[&str], command: &str, request: &[u8]) -> Answer {
    let server = Sshd::with(lines);
    exchange(server.settings(command), request, LIMIT).await.unwrap()
}

#[tokio::test]
async fn one_mebibyte() {
    let answer = answered(&[], "cat >/dev/null; head -c 1048576 /dev/zero | tr '\\0' x", b"a request\n").await;
    assert_eq!(answer.status, Some(0));
    assert_eq!(answer.output.len(), 1024 * 1024);
    assert!(answer.output.iter().all(|byte| *byte == b'x'));
}

#[tokio::test]
async fn the_longest_request_goes_over_whole() {
    let request: Vec<u8> = (0..64 * 1024_u32).map(|number| (number % 251) as u8).collect();
    let answer = answered(&[], "cat", &request).await;
    assert!(answer.output == request, "{} bytes came back", answer.output.len());
}

#[tokio::test]
async fn as_much_as_an_agent_may_say_and_no_more() {
    let server = Sshd::start();
    let command = |bytes: usize| format!("cat >/dev/null; head -c {bytes} /dev/zero");
    let answer = exchange(server.settings(&command(REPLY_BYTES_MAX)), b"a request\n", LIMIT).await.unwrap();
    assert_eq!(answer.output.len(), REPLY_BYTES_MAX);
    let broken = broken(server.settings(&command(REPLY_BYTES_MAX + 1)), LIMIT).await;
    assert_eq!(broken.reached, Reached::Request);
    assert!(broken.cause.contains("says more than it may"), "{broken:?}");
}

#[tokio::test]
async fn of_the_talk_the_end_is_kept() {
    let answer = answered(&[], "cat; head -c 100000 /dev/zero | tr '\\0' x >&2; echo the end >&2", b"said\n").await;
    assert_eq!(answer.output, b"said\n");
    assert_eq!(answer.talk.len(), TALK_BYTES_MAX);
    assert!(answer.talk.ends_with(b"xthe end\n"));
}

#[tokio::test]
async fn bytes_that_are_no_ascii() {
    let mut request = "Grüße, Łódź, 密码, 🔑 \u{202e}\u{0}\r\n".as_bytes().to_vec();
    request.extend(0..=255_u8);
    let answer = answered(&[], "cat; printf '\\377\\376' >&2", &request).await;
    assert_eq!(answer.output, request);
    assert_eq!(answer.talk, [0xff, 0xfe]);
}

#[tokio::test]
async fn a_banner_and_a_profile_speak_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let banner = folder.path().join("banner");
    std::fs::write(&banner, "Authorized use only.\r\n".repeat(50)).unwrap();
    let lines = [
        format!("Banner {}", banner.display()),
        "ForceCommand echo Welcome; echo a warning >&2; eval \"$SSH_ORIGINAL_COMMAND\"".to_owned(),
    ];
    let answer = answered(&[&lines[0], &lines[1]], "cat", b"the reply\n").await;
    assert_eq!(answer.output, b"Welcome\nthe reply\n");
    assert_eq!(answer.talk, b"a warning\n");
}

#[tokio::test]
async fn a_command_that_fails() {
    let answer = answered(&[], "cat; echo so it is >&2; exit 3", b"said\n").await;
    assert_eq!(answer, Answer { output: b"said\n".to_vec(), talk: b"so it is\n".to_vec(), status: Some(3) });
}

#[tokio::test]
async fn a_command_that_is_not_there() {
    let answer = answered(&[], "/nowhere/entra-rotator agent", b"said\n").await;
    assert_eq!((answer.output.len(), answer.status), (0, Some(127)), "{answer:?}");
    assert!(String::from_utf8_lossy(&answer.talk).contains("/nowhere/entra-rotator"), "{answer:?}");
}

#[tokio::test]
async fn a_command_that_does_not_read() {
    let request = vec![b'x'; 64 * 1024];
    let answer = answered(&[], "exec <&-; echo done", &request).await;
    assert_eq!((answer.output.as_slice(), answer.status), (b"done\n".as_slice(), Some(0)));
}

#[tokio::test]
async fn a_command_ended_by_a_signal() {
    for (name, number) in [("TERM", 15), ("KILL", 9), ("SEGV", 11)] {
        let answer = answered(&[], &format!("cat; kill -{name} $$"), b"said\n").await;
        assert_eq!((answer.output.as_slice(), answer.status), (b"said\n".as_slice(), Some(128 + number)));
        assert!(String::from_utf8_lossy(&answer.talk).contains(&format!("ended by the signal {name}")), "{answer:?}");
    }
}

#[tokio::test]
async fn a_key_that_may_run_one_command_alone() {
    let server = Sshd::start();
    let keys = std::fs::read_to_string(server.path("authorized_keys")).unwrap();
    let keys = format!("restrict,command=\"cat; echo \\\"forced\\\"\" {keys}");
    std::fs::write(server.path("authorized_keys"), keys).unwrap();
    let answer = exchange(server.settings("echo not this one"), b"said\n", LIMIT).await.unwrap();
    assert_eq!((answer.output.as_slice(), answer.status), (b"said\nforced\n".as_slice(), Some(0)));
}

#[tokio::test]
async fn a_server_that_runs_no_commands() {
    let server = Sshd::with(&["MaxSessions 0"]);
    let broken = broken(server.settings("cat"), LIMIT).await;
    assert_eq!(broken.reached, Reached::Refused, "{broken:?}");
}
