//! The servers: what their signs are, what they say of themselves, and whether they are as the last rotation found them.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use providers::port::{AccountFacts, ConnectorFacts, ConnectorKind, EntraIdentity, FailureClass, Fault, ServerFacts};

use super::{DriftKind, Look};
use crate::diagnosis::{Finding, class_row, diagnose};
use crate::engine::connectors::binds_as;
use crate::engine::examine::ExaminedServer;
use crate::engine::{AccountKind, Wish};
use crate::procedure::{Build, Effect, Kind, StartName, judge};

/// So near its end a certificate is told of even where Entra Connect should renew it.
const CERTIFICATE_NEAR: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Look<'_> {
    pub(super) fn server(&mut self, examined: ExaminedServer, account: Option<&AccountFacts>) {
        let ExaminedServer { mut seen, unreadable } = examined;
        let name = seen.server.clone();
        if let Some(first) = unreadable.first() {
            let cause = format!("{} can't be read: {first}", unreadable.len());
            self.drift.unseen.push(Fault::broken(format!("reading the events of {name}"), cause));
        }
        let used = match &mut seen.facts {
            Ok(facts) => {
                self.description(&name, facts);
                self.accounts(&name, facts, account);
                used(self.wish, &name, facts, account)
            }
            Err(fault) => {
                // That it could not be asked is told already, and is no sign.
                if matches!(fault.class, Some(FailureClass::Connection | FailureClass::Busy)) {
                    fault.class = None;
                }
                None
            }
        };
        let ours = |connector: &String| {
            let to_directory = seen.facts.as_ref().is_ok_and(|facts| {
                facts.connectors.iter().any(|of| of.name == *connector && of.kind == ConnectorKind::ActiveDirectory)
            });
            !to_directory || used.as_ref().is_none_or(|used| used.contains(connector))
        };
        let findings: Vec<Finding> =
            diagnose(&seen).into_iter().filter(|finding| finding.connector.as_ref().is_none_or(ours)).collect();
        for finding in &findings {
            self.finding(finding);
        }
        let due = findings.iter().find(|finding| finding.class == FailureClass::Certificate);
        self.certificate(&name, seen.facts.as_ref().ok(), due);
    }

    fn finding(&mut self, finding: &Finding) {
        let about = match &finding.connector {
            Some(connector) => format!("{}/{connector}", finding.server),
            None => finding.server.clone(),
        };
        let newest = finding.evidence.first().map_or("", String::as_str);
        let name = class_row(finding.class).name;
        match finding.class {
            // Told with its own words; told by the account's metadata; passes by itself.
            FailureClass::Certificate | FailureClass::NotReplicated | FailureClass::Busy => {}
            FailureClass::ForeignChange => {
                let seen = format!("somebody else changed a credential: {}", finding.evidence.join("; "));
                self.drift.add(DriftKind::Credential, &about, seen, &finding.next_step);
            }
            FailureClass::EnginePassword
            | FailureClass::Connection
            | FailureClass::ReplicationRight
            | FailureClass::CloudCredential
            | FailureClass::EntraAccount
            | FailureClass::ServiceLogon
            | FailureClass::ServiceLogonRight
            | FailureClass::KeySet => {
                self.drift.add(DriftKind::Engine, &about, format!("{name}: {newest}"), &finding.next_step);
            }
        }
    }

    /// What a server says of itself.
    fn description(&mut self, name: &str, facts: &ServerFacts) {
        if facts.service.state != "running" {
            let seen = format!("the ADSync service is {}", facts.service.state);
            self.drift.add(DriftKind::Engine, name, seen, "`doctor` says why; start it");
        }
        if facts.engine_answers && facts.scheduler.suspended {
            self.drift.add(
                DriftKind::Engine,
                name,
                "the scheduler is suspended",
                "finish the upgrade or the wizard on the server",
            );
        }
        if facts.engine_answers && !facts.scheduler.enabled && !self.expected.scheduler_paused {
            self.drift.add(
                DriftKind::Engine,
                name,
                "SyncCycleEnabled is off: nothing syncs by itself",
                "find out who turned it off; it is one setting for the whole tenant (Set-ADSyncScheduler)",
            );
        }
        let today = self.ports.clock.now().to_zoned(TimeZone::UTC).date();
        let build: Option<Build> = facts.build.parse().ok();
        for gate in judge(build.as_ref(), today, kind(self.wish.kind)) {
            if gate.effect == Effect::Refuse {
                let seen = format!("build {}: {}", facts.build, gate.sentence);
                self.drift.add(DriftKind::Build, name, seen, gate.next_step);
            }
        }
        let recorded = self.expected.servers.iter().find(|server| server.server == name);
        if let Some(recorded) = recorded.filter(|server| !server.build.is_empty() && server.build != facts.build) {
            self.drift.add(
                DriftKind::Build,
                name,
                format!("its build is {}, and was {} at the last rotation", facts.build, recorded.build),
                "rehearse before the next rotation (`doctor --rehearse`)",
            );
        }
    }

    /// Whether service and connectors still use the account.
    fn accounts(&mut self, name: &str, facts: &ServerFacts, account: Option<&AccountFacts>) {
        match self.wish.kind {
            AccountKind::Service => {
                let runs_as = StartName::parse(&facts.service.account, &facts.host);
                let configured = account.map_or_else(
                    || StartName::parse(&self.wish.locator, &facts.host),
                    |account| StartName::DomainUser {
                        domain: account.domain.clone(),
                        user: account.sam_account_name.clone(),
                    },
                );
                let domain = account.map_or(("", ""), |account| (account.domain.as_str(), account.netbios.as_str()));
                // Without the account itself, a domain's two names can't be told to be one.
                let told = account.is_some() || !matches!(configured, StartName::DomainUser { .. });
                if told && !runs_as.same_account(&configured, domain) {
                    self.drift.add(
                        DriftKind::Engine,
                        name,
                        format!(
                            "its service runs as {}, and {} is configured",
                            facts.service.account, self.wish.locator
                        ),
                        "the password may change, the account may not: configure the account that it runs as",
                    );
                }
            }
            AccountKind::Connector if !facts.engine_answers => {}
            AccountKind::Connector => {
                let Some(account) = account else { return };
                let binding: Vec<&ConnectorFacts> = facts
                    .connectors
                    .iter()
                    .filter(|of| of.kind == ConnectorKind::ActiveDirectory && binds_as(of, account))
                    .collect();
                let wanted = self.wish.servers.iter().filter(|(server, _)| server == name);
                let mut lost: Vec<String> = Vec::new();
                for (_, wanted) in wanted {
                    match wanted {
                        Some(wanted) if !binding.iter().any(|of| of.name == *wanted) => {
                            lost.push(format!("the connector {wanted} does not bind as {}", account.sam_account_name));
                        }
                        None if binding.is_empty() => {
                            lost.push(format!("no connector binds as {}", account.sam_account_name));
                        }
                        _ => {}
                    }
                }
                for seen in lost {
                    let todo = "find out who changed the connector, or take it out of this account's list";
                    self.drift.add(DriftKind::Engine, name, seen, todo);
                }
            }
            AccountKind::Entra | AccountKind::Own => {}
        }
    }

    fn certificate(&mut self, name: &str, facts: Option<&ServerFacts>, due: Option<&Finding>) {
        let ends = match facts.and_then(|facts| facts.entra.as_ref()) {
            Some(EntraIdentity::Application { certificate_ends_at, .. }) => *certificate_ends_at,
            _ => None,
        };
        let left = ends.map(|ends| ends.duration_since(self.ports.clock.now()));
        let seen = match (ends, left) {
            (Some(ends), Some(left)) if left <= SignedDuration::ZERO => {
                format!("the certificate for Entra ID ended at {ends:.0}")
            }
            (Some(ends), Some(left)) if due.is_some() || left <= CERTIFICATE_NEAR => {
                format!("the certificate for Entra ID ends at {ends:.0}")
            }
            (Some(_), _) => return,
            (None, _) => match due {
                Some(due) => due.evidence.join("; "),
                None => return,
            },
        };
        self.drift.add(DriftKind::Certificate, name, seen, class_row(FailureClass::Certificate).next_step);
    }

    /// Whether the servers have the roles that the last rotation found, and for a connector account exactly one is active.
    pub(super) fn roles(&mut self, servers: &[ExaminedServer]) {
        let described: Vec<&ServerFacts> = servers
            .iter()
            .filter_map(|server| server.seen.facts.as_ref().ok())
            .filter(|facts| facts.engine_answers)
            .collect();
        let mut seen = Vec::new();
        for facts in &described {
            let recorded = self.expected.servers.iter().find(|recorded| recorded.server == facts.server);
            if recorded.is_some_and(|recorded| recorded.staging != facts.staging) {
                let role = if facts.staging { "in staging mode" } else { "active" };
                seen.push(format!("{} is {role} now, and was not at the last rotation", facts.server));
            }
        }
        let active: Vec<&str> =
            described.iter().filter(|facts| !facts.staging).map(|facts| facts.server.as_str()).collect();
        let all = described.len() == servers.len() && !servers.is_empty();
        if self.wish.kind == AccountKind::Connector && all && active.len() != 1 {
            let which = if active.is_empty() {
                "none is active".to_owned()
            } else {
                format!("several are active: {}", active.join(", "))
            };
            seen.push(which);
        }
        if !seen.is_empty() {
            let todo = "see that exactly one server is active; the next rotation is planned for the roles of then";
            self.drift.add(DriftKind::Roles, "", seen.join("; "), todo);
        }
    }
}

/// The AD connectors that are this account's business; `None` = it can't be told which. Those of others are found with
/// their own account.
fn used(wish: &Wish, server: &str, facts: &ServerFacts, account: Option<&AccountFacts>) -> Option<Vec<String>> {
    let by_name = |connector: &ConnectorFacts| {
        wish.servers.iter().any(|(name, wanted)| name == server && wanted.as_deref() == Some(connector.name.as_str()))
    };
    match wish.kind {
        AccountKind::Connector => {
            let account = account?;
            let used = facts.connectors.iter().filter(|of| by_name(of) || binds_as(of, account));
            Some(used.map(|of| of.name.clone()).collect())
        }
        AccountKind::Service | AccountKind::Entra | AccountKind::Own => Some(Vec::new()),
    }
}

fn kind(kind: AccountKind) -> Kind {
    match kind {
        AccountKind::Connector => Kind::Connector,
        AccountKind::Service => Kind::Service,
        AccountKind::Entra => Kind::Entra,
        AccountKind::Own => Kind::Own,
    }
}
