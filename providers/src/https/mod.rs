//! What the clients of vaults over HTTPS have in common: one way to build the client, to bound a reply, to say what it
//! means that none came, and to keep secrets out of buffers that nobody wipes.

mod client;
mod gate;
mod json;
mod peer;
mod time;

use crate::port::Meaning;

pub(crate) use client::{body, build, builder, sent, trusted};
pub(crate) use json::json;
pub(crate) use peer::{Peer, innermost};
pub(crate) use time::{date, wait_s};

/// Whether a call can change the vault: decides what a lost reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

impl Effect {
    /// What it means that the reply was lost or is not to be understood.
    pub(crate) fn lost(self) -> Meaning {
        match self {
            Self::Read => Meaning::Later,
            Self::Write => Meaning::Unclear,
        }
    }
}
