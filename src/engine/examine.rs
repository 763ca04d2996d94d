use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use providers::port::{
    AccountFacts, ConnectorFacts, ConnectorKind, Fault, Fingerprint, ProofFacts, ServerFacts, VaultCheck, step_scope,
};

use super::connectors::{binds_as, dc_of_domain};
use super::{AccountKind, Ports, Wish};
use crate::diagnosis::{Observation, OwnChange, OwnChanges, Replication, Unreadable, read_events};
use crate::journal::{Journal, JournalError, Query};
use crate::procedure::StartName;
use crate::rotation::{Event, Step};

/// No single look takes longer.
const LOOK_LIMIT: Duration = Duration::from_secs(60);

/// How many of the newest rotations are read: more than a server can do in a few days.
const ROTATIONS_MAX: u32 = 300;

/// How long after its intent a change of ours may take effect when its reply never came.
const LATE_EFFECT: SignedDuration = SignedDuration::from_mins(15);

/// What could be seen of servers and accounts. Nothing was changed, and nobody logged on with a rotated password.
#[derive(Debug, Default)]
pub struct Examination {
    /// The servers, by name.
    pub servers: Vec<ExaminedServer>,
    /// The accounts, in the order asked for.
    pub accounts: Vec<ExaminedAccount>,
    /// What could not be seen, and why.
    pub unseen: Vec<Fault>,
    /// The vault.
    pub vault: Vec<VaultCheck>,
}

/// A server, for `diagnosis::diagnose`.
#[derive(Debug)]
pub struct ExaminedServer {
    /// What it showed.
    pub seen: Observation,
    /// Events that can't be read.
    pub unreadable: Vec<Unreadable>,
}

/// An account in its directory.
#[derive(Debug)]
pub struct ExaminedAccount {
    /// Its name in the configuration.
    pub account: String,
    /// What the directory says; `None` = it could not be asked, or the account is in none.
    pub facts: Option<AccountFacts>,
    /// Its metadata at the PDC emulator.
    pub fingerprint: Option<Fingerprint>,
    /// The domain controllers of its connectors against the PDC emulator.
    pub replication: Vec<Replication>,
}

/// Looks at the accounts and at `servers`, which need not all be theirs.
pub async fn examine(
    ports: &Ports,
    wishes: &[Wish],
    servers: &BTreeSet<String>,
    since: Timestamp,
    mut ours: BTreeMap<String, OwnChanges>,
) -> Examination {
    let looking = async {
        let mut all = Examination::default();
        for name in servers {
            let ours = ours.remove(name).unwrap_or_default();
            match look_at_server(ports, name, since, ours, &mut all.unseen).await {
                Ok(server) => all.servers.push(server),
                Err(fault) => all.unseen.push(fault),
            }
        }
        for wish in wishes {
            let account = look_at_account(ports, wish, &mut all.servers, &mut all.unseen).await;
            all.accounts.push(account);
        }
        all.vault = look_at_vault(ports, wishes).await;
        all
    };
    step_scope::within("doctor".to_owned(), looking).await
}

async fn look_at_vault(ports: &Ports, wishes: &[Wish]) -> Vec<VaultCheck> {
    let names: Vec<String> = wishes.iter().map(|wish| wish.vault_name.clone()).collect();
    let doing = format!("looking at {}", ports.vault.describe());
    let asked = limited(doing, async { Ok(ports.vault.examine(&names).await) }).await;
    asked.unwrap_or_else(|fault| vec![VaultCheck::unreached(&fault)])
}

async fn look_at_server(
    ports: &Ports,
    name: &str,
    since: Timestamp,
    ours: OwnChanges,
    unseen: &mut Vec<Fault>,
) -> Result<ExaminedServer, Fault> {
    let server = ports.server(name)?;
    let facts = limited(format!("describing {name}"), server.describe()).await;
    let raw = limited(format!("reading the events of {name}"), server.events(since)).await;
    let read = read_events(&noted(raw, unseen).unwrap_or_default());
    let mut runs: Vec<ProofFacts> = Vec::new();
    for connector in facts.as_ref().map_or(&[][..], |facts| &facts.connectors) {
        let asking = limited(format!("reading the runs of {} on {name}", connector.name), server.runs(&connector.name));
        runs.extend(noted(asking.await, unseen).unwrap_or_default());
    }
    if let Err(fault) = &facts {
        unseen.push(fault.clone());
    }
    let seen = Observation {
        server: name.to_owned(),
        facts,
        events: read.events,
        runs,
        ours,
        replication: Vec::new(),
        now: ports.clock.now(),
    };
    Ok(ExaminedServer { seen, unreadable: read.unreadable })
}

