//! The built program against the embedded lab, as an operator runs it.

mod backup;
mod crash;
mod doctor;
mod faults;
mod lockout;
mod plain;
mod program;
mod serve;
mod storm;
mod symptoms;
mod truth;
mod world_faults;
mod worlds;
mod worlds_cli;

pub(crate) use program::{Ended, Lab};
