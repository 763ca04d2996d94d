//! The built program against the embedded lab, as an operator runs it.

mod crash;
mod faults;
mod plain;
mod program;

pub(crate) use program::{Ended, Lab};
