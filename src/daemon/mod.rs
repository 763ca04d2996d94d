//! The unattended service: it rotates what is due, goes on with what was interrupted, looks for drift, and tells a person
//! what a person must know. It decides nothing that the journal does not show: ended at any moment, it begins again where
//! it was.
//!
//! `keeper` is the loop and what it does in it; `seat` is an account's place in it; `job` is what it has done; `alarms` are the conditions that
//! hold; `board` is what it shows of itself, `metrics` and `http` to machines, `log` to people; `guard` keeps systemd
//! informed; `serve` puts it all together.

mod alarms;
mod board;
mod guard;
mod http;
mod job;
mod keeper;
mod log;
mod metrics;
mod notary;
mod seat;
mod serve;

pub use alarms::{KINDS, KindOfNotice};
pub use board::{AccountView, Board, Totals};
pub use http::{HttpSetting, Tls};
pub use keeper::{Keeper, Order, Setting, Sink};
pub use serve::{Served, serve};
