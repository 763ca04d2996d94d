//! What each kind of failure means, and that it says what to do and nothing secret.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use providers::hashicorp_vault::{HashicorpVault, Login, Settings};
use providers::port::{Fault, Meaning, Slot, Vault};
use serde_json::json;

use super::bed::{Bed, free_port};
use super::canned::Canned;
use super::{attempt, secret};

fn with(settings: Settings) -> HashicorpVault {
    HashicorpVault::new(settings).expect("the settings are not accepted")
}

async fn find(settings: Settings) -> Fault {
    with(settings).find("svc", Slot::Current).await.expect_err("this can't work")
}

async fn stage(settings: Settings) -> Fault {
    with(settings).stage("svc", &attempt("r1", &[]), &secret("hunter2")).await.expect_err("this can't work")
}

#[test]
fn an_address_without_tls_is_not_accepted() {
    let settings = Settings {
        url: "http://127.0.0.1:8200".into(),
        ca_file: None,
        mount: "secret".into(),
        namespace: None,
        login_namespace: None,
        client_certificate: None,
        login: Login::Token(secret("hunter2")),
    };
    assert!(!format!("{settings:?}").contains("hunter2"));
    let fault = HashicorpVault::new(settings).err().unwrap();
    assert_eq!(fault.meaning, Meaning::Broken);
    assert!(fault.hint.contains("https://"), "{fault}");
}

#[tokio::test]
async fn a_missing_right_is_named_with_its_path() {
    let bed = Bed::shared();
    let whole = Bed::policy("rights");
    let rule = |path: &str, old: &str, new: &str| {
        let at = whole.find(&format!("path \"{path}\"")).expect("the policy has no such rule");
        let (before, from) = whole.split_at(at);
        format!("{before}{}", from.replacen(old, new, 1))
    };
    let limited = |label: &str, policy: &str| {
        with(Settings { login: Login::Token(bed.token_with(label, policy)), ..bed.settings() })
    };
    bed.put("rights", &json!({"password": "old"}));

    let blind = limited("blind", &rule("secret/data/rights-pending", "\"read\", ", ""));
    let fault = blind.find("rights", Slot::Pending).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.hint.contains("\"read\" on \"secret/data/rights-pending\""), "{fault}");

    let no_write = rule("secret/data/rights-pending", "\"create\", \"read\", \"update\"", "\"read\"");
    let fault = limited("no-write", &no_write).stage("rights", &attempt("r1", &[]), &secret("new")).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.hint.contains("\"update\" on \"secret/data/rights-pending\""), "{fault}");
    assert_eq!(bed.get("rights-pending"), None);

    // With every right but the last: current has changed, so the fault must not say that nothing did.
    let no_destroy = limited("no-destroy", &rule("secret/destroy/rights-pending", "\"update\"", "\"deny\""));
    no_destroy.stage("rights", &attempt("r1", &[]), &secret("new")).await.unwrap();
    let fault = no_destroy.promote("rights", &attempt("r1", &[])).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Unclear);
    assert!(fault.hint.contains("\"update\" on \"secret/destroy/rights-pending\""), "{fault}");
    assert_eq!(bed.password("rights").as_deref(), Some("new"));

    // The shipped policy, whole, is enough to clean up.
    let all = limited("all", &whole);
    all.promote("rights", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.get("rights-pending"), None);

    let fault = find(Settings { login: Login::Token(secret("s.wrong")), ..bed.settings() }).await;
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(!fault.to_string().contains("s.wrong"), "{fault}");
}

