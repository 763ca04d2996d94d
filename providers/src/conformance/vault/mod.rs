//! The suite for the [`Vault`](crate::port::Vault) port.
//!
//! A [`Subject`] is a vault to try an adapter on, and the eyes that see past it. [`model`] is a vault in memory that
//! keeps every promise, or breaks one on order.

mod checks;
pub mod model;
mod polls;
mod run;
mod scene;
mod subject;
mod together;
mod watch;

pub use run::{clause, names, run, run_some};
pub use subject::Subject;
