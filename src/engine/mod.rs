//! Drives rotations: asks the heart what comes next, writes it down, does it, writes down what happened.
//!
//! `prepare` looks at the world and says whether and what to rotate; `drive` is the only loop; `examine` looks
//! without a plan, for `doctor`; `scene` is
//! what an action may know; `logon` keeps the lockout's budget; `actions` has one file for each step.

mod actions;
mod credentials;
mod drive;
mod examine;
mod logon;
mod ports;
mod prepare;
mod scene;

pub use drive::{Rotation, Stopped, Watch};
pub use examine::{Examination, ExaminedAccount, ExaminedServer, examine, own_changes};
pub use ports::Ports;
pub use prepare::{Prepared, Refusal, Wish, prepare};
