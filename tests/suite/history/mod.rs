//! The history as evidence: whatever is done to it is named, with the first bad entry.

mod keys;
mod pruned;
mod sent;
mod tampering;
mod written;
