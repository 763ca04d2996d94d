//! What systemd is told: ready, alive, ending. Elsewhere nobody is told.

use std::sync::Arc;

use super::board::Board;
use crate::clock::Clock;

/// Tells that the service is up.
pub(super) fn ready(address: &str) {
    tell(&format!("health and metrics on {address}"), State::Ready);
}

/// Tells that it ends.
pub(super) fn ending() {
    tell("what can wait is parked, the rest comes to its end", State::Ending);
}

/// Tells in time that the keeper is at work, where systemd asks for that; stays silent when it is not.
pub(super) async fn watch(board: Arc<Board>, clock: Arc<dyn Clock>) {
    let Some(every) = asked_every() else { return std::future::pending().await };
    loop {
        if super::http::is_alive(&board, &*clock) {
            tell("", State::Alive);
        }
        clock.sleep(every / 3).await;
    }
}

enum State {
    Ready,
    Alive,
    Ending,
}

#[cfg(unix)]
fn tell(status: &str, state: State) {
    use sd_notify::NotifyState;
    let state = match state {
        State::Ready => NotifyState::Ready,
        State::Alive => NotifyState::Watchdog,
        State::Ending => NotifyState::Stopping,
    };
    let states = [state, NotifyState::Status(status)];
    let told = if status.is_empty() { &states[..1] } else { &states[..] };
    // Without systemd there is nobody to tell.
    if let Err(cause) = sd_notify::notify(false, told) {
        tracing::warn!(%cause, "systemd could not be told");
    }
}

#[cfg(not(unix))]
fn tell(_status: &str, state: State) {
    match state {
        State::Ready | State::Alive | State::Ending => {}
    }
}

#[cfg(unix)]
fn asked_every() -> Option<std::time::Duration> {
    let mut micros = 0;
    sd_notify::watchdog_enabled(false, &mut micros).then(|| std::time::Duration::from_micros(micros))
}

#[cfg(not(unix))]
fn asked_every() -> Option<std::time::Duration> {
    None
}
