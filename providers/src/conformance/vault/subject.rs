use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::conformance::{Able, unable};
use crate::port::{Secret, Vault};

/// How long a call to an adapter may take before the suite says that it has no deadline.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// A vault to try an adapter on. What is looked at *past* the adapter is not asked of it.
///
/// From [`Subject::announced`] on these are capabilities. A subject without one keeps the default, and the checks that
/// need it are reported as not applicable.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The adapter to try.
    fn vault(&self) -> Arc<dyn Vault>;

    /// The same adapter on the same vault, with nothing else in common: as a second orchestrator has it, in another
    /// process, who shares no journal with the first.
    fn other(&self) -> Arc<dyn Vault>;

    /// The name of an account that the vault has never heard of and the adapter may work on, another each time.
    async fn fresh_name(&self) -> Able<String>;

    /// The rotation whose candidate current's own metadata names, as a reader of current sees it.
    async fn announced(&self, _name: &str) -> Able<Option<String>> {
        unable("nobody here sees what readers of current are told")
    }

    /// The password that a reader of current finds, read as documented for readers.
    async fn seen_by_readers(&self, _name: &str) -> Able<Option<Secret>> {
        unable("nobody here reads past the adapter")
    }

    /// Ends the vault at once, as by SIGKILL, starts it again with what it had, and waits until it answers. Handles
    /// stay as they are.
    async fn restart(&self) -> Able<()> {
        unable("this vault can't be started again with what it had")
    }

    /// Fresh names of every form that this vault takes.
    async fn fresh_names(&self) -> Able<Vec<String>> {
        unable("names here have one form")
    }

    /// The next write of the adapter waits on its way to where it is done, before it is sent: how long.
    async fn delay_the_next_write(&self) -> Able<Duration> {
        unable("nothing can be delayed here")
    }

    /// How long a call may take.
    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    /// How many checks, and how many parts of long ones, may run at once: they share nothing but the vault. More than one is for an adapter whose calls
    /// wait on purpose.
    fn checks_at_once(&self) -> usize {
        1
    }

    /// The secrets that the adapter works with itself.
    fn own_secrets(&self) -> Vec<Secret> {
        Vec::new()
    }

    /// Whatever else the adapter shows: its `Debug` form, its settings'.
    fn shown(&self) -> Vec<String> {
        Vec::new()
    }

    /// Crates that log at trace level while the adapter works: had nothing been heard of them, then nothing would be
    /// known about what they show.
    fn log_of(&self) -> &'static [&'static str] {
        &[]
    }
}
