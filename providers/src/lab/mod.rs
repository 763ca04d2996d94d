//! The lab: a behavioural model of AD, of Entra Connect servers and of a small vault, behind the ports.
//!
//! It is not a script of canned answers. The model directory has a policy, a lockout, a grace for the
//! previous password and controllers that lag; the model server binds with what its running engine holds in
//! memory; so a forgotten restart or a lost reply has the consequences that it has on a real server. Faults
//! can be ordered ([`faults`]), and a person can interfere ([`set_password`]).
//!
//! The world lies in a folder and outlives the process, unless it is made in memory ([`Lab::in_memory`], [`Fleet`]): `world.json` (no clear password: digests and
//! enciphered copies), `vault.json` (the vault's values, readable by the owner only), `faults.json`,
//! `requests.log` (one JSON line for each request) and `lock`. Each request works under an exclusive lock on
//! the whole folder, so that several processes may act on one world. The only clock is the one in
//! [`LabSetting`].
//!
//! - `domain`, `account`, `vault_books` (what only the lab asks of the vault's book), `world`: the model itself, without input or output
//! - `engine`, `service`, `local_users`, `entra`, `restore_task`, `event_log`, `builds`: a model server
//! - `directory`, `connect_server`, `runs`, `vault`: the model behind the ports; `real_logon`: a server's way out of it
//! - [`ldaps`]: the model directory on a real LDAPS wire; `mishap`: what can go wrong there on order
//! - `person`, `operator`, `administrator`: those who interfere
//! - `plan`, `server_plan`, `construct`, `worlds`: what a new world is to look like, and the table of named ones
//! - `lab_handle`, `keeper`, `store`, `memory`: the way of a request, the folder and its lock, the world without a folder
//! - `fleet`, `fleet_ports`: many worlds in memory behind one vault, one directory and many servers
//! - `labels`, `show`, `account_truth`: which password is which, and who holds it

mod account;
mod account_truth;
mod administrator;
mod builds;
mod cipher;
mod clock;
mod connect_server;
mod construct;
mod directory;
mod domain;
mod engine;
mod entra;
mod event_log;
pub mod faults;
mod fleet;
mod fleet_ports;
mod keeper;
mod lab_account;
mod lab_handle;
mod labels;
#[cfg(feature = "lab-ldaps")]
pub mod ldaps;
mod local_users;
mod memory;
mod mishap;
mod operator;
mod person;
mod plan;
mod real_logon;
mod restore_task;
mod runs;
mod server_plan;
mod service;
mod show;
mod store;
#[cfg(test)]
mod tests;
mod vault;
mod vault_books;
mod world;
mod worlds;

pub use account::Rights;
pub use account_truth::Truth;
pub use administrator::Mark;
pub use fleet::{Fleet, FleetPlan};
pub use lab_account::{LabAccount, LabAccountKind};
pub use lab_handle::{Lab, LabSetting, Latency};
pub use person::set_password;
pub use plan::{AccountPlan, FineGrainedPlan, Logon, WorldPlan};
pub use server_plan::{ConnectorPlan, EntraPlan, ServerPlan, ServicePlan};
pub use show::show;
pub use worlds::{NamedWorld, make, ready, world, worlds};
