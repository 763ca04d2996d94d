//! A check in a task of its own and in bounded time.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use super::report::Outcome;
use super::verdict::Verdict;

/// Runs a check to its end. A panic is a failure, and so is one that does not end.
pub(super) async fn bounded(limit: Duration, check: impl Future<Output = Verdict> + Send + 'static) -> Outcome {
    let mut task = tokio::spawn(check);
    match timeout(limit, &mut task).await {
        Ok(Ok(verdict)) => verdict.into(),
        Ok(Err(error)) if error.is_panic() => {
            let payload = error.into_panic();
            let words = payload.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without words");
            Outcome::Failed(format!("a panic: {words}"))
        }
        Ok(Err(error)) => Outcome::Failed(format!("it did not end by itself: {error}")),
        Err(_) => {
            task.abort();
            Outcome::Failed(format!("it did not end within {} s", limit.as_secs()))
        }
    }
}
