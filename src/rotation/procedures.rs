//! The shape of each documented procedure: from an inventory to the ordered steps of a plan.

use super::{Change, Inventory, Method, NoPlan, OldPassword, Plan, Procedure, ServerUse, Step};

/// The plan for an account.
pub fn plan(inventory: Inventory) -> Result<Plan, NoPlan> {
    match inventory.procedure {
        Procedure::Connector => connector(inventory),
        Procedure::Service => service(inventory),
        Procedure::ServiceKeyLost => service_key_lost(inventory),
        Procedure::Entra => entra(inventory),
        Procedure::Rehearsal => rehearsal(inventory),
        Procedure::Own | Procedure::Adoption => Ok(own(inventory)),
    }
}

/// The plan for the rotator's own account: set by change, proven by a logon. No server has its password, and
/// there is nothing to seal: a change to the same password is against the history. An adoption is the same without
/// any change.
fn own(inventory: Inventory) -> Plan {
    let mut steps = vec![Step::Stage];
    if inventory.procedure == Procedure::Own {
        steps.push(Step::Directory);
    }
    steps.extend([Step::Logon, Step::Promote]);
    Plan { pivot: steps.len() - 2, old: inventory.old, steps, inventory, made_at: None }
}

/// The plan for an AD DS connector account (Microsoft: "Changing the AD DS connector account password"):
/// directory first, then the engine, then the restart; the active server first, then the staging servers.
fn connector(inventory: Inventory) -> Result<Plan, NoPlan> {
    let (active, staging) = active_first(&inventory)?;
    if let Some(idle) = inventory.servers.iter().find(|server| server.connectors.is_empty()) {
        return Err(NoPlan::NoConnector { server: idle.server.clone(), account: inventory.account.clone() });
    }
    let mut steps = Vec::new();
    if !inventory.repair {
        // A repair starts from a world that is known to be broken: there is no good state to compare with.
        steps.extend(inventory.servers.iter().flat_map(baseline));
    }
    steps.extend([Step::Stage, quiesce(active), Step::Directory]);
    steps.extend(converge(&inventory, Change::Directory));
    steps.extend(engine(active));
    steps.push(restart(active));
    steps.push(Step::Seal);
    steps.extend(converge(&inventory, Change::Seal));
    steps.extend(prove(active));
    let pivot = steps.len() - 1;
    steps.push(Step::Promote);
    for server in staging {
        steps.extend(engine(server));
        steps.push(restart(server));
        steps.extend(prove(server));
    }
    steps.push(release(active));
    let old = if inventory.repair { OldPassword::Unknown } else { inventory.old };
    Ok(Plan { steps, pivot, old, inventory, made_at: None })
}

/// The plan for the ADSync service account on builds after 1.1.443.0 (Microsoft: "Changing the ADSync service account
/// password"): authority, service manager, restart. The seal comes before the service manager, so that the restart is
/// a proof: within an hour of the first reset a start with the password before could succeed as well.
fn service(inventory: Inventory) -> Result<Plan, NoPlan> {
    let (first, others) = lead(&inventory)?;
    let mut steps = Vec::new();
    if !inventory.repair {
        steps.extend(inventory.servers.iter().flat_map(baseline));
    }
    steps.extend([Step::Stage, quiesce(first), Step::Directory]);
    if inventory.method == Method::Reset {
        steps.extend(converge(&inventory, Change::Directory));
        steps.push(Step::Seal);
        steps.extend(converge(&inventory, Change::Seal));
    }
    steps.extend(service_and_proof(first));
    let pivot = steps.len() - 1;
    steps.push(Step::Promote);
    steps.extend(others.into_iter().flat_map(service_and_proof));
    steps.push(release(first));
    let old = if inventory.repair { OldPassword::Unknown } else { inventory.old };
    Ok(Plan { steps, pivot, old, inventory, made_at: None })
}

/// The plan up to build 1.1.443.0 (Microsoft: "Abandoning the ADSync service account encryption key"). The service is
/// started before the connectors' passwords are entered: the engine's interface needs it running.
fn service_key_lost(inventory: Inventory) -> Result<Plan, NoPlan> {
    let [server] = &inventory.servers[..] else {
        return Err(NoPlan::OneServerOnly { account: inventory.account.clone(), found: inventory.servers.len() });
    };
    let name = || server.server.clone();
    let mut steps: Vec<Step> = if inventory.repair { Vec::new() } else { baseline(server) };
    steps.extend([Step::Stage, quiesce(server), Step::Stop { server: name() }, Step::Directory]);
    let pivot = steps.len() - 1;
    steps.extend(converge(&inventory, Change::Directory));
    steps.push(Step::Seal);
    steps.extend(converge(&inventory, Change::Seal));
    steps.extend([
        Step::ServiceLogon { server: name() },
        Step::AbandonKey { server: name() },
        Step::Start { server: name() },
    ]);
    steps.extend(reenter(server));
    steps.extend([Step::EntraReset { server: name() }, restart(server)]);
    steps.extend(prove(server));
    steps.extend([Step::Promote, release(server)]);
    Ok(Plan { steps, pivot, old: inventory.old, inventory, made_at: None })
}

