use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use providers::port::{ConnectorKind, EntraIdentity, FailureClass};

use super::observation::{Finding, Observation, OwnChange};
use super::sign::{self, RunSign};
use super::{ServerEvent, class_row};

/// Most signs that a finding shows.
const EVIDENCE_MAX: usize = 5;

/// Most characters of an event's text in a sign.
const EXCERPT_CHARS_MAX: usize = 240;

/// How far the server's clock may be from ours before a change of our own is taken for somebody else's.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// 7000 says that a start failed, 7038 and 7041 say why: logged within this time they are about one start.
const ONE_START: SignedDuration = SignedDuration::from_mins(2);

/// Entra Connect warns of a certificate from this many days before its end.
const CERTIFICATE_DUE: SignedDuration = SignedDuration::from_hours(150 * 24);

/// One thing that points to a kind of failure.
struct Sign {
    class: FailureClass,
    connector: Option<String>,
    /// `None` = it is so now.
    at: Option<Timestamp>,
    text: String,
}

/// What the observation shows to be wrong, by kind. The newest sign wins: what a later success refutes is left out.
pub fn diagnose(seen: &Observation) -> Vec<Finding> {
    let runs = Runs::of(seen);
    let mut signs = from_events(seen);
    signs.retain(|sign| !refuted(seen, &runs, sign));
    let mut failed = runs.failed;
    explain_entra_runs(seen, &signs, &mut failed);
    signs.extend(failed);
    // A domain controller that judges a password can be reached.
    let answered = newest_by_connector(&signs, &[FailureClass::EnginePassword, FailureClass::EntraAccount]);
    signs.retain(|sign| {
        let judged = sign.connector.as_ref().and_then(|connector| answered.get(connector));
        sign.class != FailureClass::Connection || judged.is_none_or(|judged| sign.at >= Some(*judged))
    });
    signs.extend(from_facts(seen));
    signs.extend(from_replication(seen));
    let lagging: Vec<String> = signs
        .iter()
        .filter(|sign| sign.class == FailureClass::NotReplicated)
        .filter_map(|sign| sign.connector.clone())
        .collect();
    for sign in &mut signs {
        // Where the connector's domain controller lags, it refuses the right password too.
        let lags = sign.connector.as_ref().is_some_and(|connector| lagging.contains(connector));
        if sign.class == FailureClass::EnginePassword && lags {
            sign.class = FailureClass::NotReplicated;
        }
    }
    findings(seen, signs)
}

/// A run that Entra ID refused does not say why, and is taken for a wrong password. Where events or the certificate's end say
/// more, they are right: a reset would mend nothing.
fn explain_entra_runs(seen: &Observation, events: &[Sign], failed: &mut [Sign]) {
    let told = |class| events.iter().any(|sign| sign.class == class);
    let over = matches!(certificate(seen), Certificate::Ends(ends) if ends <= seen.now);
    let why = if told(FailureClass::EntraAccount) {
        return;
    } else if told(FailureClass::CloudCredential) {
        FailureClass::CloudCredential
    } else if over {
        FailureClass::Certificate
    } else {
        return;
    };
    for sign in failed.iter_mut().filter(|sign| sign.class == FailureClass::EntraAccount) {
        sign.class = why;
    }
}

fn findings(seen: &Observation, mut signs: Vec<Sign>) -> Vec<Finding> {
    // What is so now comes first, then the newest.
    signs.sort_by_key(|sign| (sign.at.is_some(), Reverse(sign.at)));
    let mut groups: BTreeMap<(FailureClass, Option<String>), Vec<Sign>> = BTreeMap::new();
    for sign in signs {
        groups.entry((sign.class, sign.connector.clone())).or_default().push(sign);
    }
    let finding = |((class, connector), signs): ((FailureClass, Option<String>), Vec<Sign>)| Finding {
        class,
        server: seen.server.clone(),
        connector,
        signs: signs.len(),
        last_seen_at: signs.iter().map(|sign| sign.at.unwrap_or(seen.now)).max(),
        evidence: signs.into_iter().take(EVIDENCE_MAX).map(|sign| sign.text).collect(),
        next_step: class_row(class).next_step.to_owned(),
    };
    groups.into_iter().map(finding).collect()
}

/// What the last runs show.
struct Runs {
    /// When each connector last proved that its directory accepts the engine.
    proven: BTreeMap<String, Timestamp>,
    /// What failed since.
    failed: Vec<Sign>,
}

