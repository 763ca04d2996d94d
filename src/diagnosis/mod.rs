//! What is wrong, by the signs that Windows and Entra Connect give: events, results of runs, metadata. Pure.
//!
//! `event` reads raw event XML, `class` is the table of the kinds of failure (`docs/failure-classes.md` is its page),
//! `diagnose` judges.

mod event;

pub use event::{EVENT_BYTES_MAX, EVENT_COUNT_MAX, Read, ServerEvent, Unreadable, read_events};
