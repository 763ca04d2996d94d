use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use providers::port::tenure::{self, Tenure};

/// The right to work on some accounts and servers, until it is given back, or lost.
pub struct Lease(Box<dyn Hold>);

/// What a journal gives out as a lease.
#[async_trait]
pub(super) trait Hold: Any + Send + Sync {
    /// Where it can be lost: whom to ask.
    fn tenure(&self) -> Option<Arc<dyn Tenure>>;
    /// Comes back when it is lost, with the reason; never where it can't be.
    async fn lost(&self) -> String;
    /// Gives it back.
    async fn release(self: Box<Self>);
}

/// Somebody else works on it.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    /// A live process holds it.
    #[error("{name} is being worked on by {holder}")]
    Held {
        /// The account, server or service.
        name: String,
        /// Who, in their own words.
        holder: String,
    },
    /// No lease can be had.
    #[error("can't take a lease at {place}: {cause}")]
    NoLease {
        /// The lock file, or the database.
        place: String,
        /// Why.
        cause: String,
    },
}

impl Lease {
    /// Made by a journal's store.
    #[cfg(feature = "app")]
    pub(super) fn new(hold: impl Hold) -> Self {
        Self(Box::new(hold))
    }

    /// Does the work that the lease is for, and gives it back. Whoever acts in there asks first whether it still holds.
    pub async fn during<F: Future>(self, work: F) -> F::Output {
        let done = tenure::within(self.0.tenure(), work).await;
        self.release().await;
        done
    }

    /// The same for work that must not outlast the lease: it is dropped where it stands, as by a power cut, once the lease is
    /// lost. `Err` = why.
    pub async fn while_held<F: Future>(self, work: F) -> Result<F::Output, String> {
        let done = tokio::select! {
            done = tenure::within(self.0.tenure(), work) => Ok(done),
            why = self.0.lost() => Err(why),
        };
        self.release().await;
        done
    }

    /// Gives it back.
    pub async fn release(self) {
        self.0.release().await;
    }
}
