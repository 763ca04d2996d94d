//! The request is seen nowhere but on standard input over there.

use std::fmt::{Debug, Write as _};
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use providers::entra_connect::ssh::{Logon, Settings};
use providers::port::Secret;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::logon::{Agent, by_agent};
use crate::sshd::Sshd;
use crate::{LIMIT, exchange};

const SECRET: &str = "Zaunkönig\"7\\4711-Öffner\u{1}%geheim";
const PASSPHRASE: &str = "Siebenschläfer im Apfelbaum 38";

static SAID: Mutex<String> = Mutex::new(String::new());

struct Everything;

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

fn say(begin: &str, record: impl FnOnce(&mut Line<'_>)) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.push_str(begin);
    record(&mut Line(&mut said));
    said.push('\n');
}

impl tracing::Subscriber for Everything {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        say(span.metadata().target(), |line| span.record(line));
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        say("record", |line| values.record(line));
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        say(event.metadata().target(), |line| event.record(line));
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        say(record.target(), |line| write!(line.0, " {}", record.args()).unwrap());
    }
    fn flush(&self) {}
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // Whole groups alone: how the last one ends hangs on what follows.
    let groups = bytes.chunks_exact(3).map(|three| u32::from_be_bytes([0, three[0], three[1], three[2]]));
    groups.flat_map(|group| [18, 12, 6, 0].map(|shift| char::from(SIGNS[(group >> shift) as usize & 63]))).collect()
}

/// A secret in every form in which somebody may write it down.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex = |upper: bool, between: &str| {
        let pairs: Vec<String> =
            bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect();
        pairs.join(between)
    };
    let list = format!("{bytes:?}");
    vec![
        secret.to_owned(),
        serde_json::to_string(secret).unwrap().trim_matches('"').to_owned(),
        secret.escape_debug().to_string(),
        secret.escape_default().to_string(),
        bytes.escape_ascii().to_string(),
        base64(bytes),
        base64(&bytes[1..]),
        base64(&bytes[2..]),
        hex(false, ""),
        hex(true, ""),
        hex(false, " "),
        list.trim_matches(['[', ']']).to_owned(),
    ]
}

fn assert_hidden(text: &str, place: &str) {
    for secret in [SECRET, PASSPHRASE] {
        for form in forms(secret) {
            assert!(!text.contains(&form), "{place} shows {secret:?} as {form:?}");
        }
    }
}

fn request() -> Vec<u8> {
    let secret = serde_json::to_string(SECRET).unwrap();
    format!("{{\"operation\":{{\"secret\":{secret},\"plain\":\"{SECRET}\"}}}}\n").into_bytes()
}

#[tokio::test]
async fn no_log_shows_it_at_trace_level() {
    tracing::subscriber::set_global_default(Everything).unwrap();
    log::set_logger(&Everything).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    for form in forms(SECRET) {
        assert!(form.len() > 20, "{form:?} would be found by chance");
    }

    let server = Sshd::start();
    let file = server.add_user_key("sealed", &["-t", "ed25519"], PASSPHRASE);
    let sealed = |passphrase: &str| Settings {
        logon: Logon::KeyFile { file: file.clone(), passphrase: Some(Secret::new(passphrase)) },
        ..server.settings("cat")
    };
    say("settings", |line| write!(line.0, "{:?}", sealed(PASSPHRASE)).unwrap());
    exchange(sealed(PASSPHRASE), &request(), LIMIT).await.unwrap();
    let agent = Agent::start(&server.path(""));
    agent.add(&[], &server.path("user"));
    exchange(by_agent(server.settings("cat"), Some(agent.socket.clone())), &request(), LIMIT).await.unwrap();
    let mut told = vec![exchange(sealed(&format!("{PASSPHRASE}x")), &request(), LIMIT).await];
    for command in ["cat; exit 3", "cat >&2; kill -9 $$", "/nowhere", "cat; sleep 5"] {
        told.push(exchange(server.settings(command), &request(), Duration::from_secs(3)).await);
    }
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for witness in ["russh::client", "channel_data", "sign_request", "userauth_success"] {
        assert!(said.contains(witness), "{witness} is not in the log, so it is not the whole of it");
    }
    assert_hidden(&said, "the log");
    // An agent may say anything; what is our own text shows nothing.
    for broken in told.into_iter().filter_map(Result::err) {
        assert_hidden(&format!("{broken:?}"), "a fault");
    }
    assert_hidden(&server.log(), "the server's log");
}

#[tokio::test]
async fn no_process_shows_it() {
    let server = Sshd::start();
    let folder = server.path("");
    let command = format!(
        "cd {} && cat >got; cat /proc/[0-9]*/cmdline >cmdlines 2>/dev/null; cat /proc/$$/environ /proc/$PPID/environ \
         /proc/self/environ >environs 2>/dev/null; true",
        folder.display()
    );
    let answer = exchange(server.settings(&command), &request(), LIMIT).await.unwrap();
    assert_eq!(answer.status, Some(0), "{answer:?}");
    let text = |name: &str| String::from_utf8_lossy(&fs::read(server.path(name)).unwrap()).into_owned();
    assert!(text("got").contains(SECRET), "it did arrive");
    assert!(text("cmdlines").contains("sshd") && text("cmdlines").contains("/environ"));
    assert!(text("environs").contains("SSH_CONNECTION"));
    assert_hidden(&text("cmdlines"), "the process list");
    assert_hidden(&text("environs"), "the environment");
}
