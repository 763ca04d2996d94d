use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Notice;

/// How long one try to deliver may take, where a channel does not say otherwise.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// A way to tell people.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Its name, for tables, logs and metrics: out of a bounded set, without secrets.
    fn name(&self) -> &str;

    /// Whether it is for such notices.
    fn wants(&self, notice: &Notice) -> bool;

    /// Delivers, once. A second delivery of the same notice must do no harm: whether the first arrived can be unclear.
    async fn send(&self, notice: &Notice) -> Result<(), Undelivered>;

    /// How long one try may take.
    fn deadline(&self) -> Duration {
        DEADLINE
    }

    /// How long the other side asked to be left alone, when the last try failed.
    fn asked_wait(&self) -> Option<Duration> {
        None
    }
}

/// Why a notice was not delivered. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The cause, a lower-case fragment.
    pub cause: String,
    /// Whether another try is worth it.
    pub again: bool,
}

impl Undelivered {
    pub(super) fn for_now(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), again: true }
    }

    pub(super) fn for_good(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), again: false }
    }
}

/// One try, within the channel's deadline. A channel that panics has failed, no more.
pub async fn send_once(channel: &Arc<dyn Channel>, notice: &Arc<Notice>) -> Result<(), Undelivered> {
    let deadline = channel.deadline();
    let (channel, notice) = (channel.clone(), notice.clone());
    let mut attempt = Attempt(tokio::spawn(async move { channel.send(&notice).await }));
    match tokio::time::timeout(deadline, &mut attempt.0).await {
        Ok(Ok(came)) => came,
        Ok(Err(_)) => Err(Undelivered::for_now("the channel broke down")),
        Err(_) => Err(Undelivered::for_now(format!("not delivered within {} s", deadline.as_secs()))),
    }
}

/// A try that nobody waits for any more is given up.
struct Attempt(tokio::task::JoinHandle<Result<(), Undelivered>>);

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.abort();
    }
}