#[tokio::test]
async fn sealed_and_gone_mean_later_and_the_data_outlives_both() {
    let bed = Bed::own();
    let vault = bed.vault(&["svc"]);
    vault.stage("svc", &attempt("r1", &[]), &secret("new")).await.unwrap();
    bed.run("seal", &[]);
    for fault in [find(bed.settings()).await, stage(bed.settings()).await] {
        assert_eq!(fault.meaning, Meaning::Later);
        assert!(fault.hint.contains("unseal"), "{fault}");
    }
    bed.start();
    assert_eq!(bed.password("svc-pending").as_deref(), Some("new"));

    bed.kill();
    let fault = stage(bed.settings()).await;
    assert_eq!(fault.meaning, Meaning::Later, "{fault}");
    assert!(fault.cause.contains("refused") && fault.hint.contains("running"), "{fault}");
    bed.start();
    vault.promote("svc", &attempt("r1", &[])).await.unwrap();
    assert_eq!(bed.password("svc").as_deref(), Some("new"));
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_says_how() {
    let bed = Bed::shared();
    let other = tempfile::tempdir().unwrap();
    let script = format!("{}/../tests/testbed/openbao", env!("CARGO_MANIFEST_DIR"));
    let made = Command::new(script).arg("cert").arg(other.path()).args(["x", "127.0.0.1"]).status().unwrap();
    assert!(made.success());
    let wrong = other.path().join("tls/ca.pem");
    let fault = stage(Settings { ca_file: Some(wrong.clone()), ..bed.settings() }).await;
    assert_eq!(fault.meaning, Meaning::Broken);
    assert!(fault.cause.contains("not issued by") && fault.cause.contains(wrong.to_str().unwrap()), "{fault}");
    assert!(fault.hint.contains("ca_file"), "{fault}");

    let fault = find(Settings { ca_file: None, ..bed.settings() }).await;
    assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
    assert!(fault.cause.contains("this machine"), "{fault}");

    let fault = stage(Settings { url: format!("https://localhost:{}", bed.port()), ..bed.settings() }).await;
    assert_eq!(fault.meaning, Meaning::Broken);
    assert!(fault.cause.contains("not valid for the name localhost"), "{fault}");
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_mean_later() {
    let bed = Bed::shared();
    let fault = stage(Settings { url: format!("https://127.0.0.1:{}", free_port()), ..bed.settings() }).await;
    assert_eq!(fault.meaning, Meaning::Later, "{fault}");

    // Takes the connection, never speaks TLS: nothing can have been sent.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let start = Instant::now();
    let fault = stage(Settings { url, ..bed.settings() }).await;
    assert_eq!(fault.meaning, Meaning::Later, "{fault}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(fault.cause.contains("5 s"), "{fault}");
}

fn canned(bed: &Bed, answer: &str) -> Canned {
    Canned::answering(&bed.file("tls/server.pem"), &bed.file("tls/server.key"), answer.to_owned())
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() {
    let bed = Bed::shared();
    let target = canned(&bed, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let location = format!("{}/v1/secret/data/svc", target.url());
    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let redirecting = canned(&bed, &answer);
    for fault in [
        find(Settings { url: redirecting.url(), ..bed.settings() }).await,
        stage(Settings { url: redirecting.url(), ..bed.settings() }).await,
    ] {
        assert_eq!(fault.meaning, Meaning::Refused);
        assert!(fault.cause.contains(target.url().strip_prefix("https://").unwrap()), "{fault}");
    }
    let token = bed.token();
    assert_eq!(redirecting.heads().len(), 2);
    assert!(redirecting.heads().iter().all(|head| head.contains(&token)));
    assert_eq!(target.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_is_not_the_vaults_is_never_taken_for_empty() {
    let bed = Bed::shared();
    let page = "content-type: text/html\r\ncontent-length: 7\r\n\r\nhunter2";
    for (status, read) in [
        ("200 OK", Meaning::Broken),
        ("404 Not Found", Meaning::Refused),
        ("500 Internal Server Error", Meaning::Later),
        ("502 Bad Gateway", Meaning::Later),
        ("429 Too Many Requests", Meaning::Later),
    ] {
        let server = canned(&bed, &format!("HTTP/1.1 {status}\r\n{page}"));
        let fault = find(Settings { url: server.url(), ..bed.settings() }).await;
        assert_eq!(fault.meaning, read, "{status}: {fault}");
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
    }
    let half = canned(&bed, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"data\":");
    assert_eq!(find(Settings { url: half.url(), ..bed.settings() }).await.meaning, Meaning::Later);
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(2 * 1024 * 1024));
    let fault = find(Settings { url: canned(&bed, &endless).url(), ..bed.settings() }).await;
    assert!(fault.cause.contains("longer than"), "{fault}");
}

#[tokio::test]
async fn a_wrong_mount_is_refused_and_version_1_is_noticed() {
    let bed = Bed::shared();
    let root = bed.root();
    let fault = find(Settings { mount: "nowhere".into(), login: root.clone(), ..bed.settings() }).await;
    assert_eq!(fault.meaning, Meaning::Refused);
    assert!(fault.hint.contains("nowhere/data/svc"), "{fault}");

    bed.run("bao", &["secrets", "enable", "-path=old", "-version=1", "kv"]);
    let old = Settings { mount: "old".into(), login: root, ..bed.settings() };
    let fault = stage(old.clone()).await;
    assert_eq!(fault.meaning, Meaning::Unclear);
    assert!(fault.hint.contains("version 2"), "{fault}");
    let fault = with(old).find("svc", Slot::Pending).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Broken);
    assert!(fault.hint.contains("version 2") && !fault.to_string().contains("hunter2"), "{fault}");
}

#[tokio::test]
async fn a_namespace_is_another_world() {
    let bed = Bed::shared();
    let root = bed.root();
    bed.run("bao", &["namespace", "create", "team"]);
    bed.run("bao", &["secrets", "enable", "-namespace=team", "-path=secret", "-version=2", "kv"]);
    let inside = with(Settings { namespace: Some("team/".into()), login: root.clone(), ..bed.settings() });
    assert!(inside.describe().contains("namespace team"), "{}", inside.describe());
    // The mount was made a moment ago and may still be preparing itself, which means later.
    let mut adopted = inside.adopt("spaced", &secret("inside")).await;
    for _ in 0..100 {
        match adopted {
            Err(fault) if fault.meaning == Meaning::Later => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => break,
        }
        adopted = inside.adopt("spaced", &secret("inside")).await;
    }
    let at = adopted.unwrap();
    assert_eq!(inside.read(&at).await.unwrap(), secret("inside"));
    assert_eq!(bed.get("spaced"), None);
    let fault = find(Settings { namespace: Some("nobody".into()), login: root, ..bed.settings() }).await;
    assert_eq!(fault.meaning, Meaning::Refused, "{fault}");
}

#[test]
fn a_proxy_in_the_environment_is_not_asked() {
    // The environment of this process is shared by all tests, so one of them runs again in a process of its own.
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_first_write_of_an_attempt_wins"])
        .envs([("HTTPS_PROXY", "http://127.0.0.1:1"), ("ALL_PROXY", "http://127.0.0.1:1"), ("NO_PROXY", "")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}
