//! Tells people: webhooks, mail, a program. A notice is posted and forgotten; each channel delivers at its own pace.
//!
//! Names in a notice come from the directory and are hostile: every format escapes for itself. Secrets never stand
//! in one, and a channel's own secrets (addresses, keys, passwords) never stand in its errors.

mod build;
mod card;
mod channel;
mod command;
mod conditions;
mod escape;
mod heads;
mod heartbeat;
mod https;
mod mail;
mod notice;
mod outbox;
mod queue;
mod signature;
mod slack;
mod webhook;

pub use build::channels;
pub use channel::{Channel, DEADLINE, Undelivered, send_once};
pub use conditions::{Condition, Conditions};
pub use heads::{HeadLine, HeadState, Heads, last_line};
pub use heartbeat::Heartbeat;
pub use notice::{Notice, Standing};
pub use outbox::{ChannelState, Outbox};

pub use crate::config::Severity;
