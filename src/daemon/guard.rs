//! What systemd is told: ready, alive, ending. Elsewhere nobody is told.
//!
//! The datagrams of sd_notify(3), sent without waiting: a service manager that reads none for a while (its queue is ten
//! long) must not stop a service that has passwords under way. That is why the crate for it is not used, which waits.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use super::board::Board;
use crate::clock::Clock;

/// How often the service manager is told that the service is ready before it is left alone, and the pause between.
const READY_TRIES: u32 = 60;
const READY_PAUSE: Duration = Duration::from_secs(1);

/// Tells that the service is up, and then in time that the keeper is at work, where systemd asks for that; is silent when
/// it is not.
pub(super) async fn watch(address: &str, board: Arc<Board>, clock: Arc<dyn Clock>) {
    for _ in 0..READY_TRIES {
        match tell(&format!("READY=1\nSTATUS=health and metrics on {address}\n")) {
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => clock.sleep(READY_PAUSE).await,
            told => {
                warn(told);
                break;
            }
        }
    }
    let Some(every) = asked_every() else { return std::future::pending().await };
    loop {
        if super::http::is_alive(&board, &*clock) {
            warn(tell("WATCHDOG=1\n"));
        }
        clock.sleep(every / 3).await;
    }
}

/// Tells that it ends.
pub(super) fn ending() {
    warn(tell("STOPPING=1\nSTATUS=what can wait is parked, the rest comes to its end\n"));
}

fn warn(told: io::Result<()>) {
    if let Err(cause) = told {
        tracing::warn!(%cause, "systemd could not be told");
    }
}

/// Without systemd there is nobody to tell.
fn tell(text: &str) -> io::Result<()> {
    #[cfg(unix)]
    return std::env::var_os("NOTIFY_SOCKET").map_or(Ok(()), |socket| send(socket.as_ref(), text));
    #[cfg(not(unix))]
    {
        let _ = text;
        Ok(())
    }
}

#[cfg(unix)]
fn send(socket: &std::path::Path, text: &str) -> io::Result<()> {
    let sender = std::os::unix::net::UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    sender.send_to(text.as_bytes(), socket).map(drop)
}

/// How often systemd asks to hear of this process, if it does (sd_watchdog_enabled(3)).
fn asked_every() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_other = number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id()));
    let every = number("WATCHDOG_USEC").filter(|micros| *micros > 0 && !is_other)?;
    Some(Duration::from_micros(every))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_manager_that_reads_nothing_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        assert_eq!(send(&path, "READY=1\n").unwrap_err().kind(), ErrorKind::NotFound);
        let manager = UnixDatagram::bind(&path).unwrap();
        let refused = (0..10_000).find_map(|_| send(&path, "WATCHDOG=1\n").err()).unwrap();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        let mut read = [0; 64];
        let length = manager.recv(&mut read).unwrap();
        assert_eq!(&read[..length], b"WATCHDOG=1\n");
        send(&path, "STOPPING=1\n").unwrap();
    }
}
