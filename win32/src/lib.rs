//! What the program asks of Windows, in safe functions.
//!
//! This is the one package with `unsafe` in it, and nothing but Windows is in it: each function stands for one or a few
//! calls of the Win32 API, names them with Microsoft's page, and gives their error number back as it came. What an
//! answer means for a rotation is decided elsewhere. On any other system the package is empty.

#[cfg(windows)]
pub mod account_right;
#[cfg(windows)]
pub mod domain;
#[cfg(windows)]
pub mod dpapi;
#[cfg(windows)]
mod error;
#[cfg(windows)]
pub mod event_log;
#[cfg(windows)]
pub mod file_version;
#[cfg(windows)]
mod handle;
#[cfg(windows)]
pub mod installation;
#[cfg(windows)]
pub mod job;
#[cfg(windows)]
pub mod local_user;
#[cfg(windows)]
pub mod process;
#[cfg(windows)]
pub mod registry;
#[cfg(windows)]
pub mod service;
#[cfg(windows)]
pub mod service_main;
#[cfg(windows)]
mod stop_signal;
#[cfg(windows)]
mod wide;

#[cfg(windows)]
pub use error::Error;
