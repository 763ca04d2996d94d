use std::collections::BTreeMap;
use std::sync::Arc;

use providers::port::{ConnectServer, Directory, Fault, Secret, Vault};

use super::Operator;
use crate::clock::{Clock, Entropy};

/// The world of one account, as the engine reaches it.
#[derive(Clone)]
pub struct Ports {
    /// Where its passwords lie.
    pub vault: Arc<dyn Vault>,
    /// Where it lives.
    pub directory: Arc<dyn Directory>,
    /// The Connect servers that use it, by name.
    pub servers: BTreeMap<String, Arc<dyn ConnectServer>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The person at the terminal, for what only a person can do.
    pub operator: Arc<dyn Operator>,
    /// The password that a person gave for an adoption.
    pub given: Option<Secret>,
}

impl Ports {
    /// The server of that name.
    pub(super) fn server(&self, name: &str) -> Result<&dyn ConnectServer, Fault> {
        self.servers.get(name).map(AsRef::as_ref).ok_or_else(|| {
            Fault::broken(format!("reaching {name}"), "the plan names a server that the configuration does not have")
                .hint("put the server back into the configuration until this rotation has ended")
        })
    }
}
