//! Signed heads of the history leave the machine. A head covers all before it, so only the newest counts: what was not delivered is
//! delivered with the next one. Nobody waits for it but at a command's end.

mod file;
mod syslog;
mod webhook;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use file::last_line;

use self::file::HeadFile;
use self::syslog::Syslog;
use self::webhook::HeadWebhook;
use super::channel::{DEADLINE, Undelivered};
use crate::config::{SendConfig, SendKind};

/// How long after a failure the same head is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// How often somebody who waits for the end looks.
const LOOK: Duration = Duration::from_millis(20);

/// A head to send: a line of JSON, and what tells one from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadLine {
    /// The entry that it is of.
    pub position: i64,
    /// The line, without its line feed.
    pub line: String,
}

/// A place to send heads to.
#[async_trait]
trait HeadChannel: Send + Sync {
    /// Sends it, once. A second time must do no harm.
    async fn send(&self, head: &HeadLine) -> Result<(), Undelivered>;
}

/// How a place stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadState {
    /// The place: out of the configuration, without secrets.
    pub name: String,
    /// The newest head that was to be sent.
    pub wanted: Option<i64>,
    /// The newest one that was delivered.
    pub delivered: Option<i64>,
    /// Why the last try failed.
    pub failure: Option<String>,
}

impl HeadState {
    /// Whether the newest head has not arrived yet.
    pub fn is_behind(&self) -> bool {
        self.wanted > self.delivered
    }
}

/// Sends heads to all places, each at its own pace.
pub struct Heads {
    configs: Vec<SendConfig>,
    host: String,
    newest: watch::Sender<Option<HeadLine>>,
    states: Arc<Mutex<Vec<HeadState>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Heads {
    /// To these places. `host` is this machine's name.
    pub fn new(configs: &[SendConfig], host: String) -> Self {
        let states = configs.iter().enumerate().map(|(index, config)| {
            let kind = match config.kind {
                SendKind::File => "file",
                SendKind::Webhook => "webhook",
                SendKind::Syslog => "syslog",
            };
            HeadState { name: format!("{kind}-{}", index + 1), wanted: None, delivered: None, failure: None }
        });
        Self {
            states: Arc::new(Mutex::new(states.collect())),
            configs: configs.to_vec(),
            host,
            newest: watch::Sender::new(None),
            tasks: Mutex::default(),
        }
    }

    /// Sends a head, in the background.
    pub fn post(&self, head: HeadLine) {
        for state in &mut *lock(&self.states) {
            state.wanted = Some(head.position);
        }
        let mut tasks = lock(&self.tasks);
        if tasks.is_empty() {
            // Not before there is something to send: until then there may be no runtime.
            tasks.extend(self.configs.iter().enumerate().map(|(index, config)| {
                let (config, host) = (config.clone(), self.host.clone());
                let (heads, states) = (self.newest.subscribe(), Arc::clone(&self.states));
                tokio::spawn(async move { deliver(index, &config, &host, heads, &states).await })
            }));
        }
        self.newest.send_replace(Some(head));
    }

    /// How each place stands.
    pub fn states(&self) -> Vec<HeadState> {
        lock(&self.states).clone()
    }

    /// Waits until every place has had the newest head, or has failed to take it, and at most so long.
    pub async fn settle(&self, limit: Duration) -> Vec<HeadState> {
        let settled = async {
            while lock(&self.states).iter().any(|state| state.is_behind() && state.failure.is_none()) {
                tokio::time::sleep(LOOK).await;
            }
        };
        // Whoever is late is behind, and so it is told.
        let _ = tokio::time::timeout(limit, settled).await;
        self.states()
    }
}

impl Drop for Heads {
    fn drop(&mut self) {
        lock(&self.tasks).iter().for_each(JoinHandle::abort);
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn deliver(
    index: usize,
    config: &SendConfig,
    host: &str,
    mut heads: watch::Receiver<Option<HeadLine>>,
    states: &Mutex<Vec<HeadState>>,
) {
    loop {
        let Some(head) = heads.borrow_and_update().clone() else {
            if heads.changed().await.is_err() {
                return;
            }
            continue;
        };
        let sent = tokio::time::timeout(DEADLINE, send(config, host, index, &head)).await;
        let cause = match sent {
            Ok(Ok(())) => None,
            Ok(Err(undelivered)) => Some(undelivered.cause),
            Err(_) => Some(format!("not delivered within {} s", DEADLINE.as_secs())),
        };
        let has_failed = cause.is_some();
        if let Some(state) = lock(states).get_mut(index) {
            if let Some(cause) = &cause {
                tracing::warn!(
                    place = state.name,
                    position = head.position,
                    cause,
                    "a head of the history was not delivered"
                );
            } else {
                state.delivered = state.delivered.max(Some(head.position));
            }
            state.failure = cause;
        }
        let next = heads.changed();
        let ended = if has_failed {
            tokio::time::timeout(AGAIN, next).await.is_ok_and(|changed| changed.is_err())
        } else {
            next.await.is_err()
        };
        if ended {
            return;
        }
    }
}

/// Made anew for each head: an address that was mended counts from the next one on.
async fn send(config: &SendConfig, host: &str, index: usize, head: &HeadLine) -> Result<(), Undelivered> {
    let channel: Box<dyn HeadChannel> = match (config.kind, &config.file, &config.url, &config.address) {
        (SendKind::File, Some(file), ..) => Box::new(HeadFile::new(file)),
        (SendKind::Webhook, _, Some(url), _) => Box::new(
            HeadWebhook::new(index + 1, url, config.key.as_ref(), config.ca_file.as_deref())
                .map_err(|fault| Undelivered::for_now(format!("{}: {}", fault.doing, fault.cause)))?,
        ),
        (SendKind::Syslog, _, _, Some(address)) => Box::new(Syslog::new(address, host)),
        // The configuration's schema asks for them.
        _ => return Err(Undelivered::for_good("the configuration does not say where")),
    };
    channel.send(head).await
}
