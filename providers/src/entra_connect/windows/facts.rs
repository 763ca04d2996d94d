//! From what the scripts give to what the port means.

use jiff::Timestamp;
use serde::Deserialize;

use super::cmdlets::list;
use super::connection::{connections, step_name};
use crate::port::{ConnectorFacts, ConnectorKind, EntraIdentity, ProofFacts, SyncScheduler};

/// The identifier that every Entra connector has (Microsoft's "Microsoft Entra Connect Sync: connector" pages).
const ENTRA_CONNECTOR_ID: &str = "b891884f-051e-4a83-95af-2544101c9083";

/// What describe.ps1 gives.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Described {
    pub(super) module: String,
    pub(super) staging: bool,
    pub(super) scheduler: Scheduler,
    #[serde(deserialize_with = "list")]
    pub(super) connectors: Vec<Connector>,
    /// `None` = the build has no such command.
    #[serde(deserialize_with = "present_list")]
    pub(super) entra: Option<Vec<Parameter>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Scheduler {
    enabled: bool,
    suspended: bool,
    in_progress: bool,
    connectors_running: u32,
    next_cycle_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Connector {
    name: String,
    id: String,
    /// ConnectorTypeName.
    kind: String,
    /// Type.
    #[serde(rename = "type")]
    class: String,
    #[serde(deserialize_with = "list")]
    parameters: Vec<Parameter>,
    #[serde(deserialize_with = "list")]
    partitions: Vec<Partition>,
    modified_at: Option<Timestamp>,
    version: i64,
}

#[derive(Debug, Deserialize)]
struct Partition {
    name: String,
    selected: bool,
    #[serde(deserialize_with = "list")]
    parameters: Vec<Parameter>,
    #[serde(deserialize_with = "list")]
    preferred_dcs: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Parameter {
    name: String,
    value: String,
}

/// What prove.ps1 gives.
#[derive(Debug, Deserialize)]
pub(super) struct Proved {
    /// The run that was not there before.
    pub(super) run: Option<Run>,
    /// What the cmdlet itself returned.
    pub(super) returned: String,
    /// The server's clock afterwards.
    pub(super) at: Timestamp,
}

/// What runs.ps1 gives.
#[derive(Debug, Deserialize)]
pub(super) struct Runs {
    #[serde(deserialize_with = "list")]
    pub(super) runs: Vec<Run>,
}

/// One run of a run profile.
#[derive(Debug, Deserialize)]
pub(super) struct Run {
    pub(super) number: i64,
    result: String,
    pub(super) complete: bool,
    ended_at: Option<Timestamp>,
    #[serde(deserialize_with = "list")]
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    number: i64,
    result: String,
    /// StepXml.
    step: String,
    /// ConnectorConnectionInformationXml.
    connection: String,
}

/// A list that may be absent altogether.
fn present_list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Parameter>>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    if value.is_null() { Ok(None) } else { list(value).map(Some).map_err(serde::de::Error::custom) }
}

/// The value of a parameter; empty where there is none.
fn value<'a>(parameters: &'a [Parameter], name: &str) -> &'a str {
    let known = parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name));
    known.map_or("", |parameter| parameter.value.trim())
}

impl Scheduler {
    pub(super) fn facts(&self) -> SyncScheduler {
        SyncScheduler {
            enabled: self.enabled,
            suspended: self.suspended,
            cycle_running: self.in_progress || self.connectors_running > 0,
            // Windows' earliest time stands for none.
            next_cycle_at: self.next_cycle_at.filter(|at| at.as_second() > 0),
        }
    }
}

impl Connector {
    /// The connector, if it is of a kind that matters here. Others (LDAP, SQL, PowerShell) bind to something else.
    pub(super) fn facts(self) -> Option<ConnectorFacts> {
        let entra = self.id.trim_matches(['{', '}']).eq_ignore_ascii_case(ENTRA_CONNECTOR_ID);
        let ad = [&self.kind, &self.class].iter().any(|kind| kind.eq_ignore_ascii_case("AD"));
        if !entra && !ad {
            return None;
        }
        let (user, domain) = if entra {
            let user = value(&self.parameters, "UserName").to_owned();
            let domain = user.split_once('@').map_or_else(String::new, |(_, domain)| domain.to_owned());
            (user, domain)
        } else {
            let of = |name| value(&self.parameters, name).to_owned();
            (of("forest-login-user"), of("forest-login-domain"))
        };
        Some(ConnectorFacts {
            dc: if entra { None } else { self.dc() },
            alternate_credentials: if entra { Vec::new() } else { self.alternate_credentials() },
            name: self.name,
            id: self.id,
            kind: if entra { ConnectorKind::Entra } else { ConnectorKind::ActiveDirectory },
            user,
            domain,
            modified_at: self.modified_at,
            version: self.version,
        })
    }

