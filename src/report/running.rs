//! When the unattended service ran.

use super::{At, Period, RunningPeriod, Text};
use crate::journal::{Note, Noted};

const NO_STOP: &str = "no stop is recorded";

/// Its runs before the period's end.
#[derive(Debug, Default)]
pub(super) struct Running {
    runs: Vec<RunningPeriod>,
}

impl Running {
    pub(super) fn take(&mut self, noted: &Noted) {
        match &noted.note {
            Note::Started { by, version } => {
                for run in self.runs.iter_mut().filter(|run| run.stopped.is_none() && run.why.is_empty()) {
                    run.why = Text::of(NO_STOP);
                }
                self.runs.push(RunningPeriod {
                    by: Text::of(by),
                    version: Text::of(version),
                    started: At(noted.at),
                    stopped: None,
                    why: Text::default(),
                });
            }
            Note::Stopped { by, why } => {
                let open = |run: &&mut RunningPeriod| run.stopped.is_none() && run.by.0 == *by;
                if let Some(run) = self.runs.iter_mut().rev().find(open) {
                    run.stopped = Some(At(noted.at));
                    run.why = Text::of(why);
                }
            }
            _ => {}
        }
    }

    /// Those of the period. Of a run without a recorded stop only its begin is sure.
    pub(super) fn end(self, period: &Period) -> Vec<RunningPeriod> {
        let mut runs = self.runs;
        runs.retain(|run| {
            let unsure = run.stopped.is_none() && run.why.is_empty();
            unsure || period.has(run.started.0) || run.stopped.is_some_and(|at| at >= period.from)
        });
        runs
    }
}
