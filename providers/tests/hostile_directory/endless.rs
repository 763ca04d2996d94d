//! Servers that never come to an end: in time, in size, in number.

use std::time::Duration;

use providers::port::{Directory, Meaning, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::bytes::{bound, element, entry, message, modified, reference, searched};
use crate::certificates::{Authority, GOOD};
use crate::server::{self, BIND, Session, narrow_tcp, tcp, tls};
use crate::world::{HOST, World, fault};

/// The adapter's own limits, and a little more for a busy machine.
const CONNECTING: Duration = Duration::from_secs(5 + 3);
const HANDSHAKE: Duration = Duration::from_secs(10 + 5);
const BINDING: Duration = Duration::from_secs(15 + 5);
const SEARCHING: Duration = Duration::from_secs(15 + 5);
const SETTING: Duration = Duration::from_secs(20 + 5);
/// A whole call.
const CALL: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(5);

/// All that has to be waited for, at the same time.
#[tokio::test]
async fn whoever_is_slow_is_given_up_in_time() {
    tokio::join!(
        a_handshake_that_never_comes_to_its_end(),
        an_address_that_swallows_everything(),
        an_answer_to_a_logon_a_byte_at_a_time(),
        an_answer_to_a_set_a_byte_at_a_time(),
        entries_one_by_one_just_not_the_last(),
        a_message_that_is_never_whole(),
        a_server_that_takes_nothing_has_not_got_the_set(),
        a_server_that_is_slow_in_everything(),
    );
}

async fn a_handshake_that_never_comes_to_its_end() {
    let silent = tcp(|mut stream| async move {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
    });
    // A handshake message of 16 MB, a byte at a time.
    let slow = tcp(|mut stream| async move {
        let begun = b"\x16\x03\x03\x40\x00\x02\xff\xff\xff".iter().chain(std::iter::repeat(&0));
        for byte in begun {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    let (silent, slow) = (silent.await, slow.await);
    let [silent, slow] = [&silent, &slow].map(|server| World::new(server.port, Authority::new().pem()));
    let both =
        tokio::join!(fault(silent.set(), Meaning::Later, HANDSHAKE), fault(slow.set(), Meaning::Later, HANDSHAKE),);
    for fault in [both.0, both.1] {
        assert!(fault.cause.contains("handshake within 10 s"), "{fault}");
    }
}

#[tokio::test]
async fn a_handshake_as_fast_as_it_can_without_end() {
    let server = tcp(|mut stream| async move {
        // Records of a handshake message that is as long as the format allows.
        let mut record = vec![0; 5 + 16 * 1024];
        record[..9].copy_from_slice(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff");
        while stream.write_all(&record).await.is_ok() {
            record[5..9].fill(0);
        }
    })
    .await;
    fault(World::new(server.port, Authority::new().pem()).set(), Meaning::Broken, SOON).await;
}

#[tokio::test]
async fn more_session_tickets_than_anybody_needs() {
    let authority = Authority::new();
    let mut config = (*authority.server(&GOOD)).clone();
    config.send_tls13_tickets = 40_000;
    let server = tls(config.into(), |mut session| async move {
        session.after_logon().await;
    })
    .await;
    let fault = fault(World::new(server.port, authority.pem()).set(), Meaning::Broken, BINDING).await;
    // rustls has a limit of its own for what is not data.
    assert!(fault.cause.contains("more than 4 MiB") || fault.cause.contains("buffer full"), "{fault}");
}

async fn an_answer_to_a_logon_a_byte_at_a_time() {
    let (world, _server) = server::world(|mut session| async move {
        let Some((id, BIND)) = session.request().await else { return };
        for byte in bound(id, 0, &"x".repeat(200)) {
            if session.send(&[byte]).await.is_none() {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
    let fault = fault(world.accepts(), Meaning::Later, BINDING).await;
    assert!(fault.cause.contains("no answer within 15 s"), "{fault}");
}

async fn an_answer_to_a_set_a_byte_at_a_time() {
    let (world, _server) = server::world(|mut session| async move {
        let Some((id, _)) = session.after_logon().await else { return };
        for byte in modified(id, 53, &"x".repeat(200)) {
            if session.send(&[byte]).await.is_none() {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
    let fault = fault(world.set(), Meaning::Unclear, SETTING).await;
    assert!(fault.cause.contains("no answer within 20 s"), "{fault}");
}

async fn entries_one_by_one_just_not_the_last() {
    let (world, _server) = server::world(|mut session| async move {
        let Some((id, _)) = session.after_logon().await else { return };
        while session.send(&reference(id)).await.is_some() {
            sleep(Duration::from_millis(300)).await;
        }
    })
    .await;
    let fault = fault(world.read(), Meaning::Later, SEARCHING).await;
    assert!(fault.cause.contains("no answer within 15 s"), "{fault}");
}

#[tokio::test]
async fn entries_without_end() {
    let big = "x".repeat(100 * 1024);
    // Small ones, large ones, hints that more lies elsewhere, and answers that are still on their way.
    let kinds: [fn(u8, &str) -> Vec<u8>; 4] = [
        |id, _| entry(id, "CN=x", &[("cn", "x")]),
        |id, big| entry(id, "CN=x", &[("cn", big)]),
        |id, _| reference(id),
        |id, _| message(id, &element(0x79, b"")),
    ];
    for kind in kinds {
        let big = big.clone();
        let (world, _server) = server::world(move |mut session| {
            let big = big.clone();
            async move {
                let Some((id, _)) = session.after_logon().await else { return };
                session.flood(&kind(id, &big)).await;
            }
        })
        .await;
        let fault = fault(world.read(), Meaning::Broken, SOON).await;
        assert!(fault.cause.contains("more objects than") || fault.cause.contains("more than 4 MiB"), "{fault}");
    }
}

#[tokio::test]
async fn messages_longer_than_any_answer() {
    // 4 GB, 2 GB, a little too much: known by their first bytes, and not waited for.
    for header in [&b"\x30\x84\xff\xff\xff\xff"[..], b"\x30\x84\x7f\xff\xff\xff", b"\x30\x83\x04\x00\x01"] {
        let (world, _server) = server::world(move |mut session| async move {
            let Some(_) = session.after_logon().await else { return };
            let _ = session.send(header).await;
            session.flood(&[0; 1024]).await;
        })
        .await;
        let fault = fault(world.set(), Meaning::Unclear, SOON).await;
        assert!(fault.cause.contains("longer than an answer may be"), "{fault}");
    }
}

/// As long as an answer may be, and never whole.
async fn a_message_that_is_never_whole() {
    let (world, _server) = server::world(|mut session| async move {
        let Some(_) = session.request().await else { return };
        let _ = session.send(b"\x30\x83\x03\xff\xff").await;
        session.linger().await;
    })
    .await;
    fault(world.accepts(), Meaning::Later, BINDING).await;
}

#[tokio::test]
async fn a_full_answer_of_nothing() {
    // What takes the most memory when it is taken apart: a quarter of a megabyte of empty values, five times.
    let values = element(0x31, &element(4, b"").repeat(120 * 1024));
    let attribute = element(0x30, &[element(4, b"cn"), values].concat());
    let content = element(0x64, &[element(4, b"CN=x"), element(0x30, &attribute)].concat());
    let (world, _server) = server::world(move |mut session| {
        let content = content.clone();
        async move {
            while let Some((id, _)) = session.after_logon().await {
                session.flood(&message(id, &content)).await;
            }
        }
    })
    .await;
    let fault = fault(world.read(), Meaning::Broken, SOON).await;
    assert!(fault.cause.contains("more objects than"), "{fault}");
}

async fn a_server_that_takes_nothing_has_not_got_the_set() {
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(authority.server(&GOOD));
    let server = narrow_tcp(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut session = Session { stream: acceptor.accept(stream).await.expect("the client is there") };
            let Some((id, BIND)) = session.request().await else { panic!("nobody logs on") };
            let _ = session.send(&bound(id, 0, "")).await;
            // The client's request is larger than what the network holds, and nobody reads it.
            sleep(Duration::from_secs(60)).await;
        }
    })
    .await;
    let world = World::new(server.port, authority.pem());
    let dn = format!("CN={},DC=contoso,DC=test", "x".repeat(5 * 1024 * 1024));
    let begun = std::time::Instant::now();
    let fault = world.directory.set_password(&dn, HOST, &Secret::new("New-1234")).await.expect_err("nobody answers");
    assert_eq!(fault.meaning, Meaning::Later, "{}", fault.cause);
    assert!(fault.cause.contains("no answer within 20 s"), "{}", fault.cause);
    assert!(begun.elapsed() < SETTING, "{:?}", begun.elapsed());
}

/// A listener whose queue is full lets every further connection wait.
async fn an_address_that_swallows_everything() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port of our own");
    let listener = socket.listen(1).expect("it is bound");
    let at = listener.local_addr().expect("it is bound");
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(500), TcpStream::connect(at)).await {
        queue.push(stream);
        assert!(queue.len() < 100, "the queue has no end");
    }
    let fault = fault(World::new(at.port(), Authority::new().pem()).set(), Meaning::Later, CONNECTING).await;
    assert!(fault.cause.contains("no connection to 127.0.0.1:"), "{fault}");
}

/// Each single answer comes in time, and there are many.
async fn a_server_that_is_slow_in_everything() {
    const EACH: Duration = Duration::from_secs(13);
    let (world, _server) = server::world(|mut session| async move {
        while let Some((id, kind)) = session.request().await {
            sleep(EACH).await;
            let answer = match kind {
                BIND => bound(id, 0, ""),
                _ => [entry(id, "CN=x,DC=contoso,DC=test", EVERYTHING), searched(id, 0)].concat(),
            };
            if session.send(&answer).await.is_none() {
                return;
            }
        }
    })
    .await;
    let fault = fault(world.directory.account("svc"), Meaning::Later, CALL).await;
    // What was left of the minute, not the 15 s of a search.
    let left = fault.cause.strip_prefix("no answer within ").and_then(|rest| rest.strip_suffix(" s"));
    assert!(left.and_then(|seconds| seconds.parse().ok()).is_some_and(|seconds: u32| seconds < 13), "{fault}");
}

/// Whatever is asked for, here it is.
const EVERYTHING: &[(&str, &str)] = &[
    ("currentTime", "20261121024623.0Z"),
    ("defaultNamingContext", "DC=contoso,DC=test"),
    ("rootDomainNamingContext", "DC=contoso,DC=test"),
    ("configurationNamingContext", "CN=Configuration,DC=contoso,DC=test"),
    ("schemaNamingContext", "CN=Schema,CN=Configuration,DC=contoso,DC=test"),
    ("dnsHostName", HOST),
    ("dsServiceName", "CN=NTDS Settings,CN=DC1,CN=Servers,CN=S,CN=Sites,CN=Configuration,DC=contoso,DC=test"),
    ("fSMORoleOwner", "CN=NTDS Settings,CN=DC1,CN=Servers,CN=S,CN=Sites,CN=Configuration,DC=contoso,DC=test"),
];
