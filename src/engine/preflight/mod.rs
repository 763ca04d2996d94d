//! Preflight: looks at the world, says what speaks for and against a rotation, and makes the plan. Changes nothing.
//!
//! `check` is the table of everything that is looked at; `account`, `server`, `service`, `entra` and `vault` look.

mod account;
mod check;
mod entra;
mod server;
mod service;
mod vault;
mod wish;

use std::time::Duration;

use jiff::tz::TimeZone;
use providers::port::{Fault, Fingerprint, Meaning, step_scope};

use super::{Ports, credentials};
use crate::rotation::{EngineMethod, Inventory, Method, OldPassword, Plan, Procedure, plan};
use check::Checks;
pub use check::{CHECKS, Check, CheckKind, Verdict};
pub use wish::{AccountKind, Escrow, Purpose, Rehearsed, Wish};

/// A plan, and everything that was looked at for it.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// What was looked at, in order.
    pub checks: Vec<Check>,
}

/// Why nothing is begun. Nothing was changed.
#[derive(Debug)]
pub enum Refusal {
    /// The world says no: at least one of these checks refuses.
    Refused(Vec<Check>),
    /// Windows manages the password itself: there is nothing to rotate, and nothing is wrong.
    Managed(Vec<Check>),
    /// The world can't be seen.
    Unseen(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Unseen(fault)
    }
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
        let looked = step_scope::within("prepare".to_owned(), Look { ports, wish, last_known }.around()).await;
        tries += 1;
        match looked {
            Err(Refusal::Unseen(fault)) if fault.meaning == Meaning::Later && tries < LOOKS_MAX => {
                ports.clock.sleep(PAUSE * 2_u32.pow(tries - 1)).await;
            }
            looked => return looked,
        }
    }
}

/// One look around.
struct Look<'l> {
    ports: &'l Ports,
    wish: &'l Wish,
    last_known: Option<&'l (String, Fingerprint)>,
}

/// What the parts of the look found out, as far as the inventory needs it.
struct Found {
    procedure: Procedure,
    dn: String,
    fingerprint: Fingerprint,
    method: Method,
    servers: Vec<crate::rotation::ServerUse>,
    old: OldPassword,
    takes_over: Vec<String>,
    length: u32,
    forbidden_names: Vec<String>,
}

