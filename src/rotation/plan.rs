use providers::port::{Fingerprint, OwnCredential, QuiesceMode};
use serde::{Deserialize, Serialize};

use super::{Change, Step};

/// Whether there is something to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldPassword {
    /// The vault holds it.
    Known,
    /// Nobody knows it (a wizard-made account, or a third password set by somebody).
    Unknown,
}

/// How the directory is given the password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By reset, as the rotator. It can be undone by another reset.
    #[default]
    Reset,
    /// By change, as the account itself: the old password is shown. History and minimum age forbid the way
    /// back, so it goes forward only once it may have taken effect.
    Change,
}

/// How often and how long. Journaled with the plan, so that a later version goes on by the same rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Applications of one step before it counts as failed.
    pub tries_max: u32,
    /// Applications of a step that waits for the world (replication, a gap between sync cycles).
    pub waits_max: u32,
    /// Applications of a wait for replication.
    #[serde(default = "converge_tries_default")]
    pub converge_tries_max: u32,
    /// Looks at one step that may fail before the rotation is held.
    pub looks_max: u32,
    /// Pause after the first failure, in milliseconds; doubles with each further one.
    pub retry_ms: u32,
    /// Longest pause, in milliseconds.
    pub retry_max_ms: u32,
}

/// About a quarter of an hour.
fn converge_tries_default() -> u32 {
    36
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tries_max: 3,
            waits_max: 30,
            converge_tries_max: converge_tries_default(),
            looks_max: 6,
            retry_ms: 500,
            retry_max_ms: 30_000,
        }
    }
}

impl Limits {
    /// The same, waiting for replication at least so many seconds.
    #[must_use]
    pub fn converging_for(self, limit_s: u32) -> Self {
        let (limit_ms, mut waited_ms, mut tries) = (u64::from(limit_s) * 1000, 0, 1);
        while waited_ms < limit_ms {
            waited_ms += self.pause_ms(tries);
            tries += 1;
        }
        Self { converge_tries_max: tries, ..self }
    }

    /// The pause after so many failures, in milliseconds.
    pub(super) fn pause_ms(&self, failures: u32) -> u64 {
        let doubled = u64::from(self.retry_ms.max(1)) << failures.saturating_sub(1).min(16);
        doubled.min(u64::from(self.retry_max_ms.max(1)))
    }
}

/// A connector that uses the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorUse {
    /// The connector's name.
    pub connector: String,
    /// The domain controller it binds to; `None` = the one that the directory work happens at.
    pub dc: Option<String>,
}

/// A Connect server that uses the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerUse {
    /// The server.
    pub server: String,
    /// Whether it is in staging mode.
    pub staging: bool,
    /// Its connectors that bind with the account.
    pub connectors: Vec<ConnectorUse>,
}

/// What was seen of the world when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The account's name in the configuration.
    pub account: String,
    /// Its name in the vault.
    pub vault_name: String,
    /// Its distinguished name.
    pub dn: String,
    /// Its metadata, on the domain controller where the work happens.
    pub fingerprint: Fingerprint,
    /// Whether the vault's current value is its password.
    pub old: OldPassword,
    /// How the directory is given the password.
    #[serde(default)]
    pub method: Method,
    /// The servers that use it; none where the account is the rotator's own.
    pub servers: Vec<ServerUse>,
    /// How sync is kept out of the way.
    pub quiesce: QuiesceMode,
    /// A repair: the password in use is not known, and the world may be a mixture.
    pub repair: bool,
    /// Held rotations that a repair closes when it is proven.
    pub repairs: Vec<String>,
    /// Rotations whose pending candidate a repair takes over in the vault.
    pub takes_over: Vec<String>,
    /// Shortest password, in UTF-16 units, that policy and configuration allow.
    pub length: u32,
    /// Names that the password must not contain.
    pub forbidden_names: Vec<String>,
    /// The credentials that the tool itself worked with, and their age.
    #[serde(default)]
    pub credentials: Vec<OwnCredential>,
    /// How often and how long.
    pub limits: Limits,
}

/// An ordered list of steps, and everything about the account that they need. A value: printable, journaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Index of the last step that can still be undone: the last proof of the active server. Undoing a
    /// proven production server because a later step fails would be a second outage.
    pub pivot: usize,
    /// Whether there is something to go back to.
    pub old: OldPassword,
    /// What it was made from.
    pub inventory: Inventory,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// Two active servers would export against each other; none = nothing to prove on.
    #[error("{found} active Connect servers use {account}; exactly one is needed")]
    ActiveServers {
        /// The account.
        account: String,
        /// How many there are.
        found: usize,
    },
    /// A server without a connector that binds with the account.
    #[error("no connector on {server} binds with {account}")]
    NoConnector {
        /// The server.
        server: String,
        /// The account.
        account: String,
    },
}

/// The plan for an account: by reset for those that Connect servers use, by change for the rotator's own.
pub fn plan(inventory: Inventory) -> Result<Plan, NoPlan> {
    match inventory.method {
        Method::Reset => connector(inventory),
        Method::Change => Ok(own(inventory)),
    }
}

