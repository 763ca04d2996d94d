//! entra-rotator: unattended rotation of the passwords behind Microsoft Entra Connect.
//!
//! The map of the house stands in ARCHITECTURE.md. The short of it: `rotation` is the pure heart, `engine`
//! drives it, `journal` remembers, `providers` talks to the world, and `wiring` alone names the adapters.

#[cfg(feature = "app")]
pub mod approval;
#[cfg(feature = "app")]
pub mod cli;
pub mod clock;
#[cfg(feature = "app")]
pub mod config;
#[cfg(feature = "app")]
pub mod daemon;
pub mod diagnosis;
pub mod engine;
#[cfg(feature = "app")]
pub mod history;
pub mod journal;
#[cfg(feature = "app")]
pub mod notify;
#[cfg(feature = "app")]
pub mod order;
#[cfg(feature = "app")]
pub mod page;
pub mod password;
pub mod procedure;
#[cfg(feature = "app")]
pub mod report;
pub mod rotation;
pub mod schedule;
#[cfg(feature = "app")]
pub mod signals;
#[cfg(feature = "app")]
pub mod signing;
#[cfg(all(windows, feature = "app"))]
pub mod windows_service;
#[cfg(feature = "app")]
pub mod wiring;
