//! The right to act, carried beside the calls: a process that was suspended for too long may have lost it to another one,
//! and nothing on its way to the world tells it so.
//!
//! Whoever changes something asks [`held`] right before the request leaves. What remains is a stop between that answer and
//! the sending, a few instructions long; no client can close that gap, only a server that knows the tenure could.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::{Fault, Meaning};

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

/// Runs an operation that may send several requests. [`held`] knows of its own request alone; once one before it may have
/// left, a refusal for want of the tenure is no longer "surely unchanged".
pub async fn several<T>(operation: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let Some(inner) = current() else { return operation.await };
    let watched = Arc::new(Watched { inner, granted: AtomicBool::default(), lost: AtomicBool::default() });
    let answer = within(Some(watched.clone()), operation).await;
    let halfway = watched.granted.load(Ordering::SeqCst) && watched.lost.load(Ordering::SeqCst);
    answer.map_err(|fault| match fault.meaning {
        Meaning::Refused if halfway => Fault {
            meaning: Meaning::Unclear,
            cause: format!("stopped on the way, after something was sent: {}", fault.cause),
            ..fault
        },
        _ => fault,
    })
}

/// A tenure, and what it has said so far.
struct Watched {
    inner: Arc<dyn Tenure>,
    granted: AtomicBool,
    lost: AtomicBool,
}

#[async_trait]
impl Tenure for Watched {
    async fn holds(&self) -> Result<(), String> {
        let answer = self.inner.holds().await;
        if answer.is_ok() { &self.granted } else { &self.lost }.store(true, Ordering::SeqCst);
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Held for so many questions.
    struct Granted(AtomicUsize);

    #[async_trait]
    impl Tenure for Granted {
        async fn holds(&self) -> Result<(), String> {
            let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            left.map(drop).map_err(|_| "somebody else has it".to_owned())
        }
    }

    async fn asked_twice(times: usize) -> Result<(), Fault> {
        let ask = async {
            held("the first").await?;
            // On behalf of the same operation, as a task of its own.
            tokio::spawn(within(current(), async { held("the second").await })).await.expect("no panic")
        };
        within(Some(Arc::new(Granted(times.into()))), several(ask)).await
    }

    #[tokio::test]
    async fn a_refusal_says_whether_something_was_sent_before() {
        let meaning = |answer: Result<(), Fault>| answer.map_err(|fault| (fault.meaning, fault.doing));
        assert_eq!(meaning(asked_twice(0).await), Err((Meaning::Refused, "the first".to_owned())));
        assert_eq!(meaning(asked_twice(1).await), Err((Meaning::Unclear, "the second".to_owned())));
        assert_eq!(meaning(asked_twice(2).await), Ok(()));
        assert!(held("anything").await.is_ok(), "outside any tenure");
        let nobody_asks = within(None, held("a probe"));
        assert!(within(Some(Arc::new(Granted(0.into()))), nobody_asks).await.is_ok());
    }
}