impl Look<'_> {
    async fn around(&self) -> Result<Prepared, Refusal> {
        let mut checks = Checks::default();
        let found = match self.wish.kind {
            AccountKind::Connector => self.connector(&mut checks).await,
            AccountKind::Service => self.service(&mut checks).await,
            AccountKind::Entra => self.entra(&mut checks).await,
            AccountKind::Own => self.own(&mut checks).await,
        };
        let found = match found? {
            Some(found) if !checks.refused() => found,
            _ => return Err(refusal(checks)),
        };
        let credentials = credentials::own(self.ports).await;
        let warnings = credentials::warnings(&credentials, self.ports.clock.now());
        if warnings.is_empty() {
            checks.pass("own-credentials", "", "none is due");
        }
        for warning in warnings {
            checks.warn("own-credentials", "", warning, "replace it before it fails a rotation in the middle");
        }
        let wish = self.wish;
        let inventory = Inventory {
            account: wish.account.clone(),
            procedure: found.procedure,
            vault_name: wish.vault_name.clone(),
            dn: found.dn,
            fingerprint: found.fingerprint,
            old: found.old,
            method: found.method,
            engine_method: wish.engine_method,
            servers: found.servers,
            quiesce: wish.quiesce,
            scheduler_owed: wish.scheduler_owed,
            owed_by_repaired: wish.owed_by_repaired,
            repair: wish.purpose == Purpose::Repair,
            repairs: wish.repairs.clone(),
            takes_over: found.takes_over,
            entra_administrator: wish.entra_administrator.clone(),
            length: found.length,
            forbidden_names: found.forbidden_names,
            credentials,
            limits: wish.limits.clone(),
        };
        if inventory.attended() && !self.ports.operator.present() {
            let seen = "the procedure needs a person at the terminal, and there is none";
            let todo = "run it in a terminal, not from a timer or a pipe";
            if wish.look_only {
                checks.warn("terminal", "", seen, todo);
            } else {
                checks.refuse("terminal", "", seen, todo);
                return Err(refusal(checks));
            }
        }
        match plan(inventory) {
            Ok(plan) => Ok(Prepared { plan, checks: checks.into_vec() }),
            Err(none) => {
                checks.refuse("plan", "", none.to_string(), "look at the account's servers in the configuration");
                Err(refusal(checks))
            }
        }
    }

    /// An AD DS connector account: rotated, repaired, rehearsed, or adopted.
    async fn connector(&self, checks: &mut Checks) -> Result<Option<Found>, Refusal> {
        let Some(account) = self.account(checks).await? else { return Ok(None) };
        if self.wish.purpose == Purpose::Adopt {
            return self.adoption(checks, account).await;
        }
        let mut servers = Vec::new();
        for (name, wanted) in self.wish.each_server() {
            servers.push(self.server_of_connector(checks, name, &wanted, &account.facts).await?);
        }
        server::roles(checks, &servers);
        self.description(checks, &account.facts);
        if checks.refused() {
            return Ok(None);
        }
        let rehearses = self.wish.purpose == Purpose::Rehearse;
        if !rehearses {
            self.reset_right(checks, &account).await?;
        }
        if checks.refused() {
            return Ok(None);
        }
        let asked: Vec<&str> =
            servers.iter().flat_map(|server| &server.connectors).filter_map(|used| used.dc.as_deref()).collect();
        self.replicated(checks, &account, &asked).await?;
        let (old, takes_over) = self.old_password(checks, &account).await?;
        if !rehearses {
            self.method_is_proven(checks, old, &servers);
        }
        let procedure = if rehearses { Procedure::Rehearsal } else { Procedure::Connector };
        Ok(Some(account.found(procedure, Method::Reset, servers, old, takes_over)))
    }

    /// A password that a person knows: no server is asked, as none is given anything.
    async fn adoption(&self, checks: &mut Checks, account: account::Account) -> Result<Option<Found>, Refusal> {
        if checks.refused() {
            return Ok(None);
        }
        let (old, takes_over) = self.old_password(checks, &account).await?;
        Ok(Some(account.found(Procedure::Adoption, Method::Reset, Vec::new(), old, takes_over)))
    }

    /// The rotator's own account.
    async fn own(&self, checks: &mut Checks) -> Result<Option<Found>, Refusal> {
        let Some(account) = self.account(checks).await? else { return Ok(None) };
        if self.wish.purpose == Purpose::Rehearse {
            checks.refuse("plan", "", "no engine is given this password", "there is nothing to rehearse");
        }
        if self.wish.purpose == Purpose::Repair || self.wish.forward_only {
            checks.refuse(
                "vault-current",
                "",
                "the rotator's own account is changed by showing the password in use, so it can't be done without that",
                "have it reset by an administrator, and store the new one in the vault",
            );
        }
        if checks.refused() {
            return Ok(None);
        }
        if self.wish.purpose == Purpose::Adopt {
            return self.adoption(checks, account).await;
        }
        let (old, takes_over) = self.old_password(checks, &account).await?;
        Ok(Some(account.found(Procedure::Own, Method::Change, Vec::new(), old, takes_over)))
    }

    /// Whether the engine may be given the password in this way at all.
    fn method_is_proven(&self, checks: &mut Checks, old: OldPassword, servers: &[crate::rotation::ServerUse]) {
        let method = self.wish.engine_method;
        if method == EngineMethod::Attended {
            checks.pass("engine-method", "", "attended: the way that Microsoft documents");
            return;
        }
        for server in servers {
            let rehearsed = self.wish.rehearsed.iter().any(|record| {
                record.build == server.build && record.module == server.module && record.method == method
            });
            let unproven = format!("object-model was not rehearsed on build {}", server.build);
            if rehearsed {
                checks.pass("engine-method", &server.server, format!("rehearsed on build {}", server.build));
            } else if old == OldPassword::Known || self.wish.purpose == Purpose::Repair {
                checks.warn(
                    "engine-method",
                    &server.server,
                    unproven,
                    "`doctor --rehearse` proves it with the password in use, before any password changes",
                );
            } else if self.wish.forward_only {
                checks.warn("engine-method", &server.server, unproven, "accepted by --accept-forward-only");
            } else {
                checks.refuse(
                    "engine-method",
                    &server.server,
                    format!("{unproven}, and there is no old password to go back to"),
                    "rehearse it with another connector on a server of this build, choose engine_method = \"attended\", or accept it with --accept-forward-only",
                );
            }
        }
    }

    fn today(&self) -> jiff::civil::Date {
        self.ports.clock.now().to_zoned(TimeZone::UTC).date()
    }
}

fn refusal(checks: Checks) -> Refusal {
    let checks = checks.into_vec();
    let refused: Vec<&Check> = checks.iter().filter(|check| check.verdict == Verdict::Refuse).collect();
    if !refused.is_empty() && refused.iter().all(|check| check.name == "managed") {
        return Refusal::Managed(checks);
    }
    Refusal::Refused(checks)
}
