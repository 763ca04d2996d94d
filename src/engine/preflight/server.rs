//! A Connect server, and the connectors on it that bind as the account.

use jiff::SignedDuration;
use providers::port::{
    AccountFacts, ConnectorFacts, ConnectorKind, EntraIdentity, FailureClass, Fault, QuiesceMode, ServerFacts,
};

use super::check::Checks;
use super::{AccountKind, Look, Purpose, Refusal};
use crate::diagnosis::{Observation, diagnose, read_events};
use crate::engine::actions::STOP_PLANNED_S;
use crate::engine::connectors::{binds_as, dc_of_domain};
use crate::procedure::{Build, Effect, Kind, judge};
use crate::rotation::{ConnectorUse, EngineMethod, ServerUse};

/// From so many days before its end on, Entra Connect warns of a certificate (event 1011).
const CERTIFICATE_DUE_DAYS: i64 = 150;
/// How far back a foreign change is looked for.
const EVENTS_SINCE: SignedDuration = SignedDuration::from_hours(48);

impl Look<'_> {
    /// The server, looked at for whatever speaks against any rotation on it.
    pub(super) async fn server(&self, checks: &mut Checks, name: &str) -> Result<ServerFacts, Refusal> {
        let facts = self.ports.server(name)?.describe().await?;
        if !facts.engine_answers {
            // Without its role and its connectors no plan can be made for it, and a repair neither.
            let cause = format!("its engine does not answer, the ADSync service is {}", facts.service.state);
            return Err(Fault::later(format!("looking at {name}"), cause)
                .hint("`doctor` says why; start it first")
                .into());
        }
        let role = if facts.staging { "in staging mode" } else { "active" };
        checks.pass("server", name, format!("it answers, {role}"));
        self.build(checks, name, &facts);
        self.service_runs(checks, name, &facts);
        self.scheduler(checks, name, &facts);
        let attended = self.wish.engine_method == EngineMethod::Attended;
        let in_the_way = |program: &&String| !(attended && program.eq_ignore_ascii_case("miisclient.exe"));
        for program in facts.open_programs.iter().filter(in_the_way) {
            checks.refuse("programs", name, format!("{program} is open"), "close it first");
        }
        if facts.open_programs.is_empty() {
            checks.pass("programs", name, "none is open");
        }
        if facts.upgrading {
            checks.refuse("upgrade", name, "a setup or an upgrade of Entra Connect runs", "let it end first");
        } else {
            checks.pass("upgrade", name, "none runs");
        }
        self.entra_logon(checks, name, &facts);
        self.foreign_changes(checks, name, &facts).await;
        Ok(facts)
    }

    /// How it logs on to Entra ID: not this rotation's business, but sync ends with it.
    fn entra_logon(&self, checks: &mut Checks, name: &str, facts: &ServerFacts) {
        let end = match &facts.entra {
            Some(EntraIdentity::Application { certificate_ends_at: Some(end), .. }) => end,
            Some(EntraIdentity::ServiceAccount { user }) if self.wish.kind != AccountKind::Entra => {
                checks.pass("entra-identity", name, format!("it logs on to Entra ID as {user}, with a password"));
                return;
            }
            _ => return,
        };
        let days = end.duration_since(self.ports.clock.now()).as_hours().div_euclid(24);
        let todo = "look at events 1011 and 1012: Entra Connect renews its own certificate, one that was brought along is renewed with Invoke-ADSyncApplicationCredentialRotation";
        if days < 0 {
            checks.warn("certificate", name, format!("the certificate for Entra ID ended {} days ago", -days), todo);
        } else if days <= CERTIFICATE_DUE_DAYS {
            checks.warn("certificate", name, format!("the certificate for Entra ID has {days} days left"), todo);
        } else {
            checks.pass("certificate", name, format!("{days} days left"));
        }
    }

    fn service_runs(&self, checks: &mut Checks, name: &str, facts: &ServerFacts) {
        let state = &facts.service.state;
        if state == "running" {
            checks.pass("service", name, "running");
        } else if self.wish.purpose == Purpose::Repair {
            checks.warn("service", name, format!("the ADSync service is {state}"), "a repair goes on: it restarts it");
        } else {
            checks.refuse(
                "service",
                name,
                format!("the ADSync service is {state}"),
                "`doctor` says why; start it first",
            );
        }
    }

    fn scheduler(&self, checks: &mut Checks, name: &str, facts: &ServerFacts) {
        let scheduler = &facts.scheduler;
        if scheduler.suspended {
            checks.refuse("scheduler", name, "the scheduler is suspended", "finish the upgrade or the wizard first");
        } else if let Some(owed) = self.wish.scheduler_owed {
            checks.warn(
                "quiesce",
                name,
                format!(
                    "another rotation paused the scheduler and has not released it; before that it was {}",
                    on(owed)
                ),
                "`resume` that rotation; this one will leave the value of before",
            );
        } else if !scheduler.enabled {
            checks.warn("scheduler", name, "SyncCycleEnabled is off: nothing syncs by itself", "it is left so");
        } else {
            checks.pass("scheduler", name, "SyncCycleEnabled is on");
        }
        if self.wish.quiesce == QuiesceMode::Disable {
            let seen =
                "the scheduler will be paused for the whole tenant; the server itself restores it should nobody else";
            checks.pass("quiesce", name, seen);
        }
        let left = scheduler.next_cycle_at.map(|at| at.duration_since(self.ports.clock.now()).as_secs());
        let near = left.filter(|left| *left < 2 * STOP_PLANNED_S && self.wish.quiesce == QuiesceMode::Gap);
        if scheduler.cycle_running {
            checks.warn(
                "cycle",
                name,
                "a sync cycle runs",
                "it is waited for, with a limit, before anything is touched",
            );
        } else if let Some(left) = near {
            checks.warn(
                "cycle",
                name,
                format!("the next sync cycle starts in {left} s"),
                "it is waited for, with a limit",
            );
        } else {
            let next =
                left.map_or_else(|| "none is planned".to_owned(), |left| format!("the next one starts in {left} s"));
            checks.pass("cycle", name, format!("none runs, {next}"));
        }
    }

    fn build(&self, checks: &mut Checks, name: &str, facts: &ServerFacts) {
        let build: Option<Build> = facts.build.parse().ok();
        let gates = judge(build.as_ref(), self.today(), self.kind());
        for gate in &gates {
            match gate.effect {
                Effect::Refuse if !self.wish.allow_unsupported_build => {
                    checks.refuse("build", name, format!("build {}: {}", facts.build, gate.sentence), gate.next_step);
                }
                // It is judged where the procedure is chosen.
                Effect::AttendedOnly => {}
                Effect::Refuse | Effect::Warn => {
                    let aba = matches!(facts.entra, Some(EntraIdentity::Application { .. }));
                    let more = if aba { "" } else { "; its Entra connector has no application-based authentication" };
                    checks.warn(
                        "build",
                        name,
                        format!("build {}: {}{more}", facts.build, gate.sentence),
                        gate.next_step,
                    );
                }
            }
        }
        if gates.is_empty() {
            checks.pass("build", name, facts.build.clone());
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.wish.kind {
            AccountKind::Connector => Kind::Connector,
            AccountKind::Service => Kind::Service,
            AccountKind::Entra => Kind::Entra,
            AccountKind::Own => Kind::Own,
        }
    }

    /// Evidence only: a server whose event log can't be read is no reason not to rotate.
    async fn foreign_changes(&self, checks: &mut Checks, name: &str, facts: &ServerFacts) {
        let Ok(server) = self.ports.server(name) else { return };
        let now = self.ports.clock.now();
        let events = match server.events(now - EVENTS_SINCE).await {
            Ok(events) => events,
            Err(fault) => {
                checks.warn(
                    "foreign-change",
                    name,
                    format!("the event log can't be read: {}", fault.cause),
                    fault.hint,
                );
                return;
            }
        };
        let seen = Observation {
            server: name.to_owned(),
            facts: Ok(facts.clone()),
            events: read_events(&events).events,
            runs: Vec::new(),
            ours: self.wish.own_changes.get(name).cloned().unwrap_or_default(),
            replication: Vec::new(),
            now,
        };
        let foreign = diagnose(&seen).into_iter().filter(|finding| finding.class == FailureClass::ForeignChange);
        let mut any = false;
        for finding in foreign {
            any = true;
            let seen = format!("somebody else changed a credential: {}", finding.evidence.join("; "));
            let todo = "find out who, and whether the account is used on a server that is not configured";
            checks.warn("foreign-change", name, seen, todo);
        }
        if !any {
            checks.pass("foreign-change", name, "no event 2518 or 2519 but our own");
        }
    }

    /// The server with the connectors that bind as the account. Those that are `wanted` by name must be all of them: one
    /// that is left out keeps the old password, and that is a silent half.
    pub(super) async fn server_of_connector(
        &self,
        checks: &mut Checks,
        name: &str,
        wanted: &[&str],
        account: &AccountFacts,
    ) -> Result<ServerUse, Refusal> {
        let facts = self.server(checks, name).await?;
        let ad = || facts.connectors.iter().filter(|facts| facts.kind == ConnectorKind::ActiveDirectory);
        for wanted in wanted {
            match ad().find(|facts| facts.name == *wanted) {
                Some(found) if !binds_as(found, account) => checks.refuse(
                    "connectors",
                    name,
                    format!("{wanted} on {name} binds as {}, not as {}", found.user, account.sam_account_name),
                    "name the account that it binds as, or another connector",
                ),
                Some(_) => {}
                None => checks.refuse(
                    "connectors",
                    name,
                    format!("{name} has no AD connector {wanted}"),
                    "look at its name",
                ),
            }
        }
        let used: Vec<&ConnectorFacts> = ad().filter(|facts| binds_as(facts, account)).collect();
        for other in used.iter().filter(|facts| !wanted.is_empty() && !wanted.contains(&facts.name.as_str())) {
            checks.refuse(
                "connectors",
                name,
                format!("{} on {name} binds as the same account and is not in its list", other.name),
                "leave `connector` out, so that every connector of the account is found, or list it too",
            );
        }
        alternate_credentials(checks, name, account, ad());
        if used.is_empty() && !checks.refused() {
            checks.refuse(
                "connectors",
                name,
                format!("no connector on {name} binds with {}", self.wish.account),
                "take the server out of this account's list, or look at the connector's account",
            );
        } else if !used.is_empty() {
            let names: Vec<&str> = used.iter().map(|facts| facts.name.as_str()).collect();
            checks.pass("connectors", name, names.join(", "));
        }
        let connectors = used.iter().map(|facts| ConnectorUse {
            connector: facts.name.clone(),
            dc: dc_of_domain(facts, account),
            vault_name: None,
        });
        Ok(ServerUse { connectors: connectors.collect(), ..server_use(name, &facts) })
    }
}

