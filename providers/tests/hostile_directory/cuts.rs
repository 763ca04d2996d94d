//! Connections that are cut: after every byte of an answer, and after every byte of what the client sends. A cut before
//! the set was sent is `Later`, a cut after it is `Unclear`, and never the other way round.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use providers::port::Meaning;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bytes::{bound, farewell, modified, searched};
use crate::certificates::{Authority, GOOD};
use crate::server::{self, BIND, MODIFY, Session, tcp, tls};
use crate::world::{World, fault};

const SOON: Duration = Duration::from_secs(5);

/// How a connection ends.
#[derive(Clone, Copy)]
enum End {
    /// TLS says so, then TCP.
    Polite,
    /// TCP alone.
    Bare,
    /// A reset.
    Hard,
}

const ENDS: [End; 3] = [End::Polite, End::Bare, End::Hard];

impl End {
    async fn of(self, mut session: Session) {
        match self {
            Self::Polite => {
                let _ = session.stream.shutdown().await;
            }
            Self::Bare => {}
            Self::Hard => session.stream.get_ref().0.set_zero_linger().expect("it is a TCP stream"),
        }
    }
}

#[tokio::test]
async fn after_each_byte_of_the_answer_to_a_logon() {
    let whole = bound(1, 0, "");
    for end in ENDS {
        for length in 0..whole.len() {
            let (world, _server) = server::world(move |mut session| async move {
                let Some((id, BIND)) = session.request().await else { return };
                let _ = session.send(&bound(id, 0, "")[..length]).await;
                end.of(session).await;
            })
            .await;
            for call in [world.accepts().await.err(), world.set().await.err(), world.read().await.err()] {
                let fault = call.expect("there was no answer");
                assert_eq!(fault.meaning, Meaning::Later, "{length} bytes: {fault}");
            }
        }
    }
}

#[tokio::test]
async fn after_each_byte_of_the_answer_to_a_set() {
    let text = "0000052D: Constraint violation";
    let whole = modified(1, 19, text);
    for end in ENDS {
        for length in 0..=whole.len() {
            let (world, _server) = server::world(move |mut session| async move {
                let Some((id, MODIFY)) = session.after_logon().await else { panic!("nobody sets a password") };
                let _ = session.send(&modified(id, 19, text)[..length]).await;
                end.of(session).await;
            })
            .await;
            let fault = world.set().await.expect_err("it is refused, or there is no answer");
            // A reset may overtake what was sent before it.
            let answered = length == whole.len() && !matches!(end, End::Hard);
            if answered {
                assert_eq!(fault.meaning, Meaning::Refused, "{fault}");
            } else if length < whole.len() {
                assert_eq!(fault.meaning, Meaning::Unclear, "{length} bytes: {fault}");
            }
        }
    }
}

#[tokio::test]
async fn between_the_logon_and_the_set() {
    // The end comes with the answer to the logon, so it is there before the set could be sent.
    let (world, _server) = server::world(|mut session| async move {
        let Some((id, BIND)) = session.request().await else { return };
        let both = bound(id, 0, "");
        std::io::Write::write_all(&mut session.stream.get_mut().1.writer(), &both).expect("TLS takes it");
        session.stream.get_mut().1.send_close_notify();
        let _ = session.stream.shutdown().await;
    })
    .await;
    fault(world.set(), Meaning::Later, SOON).await;

    // A farewell comes with it.
    let (world, _server) = server::world(|mut session| async move {
        let Some((id, BIND)) = session.request().await else { return };
        let _ = session.send(&[bound(id, 0, ""), farewell(52, "the server shuts down")].concat()).await;
        session.linger().await;
    })
    .await;
    let fault = fault(world.set(), Meaning::Later, SOON).await;
    assert!(fault.cause.contains("the server shuts down"), "{fault}");
}

#[tokio::test]
async fn a_farewell_instead_of_an_answer() {
    let (world, _server) = server::world(|mut session| async move {
        while let Some((id, kind)) = session.request().await {
            let answer = match kind {
                BIND => bound(id, 0, ""),
                _ => farewell(52, "the server shuts down"),
            };
            let _ = session.send(&answer).await;
        }
    })
    .await;
    let unclear = fault(world.set(), Meaning::Unclear, SOON).await;
    assert!(unclear.cause.contains("the server shuts down"), "{unclear}");
    fault(world.read(), Meaning::Later, SOON).await;
}

