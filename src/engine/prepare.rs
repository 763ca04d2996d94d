use std::time::Duration;

use providers::port::{ConnectorKind, Fault, Fingerprint, Meaning, QuiesceMode, ResetRight, Slot, step_scope};

use super::{Ports, credentials, logon};
use crate::password::Rules;
use crate::rotation::{ConnectorUse, Inventory, Limits, Method, OldPassword, Plan, ServerUse, plan};

/// What somebody wants rotated, and how.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The account's name in the configuration.
    pub account: String,
    /// How the directory finds it: sAMAccountName, user principal name or distinguished name.
    pub locator: String,
    /// Its name in the vault.
    pub vault_name: String,
    /// How the directory is given the password.
    pub method: Method,
    /// `(server, connector)`; without a connector, those that bind as the account are found on the server.
    pub servers: Vec<(String, Option<String>)>,
    /// Password length, where configured.
    pub length: Option<u32>,
    /// How sync is kept out of the way.
    pub quiesce: QuiesceMode,
    /// Set a fresh password everywhere, whatever the one in use is.
    pub repair: bool,
    /// Held rotations that a repair closes.
    pub repairs: Vec<String>,
    /// Go on although there is no old password to go back to.
    pub forward_only: bool,
    /// How often and how long.
    pub limits: Limits,
}

/// A plan, and what a person should know of it.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// Warnings, as sentences.
    pub warnings: Vec<String>,
}

/// Why nothing is begun. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The world says no.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
    /// The world can't be seen.
    #[error(transparent)]
    Unseen(#[from] Fault),
}

/// How often the world is looked at before a person is told that it can't be seen.
const LOOKS_MAX: u32 = 3;

/// Pause after the first failed look; doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks at the world and makes the plan, or says why there is none. Changes nothing, so what may pass is
/// tried again a little.
///
/// `last_known` is the account's distinguished name and metadata after our last rotation of it.
pub async fn prepare(
    ports: &Ports,
    wish: &Wish,
    last_known: Option<&(String, Fingerprint)>,
) -> Result<Prepared, Refusal> {
    let mut tries = 0;
    loop {
        let looked = step_scope::within("prepare".to_owned(), look_around(ports, wish, last_known)).await;
        tries += 1;
        match looked {
            Err(Refusal::Unseen(fault)) if fault.meaning == Meaning::Later && tries < LOOKS_MAX => {
                ports.clock.sleep(PAUSE * 2_u32.pow(tries - 1)).await;
            }
            looked => return looked,
        }
    }
}

async fn look_around(
    ports: &Ports,
    wish: &Wish,
    last_known: Option<&(String, Fingerprint)>,
) -> Result<Prepared, Refusal> {
    let facts = ports.directory.account(&wish.locator).await?;
    let mut refusals = facts.refusals.clone();
    let mut warnings = facts.warnings.clone();
    let fingerprint = ports.directory.fingerprint(&facts.dn, &facts.dc).await?;
    let rules = Rules::new(wish.length, &facts.policy, &facts.sam_account_name, &facts.display_name)
        .map_err(|unfit| Refusal::Refused(vec![unfit.to_string()]))?;

    let mut servers = Vec::new();
    for (name, connector) in &wish.servers {
        servers.push(server_use(ports, name, connector.as_deref(), &facts.sam_account_name, &mut refusals).await?);
    }
    match wish.method {
        // An account that must not be rotated is not asked about any further: no logon, no probe.
        _ if !refusals.is_empty() => {}
        Method::Reset => may_reset(ports, &fingerprint, &facts.dn, &mut refusals, &mut warnings).await?,
        Method::Change if wish.repair || wish.forward_only => refusals.push(
            "the rotator's own account is changed by showing the password in use, so it can't be done without that: have it reset by an administrator, and store the new one in the vault"
                .into(),
        ),
        Method::Change => {}
    }
    if !refusals.is_empty() {
        return Err(Refusal::Refused(refusals));
    }
    replicated(ports, &fingerprint, &facts.dn, &servers).await?;
    let pending = ports.vault.find(&wish.vault_name, Slot::Pending).await?.and_then(|pending| pending.rotation);
    let old = if wish.repair {
        OldPassword::Unknown
    } else {
        known_password(ports, wish, &facts.dn, &fingerprint, last_known, &mut refusals).await?
    };
    if old == OldPassword::Unknown && !wish.repair && refusals.is_empty() {
        if wish.method == Method::Change {
            refusals
                .push("the vault has no current password for this account, and a change must show it; store it".into());
        } else if wish.forward_only {
            warnings.push("the old password is not known: once the directory is touched there is no way back".into());
        } else {
            refusals.push(
                "the vault has no current password for this account, so there would be no way back; store it, or accept that with --accept-forward-only"
                    .into(),
            );
        }
    }
    if !refusals.is_empty() {
        return Err(Refusal::Refused(refusals));
    }
    let credentials = credentials::own(ports).await;
    warnings.extend(credentials::warnings(&credentials, ports.clock.now()));
    let inventory = Inventory {
        account: wish.account.clone(),
        vault_name: wish.vault_name.clone(),
        dn: facts.dn,
        fingerprint,
        old,
        method: wish.method,
        servers,
        quiesce: wish.quiesce,
        repair: wish.repair,
        repairs: wish.repairs.clone(),
        takes_over: if wish.repair { pending.into_iter().collect() } else { Vec::new() },
        length: rules.length,
        forbidden_names: rules.forbidden,
        credentials,
        limits: wish.limits.clone(),
    };
    let plan = plan(inventory).map_err(|none| Refusal::Refused(vec![none.to_string()]))?;
    Ok(Prepared { plan, warnings })
}

