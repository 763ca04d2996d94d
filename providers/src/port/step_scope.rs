//! The name of the step on whose behalf a call is made, carried beside the call rather than in it.
//!
//! Adapters use it for tracing; the lab uses it to inject a fault at an exact step. The names are those
//! that `plan` prints (`directory`, `engine:SERVER/CONNECTOR`), with `look:` before them while a step is
//! being looked at and `back:` while it is being undone (`look:back:directory`).

use std::future::Future;

tokio::task_local! {
    static STEP: String;
}

/// Runs `future` on behalf of the step named `step`.
pub async fn within<F: Future>(step: String, future: F) -> F::Output {
    STEP.scope(step, future).await
}

/// The step on whose behalf the caller runs; empty outside any step.
pub fn current() -> String {
    STEP.try_with(Clone::clone).unwrap_or_default()
}