/// What a cable between client and server saw.
#[derive(Default)]
struct Cable {
    /// Bytes of the client that are let through before the cut.
    length: AtomicUsize,
    /// Bytes of the client on the last connection.
    passed: AtomicUsize,
    /// Where the set began: what was passed when the server had answered the logon.
    before_the_set: AtomicUsize,
}

/// After every byte that the client sends, from the first of the handshake to the last of the set.
#[tokio::test]
async fn after_each_byte_of_what_the_client_sends() {
    let authority = Authority::new();
    let (cable, sets) = (Arc::new(Cable::default()), Arc::new(AtomicU32::new(0)));
    let counted = (Arc::clone(&cable), Arc::clone(&sets));
    let server = tls(authority.server(&GOOD), move |mut session| {
        let (cable, sets) = counted.clone();
        async move {
            while let Some((id, kind)) = session.request().await {
                let answer = match kind {
                    BIND => {
                        cable.before_the_set.store(cable.passed.load(Ordering::SeqCst), Ordering::SeqCst);
                        bound(id, 0, "")
                    }
                    MODIFY => {
                        sets.fetch_add(1, Ordering::SeqCst);
                        modified(id, 0, "")
                    }
                    _ => searched(id, 0),
                };
                if session.send(&answer).await.is_none() {
                    return;
                }
            }
        }
    })
    .await;
    let (inner, between) = (server.port, Arc::clone(&cable));
    let proxy = tcp(move |client| pass(client, inner, Arc::clone(&between))).await;
    let world = World::new(proxy.port, authority.pem());

    cable.length.store(usize::MAX, Ordering::SeqCst);
    world.set().await.expect("nothing is cut");
    let (all, before) = (cable.passed.load(Ordering::SeqCst), cable.before_the_set.load(Ordering::SeqCst));
    assert!(before > 200 && all > before + 100, "{before} of {all}");
    let (mut later, mut unclear) = (0, 0);
    // The goodbye is not of interest; where it begins varies by a byte or two with the signatures.
    for length in 0..all {
        cable.length.store(length, Ordering::SeqCst);
        let done = sets.load(Ordering::SeqCst);
        let result = tokio::time::timeout(SOON, world.set()).await.expect("it ends in time");
        // The server may still be at it.
        tokio::task::yield_now().await;
        let done = sets.load(Ordering::SeqCst) > done;
        match result.map_err(|fault| fault.meaning) {
            Err(Meaning::Later) => {
                assert!(!done, "{length}: it was done, and called undone");
                later += 1;
            }
            Err(Meaning::Unclear) => {
                assert!(length + 8 >= before, "{length} of {before}: it can't have been sent");
                unclear += 1;
            }
            Ok(()) => assert!(done, "{length}: it was called done, and is not"),
            Err(other) => panic!("{length}: {other}"),
        }
    }
    println!("{all} bytes, {before} before the set: {later} later, {unclear} unclear");
    assert!(later + 8 >= before && unclear > 100, "{later} later, {unclear} unclear");
}

/// Passes everything on, and cuts both sides after so many bytes of the client.
async fn pass(mut client: TcpStream, port: u16, cable: Arc<Cable>) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    server.set_nodelay(true).expect("it is a TCP stream");
    let (mut sent, mut answered) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let mut left = cable.length.load(Ordering::SeqCst);
    cable.passed.store(0, Ordering::SeqCst);
    loop {
        tokio::select! {
            length = client.read(&mut sent) => {
                let Ok(length @ 1..) = length else { return };
                let through = length.min(left);
                left -= through;
                cable.passed.fetch_add(through, Ordering::SeqCst);
                if server.write_all(&sent[..through]).await.is_err() || through < length || left == 0 {
                    return;
                }
            }
            length = server.read(&mut answered) => {
                let Ok(length @ 1..) = length else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
