//! The built program against the embedded lab, as an operator runs it.

mod backup;
mod crash;
mod doctor;
mod faults;
mod lockout;
mod plain;
mod program;
mod quiesce;
mod serve;
mod storm;
mod worlds_cli;

pub(crate) use program::{Ended, Lab};
