//! The lab's model directory on a real LDAPS wire: one listener for each domain controller of the model.
//!
//! It is thin: bind, search by equality, modify, root entry. What it answers is Windows' answer, above all where a Samba
//! server gives another one: 53 with 0000052D for a refused reset, replication of a single object, a controller that
//! lags and forwards a logon that it would refuse. What it can't do it refuses in its own words, never with a number of
//! Windows. Bad luck on the wire is ordered like every other fault ([`faults`](super::faults), the names that begin with
//! `ldaps:`).
//!
//! It listens on loopback addresses only, speaks nothing but TLS, and takes certificates from a CA in the lab's folder.
//!
//! - `server`: listeners and TLS; `certificate`: the CA and what it issues
//! - `session`: one connection; `codec`, `filter`, `names`: the messages
//! - `bind`, `search`, `modify`: the requests; `tree`, `root`: what is shown of the model
//! - `answers`: Windows' words

mod answers;
mod bind;
mod certificate;
mod codec;
mod filter;
mod modify;
mod names;
mod root;
mod search;
mod server;
mod session;
mod tree;

pub use certificate::Certificate;
pub use server::{Options, Serving, serve};