async fn look_at_account(
    ports: &Ports,
    wish: &Wish,
    servers: &mut [ExaminedServer],
    unseen: &mut Vec<Fault>,
) -> ExaminedAccount {
    let mut account =
        ExaminedAccount { account: wish.account.clone(), facts: None, fingerprint: None, replication: Vec::new() };
    if !is_in_directory(wish, servers) {
        return account;
    }
    let asking =
        limited(format!("looking for {} in the directory", wish.account), ports.directory.account(&wish.locator));
    let Some(facts) = noted(asking.await, unseen) else { return account };
    let at_pdc = fingerprint(ports, &facts, &facts.dc, unseen).await;
    let mut known: BTreeMap<String, Option<Fingerprint>> = BTreeMap::new();
    for server in servers {
        let Ok(described) = &server.seen.facts else { continue };
        for (connector, dc) in connectors_of(wish, &server.seen.server, described, &facts) {
            if !known.contains_key(&dc) {
                let there = fingerprint(ports, &facts, &dc, unseen).await;
                known.insert(dc.clone(), there);
            }
            let there = known.get(&dc).and_then(Option::as_ref);
            let (agrees, evidence) = compare(at_pdc.as_ref(), there);
            let replication = Replication {
                account: wish.account.clone(),
                server: server.seen.server.clone(),
                connector,
                dc,
                pdc: facts.dc.clone(),
                agrees,
                evidence,
            };
            server.seen.replication.push(replication.clone());
            account.replication.push(replication);
        }
    }
    account.facts = Some(facts);
    account.fingerprint = at_pdc;
    account
}

/// Whether a directory is where the account lives: not the Entra connector account, a server's own user, or
/// one whose password Windows itself manages.
fn is_in_directory(wish: &Wish, servers: &[ExaminedServer]) -> bool {
    let used = |server: &&ExaminedServer| wish.servers.iter().any(|(name, _)| *name == server.seen.server);
    let own = |server: &ExaminedServer| {
        let host = server.seen.facts.as_ref().map_or("", |facts| facts.host.as_str());
        let name = StartName::parse(&wish.locator, host);
        matches!(name, StartName::LocalUser { .. }) || name.managed_by_windows().is_some()
    };
    match wish.kind {
        AccountKind::Entra => false,
        AccountKind::Service => !servers.iter().filter(used).any(own),
        AccountKind::Connector | AccountKind::Own => true,
    }
}

/// The connectors on a server that bind as the account, with their domain controllers, where these are others than the
/// PDC emulator. One of another forest has no metadata of the account.
fn connectors_of(wish: &Wish, server: &str, described: &ServerFacts, facts: &AccountFacts) -> Vec<(String, String)> {
    let wanted: Vec<Option<&str>> =
        wish.servers.iter().filter(|(name, _)| name == server).map(|(_, connector)| connector.as_deref()).collect();
    let used = |connector: &&ConnectorFacts| {
        let by_name =
            |wanted: &Option<&str>| wanted.map_or_else(|| binds_as(connector, facts), |name| name == connector.name);
        connector.kind == ConnectorKind::ActiveDirectory && wanted.iter().any(by_name)
    };
    let with_dc = |connector: &ConnectorFacts| Some((connector.name.clone(), dc_of_domain(connector, facts)?));
    let elsewhere = |(_, dc): &(String, String)| !dc.eq_ignore_ascii_case(&facts.dc);
    described.connectors.iter().filter(used).filter_map(with_dc).filter(elsewhere).collect()
}