/// The connectors on a server that bind as the account, and whatever there speaks against rotating.
async fn server_use(
    ports: &Ports,
    name: &str,
    connector: Option<&str>,
    sam: &str,
    refusals: &mut Vec<String>,
) -> Result<ServerUse, Refusal> {
    let facts = ports.server(name)?.describe().await?;
    if facts.service.state != "running" {
        refusals.push(format!("the ADSync service on {name} is {}", facts.service.state));
    }
    if facts.scheduler.suspended {
        refusals.push(format!("the scheduler on {name} is suspended: finish the upgrade or the wizard first"));
    }
    refusals.extend(facts.open_programs.iter().map(|program| format!("{program} is open on {name}: close it first")));
    let binds_as_account = |user: &str| {
        let name = user.rsplit('\\').next().unwrap_or(user);
        name.split('@').next().unwrap_or(name).eq_ignore_ascii_case(sam)
    };
    let connectors: Vec<ConnectorUse> = facts
        .connectors
        .iter()
        .filter(|facts| facts.kind == ConnectorKind::ActiveDirectory)
        .filter(|facts| connector.map_or_else(|| binds_as_account(&facts.user), |wanted| facts.name == wanted))
        .map(|facts| ConnectorUse { connector: facts.name.clone(), dc: facts.dc.clone() })
        .collect();
    for used in &connectors {
        let user = facts.connectors.iter().find(|facts| facts.name == used.connector).map(|facts| facts.user.as_str());
        if let Some(user) = user.filter(|user| !binds_as_account(user)) {
            refusals.push(format!("{} on {name} binds as {user}, not as {sam}", used.connector));
        }
    }
    Ok(ServerUse { server: name.to_owned(), staging: facts.staging, connectors })
}

/// Whether the rotator may reset at all. Asked before a candidate is made.
async fn may_reset(
    ports: &Ports,
    at: &Fingerprint,
    dn: &str,
    refusals: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> Result<(), Refusal> {
    match ports.directory.reset_right(dn, &at.dc).await? {
        ResetRight::Held => {}
        ResetRight::Missing => refusals.push(format!(
            "the rotator may not reset the password of {dn}: give it the right \"Reset password\" on this object by an explicit entry (deploy/active-directory); hardening by Set-ADSyncRestrictedPermissions removes it, so grant it afterwards"
        )),
        ResetRight::Unknown(said) => {
            warnings.push(format!("whether the rotator may reset the password shows only when it does: {said}"));
        }
    }
    Ok(())
}

/// Whether the domain controllers that the connectors use agree with the working one before anything is set. What
/// is split or far behind would only be found out in the middle.
async fn replicated(ports: &Ports, at: &Fingerprint, dn: &str, servers: &[ServerUse]) -> Result<(), Refusal> {
    let mut asked = vec![at.dc.as_str()];
    for dc in servers.iter().flat_map(|server| &server.connectors).filter_map(|connector| connector.dc.as_deref()) {
        if asked.iter().any(|known| known.eq_ignore_ascii_case(dc)) {
            continue;
        }
        asked.push(dc);
        let there = ports.directory.fingerprint(dn, dc).await?;
        if !there.same_set(at) {
            let cause = format!(
                "it shows key version {} set at {}, {} shows {} set at {}",
                there.key_version,
                instant(&there),
                at.dc,
                at.key_version,
                instant(at)
            );
            return Err(Refusal::Unseen(
                Fault::later(format!("comparing {dc} with {}", at.dc), cause)
                    .hint("wait for replication, or mend it (`repadmin /showrepl`); nothing was changed"),
            ));
        }
    }
    Ok(())
}

fn instant(print: &Fingerprint) -> String {
    print.password_last_set_at().map_or_else(|| "no time".to_owned(), |at| at.to_string())
}

/// Whether the vault's current value is the password in use. One logon, with a password that the account
/// has had unless the vault is wrong.
async fn known_password(
    ports: &Ports,
    wish: &Wish,
    dn: &str,
    fingerprint: &Fingerprint,
    last_known: Option<&(String, Fingerprint)>,
    refusals: &mut Vec<String>,
) -> Result<OldPassword, Refusal> {
    if let Some(pending) = ports.vault.find(&wish.vault_name, Slot::Pending).await? {
        let whose = pending.rotation.as_deref().unwrap_or("an unknown rotation");
        refusals.push(format!(
            "the vault holds a pending candidate of {whose}, which this journal does not have in flight: it may be the live password. Find the journal that made it, or remove it once it is known to be unused"
        ));
        return Ok(OldPassword::Unknown);
    }
    let Some(current) = ports.vault.find(&wish.vault_name, Slot::Current).await? else {
        return Ok(OldPassword::Unknown);
    };
    // What a rotation made current was the live password when it ended. If another was set since, a logon would
    // not show it: for 60 minutes the directory goes on accepting the one before.
    let set_since =
        last_known.is_some_and(|(of, known)| of == dn && known.dc == fingerprint.dc && !known.same_set(fingerprint));
    if set_since && current.rotation.is_some() {
        refusals.push(
            "somebody set the password after our last rotation, and the vault's current value is still that rotation's. Store the password in use, or `rotate --repair` sets a fresh one everywhere"
                .into(),
        );
        return Ok(OldPassword::Unknown);
    }
    let secret = ports.vault.read(&current).await?;
    if logon::accepts(&*ports.directory, dn, &fingerprint.dc, &secret).await? {
        return Ok(OldPassword::Known);
    }
    refusals.push(
        "the directory refuses the password that the vault holds as current: somebody set another one. Store the password in use, or `rotate --repair` sets a fresh one everywhere"
            .into(),
    );
    Ok(OldPassword::Unknown)
}
