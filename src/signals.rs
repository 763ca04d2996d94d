//! What the operating system or a person at the keyboard wants of the process.

use std::io;

/// Returns when the process is asked to end: SIGTERM or SIGINT; elsewhere Ctrl-C. `Err` = signals can't be had.
pub async fn asked_to_stop() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Returns when the process is asked to read its configuration anew: SIGHUP; elsewhere never.
pub async fn asked_to_reload() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup())?.recv().await;
        Ok(())
    }
    #[cfg(not(unix))]
    std::future::pending().await
}