/// Whether both show the same set, and what they show.
pub(super) fn compare(at_pdc: Option<&Fingerprint>, at_dc: Option<&Fingerprint>) -> (Option<bool>, String) {
    let shown = |print: &Fingerprint| {
        let at = print.password_last_set_at().map_or_else(|| "no time".to_owned(), |at| format!("{at:.0}"));
        format!("{} shows key version {} set at {at}", print.dc, print.key_version)
    };
    match at_pdc.zip(at_dc) {
        Some((pdc, dc)) => (Some(dc.same_set(pdc)), format!("{}, {}", shown(dc), shown(pdc))),
        None => (None, String::new()),
    }
}

pub(super) async fn fingerprint(
    ports: &Ports,
    facts: &AccountFacts,
    dc: &str,
    unseen: &mut Vec<Fault>,
) -> Option<Fingerprint> {
    let doing = format!("reading the metadata of {} at {dc}", facts.dn);
    noted(limited(doing, ports.directory.fingerprint(&facts.dn, dc)).await, unseen)
}

pub(super) fn noted<T>(looked: Result<T, Fault>, unseen: &mut Vec<Fault>) -> Option<T> {
    looked.map_err(|fault| unseen.push(fault)).ok()
}

pub(super) async fn limited<T>(doing: String, look: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(LOOK_LIMIT, look).await.unwrap_or_else(|_| {
        Err(Fault::later(doing, format!("no answer within {} s", LOOK_LIMIT.as_secs()))
            .hint("look at the network and at that machine, then look again"))
    })
}

/// What the journal knows of our own changes on each server since `since`: what an audit event may be explained by.
pub async fn own_changes(
    journal: &dyn Journal,
    since: Timestamp,
) -> Result<BTreeMap<String, OwnChanges>, JournalError> {
    changes_by(journal, &Query { since: Some(since), newest: Some(ROTATIONS_MAX), ..Query::default() }).await
}

/// The same of the rotations of these accounts alone: what a thousand others did on a busy day is neither read nor does it
/// crowd theirs out.
pub async fn own_changes_of(
    journal: &dyn Journal,
    accounts: &BTreeSet<&str>,
    since: Timestamp,
) -> Result<BTreeMap<String, OwnChanges>, JournalError> {
    let mut changes: BTreeMap<String, OwnChanges> = BTreeMap::new();
    for account in accounts {
        let query = Query { since: Some(since), newest: Some(ROTATIONS_MAX), ..Query::of(account) };
        for (server, more) in changes_by(journal, &query).await? {
            let known = changes.entry(server).or_default();
            known.connector_passwords.extend(more.connector_passwords);
            known.entra_resets.extend(more.entra_resets);
        }
    }
    Ok(changes)
}

async fn changes_by(journal: &dyn Journal, query: &Query) -> Result<BTreeMap<String, OwnChanges>, JournalError> {
    let since = query.since.unwrap_or(Timestamp::MIN);
    let mut changes: BTreeMap<String, OwnChanges> = BTreeMap::new();
    for listed in journal.list(query).await?.iter().rev() {
        let log = journal.engine_changes(&listed.id).await?;
        for (place, entry) in log.iter().enumerate() {
            let Event::Intent { step, .. } = &entry.event else { continue };
            let (server, connector) = match step {
                Step::Engine { server, connector } | Step::Reenter { server, connector } => (server, Some(connector)),
                Step::EntraReset { server } => (server, None),
                _ => continue,
            };
            // What came of it, if the reply came: the next entry about the same step.
            let ended = log[place + 1..].iter().find_map(|later| match &later.event {
                Event::Done { step: done, .. } if done == step => Some(later.at),
                _ => None,
            });
            let late = entry.at.checked_add(LATE_EFFECT).unwrap_or(entry.at);
            let change = OwnChange { connector: connector.cloned(), from: entry.at, to: ended.unwrap_or(late) };
            if change.to >= since {
                let of_server = changes.entry(server.clone()).or_default();
                match connector {
                    Some(_) => of_server.connector_passwords.push(change),
                    None => of_server.entra_resets.push(change),
                }
            }
        }
    }
    Ok(changes)
}
