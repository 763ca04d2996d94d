//! How long a whole call may take, whatever it is made of.
//!
//! Each request has a limit of its own; this one holds for all requests of a call together. It only ever shortens
//! them, and it is asked where they wait: so a write that runs out of time still knows whether it was sent.

use std::time::Duration;

use tokio::time::Instant;

/// For one call of the port: to connect, to log on and to write, each with its own limit, is 55 s.
const CALL_LIMIT: Duration = Duration::from_secs(55);

tokio::task_local! {
    static END: Instant;
}

/// Runs one call of the port, in time.
pub(super) async fn call<F: Future>(work: F) -> F::Output {
    // A call within a call ends with the outer one.
    let end = END.try_with(|&end| end).unwrap_or_else(|_| Instant::now() + CALL_LIMIT);
    END.scope(end, work).await
}

/// What is left of `limit` when the call must end before.
pub(super) fn within(limit: Duration) -> Duration {
    END.try_with(|&end| end.saturating_duration_since(Instant::now()).min(limit)).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_shortens_what_is_in_it() {
        const LONG: Duration = Duration::from_secs(3600);
        assert_eq!(within(LONG), LONG, "outside any call");
        call(async {
            assert!(within(LONG) <= CALL_LIMIT);
            assert_eq!(within(Duration::from_secs(1)), Duration::from_secs(1));
        })
        .await;
        END.scope(Instant::now(), async {
            assert_eq!(within(LONG), Duration::ZERO);
            call(async { assert_eq!(within(LONG), Duration::ZERO, "an inner call gets no time of its own") }).await;
        })
        .await;
    }
}
