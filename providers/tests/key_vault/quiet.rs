//! Nothing secret is logged, by nobody: our own code, Microsoft's crates, HTTP and TLS, at trace level.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, Once, PoisonError};

use providers::azure_key_vault::{AzureKeyVault, Identity};
use providers::port::{Slot, Vault};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::bed::{BY_CERTIFICATE, BY_FEDERATION, Bed, CLIENT_SECRET, FEDERATED, TENANT, attempt, secret};

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

#[tokio::test]
async fn no_secret_is_logged_at_trace_level() {
    listen();
    let bed = Bed::with(&json!({"page": 1}));
    let certificate = Identity::ClientCertificate {
        tenant_id: TENANT.to_owned(),
        client_id: BY_CERTIFICATE.to_owned(),
        certificate_file: bed.file("client.pem"),
        key_file: Some(bed.file("client.key")),
    };
    let federated = Identity::Workload {
        tenant_id: TENANT.to_owned(),
        client_id: BY_FEDERATION.to_owned(),
        token_file: bed.file("federated.token"),
    };
    let managed =
        Identity::Managed { client_id: None, metadata: Some(format!("http://127.0.0.1:{}", bed.port("metadata"))) };
    let arc = Identity::AzureArc {
        endpoint: Some(format!("http://127.0.0.1:{}", bed.port("arc"))),
        tokens_folder: Some(bed.file("tokens")),
    };
    for (number, identity) in [bed.by_secret(), certificate, federated, managed, arc].into_iter().enumerate() {
        let settings = bed.settings(identity);
        say("settings", |line| write!(line.0, "{settings:?}").unwrap());
        let vault = AzureKeyVault::new(settings).unwrap();
        let name = format!("quiet-{number}");
        vault.adopt(&name, &secret("hunter2-adopted")).await.unwrap();
        let staged = vault.stage(&name, &attempt("r1", &[]), &secret("hunter2-first")).await.unwrap();
        if number > 0 {
            // The others differ in how a token is asked for, which is done by now.
            continue;
        }
        vault.announce(&staged).await.unwrap();
        vault.read(&staged).await.unwrap();
        vault.stage(&name, &attempt("r2", &["r1"]), &secret("hunter2-second")).await.unwrap();
        vault.discard(&name, &attempt("r2", &[])).await.unwrap();
        bed.fault(&json!({"method": "PUT", "does": "after"}));
        let mut faults = vec![vault.promote(&name, &attempt("r1", &[])).await.unwrap_err()];
        bed.clear();
        vault.promote(&name, &attempt("r1", &[])).await.unwrap();
        vault.find(&name, Slot::Previous).await.unwrap();
        bed.control("POST", "/delete", &json!({"name": format!("{name}-pending")}));
        vault.stage(&name, &attempt("r3", &[]), &secret("hunter2-third")).await.unwrap();
        for does in ["429", "500", "before", "400", "401", "403"] {
            bed.fault(&json!({"times": -1, "does": does}));
            faults.push(vault.adopt(&name, &secret("hunter2-refused")).await.unwrap_err());
            bed.clear();
            bed.fault(&json!({"method": "PUT", "times": -1, "does": does}));
            faults.push(vault.adopt(&format!("{name}-x"), &secret("hunter2-refused")).await.unwrap_err());
            bed.clear();
        }
        let checks = vault.examine(std::slice::from_ref(&name)).await;
        say("told", |line| write!(line.0, "{faults:?} {checks:?} {:?}", vault.describe()).unwrap());
    }
    let key = std::fs::read_to_string(bed.file("client.key")).unwrap();
    let said = SAID.lock().unwrap().clone();
    // Everybody was heard: our own, Microsoft's, HTTP's and TLS's.
    for heard in
        ["providers::azure_key_vault", "typespec_client_core", "azure_core", "azure_identity", "reqwest", "rustls"]
    {
        assert!(said.contains(heard), "{heard} said nothing");
    }
    // `eyJ` is how every token and assertion begins, `hunter2` is in every value.
    for secret in ["hunter2", "eyJ", CLIENT_SECRET, FEDERATED, key.lines().nth(3).unwrap(), "Bearer ey", "Basic "] {
        if let Some(at) = said.find(secret) {
            let (from, to) = (at.saturating_sub(200), (at + 40).min(said.len()));
            panic!("{secret:?} was logged: {}", String::from_utf8_lossy(&said.as_bytes()[from..to]));
        }
    }
    let bytes = format!("{:?}", "hunter2".as_bytes());
    assert!(!said.contains(bytes.trim_matches(['[', ']'])), "a value was logged as bytes");
}
