use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::engine::Halt;

/// Stops what is under way: pulled once, nothing is begun any more and what can wait is parked; pulled twice, all of it is.
#[derive(Clone, Debug, Default)]
pub struct Brake(Arc<AtomicU8>);

impl Brake {
    /// Pulls it once more; how often that makes it.
    pub fn pull(&self) -> u8 {
        let pulled = self.0.load(Ordering::SeqCst).saturating_add(1);
        self.0.store(pulled, Ordering::SeqCst);
        pulled
    }

    /// Whether it was pulled.
    pub fn is_pulled(&self) -> bool {
        self.halt() != Halt::No
    }

    /// What it means for a rotation.
    pub fn halt(&self) -> Halt {
        match self.0.load(Ordering::SeqCst) {
            0 => Halt::No,
            1 => Halt::WhenSafe,
            _ => Halt::Now,
        }
    }
}
