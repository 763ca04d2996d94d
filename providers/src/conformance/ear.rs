//! An ear at everything that this process logs, of every crate and down to trace level.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, set_global_default};
use tracing::{Event, Metadata, Subscriber};

use super::needles::Needles;
use super::verdict::Able;
use super::verdict::Stop;
use crate::port::Secret;

/// Hears what is logged through `tracing` and `log`. Keeps no line: only whose they were, and who showed a secret.
#[derive(Default)]
pub struct Ear {
    heard: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    secrets: Needles,
    /// Lines by the crate that logged them.
    crates: BTreeMap<String, u64>,
    /// Who showed a secret, and where: target and level.
    leaks: Vec<String>,
}

/// The ear of this process. From the first call on it hears everything, so nothing else here may install a subscriber
/// or a logger.
pub fn listen() -> Able<&'static Ear> {
    static EAR: OnceLock<Ear> = OnceLock::new();
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let ear = EAR.get_or_init(Ear::default);
    let installed = INSTALLED.get_or_init(|| {
        set_global_default(ear).map_err(|error| error.to_string())?;
        log::set_logger(ear).map_err(|error| error.to_string())?;
        log::set_max_level(log::LevelFilter::Trace);
        Ok(())
    });
    match installed {
        Ok(()) => Ok(ear),
        Err(why) => Err(Stop::Failed(format!("what is logged can't be heard: {why}"))),
    }
}

impl Ear {
    /// From now on a line that has this in any form is a leak.
    pub fn secret(&self, secret: &Secret) {
        self.lines().secrets.add(secret.expose());
    }

    /// Who showed a secret, so far.
    pub fn leaks(&self) -> Vec<String> {
        self.lines().leaks.clone()
    }

    /// How many lines each crate logged, so far.
    pub fn crates(&self) -> BTreeMap<String, u64> {
        self.lines().crates.clone()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, target: &str, level: &dyn Debug, text: &str) {
        let mut lines = self.lines();
        let whose = target.split("::").next().unwrap_or(target).to_owned();
        *lines.crates.entry(whose).or_default() += 1;
        if lines.secrets.are_in(text) {
            lines.leaks.push(format!("{target} at {level:?}"));
        }
    }
}

/// The values of an event or a span, as text.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String does not fail.
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Both as it is and as Debug would show it: a quotation mark must not hide a secret.
        let _ = write!(self.0, "{}={value} {value:?} ", field.name());
    }
}

impl Subscriber for &'static Ear {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text::default();
        span.record(&mut text);
        self.line(span.metadata().target(), span.metadata().level(), &text.0);
        // Nobody asks which span a line belongs to.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut text = Text::default();
        values.record(&mut text);
        self.line("a span's values", &"any level", &text.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.line(event.metadata().target(), event.metadata().level(), &text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Ear {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.line(record.target(), &record.level(), &record.args().to_string());
    }

    fn flush(&self) {}
}
