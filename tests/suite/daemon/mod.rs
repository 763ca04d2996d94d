//! The unattended service on the lab, as a machine runs it: started, asked over HTTP, signalled, ended, started again.

mod approvals;
mod configured;
mod demands;
mod ends;
mod orders;
mod page;
mod process;
mod reached;
mod rotates;
mod systemd;

use process::{Service, wait_until};
