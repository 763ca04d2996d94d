//! Servers that can't be trusted, or that speak something else.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use providers::port::{Fault, Meaning};
use tokio::io::AsyncWriteExt;

use crate::certificates::{Authority, GOOD, Leaf};
use crate::server::{tcp, tls};
use crate::world::{HOST, World, fault};

const SOON: Duration = Duration::from_secs(5);

/// A write to a server with that certificate. It must not get to see a single request.
async fn shown(leaf: &Leaf, trusted: Option<&Authority>) -> Fault {
    let authority = Authority::new();
    let server = tls(authority.server(leaf), |mut session| async move {
        assert!(session.request().await.is_none(), "a request reached a server that can't be trusted");
    })
    .await;
    let world = World::new(server.port, trusted.unwrap_or(&authority).pem());
    fault(world.set(), Meaning::Broken, SOON).await
}

#[tokio::test]
async fn a_certificate_of_another_authority() {
    let fault = shown(&GOOD, Some(&Authority::new())).await;
    assert!(fault.cause.contains("CA") || fault.cause.contains("issuer"), "{fault}");
    assert!(fault.hint.contains("ca_file"), "{fault}");
}

#[tokio::test]
async fn a_certificate_that_is_expired_or_not_valid_yet() {
    let fault = shown(&Leaf { years: (2000, 2020), ..GOOD }, None).await;
    assert!(fault.cause.contains("expired") && fault.hint.contains("renew"), "{fault}");
    let fault = shown(&Leaf { years: (2090, 2100), ..GOOD }, None).await;
    assert!(fault.cause.contains("not valid yet") && fault.hint.contains("clock"), "{fault}");
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let fault = shown(&Leaf { name: "dc9.contoso.test", ..GOOD }, None).await;
    assert!(fault.cause.contains(HOST) && fault.cause.contains("dc9.contoso.test"), "{fault}");
}

#[tokio::test]
async fn plain_text_of_many_kinds() {
    let ldap = crate::bytes::bound(1, 0, "");
    let kinds: [(&[u8], Meaning); 6] = [
        (b"220 mail.contoso.test ESMTP ready\r\n", Meaning::Broken),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Meaning::Broken),
        // Plain LDAP, on a port that should speak LDAPS.
        (&ldap, Meaning::Broken),
        (&[0; 4096], Meaning::Broken),
        (b"", Meaning::Later),
        (b"\x16", Meaning::Later),
    ];
    for (said, meaning) in kinds {
        let said = said.to_vec();
        let server = tcp(move |mut stream| {
            let said = said.clone();
            async move {
                stream.write_all(&said).await.expect("the client is there");
                // Taken, so that the end is not a reset.
                let mut hello = [0; 1024];
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut hello).await;
            }
        })
        .await;
        let world = World::new(server.port, Authority::new().pem());
        let fault = fault(world.set(), meaning, SOON).await;
        assert!(fault.hint.contains("LDAPS"), "{fault}");
    }
}

#[tokio::test]
async fn old_tls_as_a_server_would_choose_it() {
    // Version 3.1 is TLS 1.0: once refused by an alert, once chosen in a ServerHello.
    let alert = b"\x15\x03\x01\x00\x02\x02\x46".to_vec();
    let hello = [&b"\x02\x00\x00\x26\x03\x01"[..], &[7; 32], b"\x00\x00\x2f\x00"].concat();
    let hello = [&b"\x16\x03\x01\x00\x2a"[..], &hello].concat();
    for said in [alert, hello] {
        let server = tcp(move |mut stream| {
            let said = said.clone();
            async move {
                let _ = stream.write_all(&said).await;
                let mut rest = [0; 1024];
                while tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await.is_ok_and(|length| length > 0) {}
            }
        })
        .await;
        let fault = fault(World::new(server.port, Authority::new().pem()).set(), Meaning::Broken, SOON).await;
        assert!(fault.cause.contains("no common TLS") && fault.hint.contains("TLS 1.2"), "{fault}");
    }
}

/// OpenSSL's own server, ended when dropped.
struct OpenSsl(Child);

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        self.0.wait().expect("it was started here");
    }
}

#[tokio::test]
async fn old_tls_of_a_real_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
    for version in ["-tls1", "-tls1_1"] {
        let started = Command::new("openssl")
            .args(["s_server", version, "-cipher", "ALL:@SECLEVEL=0", "-accept", "127.0.0.1:0", "-key"])
            .arg(&key)
            .arg("-cert")
            .arg(&certificate)
            // It ends with its standard input.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut server = OpenSsl(started.expect("openssl is installed"));
        let output = BufReader::new(server.0.stdout.take().expect("it is piped"));
        let port = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse().ok())
            .expect("it says where it listens");
        let fault = fault(World::new(port, Authority::new().pem()).set(), Meaning::Broken, SOON).await;
        assert!(fault.cause.contains("no common TLS") && fault.hint.contains("TLS 1.2"), "{fault}");
    }
}
