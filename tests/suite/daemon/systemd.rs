//! What systemd is told, read from a socket of its kind.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Service, wait_until};
use crate::lab::Lab;

const WATCHDOG: Duration = Duration::from_secs(3);

struct Manager {
    socket: UnixDatagram,
    heard: Vec<(Instant, String)>,
}

impl Manager {
    /// Listens until it hears the word; every message is kept.
    fn hears(&mut self, word: &str) -> Instant {
        let begun = Instant::now();
        let mut buffer = [0; 4096];
        while begun.elapsed() < Duration::from_secs(20) {
            let Ok(length) = self.socket.recv(&mut buffer) else { continue };
            let text = String::from_utf8(buffer[..length].to_vec()).expect("UTF-8");
            self.heard.push((Instant::now(), text.clone()));
            if text.lines().any(|line| line == word) {
                return Instant::now();
            }
        }
        panic!("no {word} in {:?}", self.heard);
    }

    fn count(&self, word: &str) -> usize {
        self.heard.iter().filter(|(_, text)| text.lines().any(|line| line == word)).count()
    }
}

#[test]
fn systemd_hears_ready_alive_and_stopping() {
    let lab = Lab::made();
    let path = lab.dir().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a limit");
    let mut manager = Manager { socket, heard: Vec::new() };
    // As systemd does: the watchdog is the process's own, by its id.
    let words = ["serve", "--lab", "--listen", "127.0.0.1:0", "--log", "info", "--log-format", "json"];
    let inner = lab.command(&words);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "WATCHDOG_PID=$$ exec \"$0\" \"$@\""]).arg(inner.get_program()).args(inner.get_args());
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
    let mut service = Service::spawn(command);
    manager.hears("READY=1");
    let status = |line: &str| line.strip_prefix("STATUS=health and metrics on ")?.parse().ok();
    let told: Option<SocketAddr> = manager.heard.iter().find_map(|(_, text)| text.lines().find_map(status));
    let address = told.unwrap_or_else(|| panic!("no address in {:?}", manager.heard));
    TcpStream::connect_timeout(&address, Duration::from_secs(5)).expect("ready before it serves");
    service.serves();
    assert_eq!(address, service.address());
    let mut last = manager.hears("WATCHDOG=1");
    for _ in 0..3 {
        let next = manager.hears("WATCHDOG=1");
        assert!(next - last < WATCHDOG, "too late for the watchdog");
        last = next;
    }
    assert_eq!(manager.count("STOPPING=1"), 0);
    service.signal("TERM");
    manager.hears("STOPPING=1");
    assert_eq!(service.ended(), Some(0));
    assert_eq!(manager.count("READY=1"), 1);
}

#[test]
fn a_signal_right_after_ready_is_heeded() {
    for signal in ["TERM", "HUP"] {
        for _ in 0..5 {
            let lab = Lab::made();
            let path = lab.dir().join("notify");
            let socket = UnixDatagram::bind(&path).expect("a socket");
            socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a limit");
            let mut manager = Manager { socket, heard: Vec::new() };
            let mut command = lab.command(&["serve", "--lab", "--listen", "127.0.0.1:0", "--log-format", "json"]);
            command.env("NOTIFY_SOCKET", &path);
            let mut service = Service::spawn(command);
            manager.hears("READY=1");
            service.signal(signal);
            // A process that dies of it is gone by then.
            std::thread::sleep(Duration::from_millis(100));
            if signal == "HUP" {
                let refused = "entra_rotator_conditions{kind=\"configuration\",severity=\"alarm\"}";
                assert!(service.is_running(), "the signal ended it: {}", service.said());
                service.serves();
                wait_until("told that the lab has no configuration", &service, || service.metric(refused) == Some(1.0));
                service.signal("TERM");
            }
            assert_eq!(service.ended(), Some(0), "{signal}: {}", service.said());
        }
    }
}
