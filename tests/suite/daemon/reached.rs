//! Over HTTP: where it may be reached, with what token, over what TLS.

use std::net::TcpStream;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, pki_types::ServerName};

use super::configured::{ACCOUNT, Configured};
use super::process::parts;

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
    std::fs::write(configured.path("token"), "open-sesame-4711\n").expect("a token");
    configured.write(&format!("[serve]\ntoken = {{ file = {:?} }}\n", configured.path("token")));
    let mut service = configured.start();
    for headers in [
        "",
        "authorization: Bearer wrong\r\n",
        "authorization: Basic open-sesame-4711\r\n",
        "authorization: Bearer \r\n",
    ] {
        let (code, body) = service.get_with("/api/status", headers);
        assert_eq!(code, 401, "{headers:?}");
        assert!(!body.contains(ACCOUNT), "{body}");
    }
    let (code, body) = service.get_with("/api/status", "authorization: Bearer open-sesame-4711\r\n");
    assert_eq!(code, 200, "{body}");
    let status: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status["accounts"][ACCOUNT]["state"], "by-hand", "{status}");
    assert_eq!(service.get("/metrics").0, 200, "metrics ask for none");
    assert_eq!(service.get("/livez").0, 200);
    assert_eq!(service.stop(), Some(0));
    assert!(!service.said().contains("open-sesame"), "{}", service.said());
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
    let mut service = super::Service::spawn(configured.command(&words));
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
