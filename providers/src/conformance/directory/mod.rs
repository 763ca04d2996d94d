//! The suite for the [`Directory`](crate::port::Directory) port.
//!
//! A [`Bench`] is a world to try an adapter in, and the eyes that see past it. [`broken`] has adapters with a defect
//! each.

mod bench;
pub mod broken;
mod checks;
mod run;
mod watch;

pub use bench::{Account, Bench, Rules, Truth};
pub use run::{names, run, run_some};
