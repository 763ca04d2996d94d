//! How an exchange ends that has no answer, and how far it had come.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use providers::entra_connect::Reached;
use providers::entra_connect::ssh::Settings;
use tokio::time::sleep;

use crate::proxy::Proxy;
use crate::sshd::Sshd;
use crate::{LIMIT, broken, exchange};

/// Takes the request, tells by a file that it did, and stays away for longer than anybody waits.
fn slow(got: &Path) -> String {
    format!("cat >{0}.part; echo $PPID >{0}; sleep 8", got.display())
}

async fn until_written(file: &Path) -> String {
    for _ in 0..1000 {
        if let Ok(text) = fs::read_to_string(file)
            && text.ends_with('\n')
        {
            return text.trim().to_owned();
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{} was not written", file.display());
}

/// The same server, known by the same key, behind another port.
fn through(server: &Sshd, port: u16, command: &str) -> Settings {
    let host = fs::read_to_string(server.path("host.pub")).unwrap();
    let file = server.path(&format!("known_hosts_{port}"));
    fs::write(&file, format!("[127.0.0.1]:{port} {host}")).unwrap();
    Settings { port, known_hosts_file: file, ..server.settings(command) }
}

#[tokio::test]
async fn a_late_command() {
    let server = Sshd::start();
    let got = server.path("got");
    let begun = Instant::now();
    let broken = broken(server.settings(&slow(&got)), Duration::from_secs(4)).await;
    assert_eq!(broken.reached, Reached::Request, "{broken:?}");
    assert!(broken.cause.contains("no answer within 4 s"), "{broken:?}");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(6), "{took:?}");
    assert_eq!(fs::read(server.path("got.part")).unwrap(), b"a request\n");
}

#[tokio::test]
async fn cut_after_the_request_was_sent() {
    let server = Sshd::start();
    let got = server.path("got");
    let proxy = Proxy::start(server.port, usize::MAX).await;
    let settings = through(&server, proxy.port, &slow(&got));
    let (broken, ()) = tokio::join!(broken(settings, LIMIT), async {
        until_written(&got).await;
        proxy.cut();
    });
    assert_eq!(broken.reached, Reached::Request, "{broken:?}");
    assert!(broken.cause.contains("the connection was lost"), "{broken:?}");
}

/// Nothing comes any more and the connection stays: as when a firewall forgets it, or the other machine loses its power.
#[tokio::test]
async fn silent_after_the_request_was_sent() {
    let server = Sshd::start();
    let got = server.path("got");
    let proxy = Proxy::start(server.port, usize::MAX).await;
    let settings = through(&server, proxy.port, &slow(&got));
    let begun = Instant::now();
    let (broken, ()) = tokio::join!(broken(settings, Duration::from_secs(600)), async {
        until_written(&got).await;
        proxy.freeze();
    });
    assert_eq!(broken.reached, Reached::Request, "{broken:?}");
    assert!(broken.cause.contains("no sign of life"), "{broken:?}");
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(25) && took < Duration::from_secs(45), "{took:?}");
}

#[tokio::test]
async fn cut_before_a_byte_was_sent() {
    let server = Sshd::start();
    for bytes in [0, 10, 100, 1000] {
        let proxy = Proxy::start(server.port, bytes).await;
        let broken = broken(through(&server, proxy.port, "cat"), LIMIT).await;
        assert_eq!(broken.reached, Reached::Nothing, "after {bytes} bytes: {broken:?}");
    }
}

/// Wherever the wire is cut: where the other side had a byte of the request, nobody says that it had none.
#[tokio::test]
async fn cut_anywhere() {
    const CUTS: usize = 40;
    let server = Sshd::start();
    let command = |number: usize| format!("cat >{}", server.path(&format!("got{number}")).display());
    let request = [b'x'; 2000];
    let whole = Proxy::start(server.port, usize::MAX).await;
    exchange(through(&server, whole.port, &command(0)), &request, LIMIT).await.unwrap();
    let bytes = whole.passed.load(Ordering::SeqCst);
    let (mut nothing, mut sent) = (0, 0);
    for number in 1..CUTS {
        let proxy = Proxy::start(server.port, bytes * number / CUTS).await;
        let done = exchange(through(&server, proxy.port, &command(number)), &request, LIMIT).await;
        let Err(broken) = done else {
            // Only the farewell was cut off.
            assert!(number + 3 > CUTS, "cut {number} of {CUTS}: {done:?}");
            continue;
        };
        if broken.reached == Reached::Request {
            sent += 1;
            continue;
        }
        assert_eq!(broken.reached, Reached::Nothing, "cut {number} of {CUTS}: {broken:?}");
        nothing += 1;
        // What was under way arrives in this time, or never.
        sleep(Duration::from_millis(150)).await;
        let got = fs::read(server.path(&format!("got{number}"))).unwrap_or_default();
        assert!(got.is_empty(), "cut {number} of {CUTS}: {} bytes arrived, said was {broken:?}", got.len());
    }
    println!("{CUTS} cuts in {bytes} bytes: {nothing} before the request, {sent} after its first byte may have left");
    assert!(nothing > 10 && sent > 5, "{nothing} {sent}");
}

#[tokio::test]
async fn the_server_dies_in_the_middle() {
    let server = Sshd::start();
    let got = server.path("got");
    let (broken, ()) = tokio::join!(broken(server.settings(&slow(&got)), LIMIT), async {
        // The parent of the command is this connection's server.
        let parent = until_written(&got).await;
        assert!(Command::new("kill").args(["-KILL", &parent]).status().unwrap().success());
    });
    assert_eq!(broken.reached, Reached::Request, "{broken:?}");
}

#[tokio::test]
async fn nobody_listens() {
    let server = Sshd::start();
    let settings = server.settings("cat");
    drop(server);
    // The settings' files are gone with it.
    let other = Sshd::start();
    let settings = Settings { port: settings.port, ..other.settings("cat") };
    let broken = broken(settings, LIMIT).await;
    assert_eq!(broken.reached, Reached::Nothing, "{broken:?}");
    assert!(broken.cause.contains("refused"), "{broken:?}");
}

#[tokio::test]
async fn a_name_that_nobody_has() {
    let server = Sshd::start();
    let settings = Settings { host: "connect1.invalid".to_owned(), ..server.settings("cat") };
    let broken = broken(settings, LIMIT).await;
    assert_eq!(broken.reached, Reached::Nothing, "{broken:?}");
}

#[tokio::test]
async fn one_exchange_after_the_other() {
    const TIMES: usize = 20;
    let server = Sshd::start();
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        exchange(server.settings("cat"), b"a request\n", LIMIT).await.unwrap();
        took.push(begun.elapsed());
    }
    took.sort();
    println!("one exchange: {:?} at best, {:?} as a median of {TIMES}", took[0], took[TIMES / 2]);
    // Polite to the server, too: it saw a farewell each time.
    let farewells = server.log().matches("Received disconnect").count();
    assert!(farewells >= TIMES - 1, "{farewells}: {}", server.log());
}
