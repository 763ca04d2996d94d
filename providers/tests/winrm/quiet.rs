//! Nothing secret is logged, by nobody: our own code, HTTP and TLS, at trace level.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, Once, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers::entra_connect::winrm::{Logon, Settings};
use providers::port::Secret;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::bed::{REQUEST, exchange};
use crate::server::{PASSWORD, Server, USER};

static SAID: Mutex<String> = Mutex::new(String::new());

struct Everything;

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("no memory");
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
        say(record.target(), |line| write!(line.0, " {}", record.args()).expect("no memory"));
    }
    fn flush(&self) {}
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Everything).expect("somebody listens");
        log::set_logger(&Everything).expect("somebody listens");
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// A secret in each form in which it may stand in a log, whole or as a part of something longer.
fn forms(secret: &str) -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut forms = vec![secret.to_owned()];
    for bytes in [secret.as_bytes(), &wide] {
        forms.extend([hex(bytes), hex(bytes).to_uppercase(), format!("{bytes:?}").replace(['[', ']'], "")]);
        // Inside something longer, base64 looks one of three ways; the ends are left out.
        for begin in 0..3 {
            let encoded = STANDARD.encode([&vec![0; begin], bytes].concat());
            forms.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    forms
}

#[tokio::test]
async fn no_secret_is_logged_at_trace_level() {
    listen();
    let server = Server::new();
    let wrong = Logon::Ntlm { user: USER.to_owned(), password: Secret::new("hunter2-wrong") };
    let mut said = Vec::new();
    for settings in [
        server.settings("cat"),
        server.by_certificate("cat"),
        Settings { logon: wrong, ..server.settings("cat") },
        Settings { ca_file: None, ..server.settings("cat") },
    ] {
        said.push(format!("{settings:?}"));
        if let Err(broken) = exchange(settings).await {
            said.push(format!("{broken:?}"));
        }
    }
    for (on, does) in
        [("Send", "before"), ("Send", "after"), ("Receive", "after"), ("Send", "fault"), ("Send", "answer")]
    {
        server
            .order(&json!([{"on": on, "does": does, "kind": "InternalError", "code": 1, "words": "x", "status": 500}]));
        said.push(format!("{:?}", exchange(server.settings("cat")).await.expect_err("it was answered")));
    }
    let heard = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    for known in ["rustls", "logged on by WinRM"] {
        assert!(heard.contains(known), "{known} is not heard at all");
    }
    said.push(heard.clone());
    let request = std::str::from_utf8(REQUEST).expect("text");
    for secret in [PASSWORD, "hunter2-wrong", request.trim(), "hunter2-request"] {
        for form in forms(secret) {
            assert!(!said.iter().any(|text| text.contains(&form)), "{form} of {secret} was said");
        }
    }
}