impl Runs {
    fn of(seen: &Observation) -> Self {
        let mut runs = Self { proven: BTreeMap::new(), failed: Vec::new() };
        let mut newest_first: Vec<_> = seen.runs.iter().collect();
        // Stable: runs of the same moment stay in the server's order, newest first.
        newest_first.sort_by_key(|run| Reverse(run.at));
        let mut started = Vec::new();
        for run in newest_first {
            let connector = &run.connector;
            if runs.proven.contains_key(connector) {
                continue;
            }
            match sign::of_run(run, seen.kind(connector)) {
                RunSign::Proven => {
                    runs.proven.insert(connector.clone(), run.at);
                }
                RunSign::Failed(kinds) => {
                    for (class, word) in kinds {
                        // A run that came about later shows that nobody is in the way any more.
                        if class != FailureClass::Busy || !started.contains(connector) {
                            let text = format!("run of {connector} at {:.0}: {}", run.at, excerpt(&word));
                            runs.failed.push(Sign {
                                class,
                                connector: Some(connector.clone()),
                                at: Some(run.at),
                                text,
                            });
                        }
                        if class != FailureClass::Busy {
                            started.push(connector.clone());
                        }
                    }
                }
                RunSign::Silent => started.push(connector.clone()),
            }
        }
        runs
    }

    /// When a connector of that kind was last proven.
    fn proven_of(&self, seen: &Observation, kind: ConnectorKind) -> Option<Timestamp> {
        self.proven.iter().filter(|(name, _)| seen.kind(name) == Some(kind)).map(|(_, at)| *at).max()
    }
}

fn newest_by_connector(signs: &[Sign], classes: &[FailureClass]) -> BTreeMap<String, Timestamp> {
    let mut newest = BTreeMap::new();
    for sign in signs.iter().filter(|sign| classes.contains(&sign.class)) {
        if let (Some(connector), Some(at)) = (&sign.connector, sign.at) {
            let known = newest.entry(connector.clone()).or_insert(at);
            *known = at.max(*known);
        }
    }
    newest
}

fn from_events(seen: &Observation) -> Vec<Sign> {
    let explains = |event: &ServerEvent| {
        seen.events.iter().any(|other| {
            matches!(other.id, 7038 | 7041)
                && sign::of_event(other).is_some()
                && other.at.duration_since(event.at).abs() <= ONE_START
        })
    };
    let newest_certificate = seen
        .events
        .iter()
        .filter(|event| sign::of_event(event) == Some(FailureClass::Certificate))
        .map(|event| event.at)
        .max();
    let sign = |event: &ServerEvent| {
        let mut class = sign::of_event(event)?;
        let connector = match class {
            FailureClass::EnginePassword | FailureClass::Connection | FailureClass::ReplicationRight => {
                connector_of(seen, event, &mut class)
            }
            FailureClass::CloudCredential | FailureClass::EntraAccount => seen.connector_in("", ConnectorKind::Entra),
            FailureClass::ForeignChange if is_ours(seen, event) => return None,
            FailureClass::ForeignChange if event.id == 2518 => {
                seen.connector_in(&event.text, ConnectorKind::ActiveDirectory)
            }
            // The reason stands beside it.
            FailureClass::ServiceLogon if event.id == 7000 && explains(event) => return None,
            // Every cycle warns anew; the newest is enough.
            FailureClass::Certificate if Some(event.at) != newest_certificate => return None,
            _ => None,
        };
        Some(Sign { class, connector, at: Some(event.at), text: told(event) })
    };
    seen.events.iter().filter_map(sign).collect()
}

/// The connector of an event of the engine; one to Entra ID makes another kind of a wrong password.
fn connector_of(seen: &Observation, event: &ServerEvent, class: &mut FailureClass) -> Option<String> {
    if event.provider.eq_ignore_ascii_case("service control manager") {
        return None;
    }
    let entra = seen.connectors(ConnectorKind::Entra);
    let named = entra.iter().find(|name| event.values.first().is_some_and(|first| first.eq_ignore_ascii_case(name)));
    if let Some(name) = named {
        if *class == FailureClass::EnginePassword {
            *class = FailureClass::EntraAccount;
        }
        return Some((*name).to_owned());
    }
    seen.connector_in(&event.text, ConnectorKind::ActiveDirectory)
}

/// Whether a change of our own explains an audit event.
fn is_ours(seen: &Observation, event: &ServerEvent) -> bool {
    let changes = if event.id == 2518 { &seen.ours.connector_passwords } else { &seen.ours.entra_resets };
    let named = if event.id == 2518 { seen.connector_in(&event.text, ConnectorKind::ActiveDirectory) } else { None };
    changes.iter().any(|OwnChange { connector, from, to }| {
        let same = match (&named, connector) {
            (Some(named), Some(ours)) => named.eq_ignore_ascii_case(ours),
            _ => true,
        };
        same && event.at.duration_since(*from) >= -CLOCK_SKEW && event.at.duration_since(*to) <= CLOCK_SKEW
    })
}