/// The plan for the rotator's own account: set by change, proven by a logon. No server has its password, and
/// there is nothing to seal: a change to the same password is against the history.
fn own(inventory: Inventory) -> Plan {
    let steps = vec![Step::Stage, Step::Directory, Step::Logon, Step::Promote];
    Plan { pivot: 2, old: inventory.old, steps, inventory }
}

/// The plan for an AD DS connector account (Microsoft: "Changing the AD DS connector account password"):
/// directory first, then the engine, then the restart; the active server first, then the staging servers.
fn connector(inventory: Inventory) -> Result<Plan, NoPlan> {
    let account = || inventory.account.clone();
    let (staging, active): (Vec<&ServerUse>, Vec<&ServerUse>) =
        inventory.servers.iter().partition(|server| server.staging);
    let [active] = active[..] else {
        return Err(NoPlan::ActiveServers { account: account(), found: active.len() });
    };
    if let Some(idle) = inventory.servers.iter().find(|server| server.connectors.is_empty()) {
        return Err(NoPlan::NoConnector { server: idle.server.clone(), account: account() });
    }

    let repair = inventory.repair;
    let mut steps = Vec::new();
    if !repair {
        // A repair starts from a world that is known to be broken: there is no good state to compare with.
        steps.extend(each(&inventory.servers, |server, connector| Step::Baseline { server, connector }));
    }
    steps.push(Step::Stage);
    steps.push(Step::Quiesce { server: active.server.clone() });
    steps.push(Step::Directory);
    steps.extend(converge(&inventory, Change::Directory));
    steps.extend(engine_and_restart(active));
    steps.push(Step::Seal);
    steps.extend(converge(&inventory, Change::Seal));
    steps.extend(each(std::slice::from_ref(active), |server, connector| Step::Prove { server, connector }));
    let pivot = steps.len() - 1;
    steps.push(Step::Promote);
    for server in staging {
        steps.extend(engine_and_restart(server));
        steps.extend(each(std::slice::from_ref(server), |server, connector| Step::Prove { server, connector }));
    }
    steps.push(Step::Release { server: active.server.clone() });

    let old = if repair { OldPassword::Unknown } else { inventory.old };
    Ok(Plan { steps, pivot, old, inventory })
}

fn each(servers: &[ServerUse], step: impl Fn(String, String) -> Step) -> Vec<Step> {
    servers
        .iter()
        .flat_map(|server| server.connectors.iter().map(move |use_| (server.server.clone(), use_.connector.clone())))
        .map(|(server, connector)| step(server, connector))
        .collect()
}

fn engine_and_restart(server: &ServerUse) -> Vec<Step> {
    let mut steps = each(std::slice::from_ref(server), |server, connector| Step::Engine { server, connector });
    steps.push(Step::Restart { server: server.server.clone() });
    steps
}

/// Every domain controller that a connector binds to, once each, in the order of the servers.
fn converge(inventory: &Inventory, change: Change) -> Vec<Step> {
    let mut dcs: Vec<&String> = Vec::new();
    for use_ in inventory.servers.iter().flat_map(|server| &server.connectors) {
        let dc = use_.dc.as_ref().unwrap_or(&inventory.fingerprint.dc);
        if !dcs.contains(&dc) {
            dcs.push(dc);
        }
    }
    dcs.into_iter().map(|dc| Step::Converge { change, dc: dc.clone() }).collect()
}

impl Plan {
    /// Whether there is no way back once the directory may have taken the new password.
    pub fn forward_only(&self) -> bool {
        self.old == OldPassword::Unknown || self.inventory.method == Method::Change
    }

    /// The way back: the same plan with the old password as its target, in the same order, the directory
    /// first. Undoing in reverse order would leave the directory new while engines go old.
    ///
    /// `touched` tells whether a step may have taken effect. Engines that surely never got the new password
    /// are left alone; the proof at the end covers them all the same.
    pub fn way_back(&self, touched: impl Fn(&Step) -> bool) -> Vec<Step> {
        let before_pivot = &self.steps[..=self.pivot];
        let server_touched = |name: &str| {
            before_pivot
                .iter()
                .any(|step| matches!(step, Step::Engine { server, .. } if server == name) && touched(step))
        };
        let mut back = Vec::new();
        if touched(&Step::Directory) {
            back.extend(
                before_pivot
                    .iter()
                    .filter(|step| match step {
                        Step::Directory | Step::Converge { .. } | Step::Seal | Step::Prove { .. } => true,
                        Step::Engine { .. } => touched(step),
                        Step::Restart { server } => server_touched(server),
                        _ => false,
                    })
                    .cloned(),
            );
        }
        if touched(&Step::Stage) {
            back.push(Step::Discard);
        }
        back.extend(self.steps.iter().filter(|step| self.releases_something(step, &touched)).cloned());
        back
    }

    fn releases_something(&self, step: &Step, touched: &impl Fn(&Step) -> bool) -> bool {
        matches!(step, Step::Release { server } if touched(&Step::Quiesce { server: server.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_in_seconds_becomes_tries() {
        let tries = |limit_s| Limits::default().converging_for(limit_s).converge_tries_max;
        assert_eq!(tries(0), 1);
        assert_eq!(tries(1), 3);
        // 0.5 + 1 + 2 + 4 + 8 + 16 s, then every 30 s.
        assert_eq!(tries(31), 7);
        assert_eq!(tries(900), converge_tries_default());
    }
}
