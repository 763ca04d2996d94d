//! One suite for each port, for every adapter of it: what its words promise, as checks that are judged from outside
//! the adapter.
//!
//! [`directory`], [`vault`] and [`connect_server`] each have a trait that a world to try an adapter in must keep, a `run` that holds the
//! adapter to every promise and gives a [`Report`] (each check by its name: passed, failed and how, or not applicable
//! and why), and adapters with a defect each, which the suite must catch by name: a suite that nobody can fail shows
//! nothing.

mod bounded;
pub mod connect_server;
mod defects;
pub mod directory;
mod ear;
mod heard;
mod needles;
mod report;
mod tenures;
pub mod vault;
mod verdict;

pub use defects::judge;
pub use ear::{Ear, listen};
pub use report::{Outcome, Report};
pub use verdict::{Able, Stop, unable};
