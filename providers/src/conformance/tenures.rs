//! Tenures that are lost on order: after so many answers, or at a moment.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::port::tenure::{Tenure, within};

/// How long is looked whether something that was refused comes all the same.
pub(super) const AFTERWARDS: Duration = Duration::from_millis(150);

/// Held for so many questions, and lost from then on.
struct Granted(AtomicUsize);

#[async_trait]
impl Tenure for Granted {
    async fn holds(&self) -> Result<(), String> {
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| "the lease is another one's by now".to_owned())
    }
}

/// Held until then.
struct Until(Instant);

#[async_trait]
impl Tenure for Until {
    async fn holds(&self) -> Result<(), String> {
        if Instant::now() < self.0 { Ok(()) } else { Err("the lease ended meanwhile".to_owned()) }
    }
}

/// Runs a call under a tenure that is granted so many times.
pub(super) async fn granted<F: Future>(times: usize, call: F) -> F::Output {
    within(Some(Arc::new(Granted(times.into()))), call).await
}

/// Runs a call under a tenure that is lost already.
pub(super) async fn lost<F: Future>(call: F) -> F::Output {
    granted(0, call).await
}

/// Runs a call under a tenure that is lost so long after its beginning.
pub(super) async fn lost_after<F: Future>(time: Duration, call: F) -> F::Output {
    within(Some(Arc::new(Until(Instant::now() + time))), call).await
}
