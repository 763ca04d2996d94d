//! What is wrong, by the signs that Windows and Entra Connect give: events, results of runs, metadata. Pure.
//!
//! `event` reads raw event XML, `class` is the table of the kinds of failure (`docs/failure-classes.md` is its page),
//! `sign` knows what one event or one run is a sign of, `diagnose` weighs the signs of a server.

mod class;
mod diagnose;
mod event;
mod observation;
mod page;
mod sign;
#[cfg(test)]
mod tests;

pub use class::{CLASSES, ClassRow, class_row};
pub use diagnose::diagnose;
pub use event::{EVENT_BYTES_MAX, EVENT_COUNT_MAX, Read, ServerEvent, Unreadable, read_events};
pub use observation::{Finding, Observation, OwnChange, OwnChanges, Replication};
pub use page::classes_page;
