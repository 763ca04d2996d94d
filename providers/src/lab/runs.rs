//! Runs of a model server: what the running engine holds meets the directory, or the cloud.

use std::net::IpAddr;

use super::builds;
use super::clock::filetime;
use super::connect_server::LabServer;
use super::domain::{BindAnswer, Domain};
use super::plan::Logon;
use super::real_logon::RealLogon;
use super::store::Books;
use crate::port::{ConnectorKind, FailureClass, Fault, ProofFacts, RUNS_MAX, Secret};

/// The run profile's only step.
const PROOF_STEP: &str = "Delta Import";
const SUCCESS: &str = "success";
const NO_START_CREDENTIALS: &str = "no-start-credentials";
const NO_START_CONNECTION: &str = "no-start-connection";
const NO_START_ALREADY_RUNNING: &str = "no-start-ma-already-running";
/// How a run to Entra ID ends that the cloud refuses.
const STOPPED_EXTENSION: &str = "stopped-extension-dll-exception";
const FAILED_AUTHENTICATION: &str = "failed-authentication";
const FAILED_CONNECTION: &str = "failed-connection";

/// How a run is decided.
pub(super) enum Run {
    /// Inside the world.
    Ended(Outcome),
    /// By a real directory.
    Ask(RealLogon),
}

/// How a run ended.
pub(super) struct Outcome {
    result: &'static str,
    /// How its connection ended; `None` = none was tried.
    connection: Option<&'static str>,
}

/// How a search with the stored password is decided.
pub(super) enum Search {
    /// The build has none, or the answer is known.
    Ended(Option<bool>),
    /// By a directory's answer.
    Bound(BindAnswer),
    Ask(RealLogon),
}

impl Outcome {
    pub(super) fn of_bind(answer: BindAnswer) -> Self {
        match answer {
            BindAnswer::Accepted => Self { result: SUCCESS, connection: Some(SUCCESS) },
            BindAnswer::NoAnswer => Self { result: NO_START_CONNECTION, connection: Some(FAILED_CONNECTION) },
            _ => Self { result: NO_START_CREDENTIALS, connection: Some(FAILED_AUTHENTICATION) },
        }
    }

    fn busy() -> Self {
        Self { result: NO_START_ALREADY_RUNNING, connection: None }
    }

    fn of_cloud(accepted: bool) -> Self {
        if accepted {
            Self { result: SUCCESS, connection: Some(SUCCESS) }
        } else {
            Self { result: STOPPED_EXTENSION, connection: Some(FAILED_AUTHENTICATION) }
        }
    }
}

impl LabServer {
    fn proving(&self, connector: &str) -> String {
        format!("running a Delta Import on {connector} of {}", self.name)
    }

    /// Starts a run.
    pub(super) fn start_run(&self, books: &mut Books, connector: &str) -> Result<Run, Fault> {
        let doing = self.proving(connector);
        self.reach(books)?;
        let now = books.now;
        let kind = self.running(books, &doing)?.connector(connector, &doing)?.kind;
        if books.world.scheduler.facts(now).cycle_running || books.faults.strikes_on("connector-busy", &self.name) {
            return Ok(Run::Ended(Outcome::busy()));
        }
        if kind == ConnectorKind::Entra {
            return Ok(Run::Ended(Outcome::of_cloud(self.run_to_entra(books, &doing)?)));
        }
        let server = books.world.server(&self.name, &doing)?;
        let known = server.connector(connector, &doing)?;
        let (user, dc, cached) = (known.user.clone(), known.dc.clone(), server.cached_password(known)?);
        if books.faults.strikes_on("rpc-unavailable", &self.name) {
            let server = books.world.server(&self.name, &doing)?;
            server.log_rpc_unavailable(connector, dc.as_deref().unwrap_or(connector), now);
            return Ok(Run::Ended(Outcome::of_bind(BindAnswer::NoAnswer)));
        }
        let Some(secret) = cached else { return Ok(Run::Ended(Outcome::of_bind(BindAnswer::Wrong))) };
        if books.faults.strikes_on("replication-right-lost", &self.name) {
            books.world.server(&self.name, &doing)?.log_replication_denied(connector, now);
        }
        if books.proof_must_fail(&self.name, connector)? {
            return Ok(Run::Ended(Outcome::of_bind(BindAnswer::Wrong)));
        }
        Ok(match self.bind(books, &user, dc.as_deref(), secret)? {
            Bound::Answered(answer) => Run::Ended(Outcome::of_bind(answer)),
            Bound::Ask(logon) => Run::Ask(logon),
        })
    }

    fn run_to_entra(&self, books: &mut Books, doing: &str) -> Result<bool, Fault> {
        let now = books.now;
        let blocked = books.faults.strikes_on("cloud-credential-blocked", &self.name);
        let wrong = books.faults.strikes_on("entra-password-wrong", &self.name);
        let server = books.world.server(&self.name, doing)?;
        if wrong {
            server.break_entra_password();
        }
        if blocked {
            server.log_cloud_blocked(&server.entra_connector(), now);
            return Ok(false);
        }
        server.entra_accepts(now)
    }

