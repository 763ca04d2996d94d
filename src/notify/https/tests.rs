use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::notice::tests::{hostile, notice};
use super::super::webhook::Webhook;
use super::super::{Channel, Heartbeat, Severity, Standing};
use super::*;
use crate::config::{HeartbeatConfig, NotifyConfig, Shape, WebhookConfig};

const PATH: &str = "/services/T00SECRET/xyzzy";

/// A TLS server that answers each connection with the next of its answers, and keeps what it was sent.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(answers: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).expect("it can be written");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key))
            .expect("it fits");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, kept): (Vec<String>, _) =
            (answers.iter().map(|text| (*text).to_owned()).collect(), asked.clone());
        let task = tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.expect("a connection");
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = Vec::new();
                while !is_whole(&request) {
                    let mut part = [0; 4096];
                    match stream.read(&mut part).await {
                        Ok(length @ 1..) => request.extend_from_slice(&part[..length]),
                        _ => break,
                    }
                }
                kept.lock().expect("unspoilt").push(String::from_utf8_lossy(&request).into_owned());
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { folder, port, asked, task }
    }

    fn address(&self) -> SecretRef {
        let file = self.folder.path().join("url");
        std::fs::write(&file, format!("https://localhost:{}{PATH}\n", self.port)).expect("it can be written");
        SecretRef { file: Some(file), env: None, credential: None, dpapi: None }
    }

    fn ca_file(&self) -> Option<PathBuf> {
        Some(self.folder.path().join("ca.pem"))
    }

    fn webhook(&self, shape: Shape) -> Webhook {
        let config =
            WebhookConfig { shape, url: self.address(), severity: Severity::Info, ca_file: self.ca_file(), key: None };
        Webhook::new(1, &config).expect("it is right")
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("unspoilt").clone()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a length"));
    request.len() >= head.len() + 4 + length
}

fn answer(status: &str, head: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{head}\r\n{body}", body.len())
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now: Timestamp = "1994-11-06T08:49:07Z".parse().expect("a time");
    assert_eq!(wait_in("120", now), Some(Duration::from_secs(120)));
    assert_eq!(wait_in("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(30)));
    assert_eq!(wait_in("Sun, 06 Nov 1994 08:48:37 GMT", now), Some(Duration::ZERO));
    assert_eq!(wait_in("soon", now), None);
}

#[tokio::test]
async fn the_status_says_whether_another_try_is_worth_it() {
    let answers = [
        answer("429 Too Many Requests", "Retry-After: 77\r\n", ""),
        answer("503 Service Unavailable", "Retry-After: 88\r\n", ""),
        answer("500 Internal Server Error", "Retry-After: 99\r\n", ""),
        answer("408 Request Timeout", "", ""),
        answer("400 Bad Request", "", "invalid_payload"),
        // A part of the address, which must not be shown.
        answer("404 Not Found", "", "xyzzy"),
        answer("301 Moved", "Location: https://localhost:1/\r\n", ""),
        "HTTP/1.1 200 OK\r\nContent-Length: 9".to_owned(),
        answer("202 Accepted", "", "ok"),
    ];
    let server = Server::start(&answers.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let webhook = server.webhook(Shape::Slack);
    let mut came = Vec::new();
    for _ in &answers {
        let sent = webhook.send(&hostile()).await.map_err(|undelivered| (undelivered.again, undelivered.cause));
        came.push((sent, webhook.asked_wait().map(|wait| wait.as_secs())));
    }
    let at = format!("https://localhost:{}", server.port);
    let failed = |again: bool, what: &str| Err((again, format!("{at} answered {what}")));
    assert_eq!(
        came[..7],
        [
            (failed(true, "429"), Some(77)),
            (failed(true, "503"), Some(88)),
            (failed(true, "500"), None),
            (failed(true, "408"), None),
            (failed(false, "400 (invalid_payload)"), None),
            (failed(false, "404"), None),
            (failed(false, "301, a redirect, which is not followed"), None),
        ]
    );
    let broken = came[7].0.as_ref().expect_err("the answer was cut off");
    assert!(broken.0 && broken.1.contains("broke"), "{broken:?}");
    assert_eq!(came[8], (Ok(()), None));
    let shown = format!("{came:?}");
    assert!(!shown.contains("SECRET") && !shown.contains("xyzzy"), "{shown}");
}

#[tokio::test]
async fn an_answer_that_is_lost_after_its_status_was_a_yes() {
    let server = Server::start(&["HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nok"]).await;
    assert_eq!(server.webhook(Shape::Json).send(&notice(Severity::Info, Standing::Event)).await, Ok(()));
}

#[tokio::test]
async fn nobody_there_and_nobody_trusted_show_no_address() {
    let server = Server::start(&[""]).await;
    let webhook = server.webhook(Shape::Teams);
    let other = Server::start(&["", ""]).await;
    std::fs::copy(server.folder.path().join("ca.pem"), other.folder.path().join("ca.pem")).expect("it can be copied");
    let distrustful = other.webhook(Shape::Teams);
    let undelivered = distrustful.send(&hostile()).await.expect_err("another's certificate");
    assert!(undelivered.cause.contains("ca_file") && !undelivered.cause.contains("xyzzy"), "{}", undelivered.cause);
    assert!(other.asked().is_empty(), "{:?}", other.asked());
    drop(server);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let undelivered = webhook.send(&hostile()).await.expect_err("nobody is there");
    assert!(undelivered.again && !undelivered.cause.contains("xyzzy"), "{}", undelivered.cause);
}

#[tokio::test]
async fn a_heartbeat_tells_well_from_unwell() {
    let answers = [answer("200 OK", "", "OK"), answer("200 OK", "", "OK"), answer("404 Not Found", "", "")];
    let server = Server::start(&answers.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let heartbeat = HeartbeatConfig { url: server.address(), every_min: 5, ca_file: server.ca_file() };
    let config = NotifyConfig { heartbeat: Some(heartbeat), ..NotifyConfig::default() };
    let heartbeat = Heartbeat::new(&config).expect("it is right").expect("there is one");
    assert_eq!(heartbeat.every(), Duration::from_secs(300));
    assert_eq!(heartbeat.beat(true).await, Ok(()));
    assert_eq!(heartbeat.beat(false).await, Ok(()));
    assert!(!heartbeat.beat(true).await.expect_err("it is not known there").again);
    let first: Vec<_> = server.asked().iter().map(|text| text.lines().next().unwrap_or_default().to_owned()).collect();
    assert_eq!(
        first,
        [format!("POST {PATH} HTTP/1.1"), format!("POST {PATH}/fail HTTP/1.1"), format!("POST {PATH} HTTP/1.1")]
    );
    assert!(Heartbeat::new(&NotifyConfig::default()).expect("none is right").is_none());
}

#[test]
fn an_address_that_is_none_is_refused_without_being_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    for text in ["http://localhost/xyzzy", "xyzzy", "https://", "file:///xyzzy", "https://[xyzzy]/"] {
        let file = folder.path().join("url");
        std::fs::write(&file, text).expect("it can be written");
        let address = SecretRef { file: Some(file), env: None, credential: None, dpapi: None };
        let fault = SecretAddress::new("webhook 1 (json)", &address, None).err().expect("it is refused");
        assert!(fault.to_string().contains("webhook 1") && !format!("{fault:?}").contains("xyzzy"), "{fault}");
    }
}
