//! Connect servers where they are: on this machine, or reached over a wire.
//!
//! The same code works in both places: what the port asks for is an [`Operation`], which an agent answers ([`agent`])
//! with whatever stands behind it (Windows itself, or a lab). Locally the port is called in process. From afar a
//! [`RemoteServer`] sends each call through a [`Transport`] to `entra-rotator agent` on the server, one request a process.

pub mod agent;
pub mod envelope;
mod hidden;
mod operation;
mod process;
mod remote;
mod said;
pub mod ssh;
mod tcp;
mod transport;
mod turns;
pub mod windows;
pub mod winrm;

#[cfg(test)]
mod tests;

pub use hidden::Hidden;
pub use operation::Operation;
pub use process::ProcessTransport;
pub use remote::RemoteServer;
pub use transport::{Answer, Broken, Reached, TALK_BYTES_MAX, Transport, held};
pub use turns::Turns;