    /// The preferred domain controller, else the one used last. Where the object model keeps them is inferred from the
    /// exported configuration (`preferred-dcs`, `last-dc` in `adma-partition-data`).
    fn dc(&self) -> Option<String> {
        let selected = || self.partitions.iter().filter(|partition| partition.selected);
        let preferred = selected().flat_map(|partition| &partition.preferred_dcs).map(String::as_str);
        let named = ["preferred-dcs", "preferred-dc", "last-dc"];
        let of_parameters =
            named.iter().flat_map(|name| selected().map(|partition| value(&partition.parameters, name)));
        let found = preferred.chain(of_parameters).find(|dc| !dc.is_empty())?;
        // Several in one text: the first is asked first.
        found.split([',', ';', ' ', '\n']).find(|dc| !dc.is_empty()).map(str::to_owned)
    }

    /// Partitions with a user of their own. The names of these parameters are inferred: whatever ends in `user`.
    fn alternate_credentials(&self) -> Vec<(String, String)> {
        let of_partition = |partition: &Partition| {
            let is_user = |parameter: &&Parameter| {
                parameter.name.to_ascii_lowercase().ends_with("user") && !parameter.value.trim().is_empty()
            };
            let user = partition.parameters.iter().find(is_user)?;
            Some((partition.name.clone(), user.value.trim().to_owned()))
        };
        self.partitions.iter().filter_map(of_partition).collect()
    }
}

impl Run {
    /// The run as the port has it; `at` where the history has no end of it.
    pub(super) fn facts(self, connector: &str, at: Timestamp) -> ProofFacts {
        let mut tried = Vec::new();
        for step in &self.steps {
            for pair in connections(&step.connection) {
                if !tried.contains(&pair) {
                    tried.push(pair);
                }
            }
        }
        let mut steps = self.steps;
        steps.sort_by_key(|step| step.number);
        ProofFacts {
            connector: connector.to_owned(),
            result: self.result,
            steps: steps.into_iter().map(|step| (step_name(&step.step, step.number), step.result)).collect(),
            connections: tried,
            at: self.ended_at.unwrap_or(at),
        }
    }
}

impl Runs {
    /// Newest first, whatever their order was; one that still runs has no result.
    pub(super) fn facts(self, connector: &str, most: usize) -> Vec<ProofFacts> {
        let mut runs: Vec<Run> = self.runs.into_iter().filter(|run| run.complete).collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.number));
        let at = |run: &Run| run.ended_at.unwrap_or(Timestamp::UNIX_EPOCH);
        runs.into_iter().take(most).map(|run| (at(&run), run)).map(|(at, run)| run.facts(connector, at)).collect()
    }
}

/// How the engine logs on to Entra ID. ConnectorIdentityType and its two values are documented ("Authenticate to Microsoft
/// Entra ID by using application identity"); the names of the other properties are shown there only as a picture, so they
/// are found by what they must hold. `user` is what the connector itself names.
pub(super) fn entra_identity(properties: &[Parameter], user: &str) -> Option<EntraIdentity> {
    match value(properties, "ConnectorIdentityType") {
        kind if kind.eq_ignore_ascii_case("Application") => {
            let named = |words: &[&str]| {
                let has = |parameter: &&Parameter| {
                    let name = parameter.name.to_ascii_lowercase();
                    words.iter().any(|word| name.contains(word))
                };
                properties.iter().find(has).map(|parameter| parameter.value.trim())
            };
            Some(EntraIdentity::Application {
                certificate_ends_at: named(&["expir", "notafter", "validto"]).and_then(|at| at.parse().ok()),
                // Entra Connect manages it unless it is said to be the administrator's own.
                managed: !named(&["managed"]).is_some_and(|by| {
                    let by = by.to_ascii_lowercase();
                    ["admin", "customer", "byoc", "byoa", "user", "false"].iter().any(|other| by.contains(other))
                }),
            })
        }
        kind if kind.eq_ignore_ascii_case("ServiceAccount") => {
            let known = ["ConnectorIdentityName", "UserName", "UserPrincipalName"];
            let named = known.iter().map(|name| value(properties, name)).find(|name| name.contains('@'));
            Some(EntraIdentity::ServiceAccount { user: named.unwrap_or(user).to_owned() })
        }
        _ => None,
    }
}