/// The plan for the Entra connector account (Microsoft: "Change the Microsoft Entra Connector account password"). The
/// server sets both sides; nobody learns the password.
fn entra(inventory: Inventory) -> Result<Plan, NoPlan> {
    let [server] = &inventory.servers[..] else {
        return Err(NoPlan::OneServerOnly { account: inventory.account.clone(), found: inventory.servers.len() });
    };
    let mut steps = vec![quiesce(server), Step::EntraReset { server: server.server.clone() }];
    steps.extend(prove(server));
    steps.push(release(server));
    Ok(Plan { steps, pivot: 1, old: OldPassword::Unknown, inventory, made_at: None })
}

/// The rehearsal: the password in use is given to the engine by the same method, and proven.
fn rehearsal(inventory: Inventory) -> Result<Plan, NoPlan> {
    let (first, others) = lead(&inventory)?;
    let mut steps: Vec<Step> = inventory.servers.iter().flat_map(baseline).collect();
    steps.push(quiesce(first));
    for server in std::iter::once(first).chain(others) {
        steps.extend(engine(server));
        steps.push(restart(server));
        steps.extend(prove(server));
    }
    let pivot = steps.len() - 1;
    steps.push(release(first));
    Ok(Plan { steps, pivot, old: inventory.old, inventory, made_at: None })
}

/// The one active server, and the staging servers in the configuration's order.
fn active_first(inventory: &Inventory) -> Result<(&ServerUse, Vec<&ServerUse>), NoPlan> {
    let (staging, active): (Vec<&ServerUse>, Vec<&ServerUse>) =
        inventory.servers.iter().partition(|server| server.staging);
    match active[..] {
        [active] => Ok((active, staging)),
        _ => Err(NoPlan::ActiveServers { account: inventory.account.clone(), found: active.len() }),
    }
}

/// The server that goes first: the active one, or where there is none the first of the staging servers, as a service
/// account may be used on those alone.
fn lead(inventory: &Inventory) -> Result<(&ServerUse, Vec<&ServerUse>), NoPlan> {
    match &inventory.servers[..] {
        [first, others @ ..] if inventory.servers.iter().all(|server| server.staging) => {
            Ok((first, others.iter().collect()))
        }
        _ => active_first(inventory),
    }
}

fn each(server: &ServerUse, step: impl Fn(String, String) -> Step) -> Vec<Step> {
    server.connectors.iter().map(|used| step(server.server.clone(), used.connector.clone())).collect()
}

fn with_entra(server: &ServerUse, step: impl Fn(String, String) -> Step) -> Vec<Step> {
    let mut steps = each(server, &step);
    steps.extend(server.entra_connector.iter().map(|connector| step(server.server.clone(), connector.clone())));
    steps
}

fn baseline(server: &ServerUse) -> Vec<Step> {
    with_entra(server, |server, connector| Step::Baseline { server, connector })
}

fn prove(server: &ServerUse) -> Vec<Step> {
    with_entra(server, |server, connector| Step::Prove { server, connector })
}

fn engine(server: &ServerUse) -> Vec<Step> {
    each(server, |server, connector| Step::Engine { server, connector })
}

fn reenter(server: &ServerUse) -> Vec<Step> {
    each(server, |server, connector| Step::Reenter { server, connector })
}

fn service_and_proof(server: &ServerUse) -> Vec<Step> {
    let mut steps = vec![Step::ServiceLogon { server: server.server.clone() }, restart(server)];
    steps.extend(reenter(server));
    steps.extend(prove(server));
    steps
}

fn quiesce(server: &ServerUse) -> Step {
    Step::Quiesce { server: server.server.clone() }
}

fn restart(server: &ServerUse) -> Step {
    Step::Restart { server: server.server.clone() }
}

fn release(server: &ServerUse) -> Step {
    Step::Release { server: server.server.clone() }
}

/// Every domain controller that is asked about the account, once each, in the order of the servers: those that the
/// connectors bind to; for a service account, those that the servers log on at.
fn converge(inventory: &Inventory, change: Change) -> Vec<Step> {
    let of_service = matches!(inventory.procedure, Procedure::Service | Procedure::ServiceKeyLost);
    let mut dcs: Vec<&String> = Vec::new();
    for server in &inventory.servers {
        let asked: Vec<&String> = if of_service {
            server.logon_dc.iter().collect()
        } else {
            server.connectors.iter().map(|used| used.dc.as_ref().unwrap_or(&inventory.fingerprint.dc)).collect()
        };
        for dc in asked {
            if !dcs.contains(&dc) {
                dcs.push(dc);
            }
        }
    }
    dcs.into_iter().map(|dc| Step::Converge { change, dc: dc.clone() }).collect()
}
