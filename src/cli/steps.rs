use std::io;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::output::say;
use crate::engine::{Halt, Watch};
use crate::journal::Entry;
use crate::order::{Brake, Teller};
use crate::rotation::{Direction, Event, Progress, Side, Step};
use crate::signals::Stops;

/// The live step list on standard error: with a running clock on a terminal, as plain lines elsewhere.
pub(super) struct Steps {
    brake: Brake,
    bar: ProgressBar,
    begun: Mutex<Option<(Step, Timestamp)>>,
}

impl Steps {
    pub(super) fn new(brake: Brake) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        Self { brake, bar, begun: Mutex::new(None) }
    }

    fn line(&self, line: &str) {
        if self.bar.is_hidden() { say(line) } else { self.bar.println(line) }
    }

    /// From the intent to this entry, by the journal's own times.
    fn elapsed(&self, step: &Step, entry: &Entry) -> String {
        let begun = self.begun.lock().ok().and_then(|mut begun| begun.take());
        match begun {
            Some((of, at)) if of == *step => format!("{:.1} s", entry.at.duration_since(at).as_secs_f32()),
            _ => String::new(),
        }
    }
}

impl Watch for Steps {
    fn halt(&self) -> Halt {
        self.brake.halt()
    }

    fn entry(&self, entry: &Entry, progress: &Progress) {
        let back = if progress.direction == Direction::Back { "back: " } else { "" };
        match &entry.event {
            Event::Intent { step, .. } => {
                if let Ok(mut begun) = self.begun.lock() {
                    *begun = Some((step.clone(), entry.at));
                }
                self.bar.reset_elapsed();
                self.bar.set_message(format!("{back}{}", step.sentence()));
                self.bar.enable_steady_tick(Duration::from_millis(120));
            }
            Event::Done { step, .. } => {
                let name = step.to_string();
                self.line(&format!("  done    {back}{name:<40} {}", self.elapsed(step, entry)));
            }
            Event::Failed { step, fault } => {
                let name = step.to_string();
                self.line(&format!("  failed  {back}{name:<40} {}\n          {fault}", self.elapsed(step, entry)));
            }
            Event::Looked { step, side, .. } => {
                let name = step.to_string();
                let seen = match side {
                    Side::Old => "it had not taken effect",
                    Side::New => "it had taken effect",
                    Side::Foreign => "somebody else was here",
                    Side::Blind => "it can't be seen; the same is applied again",
                };
                self.line(&format!("  looked  {back}{name:<40} {seen}"));
            }
            Event::LookFailed { step, fault } => self.line(&format!("  unseen  {back}{step}\n          {fault}")),
            Event::Turned { why, .. } => self.line(&format!("  turning back to the old password: {why}")),
            Event::Claimed { .. } => self.line("  an interrupted rotation is taken up"),
            Event::Resumed { .. } => self.line("  resumed: every step is looked at anew"),
            Event::Begun { .. }
            | Event::Held { .. }
            | Event::Finished
            | Event::RolledBack
            | Event::LateProof { .. }
            | Event::Superseded { .. } => {}
        }
    }

    fn waiting(&self, until: Timestamp) {
        self.bar.set_message(format!("waiting until {}", until.strftime("%H:%M:%SZ")));
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The terminal, as whoever carries orders out knows it.
#[derive(Debug, Default)]
pub(super) struct Screen {
    brake: Brake,
}

impl Screen {
    /// Does the work; SIGINT and SIGTERM park it instead of ending the process. The third one drops it: `None`.
    pub(super) async fn heeding_signals<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let stops = Stops::heed();
        tokio::select! {
            done = work => Some(done),
            () = self.third_signal(stops) => {
                say("ended; `resume` goes on");
                None
            }
        }
    }

    async fn third_signal(&self, stops: io::Result<Stops>) {
        // Where signals can't be had, they end the process as ever.
        let Ok(mut stops) = stops else { return std::future::pending().await };
        loop {
            stops.next().await;
            match self.brake.pull() {
                1 => say("stopping as soon as nothing is half done; once more stops before the next request"),
                2 => say("stopping before the next request; once more ends the process at once"),
                _ => return,
            }
        }
    }

    /// Whether a signal came.
    pub(super) fn is_stopped(&self) -> bool {
        self.brake.is_pulled()
    }
}

impl Teller for Screen {
    fn say(&self, line: &str) {
        say(line);
    }

    fn watch(&self, _account: &str) -> Box<dyn Watch + '_> {
        Box::new(Steps::new(self.brake.clone()))
    }
}
