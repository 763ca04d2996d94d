//! What answers at the address is no WinRM, or nothing does.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use providers::entra_connect::Reached;
use providers::entra_connect::winrm::{Logon, Settings, WinrmTransport};
use providers::port::Secret;

use crate::bed::{exchange, within};
use crate::server::{HOST, PASSWORD, Server, USER};

fn settings(port: u16) -> Settings {
    Settings {
        url: format!("https://{HOST}:{port}/wsman"),
        ca_file: None,
        logon: Logon::Ntlm { user: USER.to_owned(), password: Secret::new(PASSWORD) },
        command: "cat".to_owned(),
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    }
}

/// Answers each connection with these bytes, and keeps what it was sent.
fn stranger(says: &'static [u8], keeps_open: bool) -> (u16, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("no port");
    let port = listener.local_addr().expect("no port").port();
    let heard = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("nobody came");
        stream.set_read_timeout(Some(Duration::from_secs(3))).expect("no limit");
        stream.write_all(says).expect("nobody listens");
        let mut heard = Vec::new();
        if keeps_open {
            let _ = stream.read_to_end(&mut heard);
        }
        heard
    });
    (port, heard)
}

#[tokio::test]
async fn plain_http_is_refused_before_anything_is_tried() {
    for url in ["http://connect1:5985/wsman", "HTTP://connect1", "connect1:5986", "wsman"] {
        let broken = WinrmTransport::new(Settings { url: url.to_owned(), ..settings(1) }).err().expect("it is refused");
        assert_eq!(broken.reached, Reached::Settings, "{url}");
        assert!(broken.hint.contains("https://"), "{broken:?}");
    }
    assert!(WinrmTransport::new(Settings { command: " ".to_owned(), ..settings(1) }).is_err());
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_tried() {
    let mut server = Server::new();
    let settings = server.settings("cat");
    server.kill();
    let broken = exchange(settings).await.unwrap_err();
    assert_eq!(broken.reached, Reached::Nothing);
    assert!(broken.cause.contains("refused") && broken.hint.contains("listen"), "{broken:?}");
    let broken = exchange(Settings { address: None, ..self::settings(9) }).await.unwrap_err();
    assert_eq!(broken.reached, Reached::Nothing, "a name that nobody knows: {broken:?}");
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_nothing() {
    for says in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\xff\x00\xff", b""] {
        let (port, heard) = stranger(says, !says.is_empty());
        let broken = exchange(settings(port)).await.unwrap_err();
        assert_eq!(broken.reached, Reached::Nothing, "{broken:?}");
        let heard = heard.join().unwrap();
        for secret in ["hunter2", "rotator", "Authorization", "POST"] {
            assert!(!heard.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
        }
    }
}

#[tokio::test]
async fn who_says_nothing_at_all_is_given_up() {
    let (port, _heard) = stranger(b"", true);
    let begun = Instant::now();
    let broken = within(settings(port), Duration::from_secs(1)).await.unwrap_err();
    assert_eq!((broken.reached, broken.cause.as_str()), (Reached::Nothing, "no answer within 1 s"));
    assert!(begun.elapsed() < Duration::from_millis(1500));
}

#[tokio::test]
async fn a_path_that_the_server_does_not_know_is_settings() {
    let server = Server::new();
    let url = server.settings("cat").url.replace("/wsman", "/other");
    let broken = exchange(Settings { url, ..server.settings("cat") }).await.unwrap_err();
    assert_eq!(broken.reached, Reached::Settings);
    assert!(broken.cause.contains("/other"), "{broken:?}");
}
