use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use providers::port::{FailureClass, Fault, ServerFacts, Standing, VaultCheck};
use serde::Serialize;

use super::arguments::{DoctorOptions, Global};
use super::drift;
use super::output::{say, show};
use super::rotate;
use super::session;
use crate::diagnosis::{Finding, Replication, class_row, diagnose};
use crate::engine::{self, Examination, ExaminedServer, Purpose, Wish};
use crate::journal::JournalError;
use crate::order::{self, Exit, Wanted};
use crate::procedure::{Build, Effect, Kind, judge};
use crate::wiring::World;

#[derive(Serialize)]
struct Report {
    exit: u8,
    since: Timestamp,
    findings: Vec<Found>,
    servers: Vec<Server>,
    accounts: Vec<Account>,
    /// How the vault and our rights in it stand.
    vault: Vec<VaultCheck>,
    /// What could not be seen: nothing is known of it.
    unreached: Vec<Unreached>,
}

#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    finding: Finding,
    explanation: &'static str,
    business: &'static str,
    document: &'static str,
}

#[derive(Serialize)]
struct Server {
    server: String,
    /// Whether it described itself.
    described: bool,
    build: Option<String>,
    staging: Option<bool>,
    service: Option<String>,
    events: usize,
    unreadable_events: usize,
    runs: usize,
    /// What is wrong with it and no failure's sign: a build that no longer syncs, a stopped service.
    troubles: Vec<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Account {
    account: String,
    dn: Option<String>,
    /// The PDC emulator of its domain.
    dc: Option<String>,
    /// Reasons not to rotate it: locked, disabled, expired.
    troubles: Vec<String>,
    notes: Vec<String>,
    replication: Vec<Replication>,
}

#[derive(Serialize)]
struct Unreached {
    what: String,
    /// Of which kind the failure is, where whoever met it was sure.
    class: Option<FailureClass>,
    cause: String,
    next_step: String,
}

pub(super) async fn run(global: &Global, options: &DoctorOptions) -> Exit {
    if options.rehearse {
        let wanted = Wanted { purpose: Purpose::Rehearse, reason: "rehearsal".to_owned(), ..Wanted::default() };
        return rotate::each(global, &options.account, &wanted).await;
    }
    if options.drift {
        return drift::run(global, &options.account).await;
    }
    let world = match session::open(global) {
        Ok(world) => world,
        Err(exit) => return exit,
    };
    let wishes = match session::choose(&world, &options.account) {
        Ok(wishes) => wishes,
        Err(exit) => return exit,
    };
    let now = world.ports().clock.now();
    let since = now.checked_sub(SignedDuration::from_hours(i64::from(options.since))).unwrap_or(Timestamp::MIN);
    let ours = match own_changes(&world, since).await {
        Ok(ours) => ours,
        Err(error) => {
            let (message, exit) = order::journal_failed(&error);
            say(&message);
            return exit;
        }
    };
    let servers = servers(&world, &wishes, options.account.is_empty());
    let examined = engine::examine(world.ports(), &wishes, &servers, since, ours).await;
    let report = report(examined, since, now);
    show(global.format, &report, text);
    exit(&report)
}

/// Where nothing was ever rotated there is no journal, and looking makes none.
async fn own_changes(
    world: &World,
    since: Timestamp,
) -> Result<BTreeMap<String, crate::diagnosis::OwnChanges>, JournalError> {
    if !world.journal_place.is_there() {
        return Ok(BTreeMap::new());
    }
    engine::own_changes(&*world.journal_as_it_is().await?, since).await
}

/// Every configured server, or those that the chosen accounts use.
fn servers(world: &World, wishes: &[Wish], all: bool) -> BTreeSet<String> {
    let used = wishes.iter().flat_map(|wish| &wish.servers).map(|(server, _)| server.clone());
    let configured = world.ports().servers.keys().filter(|_| all).cloned();
    used.chain(configured).collect()
}

fn report(examined: Examination, since: Timestamp, now: Timestamp) -> Report {
    let found = |finding: Finding| {
        let row = class_row(finding.class);
        Found { finding, explanation: row.explanation, business: row.business, document: row.document }
    };
    let account = |account: engine::ExaminedAccount| {
        let (troubles, notes, dn, dc) = match account.facts {
            Some(facts) => (facts.refusals, facts.warnings, Some(facts.dn), Some(facts.dc)),
            None => Default::default(),
        };
        Account { account: account.account, dn, dc, troubles, notes, replication: account.replication }
    };
    let unreached =
        |fault: Fault| Unreached { what: fault.doing, class: fault.class, cause: fault.cause, next_step: fault.hint };
    let mut report = Report {
        exit: 0,
        since,
        findings: examined.servers.iter().flat_map(|server| diagnose(&server.seen)).map(found).collect(),
        servers: examined.servers.iter().map(|examined| server(examined, now)).collect(),
        accounts: examined.accounts.into_iter().map(account).collect(),
        vault: examined.vault,
        unreached: examined.unseen.into_iter().map(unreached).collect(),
    };
    report.exit = exit(&report).code();
    report
}

fn exit(report: &Report) -> Exit {
    let troubled = report.servers.iter().any(|server| !server.troubles.is_empty())
        || report.accounts.iter().any(|account| !account.troubles.is_empty())
        || report.vault.iter().any(|check| check.standing == Standing::Bad);
    let found = if troubled || !report.findings.is_empty() { Exit::Failed } else { Exit::Done };
    let unseen = report.servers.iter().any(|server| server.unreadable_events > 0)
        || !report.unreached.is_empty()
        || report.vault.iter().any(|check| check.standing == Standing::Unseen && check.name == "reachable");
    if unseen { found.worse(Exit::Later) } else { found }
}

fn server(examined: &ExaminedServer, now: Timestamp) -> Server {
    let seen = &examined.seen;
    let mut server = Server {
        server: seen.server.clone(),
        described: seen.facts.is_ok(),
        build: None,
        staging: None,
        service: None,
        events: seen.events.len(),
        unreadable_events: examined.unreadable.len(),
        runs: seen.runs.len(),
        troubles: Vec::new(),
        notes: examined.unreadable.iter().take(3).map(ToString::to_string).collect(),
    };
    if let Ok(facts) = &seen.facts {
        server.build = Some(facts.build.clone());
        server.staging = facts.engine_answers.then_some(facts.staging);
        server.service = Some(facts.service.state.clone());
        describe(facts, now, &mut server.troubles, &mut server.notes);
    }
    server
}

/// What the server's own description says, beside the signs of failures.
fn describe(facts: &ServerFacts, now: Timestamp, troubles: &mut Vec<String>, notes: &mut Vec<String>) {
    if facts.service.state != "running" {
        troubles.push(format!("the ADSync service is {}", facts.service.state));
    }
    if facts.scheduler.suspended {
        troubles.push("the scheduler is suspended: finish the upgrade or the wizard".to_owned());
    }
    if facts.engine_answers && !facts.scheduler.enabled {
        notes.push("sync is turned off for the whole tenant (SyncCycleEnabled)".to_owned());
    }
    notes.extend(facts.open_programs.iter().map(|program| format!("{program} is open")));
    if facts.upgrading {
        notes.push("a setup or an upgrade of Entra Connect runs".to_owned());
    }
    let today = now.to_zoned(TimeZone::UTC).date();
    // The gates of the service account are those of every account and its own.
    for gate in judge(facts.build.parse::<Build>().ok().as_ref(), today, Kind::Service) {
        let told = format!("build {}: {}; next step: {}", facts.build, gate.sentence, gate.next_step);
        match gate.effect {
            Effect::Refuse => troubles.push(told),
            Effect::AttendedOnly | Effect::Warn => notes.push(told),
        }
    }
}

fn text(report: &Report) -> String {
    let mut lines = Vec::new();
    for Found { finding, explanation, business, .. } in &report.findings {
        let connector = finding.connector.as_ref().map(|connector| format!(", {connector}")).unwrap_or_default();
        let row = class_row(finding.class);
        lines.push(format!("{}{connector}: {}: {explanation}", finding.server, row.name));
        lines.extend(finding.evidence.iter().map(|evidence| format!("  evidence: {evidence}")));
        let more = finding.signs - finding.evidence.len();
        lines.extend((more > 0).then(|| format!("  evidence: and {more} more like these")));
        lines.push(format!("  next step: {}", finding.next_step));
        lines.push(format!("  whose business: {business}"));
    }
    for server in &report.servers {
        lines.extend(server.troubles.iter().map(|trouble| format!("{}: {trouble}", server.server)));
        lines.extend(server.notes.iter().map(|note| format!("{}: note: {note}", server.server)));
    }
    for account in &report.accounts {
        lines.extend(account.troubles.iter().map(|trouble| format!("{}: {trouble}", account.account)));
        lines.extend(account.notes.iter().map(|note| format!("{}: note: {note}", account.account)));
    }
    // What is as it should be is in the JSON; on a bad night only the rest is worth a line.
    for check in report.vault.iter().filter(|check| check.standing != Standing::Good) {
        let about = if check.about.is_empty() { String::new() } else { format!(" of {}", check.about) };
        let word = match check.standing {
            Standing::Bad => "",
            Standing::Doubtful | Standing::Good => "note: ",
            Standing::Unseen => "not seen: ",
        };
        lines.push(format!("vault: {word}{}{about}: {}", check.name, check.seen));
        lines.extend((!check.todo.is_empty()).then(|| format!("  next step: {}", check.todo)));
    }
    for Unreached { what, cause, next_step, .. } in &report.unreached {
        let hint = if next_step.is_empty() { String::new() } else { format!("\n  next step: {next_step}") };
        lines.push(format!("not reached: {what}: {cause}{hint}"));
    }
    let (servers, accounts) = (report.servers.len(), report.accounts.len());
    let events: usize = report.servers.iter().map(|server| server.events).sum();
    let checks = report.vault.len();
    let looked = format!(
        "{servers} servers, {accounts} accounts, {events} events since {:.0}, {checks} questions to the vault",
        report.since
    );
    lines.push(match exit(report) {
        Exit::Done => format!("nothing found: {looked}"),
        Exit::Later => format!("nothing found, but not everything was seen: {looked}"),
        _ => format!("looked at: {looked}"),
    });
    lines.join("\n")
}
