//! The suite for the [`ConnectServer`](crate::port::ConnectServer) port.
//!
//! A [`Subject`] makes servers to try an adapter on, each new and in a [`Situation`], and the eyes that see past the
//! adapter: a [`Site`]. [`broken`] has adapters with a defect each.

pub mod broken;
mod call;
mod checks;
mod run;
mod scene;
mod subject;
mod watch;

pub use run::{clause, names, run, run_some};
pub use subject::{Asked, Held, Known, Mishap, SchedulerTruth, Site, Situation, Subject};
