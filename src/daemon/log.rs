use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tracing::Span;

use super::board::Board;
use crate::engine::{Halt, Watch};
use crate::journal::Entry;
use crate::order::{Brake, Teller};
use crate::rotation::{Direction, Event, Progress, Step};

/// Tells the log what happens: a span for each step. Obeys the brake.
#[derive(Clone)]
pub(super) struct Log {
    brake: Brake,
    board: Arc<Board>,
}

impl Log {
    pub(super) fn new(brake: Brake, board: Arc<Board>) -> Self {
        Self { brake, board }
    }
}

impl Teller for Log {
    fn say(&self, line: &str) {
        tracing::info!("{line}");
    }

    fn watch(&self, account: &str) -> Box<dyn Watch + '_> {
        Box::new(StepLog { log: self, account: account.to_owned(), open: Mutex::new(None) })
    }
}

/// The step that is under way.
struct Open {
    step: Step,
    since: Timestamp,
    span: Span,
}

struct StepLog<'l> {
    log: &'l Log,
    account: String,
    open: Mutex<Option<Open>>,
}

impl StepLog<'_> {
    fn open(&self) -> Option<Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_open(&self, step: &Step, entry: &Entry) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().is_some_and(|open| open.step == *step && open.since == entry.at)
    }

    /// The span of the step that this entry is about, and how long it took.
    fn close(&self, step: &Step, entry: &Entry, failed: bool) -> (Span, f64) {
        match self.open().filter(|open| open.step == *step) {
            Some(open) => {
                let seconds = entry.at.duration_since(open.since).as_secs_f64().max(0.0);
                self.log.board.steps.took(step, seconds, failed);
                (open.span, seconds)
            }
            None => (self.span(step, entry, "-"), 0.0),
        }
    }

    fn span(&self, step: &Step, entry: &Entry, direction: &str) -> Span {
        tracing::info_span!("step", account = %self.account, rotation = %entry.rotation, step = %step, direction)
    }
}

impl Watch for StepLog<'_> {
    fn halt(&self) -> Halt {
        self.log.brake.halt()
    }

    fn entry(&self, entry: &Entry, progress: &Progress) {
        let account = &self.account;
        let rotation = &entry.rotation;
        match &entry.event {
            Event::Intent { step, .. } => {
                // It is told once as it is written, and once more with what came of it.
                if self.is_open(step, entry) {
                    return;
                }
                let direction = if progress.direction == Direction::Back { "back" } else { "forward" };
                let span = self.span(step, entry, direction);
                span.in_scope(|| tracing::debug!("begun"));
                let open = Open { step: step.clone(), since: entry.at, span };
                *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
            }
            Event::Done { step, .. } => {
                let (span, seconds) = self.close(step, entry, false);
                span.in_scope(|| tracing::info!(seconds, "done"));
            }
            Event::Failed { step, fault } => {
                let (span, seconds) = self.close(step, entry, true);
                span.in_scope(|| tracing::warn!(seconds, %fault, "failed"));
            }
            Event::Looked { step, side, .. } => {
                self.span(step, entry, "-").in_scope(|| tracing::info!(?side, "looked"));
            }
            Event::LookFailed { step, fault } => {
                self.span(step, entry, "-").in_scope(|| tracing::warn!(%fault, "unseen"));
            }
            Event::Turned { why, .. } => tracing::warn!(account, rotation, why, "turning back to the old password"),
            Event::Held { why } => tracing::error!(account, rotation, %why, "held"),
            Event::Finished => tracing::info!(account, rotation, "finished"),
            Event::RolledBack => tracing::warn!(account, rotation, "rolled back"),
            Event::Claimed { .. } => tracing::info!(account, rotation, "an interrupted rotation is taken up"),
            Event::Begun { .. } | Event::Resumed { .. } | Event::LateProof { .. } | Event::Superseded { .. } => {}
        }
    }

    fn waiting(&self, until: Timestamp) {
        tracing::debug!(account = self.account, %until, "waiting");
    }
}
