//! The built program against the embedded lab, as an operator runs it.

mod adopt;
mod approval;
pub(crate) mod approver;
#[cfg(unix)]
mod attended;
mod backup;
mod bench;
mod crash;
mod doctor;
mod drift;
mod drift_inside;
mod faults;
mod late;
mod lockout;
mod plain;
mod program;
mod quiesce;
mod serve;
mod status;
mod storm;
mod symptoms;
mod taken_up;
#[cfg(unix)]
mod terminal;
mod truth;
mod world_faults;
mod worlds;
mod worlds_cli;

pub(crate) use program::{Ended, Lab};
