//! What the engine may ask of the world: a vault, a directory, a Connect server.
//!
//! Rules that every adapter keeps:
//! - every call has a deadline of its own and ends;
//! - an error says what it *means* for the world ([`Meaning`]), never just that something went wrong;
//! - a call may be repeated with the same arguments: the second has the same effect as the first;
//! - right before a request leaves that may change something, an adapter asks [`tenure::held`], each time and after
//!   everything it waits for: whoever was suspended for too long may not act any more;
//! - no secret ever reaches an error, a log or a `Debug` output.

mod connect_server;
mod credential;
mod directory;
mod failure_class;
mod fault;
mod secret;
pub mod step_scope;
pub mod tenure;
mod vault;
mod vault_check;

pub use connect_server::{
    ConnectServer, ConnectorFacts, ConnectorKind, EVENTS_MAX, EntraIdentity, LocalUserFacts, ProofFacts, QuiesceMode,
    RUNS_MAX, ServerFacts, ServiceFacts, SyncScheduler,
};
pub use credential::OwnCredential;
pub use directory::{AccountFacts, Directory, Fingerprint, Lockout, PasswordPolicy, ResetRight};
pub use failure_class::FailureClass;
pub use fault::{Fault, Meaning};
pub use secret::Secret;
pub use vault::{Attempt, SecretRef, Slot, Vault};
pub use vault_check::{Standing, VaultCheck};
