//! The Active Directory adapter against servers that do what no domain controller does: slow, endless, broken, cut
//! off, with certificates that can't be trusted. Whatever comes, a call ends in time, takes little memory, says what
//! to do next, and means what happened.
//!
//! Needs no rights: everything is on loopback. `openssl` plays the server that knows only old TLS.

mod bytes;
mod certificates;
mod cuts;
mod endless;
mod mutations;
mod server;
mod trust;
mod world;
