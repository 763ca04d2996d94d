//! The contract between the rotation engine and the world, and the adapters that keep it.
//!
//! `port` is the contract: plain data and traits. Every other module is an adapter behind a Cargo
//! feature. Nothing here can see the engine: Cargo itself forbids it.

pub mod port;

#[cfg(feature = "active-directory")]
pub mod active_directory;
#[cfg(feature = "azure-key-vault")]
pub mod azure_key_vault;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "entra-connect")]
pub mod entra_connect;
#[cfg(feature = "hashicorp-vault")]
pub mod hashicorp_vault;
#[cfg(any(feature = "azure-key-vault", feature = "hashicorp-vault"))]
mod https;
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "sealed-file")]
pub mod sealed_file;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(any(feature = "lab", feature = "sealed-file"))]
mod vault_book;