    /// Ends a run, and keeps its result.
    pub(super) fn end_run(&self, books: &mut Books, connector: &str, outcome: &Outcome) -> Result<ProofFacts, Fault> {
        let now = books.now;
        let doing = self.proving(connector);
        let pdc = books.world.domain.as_ref().map(|domain| domain.controllers[domain.pdc_index()].host.clone());
        books.world.count("proofs");
        let server = books.world.server(&self.name, &doing)?;
        if outcome.result == NO_START_CREDENTIALS {
            server.log_no_start_credentials(connector, now);
        }
        let real = server.logon.host();
        let known = server.connector(connector, &doing)?;
        let place = match known.kind {
            ConnectorKind::Entra => known.domain.clone(),
            ConnectorKind::ActiveDirectory => known.dc.clone().or(real).or(pdc).unwrap_or_else(|| known.domain.clone()),
        };
        let facts = ProofFacts {
            connector: connector.to_owned(),
            result: outcome.result.to_owned(),
            steps: vec![(PROOF_STEP.to_owned(), outcome.result.to_owned())],
            connections: outcome.connection.map(|result| (place, result.to_owned())).into_iter().collect(),
            at: now,
        };
        if let Some(known) = server.connector_mut(connector) {
            known.runs.insert(0, facts.clone());
            known.runs.truncate(RUNS_MAX);
        }
        Ok(facts)
    }

    /// Starts a search with the password that the engine stores.
    pub(super) fn start_search(&self, books: &mut Books, connector: &str) -> Result<Search, Fault> {
        let doing = self.searching(connector);
        self.reach(books)?;
        let server = self.running(books, &doing)?;
        let known = server.connector(connector, &doing)?;
        if known.kind == ConnectorKind::Entra {
            return Err(Fault::refused(doing, "it is the connector to Entra ID").hint("name an AD connector"));
        }
        if !builds::at_least(&server.build, builds::STORED_SEARCH_MIN) {
            return Ok(Search::Ended(None));
        }
        let Some(secret) = server.stored_password(known)? else { return Ok(Search::Ended(Some(false))) };
        let (user, dc) = (known.user.clone(), known.dc.clone());
        if books.faults.strikes_on("rpc-unavailable", &self.name) {
            return Ok(Search::Bound(BindAnswer::NoAnswer));
        }
        Ok(match self.bind(books, &user, dc.as_deref(), secret)? {
            Bound::Answered(answer) => Search::Bound(answer),
            Bound::Ask(logon) => Search::Ask(logon),
        })
    }

    pub(super) fn end_search(&self, connector: &str, answer: BindAnswer) -> Result<Option<bool>, Fault> {
        if answer == BindAnswer::NoAnswer {
            return Err(Fault::later(self.searching(connector), "the domain controller does not answer")
                .of(FailureClass::Connection));
        }
        Ok(Some(answer == BindAnswer::Accepted))
    }

    fn searching(&self, connector: &str) -> String {
        format!("searching with the stored password of {connector} on {}", self.name)
    }

    /// The engine's bind, by the name its connector has, which need not be the account's.
    fn bind(&self, books: &mut Books, user: &str, dc: Option<&str>, secret: Secret) -> Result<Bound, Fault> {
        let doing = "binding as the sync engine";
        if let Logon::Ldaps { url, ca_file, bind_name } = books.world.server(&self.name, doing)?.logon.clone() {
            return Ok(Bound::Ask(RealLogon { url, ca_file, bind_name, secret }));
        }
        model_bind(books, user, dc, &secret).map(Bound::Answered)
    }
}

/// How a bind is answered.
enum Bound {
    Answered(BindAnswer),
    Ask(RealLogon),
}

/// A bind in the model directory, at the controller `dc` or at the PDC emulator.
pub(super) fn model_bind(
    books: &mut Books,
    user: &str,
    dc: Option<&str>,
    secret: &Secret,
) -> Result<BindAnswer, Fault> {
    let doing = "logging on in the model directory";
    let time = filetime(books.now);
    let domain = books.world.domain(doing)?;
    let Some(at) = dc.map_or(Some(domain.pdc_index()), |dc| authenticates_at(domain, dc)) else {
        return Ok(BindAnswer::NoAnswer);
    };
    let Some(account) = domain.account(user).map(|account| account.name.clone()) else {
        return Ok(BindAnswer::Wrong);
    };
    let digest = books.world.labels.digest(&account, secret);
    Ok(books.world.domain(doing)?.bind(at, &account, &digest, time))
}

/// The model controller that decides a logon at `dc`: that one itself, or for a controller of another forest, through
/// the trust, the PDC emulator. `None` = nobody answers there.
fn authenticates_at(domain: &Domain, dc: &str) -> Option<usize> {
    let lowered = dc.to_lowercase();
    let ours = lowered.ends_with(&format!(".{}", domain.forest.to_lowercase()));
    let foreign = !ours && lowered.contains('.') && lowered.parse::<IpAddr>().is_err();
    domain.controller_index(dc).or_else(|| foreign.then(|| domain.pdc_index()))
}
