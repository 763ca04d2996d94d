//! Whoever listens there is no SSH server, or a bad one.

use std::time::{Duration, Instant};

use providers::entra_connect::ssh::Settings;
use providers::entra_connect::{Broken, Reached};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::sshd::Sshd;
use crate::{LIMIT, broken};

/// An exchange with somebody who says `first`, and then what `then` makes of the connection.
async fn with<F: Future<Output = ()>>(
    first: &[u8],
    limit: Duration,
    then: impl FnOnce(TcpStream) -> F,
) -> (Broken, Duration) {
    let server = Sshd::start();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = std::fs::read_to_string(server.path("known_hosts")).unwrap();
    std::fs::write(server.path("known_hosts"), text.replace(&server.port.to_string(), &port.to_string())).unwrap();
    let settings = Settings { port, ..server.settings("cat") };
    let begun = Instant::now();
    let (ended, ()) = tokio::join!(async { (broken(settings, limit).await, begun.elapsed()) }, async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(first).await;
        then(stream).await;
    });
    ended
}

/// Waits until the other side has gone.
async fn until_gone(mut stream: TcpStream) {
    let mut part = vec![0; 4096];
    while let Ok(1..) = stream.read(&mut part).await {}
}

#[tokio::test]
async fn it_says_nothing() {
    let (broken, took) = with(b"", Duration::from_secs(2), until_gone).await;
    assert_eq!(broken.reached, Reached::Nothing, "{broken:?}");
    assert!(broken.cause.contains("no SSH handshake within 2 s"), "{broken:?}");
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn the_logon_has_a_limit_of_its_own() {
    let (broken, took) = with(b"", Duration::from_secs(600), until_gone).await;
    assert_eq!(broken.reached, Reached::Nothing, "{broken:?}");
    assert!(took >= Duration::from_secs(20) && took < Duration::from_secs(25), "{took:?}");
}

/// The session is a task of its own in russh: it must end with the exchange, or the next ones find their sockets used up.
#[tokio::test]
async fn it_falls_silent_in_the_handshake_and_is_left_alone() {
    let (broken, _) = with(b"SSH-2.0-silent\r\n", Duration::from_secs(1), |stream| async {
        timeout(Duration::from_secs(5), until_gone(stream)).await.expect("the connection was ended");
    })
    .await;
    assert_eq!(broken.reached, Reached::Nothing, "{broken:?}");
}

#[tokio::test]
async fn it_speaks_another_protocol() {
    let (broken, _) = with(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", LIMIT, |stream| async {
        drop(stream);
    })
    .await;
    assert_eq!(broken.reached, Reached::Nothing, "{broken:?}");
}

#[tokio::test]
async fn it_speaks_without_end() {
    let (broken, took) =
        with(b"", LIMIT, |mut stream| async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} }).await;
    assert_eq!(broken.reached, Reached::Nothing, "{broken:?}");
    assert!(broken.cause.contains("no SSH server"), "{broken:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn it_sends_rubbish_in_the_handshake() {
    for rubbish in [[0xff_u8; 512], [0; 512], [0x14; 512]] {
        let (broken, took) = with(b"SSH-2.0-rubbish\r\n", Duration::from_secs(5), |mut stream| async move {
            let _ = stream.write_all(&rubbish).await;
            until_gone(stream).await;
        })
        .await;
        assert_eq!(broken.reached, Reached::Nothing, "{broken:?}");
        assert!(took < Duration::from_secs(7), "{took:?}");
    }
}
