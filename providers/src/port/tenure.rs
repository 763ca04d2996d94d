//! The right to act, carried beside the calls: a process that was suspended for too long may have lost it to another one,
//! and nothing on its way to the world tells it so.
//!
//! Whoever changes something asks [`held`] right before the request leaves. What remains is a stop between that answer and
//! the sending, a few instructions long; no client can close that gap, only a server that knows the tenure could.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;

use super::Fault;

/// A right to act that can be lost.
#[async_trait]
pub trait Tenure: Send + Sync {
    /// Asks whoever grants it, each time, within a deadline of its own. `Err` = lost, or nobody can say: then nothing may be
    /// done.
    async fn holds(&self) -> Result<(), String>;
}

tokio::task_local! {
    static TENURE: Option<Arc<dyn Tenure>>;
}

/// Runs `future` under a tenure; `None` = under one that can't be lost.
pub async fn within<F: Future>(tenure: Option<Arc<dyn Tenure>>, future: F) -> F::Output {
    TENURE.scope(tenure, future).await
}

/// The tenure that the caller runs under, for a task that is started on its behalf.
pub fn current() -> Option<Arc<dyn Tenure>> {
    TENURE.try_with(Clone::clone).ok().flatten()
}

/// Whether the caller may still act. The fault means: surely unchanged, nothing was sent.
pub async fn held(doing: &str) -> Result<(), Fault> {
    let Some(tenure) = current() else { return Ok(()) };
    tenure.holds().await.map_err(|lost| {
        Fault::refused(doing, format!("not sent: {lost}"))
            .hint("another process may be at work by now; what was begun is in the journal, and goes on there")
    })
}