/// The server as the inventory has it, without connectors.
pub(super) fn server_use(name: &str, facts: &ServerFacts) -> ServerUse {
    ServerUse {
        server: name.to_owned(),
        staging: facts.staging,
        connectors: Vec::new(),
        build: facts.build.clone(),
        module: facts.module.clone(),
        start_name: String::new(),
        logon_dc: None,
        entra_connector: None,
    }
}

/// Exactly one server exports: two would export against each other.
pub(super) fn roles(checks: &mut Checks, servers: &[ServerUse]) {
    let active: Vec<&str> =
        servers.iter().filter(|server| !server.staging).map(|server| server.server.as_str()).collect();
    match active[..] {
        [one] => checks.pass("roles", "", format!("{one} is active, {} in staging mode", servers.len() - 1)),
        _ if checks.refused() => {}
        [] => checks.refuse("roles", "", "none of the account's servers is active", "add the active one to its list"),
        _ => checks.refuse(
            "roles",
            "",
            format!("several are active: {}", active.join(", ")),
            "put all but one into staging mode",
        ),
    }
}

fn on(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}

fn alternate_credentials<'c>(
    checks: &mut Checks,
    name: &str,
    account: &AccountFacts,
    ad: impl Iterator<Item = &'c ConnectorFacts>,
) {
    let mut any = false;
    for connector in ad {
        for (partition, user) in &connector.alternate_credentials {
            any = true;
            let as_connector = ConnectorFacts { user: user.clone(), ..connector.clone() };
            let about = format!("{name}/{}", connector.name);
            if binds_as(&as_connector, account) {
                checks.refuse(
                    "alternate-credentials",
                    &about,
                    format!("the partition {partition} binds as this account by credentials of its own, which the rotator does not update"),
                    "let the partition use the connector's credentials, or give it an account of its own",
                );
            } else {
                checks.warn(
                    "alternate-credentials",
                    &about,
                    format!("the partition {partition} binds as {user}, by credentials of its own"),
                    "they are left alone: rotate that account by hand",
                );
            }
        }
    }
    if !any {
        checks.pass("alternate-credentials", name, "none");
    }
}
