//! The lab's LDAPS: that the adapter can do its whole work against it, that it answers as Windows does, and that
//! somebody else's client (OpenLDAP's) understands it too.

mod adapter;
mod bench;
mod misfortune;
mod windows;
