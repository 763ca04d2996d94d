//! Over HTTP: where it may be reached, with what token, over what TLS.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;

use entra_rotator::journal::State;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, pki_types::ServerName};

use super::configured::{ACCOUNT, Configured};
use super::process::{parts, states};
use super::{Service, wait_until};
use crate::lab::Lab;

#[test]
fn beyond_loopback_only_over_tls() {
    let configured = Configured::new("");
    let refused = configured.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("over TLS only") && refused.stderr.contains("next step"), "{refused:?}");
    assert!(!refused.stderr.contains("serving;"), "{refused:?}");
    let lab = configured.lab.run("serve --lab --listen 0.0.0.0:0");
    assert_eq!(lab.code, Some(2), "{lab:?}");
    configured.write("[serve]\nlisten = \"[::]:0\"\n");
    assert_eq!(configured.run(&["serve"]).code, Some(2), "by the configuration");
}

#[test]
fn a_taken_address_is_told() {
    let configured = Configured::new("");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let refused = configured.run(&["serve", "--listen", &address]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains(&address) && refused.stderr.contains("listen"), "{refused:?}");
}

#[test]
fn status_is_for_whoever_has_the_token() {
    let configured = Configured::new("");
    std::fs::write(configured.path("token"), "open-sesame-4711-4711\n").expect("a token");
    configured.write(&format!("[serve]\ntoken = {{ file = {:?} }}\n", configured.path("token")));
    let mut service = configured.start();
    for headers in [
        "",
        "authorization: Bearer wrong\r\n",
        "authorization: Basic open-sesame-4711-4711\r\n",
        "authorization: Bearer \r\n",
    ] {
        for path in ["/api/status", "/metrics"] {
            let (code, body) = service.get_with(path, headers);
            assert_eq!(code, 401, "{path} {headers:?}");
            assert!(!body.contains(ACCOUNT), "{body}");
        }
    }
    let right = "authorization: Bearer open-sesame-4711-4711\r\n";
    let (code, body) = service.get_with("/api/status", right);
    assert_eq!(code, 200, "{body}");
    let status: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status["accounts"][ACCOUNT]["state"], "by-hand", "{status}");
    let (code, body) = service.get_with("/metrics", right);
    assert!(code == 200 && body.contains(ACCOUNT), "{body}");
    assert_eq!(service.get("/livez").0, 200);
    assert_eq!(service.stop(), Some(0));
    assert!(!service.said().contains("open-sesame"), "{}", service.said());
    assert!(service.said().contains("a wrong token was shown"), "{}", service.said());
    std::fs::write(configured.path("token"), "nineteen-characters\n").expect("a token");
    let refused = configured.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("the token of [serve] is shorter than 20 characters"), "{refused:?}");
    assert!(!refused.stderr.contains("nineteen-c"), "{refused:?}");
}

/// What the process may have open; fewer than what connects to it.
const DESCRIPTORS: u32 = 256;

#[tokio::test]
async fn who_connects_and_says_nothing_takes_no_descriptor_of_a_rotation() {
    let lab = Lab::made();
    lab.order("slow:quiesce:SYNC1");
    let words =
        ["serve", "--lab", "--listen", "127.0.0.1:0", "--log", "info,entra_rotator=debug", "--log-format", "json"];
    let command = lab.command(&words);
    let mut bounded = Command::new("sh");
    bounded.args(["-c", &format!("ulimit -n {DESCRIPTORS}; exec \"$0\" \"$@\"")]);
    bounded.arg(command.get_program()).args(command.get_args()).env_remove("ENTRA_ROTATOR_CONFIG");
    let mut service = Service::spawn(bounded);
    service.serves();
    let address = service.address();
    let silent: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    let open = || std::fs::read_dir(format!("/proc/{}/fd", service.id())).expect("its descriptors").count();
    let most = std::cell::Cell::new(0);
    wait_until("finished", &service, || {
        most.set(most.get().max(open()));
        service.log().iter().any(|line| line["message"] == "finished")
    });
    assert!(most.get() < 150, "{} descriptors", most.get());
    assert_eq!(from_elsewhere(address).await, (200, "alive\n".to_owned()));
    drop(silent);
    assert_eq!(service.stop(), Some(0), "{}", service.said());
    lab.expect("all=p2 previous=p1", "silent connections");
    assert_eq!(states(&lab).await, [(ACCOUNT.to_owned(), State::Closed)]);
}

/// What `/livez` says to another address of this machine.
async fn from_elsewhere(address: SocketAddr) -> (u16, String) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 2], 0).into()).expect("an address of this machine");
    let mut stream = socket.connect(address).await.expect("it listens");
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    parts(&answer)
}

async fn over_tls(port: u16, trusted: &rcgen::Certificate) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    // A peer that hangs up without a farewell has answered all the same.
    let _ = stream.read_to_end(&mut answer).await;
    Ok(String::from_utf8(answer).expect("UTF-8"))
}

#[tokio::test]
async fn with_a_certificate_it_is_https() {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let configured = Configured::new("");
    let (cert, key) = (configured.path("cert.pem"), configured.path("key.pem"));
    std::fs::write(&cert, own.cert.pem()).expect("written");
    std::fs::write(&key, own.signing_key.serialize_pem()).expect("written");
    configured.write(&format!("[serve.tls]\ncert_file = {cert:?}\nkey_file = {key:?}\n"));
    let words = ["serve", "--listen", "0.0.0.0:0", "--log-format", "json"];
    let mut service = Service::spawn(configured.command(&words));
    service.serves();
    let port = service.address().port();
    let answer = over_tls(port, &own.cert).await.expect("an answer");
    assert_eq!(parts(&answer), (200, "alive\n".to_owned()));
    assert!(over_tls(port, &other.cert).await.is_err(), "another certificate is no proof");
    // In the clear there is no answer.
    let mut plain = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    std::io::Write::write_all(&mut plain, b"GET /livez HTTP/1.1\r\n\r\n").expect("sent");
    plain.set_read_timeout(Some(std::time::Duration::from_secs(5))).expect("a limit");
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut plain, &mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("alive"));
    assert_eq!(service.stop(), Some(0));

    std::fs::write(&key, other.signing_key.serialize_pem()).expect("written");
    let refused = configured.run(&words);
    assert_eq!(refused.code, Some(2), "a key of another certificate: {refused:?}");
    std::fs::remove_file(&cert).expect("removed");
    let refused = configured.run(&words);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("cert.pem"), "{refused:?}");
}
