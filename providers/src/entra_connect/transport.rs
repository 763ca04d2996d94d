use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::envelope::REPLY_BYTES_MAX;
use crate::port::{Fault, tenure};

/// Most bytes of an agent's standard error that are kept: its end.
pub const TALK_BYTES_MAX: usize = 4 * 1024;

/// What came back from an agent that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its standard output, at most [`REPLY_BYTES_MAX`] bytes.
    pub output: Vec<u8>,
    /// The end of its standard error, at most [`TALK_BYTES_MAX`] bytes.
    pub talk: Vec<u8>,
    /// The status it ended with; `None` = it was not told.
    pub status: Option<i64>,
}

/// How far an exchange had come when it broke. The meaning of the fault follows from it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Nothing was tried, or nothing can come of it: our own settings are wrong (a key file that can't be read, a host
    /// key that is not the known one).
    Settings,
    /// The other side refused us before any byte of the request had left: it knows us and says no. Or we may not act any
    /// more.
    Refused,
    /// No byte of the request had left: no connection, no logon in time.
    Nothing,
    /// A byte of the request may have left.
    Request,
}

/// An exchange that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// How far it had come.
    pub reached: Reached,
    /// The cause, a lower-case fragment. Never a byte of the request.
    pub cause: String,
    /// The operator's next step, one sentence; empty when there is nothing to add.
    pub hint: String,
}

impl Broken {
    /// A broken exchange without a hint.
    pub fn new(reached: Reached, cause: impl Into<String>) -> Self {
        Self { reached, cause: cause.into(), hint: String::new() }
    }

    /// The same with a next step for the operator.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// Asked by a transport right before the first byte of a request leaves, and before each further piece that it sends.
/// Whoever hands over a request that only looks does so outside any tenure.
pub async fn held() -> Result<(), Broken> {
    tenure::held("").await.map_err(|Fault { cause, hint, .. }| Broken::new(Reached::Refused, cause).hint(hint))
}

/// The way to an agent: one request, one answer.
///
/// Each call starts an agent at the other side, writes the request to its standard input, closes that, and reads until
/// the agent ends. It connects anew: between two calls may lie hours, and a connection that is kept can be half dead.
/// Whatever stands on the other side, a call
/// - ends `limit` after it began, or sooner;
/// - keeps no more than [`REPLY_BYTES_MAX`] and [`TALK_BYTES_MAX`] bytes; more output than that breaks the exchange;
/// - asks [`held`] when everything is ready and nothing but the request is left to send;
/// - says [`Reached::Request`] as soon as a byte of the request may have left, and nothing less after that;
/// - puts the request on encrypted wires and standard input alone: never into arguments, the environment or a log.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Whom it reaches and how, for messages: `ssh://rotator@connect1:22`.
    fn address(&self) -> &str;

    /// One exchange.
    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, limit: Duration) -> Result<Answer, Broken>;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Box<T> {
    fn address(&self) -> &str {
        (**self).address()
    }

    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, limit: Duration) -> Result<Answer, Broken> {
        (**self).exchange(request, limit).await
    }
}

/// Adds what came to what is there; `false` when that would be more than an agent may say.
pub(super) fn keep_output(output: &mut Vec<u8>, came: &[u8]) -> bool {
    let fits = output.len() + came.len() <= REPLY_BYTES_MAX;
    if fits {
        output.extend_from_slice(came);
    }
    fits
}

/// Adds what came on standard error, and forgets the beginning where it grows too long.
pub(super) fn keep_talk(talk: &mut Vec<u8>, came: &[u8]) {
    talk.extend_from_slice(&came[came.len().saturating_sub(TALK_BYTES_MAX)..]);
    let surplus = talk.len().saturating_sub(TALK_BYTES_MAX);
    talk.drain(..surplus);
}
