//! A vault in memory that keeps every promise of the port, or breaks one on order.
//!
//! Each [`Defect`] is one that an adapter written in good faith may have. The suite is worth what it catches: a run
//! against one of these must fail in [`Defect::caught_by`], and in nothing else but [`Defect::may_be_caught_by`].

mod defect;
mod handle;
mod places;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;

pub use self::defect::Defect;
use self::handle::Handle;
use self::store::Store;
use super::subject::Subject;
use crate::conformance::Able;
use crate::port::{Secret, Vault};

/// A call is a few turns of the runtime.
const CALL_LIMIT: Duration = Duration::from_millis(500);
/// How long a write is delayed.
const DELAY: Duration = Duration::from_millis(200);

/// The model, ready for the suite.
pub struct Model {
    store: Arc<Store>,
    handles: [Arc<Handle>; 2],
    number: AtomicU32,
}

impl Model {
    /// A model without a defect, or with one.
    pub fn new(defect: Option<Defect>) -> Self {
        let store = Arc::new(Store::default());
        let handle = || Arc::new(Handle::new(Arc::clone(&store), defect));
        Self { handles: [handle(), handle()], store, number: AtomicU32::new(0) }
    }

    fn number(&self) -> u32 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }
}

#[async_trait]
impl Subject for Model {
    fn vault(&self) -> Arc<dyn Vault> {
        Arc::<Handle>::clone(&self.handles[0])
    }

    fn other(&self) -> Arc<dyn Vault> {
        Arc::<Handle>::clone(&self.handles[1])
    }

    async fn fresh_name(&self) -> Able<String> {
        Ok(format!("account{}", self.number()))
    }

    async fn announced(&self, name: &str) -> Able<Option<String>> {
        Ok(self.store.look(name).1.announced)
    }

    async fn seen_by_readers(&self, name: &str) -> Able<Option<Secret>> {
        Ok(self.store.look(name).1.current.map(|value| value.secret))
    }

    async fn restart(&self) -> Able<()> {
        self.store.restart();
        Ok(())
    }

    async fn fresh_names(&self) -> Able<Vec<String>> {
        Ok(["a", "A/b-c.d", "ümlaut name"].map(|form| format!("{form}{}", self.number())).into())
    }

    async fn delay_the_next_write(&self) -> Able<Duration> {
        self.store.delay(DELAY);
        Ok(DELAY)
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }
}
