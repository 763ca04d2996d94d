//! The Connect server itself: Win32 where Windows has a call, the engine's own cmdlets where it has none.
//!
//! Only `ThisMachine`, behind [`Machine`], needs Windows. Everything else (the scripts, how one is run, what its
//! reply means, the order of calls) is the same anywhere, and tested with programs and models that play Windows.
//! Nothing of it has been run on a Connect server: a user's own `doctor --rehearse` is the first to do so.

mod cmdlets;
mod connection;
mod facts;
mod machine;
mod powershell;
mod script;
mod server;
#[cfg(windows)]
mod this_machine;

#[cfg(test)]
mod tests;

pub use machine::{LocalUser, Machine, MachineError, ServiceState, ServiceStatus, Started, Stopped};
pub use powershell::{Lost, PowerShell, Reached};
pub use script::Script;
pub use server::WindowsServer;
#[cfg(windows)]
pub use this_machine::ThisMachine;
