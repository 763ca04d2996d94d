use serde_json::{Value, json};

use super::super::envelope::{Outcome, REPLY_MARK, REQUEST_BYTES_MAX, Reply};
use super::*;

const NAMES: [&str; 16] = [
    "describe",
    "pause-scheduler",
    "release-scheduler",
    "set-connector-password",
    "set-service-logon",
    "local-user",
    "change-local-password",
    "local-logon",
    "stop",
    "start",
    "restart",
    "stored-logon",
    "prove",
    "reset-entra-account",
    "events",
    "runs",
];

#[test]
fn the_name_on_the_wire_is_the_operations_own() {
    assert_eq!(operations().iter().map(Operation::name).collect::<Vec<_>>(), NAMES);
    for operation in operations() {
        let line: Value = serde_json::from_slice(&request(operation.clone()).encoded().unwrap()).unwrap();
        assert_eq!(line["operation"]["name"], operation.name());
    }
}

#[test]
fn a_request_is_one_line_and_reads_as_what_it_was() {
    for operation in operations() {
        let bytes = request(operation.clone()).encoded().unwrap();
        assert_eq!(bytes.iter().position(|byte| *byte == b'\n'), Some(bytes.len() - 1));
        assert_eq!(bytes.capacity(), REQUEST_BYTES_MAX, "a buffer that grew has left a copy behind");
        let read: Request = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((read.protocol, read.operation), (PROTOCOL, operation));
    }
}

/// Both sides may be of different builds: whoever changes this makes it another version of the protocol.
#[test]
fn version_1_of_the_wire_is_this() {
    assert_eq!(PROTOCOL, 1, "a new version has new samples");
    let change = Operation::ChangeLocalPassword {
        account: r".\größe".to_owned(),
        old: Hidden(Secret::new("o\"ld\\")),
        new: Hidden(Secret::new("nü€w")),
    };
    let bytes = request(change).encoded().unwrap();
    assert_eq!(
        str::from_utf8(&bytes).unwrap(),
        concat!(
            r#"{"protocol":1,"step":"engine:SYNC1/größe.test","operation":{"name":"change-local-password","#,
            r#""account":".\\größe","old":"o\"ld\\","new":"nü€w"}}"#,
            "\n"
        )
    );
    let paused = Operation::PauseScheduler { restore: true, restore_at: time("2026-11-21T12:00:00Z") };
    assert_eq!(
        serde_json::to_value(paused).unwrap(),
        json!({"name": "pause-scheduler", "restore": true, "restore_at": "2026-11-21T12:00:00Z"})
    );
    let fault = Fault::later("d", "c").hint("h").of(crate::port::FailureClass::Busy).retry_after_s(Some(3));
    let replies = [Outcome::Done(json!([null, true])), Outcome::Fault(fault), Outcome::Fault(Fault::unclear("d", "c"))];
    let lines =
        replies.map(|outcome| Reply { protocol: PROTOCOL, operation: "stop".to_owned(), outcome }.encoded().unwrap());
    assert_eq!(
        lines.concat(),
        concat!(
            r#"entra-rotator-reply {"protocol":1,"operation":"stop","outcome":{"done":[null,true]}}"#,
            "\n",
            r#"entra-rotator-reply {"protocol":1,"operation":"stop","outcome":{"fault":{"meaning":"later","#,
            r#""doing":"d","cause":"c","hint":"h","class":"busy","retry_after_s":3}}}"#,
            "\n",
            r#"entra-rotator-reply {"protocol":1,"operation":"stop","outcome":{"fault":{"meaning":"unclear","#,
            r#""doing":"d","cause":"c","hint":""}}}"#,
            "\n"
        )
    );
}

#[test]
fn version_1_of_the_values_is_this() {
    assert_eq!(
        serde_json::to_value(facts()).unwrap(),
        json!({
            "server": "SYNC1", "host": "SYNC1", "build": "2.6.92.0", "module": "", "staging": true,
            "engine_answers": true,
            "service": {"account": r".\größe", "state": "running", "process_id": 3104,
                        "started_at": "2026-11-18T10:00:00.0000001Z"},
            "scheduler": {"enabled": true, "suspended": false, "cycle_running": true, "next_cycle_at": null},
            "connectors": [{"name": "größe.test", "id": "1", "kind": "active-directory", "user": "MSOL_1",
                            "domain": "größe.test", "dc": null, "alternate_credentials": [["DC=a", "b"]],
                            "modified_at": null, "version": i64::MAX}],
            "open_programs": ["miisclient.exe"], "upgrading": false, "logon_dc": "dc1",
            "entra": {"type": "application", "certificate_ends_at": null, "managed": true},
        })
    );
    assert_eq!(
        serde_json::to_value(proof()).unwrap(),
        json!({"connector": "größe.test", "result": "no-start-credentials",
               "steps": [["Delta Import", "no-start-credentials"]],
               "connections": [["dc1", "failed-authentication"]], "at": "2026-11-21T11:00:00Z"})
    );
    assert_eq!(
        serde_json::to_value(user()).unwrap(),
        json!({"name": "größe", "password_set_at": "2026-11-20T11:00:00Z", "at": "2026-11-21T11:00:00Z",
               "refusals": ["the user is locked"], "length_min": 8})
    );
}

#[test]
fn every_text_comes_through_a_reply_whole() {
    let printable: String = ('\u{0}'..='\u{2ff}').chain(['\u{feff}', '\u{2028}', '\u{10348}', '\u{fffd}']).collect();
    for text in [printable, REPLY_MARK.to_owned(), format!("\n{REPLY_MARK}{{}}\n"), "x".repeat(1 << 20)] {
        let reply = Reply { protocol: PROTOCOL, operation: String::new(), outcome: Outcome::Done(json!(text)) };
        let line = reply.encoded().unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Reply::found_in(line.as_bytes()), Some(Ok(reply)));
    }
}
