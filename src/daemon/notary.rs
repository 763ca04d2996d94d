//! The history is signed at the service's start and once a day, whatever happens; at each rotation's end it is signed where that is driven.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::journal::Journal;
use crate::wiring::World;

/// At least so often there is a head.
const DAILY: SignedDuration = SignedDuration::from_hours(24);

/// How often it is looked whether one is due. What could not be signed is tried again then.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How long the end of the service waits for it.
const LAST_LIMIT: Duration = Duration::from_secs(10);

/// Signs for the service, with the world of the last good configuration.
pub(super) struct Notary {
    world: Mutex<Arc<World>>,
    journal: Mutex<Option<Arc<dyn Journal>>>,
    began: Notify,
}

impl Notary {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world: Mutex::new(world), journal: Mutex::new(None), began: Notify::new() }
    }

    /// This process works on the journal; `None` = another replica does, and signs.
    pub(super) fn works_on(&self, journal: Option<Arc<dyn Journal>>) {
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = journal;
        self.began.notify_one();
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another configuration counts.
    pub(super) fn renew(&self, world: Arc<World>) {
        *self.world.lock().unwrap_or_else(PoisonError::into_inner) = world;
    }

    /// The one that counts.
    pub(super) fn world(&self) -> Arc<World> {
        Arc::clone(&self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Signs when it is time to, for ever.
    pub(super) async fn sign(&self, clock: &dyn Clock) {
        loop {
            let world = self.world();
            let standing = world.signer.standing();
            let now = clock.now();
            let is_due = standing.unsigned.is_some()
                || standing.signed_at.is_none_or(|at| now.duration_since(at).abs() >= DAILY);
            if is_due
                && let Some(journal) = self.journal()
                && let Err(why) = world.signer.sign(world.ports(), &*journal).await
            {
                tracing::warn!(cause = %why, "the history was not signed");
            }
            drop(world);
            tokio::select! {
                () = self.began.notified() => {}
                () = clock.sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// The last head of this service, with the note that it ended.
    pub(super) async fn last(&self) {
        let world = self.world();
        let Some(journal) = self.journal().filter(|_| world.signer.signs()) else { return };
        let last = async {
            if let Err(why) = world.signer.sign(world.ports(), &*journal).await {
                tracing::warn!(cause = %why, "the history was not signed");
            }
            world.signer.settle().await
        };
        match tokio::time::timeout(LAST_LIMIT, last).await {
            Ok(lacking) => {
                lacking.iter().for_each(|cause| tracing::warn!(cause, "a head of the history was not delivered"))
            }
            Err(_) => tracing::warn!("the history's last head was not signed and delivered in time"),
        }
    }
}
