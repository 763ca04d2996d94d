//! What the operating system or a person at the keyboard wants of the process.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Orders to end: SIGTERM or SIGINT; on Windows Ctrl-C, or the Service Control Manager's. From its making on they no
/// longer end the process.
#[derive(Debug)]
pub struct Stops {
    /// The Service Control Manager says it once.
    #[cfg(windows)]
    heard: bool,
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
}

impl Stops {
    /// Begins to listen. `Err` = signals can't be had.
    pub fn heed() -> io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? });
        #[cfg(windows)]
        Ok(Self { heard: false })
    }

    /// Returns when the process is asked to end, once more each time. What came since the last time counts.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(windows)]
        {
            let interrupt = async {
                if tokio::signal::ctrl_c().await.is_err() {
                    std::future::pending().await
                }
            };
            match crate::windows_service::stop() {
                Some(stop) if !self.heard => tokio::select! {
                    () = stop.given() => self.heard = true,
                    () = interrupt => {}
                },
                _ => interrupt.await,
            }
        }
    }
}

/// Orders to read the configuration anew: SIGHUP; elsewhere there are none. From its making on they no longer end the
/// process.
#[derive(Debug)]
pub struct Reloads {
    #[cfg(unix)]
    hangup: Signal,
}

impl Reloads {
    /// Begins to listen. `Err` = signals can't be had.
    pub fn heed() -> io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self { hangup: signal(SignalKind::hangup())? });
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Returns when the process is asked to, once more each time. What came since the last time counts.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        self.hangup.recv().await;
        #[cfg(not(unix))]
        std::future::pending().await
    }
}