/// Whether something later shows that the failure is over.
fn refuted(seen: &Observation, runs: &Runs, sign: &Sign) -> bool {
    let Some(at) = sign.at else { return false };
    let later = |other: Option<Timestamp>| other.is_some_and(|other| other > at);
    let proven = || later(sign.connector.as_ref().and_then(|connector| runs.proven.get(connector)).copied());
    let hashes_read = || {
        let same = |event: &ServerEvent| {
            let of = seen.connector_in(&event.text, ConnectorKind::ActiveDirectory);
            of.is_none() || sign.connector.is_none() || of == sign.connector
        };
        seen.events.iter().any(|event| event.at > at && sign::hashes_were_read(event) && same(event))
    };
    // A service that failed to start and runs now was started since; its process is younger than the failure.
    let service_runs = || {
        let facts = seen.facts.as_ref().ok().map(|facts| &facts.service);
        let runs_now = facts
            .is_some_and(|service| service.state == "running" && service.started_at.is_none_or(|started| started > at));
        runs_now || seen.events.iter().any(|event| event.at > at && sign::service_runs(event))
    };
    match sign.class {
        FailureClass::EnginePassword | FailureClass::Busy => proven(),
        // Without a connector it is the service's own logon that found no domain controller.
        FailureClass::Connection => proven() || hashes_read() || (sign.connector.is_none() && service_runs()),
        // An import works without the right to read password hashes, so it refutes nothing.
        FailureClass::ReplicationRight => hashes_read(),
        FailureClass::CloudCredential | FailureClass::EntraAccount => later(runs.proven_of(seen, ConnectorKind::Entra)),
        FailureClass::ServiceLogon | FailureClass::ServiceLogonRight => service_runs(),
        FailureClass::KeySet => service_runs() || runs.proven.values().any(|proven| *proven > at),
        FailureClass::Certificate => match certificate(seen) {
            Certificate::None => true,
            Certificate::Ends(ends) => ends.duration_since(seen.now) > CERTIFICATE_DUE,
            Certificate::Unknown => false,
        },
        FailureClass::NotReplicated | FailureClass::ForeignChange => false,
    }
}

/// What the server says of the certificate of application-based authentication.
enum Certificate {
    /// It uses none.
    None,
    /// When it ends.
    Ends(Timestamp),
    /// It can't tell.
    Unknown,
}

fn certificate(seen: &Observation) -> Certificate {
    match seen.facts.as_ref().ok().and_then(|facts| facts.entra.as_ref()) {
        Some(EntraIdentity::ServiceAccount { .. }) => Certificate::None,
        Some(EntraIdentity::Application { certificate_ends_at: Some(ends), .. }) => Certificate::Ends(*ends),
        Some(EntraIdentity::Application { certificate_ends_at: None, .. }) | None => Certificate::Unknown,
    }
}

fn from_facts(seen: &Observation) -> Vec<Sign> {
    let now = |class, connector, text: String| Sign { class, connector, at: None, text };
    let facts = match &seen.facts {
        Ok(facts) => facts,
        Err(fault) => {
            let class = fault.class.or_else(|| sign::cloud_words(&fault.cause));
            return class
                .map(|class| now(class, None, excerpt(&format!("{}: {}", fault.doing, fault.cause))))
                .into_iter()
                .collect();
        }
    };
    let mut signs = Vec::new();
    if let Some(EntraIdentity::Application { certificate_ends_at: Some(ends), managed }) = &facts.entra {
        let left = ends.duration_since(seen.now);
        // One that Entra Connect renews is none of anybody's business while its scheduler does so.
        let renewed = *managed && !facts.scheduler.suspended;
        if left <= SignedDuration::ZERO {
            signs.push(now(FailureClass::Certificate, None, format!("the certificate ended at {ends:.0}")));
        } else if left <= CERTIFICATE_DUE && !renewed {
            let days = left.as_hours() / 24;
            let what = format!("the certificate ends at {ends:.0}, in {days} days, and nothing renews it");
            signs.push(now(FailureClass::Certificate, None, what));
        }
    }
    signs
}

fn from_replication(seen: &Observation) -> Vec<Sign> {
    let differ = seen.replication.iter().filter(|replication| replication.agrees == Some(false));
    let sign = |replication: &super::Replication| Sign {
        class: FailureClass::NotReplicated,
        connector: Some(replication.connector.clone()),
        at: None,
        text: format!(
            "{} at {} and at {}: {}",
            replication.account,
            replication.dc,
            replication.pdc,
            excerpt(&replication.evidence)
        ),
    };
    differ.map(sign).collect()
}

fn told(event: &ServerEvent) -> String {
    let text = excerpt(&event.text);
    let text = if text.is_empty() { text } else { format!(": {text}") };
    format!("event {} ({}) at {:.0}{text}", event.id, excerpt(&event.provider), event.at)
}

/// One line of bounded length, without anything that a terminal would obey.
fn excerpt(text: &str) -> String {
    let line = text.split(|letter: char| letter.is_whitespace() || letter.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT_CHARS_MAX) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}
