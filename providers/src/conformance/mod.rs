//! One suite for the [`Directory`](crate::port::Directory) port, for every adapter of it: what its words promise,
//! as checks that are judged from outside the adapter.
//!
//! A [`Bench`] is a world to try an adapter in, and the eyes that see past it. [`run`] holds an adapter to every
//! promise and gives a [`Report`]: each check by its name, passed, failed and how, or not applicable and why.
//! [`broken`] has adapters with a defect each, which the suite must catch by name: a suite that nobody can fail
//! shows nothing.

mod bench;
pub mod broken;
mod checks;
mod report;
mod run;
mod watch;

pub use bench::{Able, Account, Bench, Rules, Stop, Truth, unable};
pub use report::{Outcome, Report};
pub use run::{names, run, run_some};
