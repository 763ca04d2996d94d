use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// That a service is to stop: given once, heard by whoever waits for it, a thread or a task of any runtime.
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<Heard>,
    given: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    given: bool,
    waiting: Vec<Waker>,
}

impl StopSignal {
    /// Whether it was given.
    pub fn is_given(&self) -> bool {
        self.lock().given
    }

    /// Waits in this thread until it is given, at most as long as `limit`; true = it was.
    pub fn wait(&self, limit: Duration) -> bool {
        let waited = self.0.given.wait_timeout_while(self.lock(), limit, |heard| !heard.given);
        waited.unwrap_or_else(PoisonError::into_inner).0.given
    }

    /// Waits in a task until it is given.
    pub fn given(&self) -> Given {
        Given(self.clone())
    }

    pub(crate) fn give(&self) {
        let waiting = {
            let mut heard = self.lock();
            heard.given = true;
            std::mem::take(&mut heard.waiting)
        };
        self.0.given.notify_all();
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        // Nothing in between can panic half-way.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ready when the signal was given.
#[derive(Debug)]
pub struct Given(StopSignal);

impl Future for Given {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut heard = self.0.lock();
        if heard.given {
            return Poll::Ready(());
        }
        if !heard.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            heard.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}
