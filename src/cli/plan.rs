use std::path::Path;

use jiff::tz::TimeZone;
use providers::port::{Meaning, OwnCredential};
use serde::Serialize;

use super::arguments::{Global, PlanOptions};
use super::output::{say, show};
use super::{approval, rotate, session};
use crate::clock::{Clock, SystemClock};
use crate::engine::{Check, Prepared, Purpose, Refusal, STOP_PLANNED_S, Verdict, Wish};
use crate::order::{self, Exit, Wanted};
use crate::procedure::{Kind, PROCEDURES, judge};
use crate::rotation::{OldPassword, Plan, Procedure, ServerUse, Step};

#[derive(Serialize)]
pub(super) struct Plans {
    plans: Vec<Shown>,
    /// Accounts that have none, and why.
    without_plan: Vec<Without>,
}

#[derive(Serialize)]
struct Without {
    account: String,
    message: String,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Shown {
    account: String,
    dn: String,
    /// The domain controller where the resets happen.
    dc: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    vault: String,
    /// The account's name in the vault.
    vault_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    directory: String,
    old_password: OldPassword,
    /// The last proof before the candidate is promoted.
    pivot: String,
    /// How many of the first steps can be undone.
    undoable: usize,
    steps: Vec<ShownStep>,
    /// The gap between two sync cycles that is needed, seconds.
    stop_window_s: i64,
    /// What the procedure follows.
    documents: Vec<String>,
    /// The rows of the table of version gates that the servers' builds meet.
    gates: Vec<ShownGate>,
    /// What the tool itself works with, and since when.
    credentials: Vec<OwnCredential>,
    /// Everything that was looked at.
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct ShownGate {
    server: String,
    build: String,
    gate: &'static str,
    sentence: &'static str,
    document: &'static str,
}

#[derive(Serialize)]
struct ShownStep {
    step: String,
    what: String,
    can_be_undone: bool,
}

pub(super) async fn run(global: &Global, options: &PlanOptions) -> Exit {
    let wanted = Wanted {
        purpose: if options.repair { Purpose::Repair } else { Purpose::Rotate },
        forward_only: options.accept_forward_only,
        ..Wanted::default()
    };
    let wanted = rotate::how(wanted, &options.manner, &options.risk);
    show_plans(global, &options.selection.account, &wanted, options.out.as_deref()).await
}

/// Prints the plans of the chosen accounts with everything that was looked at; of those that have none, only that.
pub(super) async fn show_plans(global: &Global, accounts: &[String], wanted: &Wanted, out: Option<&Path>) -> Exit {
    let world = match session::open(global) {
        Ok(world) => world,
        Err(exit) => return exit,
    };
    let wishes = match session::choose(&world, accounts) {
        Ok(wishes) => wishes,
        Err(exit) => return exit,
    };
    // Where nothing was ever rotated there is no journal, and looking makes none.
    let journal = if world.journal_place.is_there() { world.journal_as_it_is().await.map(Some) } else { Ok(None) };
    let journal = match session::usable(journal) {
        Ok(journal) => journal,
        Err(exit) => return exit,
    };
    let made_at = SystemClock.now();
    let mut exit = Exit::Done;
    let (mut shown, mut approved) = (Plans { plans: Vec::new(), without_plan: Vec::new() }, Vec::new());
    for wish in wishes {
        // A repair closes what is held, and the plan says so.
        let open = match &journal {
            Some(journal) => order::open_rotations(&**journal, &wish.account).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let repairs = open.into_iter().map(|listed| listed.id).collect();
        let wish = Wish { look_only: true, repairs, ..wanted.wish(&wish) };
        match order::look(&world, journal.as_deref(), &wish).await {
            Ok(prepared) => {
                approved.push(Plan { made_at: Some(made_at), ..prepared.plan.clone() });
                shown.plans.push(Shown::of(
                    prepared,
                    world.ports().vault.describe(),
                    world.ports().directory.describe(),
                ));
            }
            Err(not) => {
                let (why, came) = without(&wish.account, not);
                exit = exit.worse(came);
                shown.without_plan.push(why);
            }
        }
    }
    if let Some(file) = out
        && exit == Exit::Done
        && !approved.is_empty()
    {
        if let Err(failed) = approval::write(file, &approved) {
            return failed;
        }
        say(&format!("written to {}: `rotate --plan {0}` does exactly this, or refuses", file.display()));
    } else if out.is_some() {
        say("no file was written: there is nothing to approve, or not every account has a plan");
    }
    show(global.format, &shown, Plans::text);
    exit
}

fn without(account: &str, not: Result<Refusal, (String, Exit)>) -> (Without, Exit) {
    let (message, exit, checks) = match not {
        Ok(Refusal::Refused(checks)) => ("refused: nothing is begun".to_owned(), Exit::Refused, checks),
        Ok(Refusal::Managed(checks)) => ("managed by Windows: nothing to rotate".to_owned(), Exit::Done, checks),
        Ok(Refusal::Unseen(fault)) => {
            let exit = match fault.meaning {
                Meaning::Later | Meaning::Unclear => Exit::Later,
                Meaning::Refused => Exit::Refused,
                Meaning::Broken => Exit::Usage,
            };
            (order::sentence(&fault), exit, Vec::new())
        }
        Err((message, exit)) => (message, exit, Vec::new()),
    };
    (Without { account: account.to_owned(), message, checks }, exit)
}

impl Shown {
    fn of(prepared: Prepared, vault: String, directory: String) -> Self {
        let Prepared { plan, checks } = prepared;
        let undoable = plan.undoable();
        let step = |(index, step): (usize, &Step)| ShownStep {
            step: step.to_string(),
            what: step.sentence(),
            can_be_undone: index < undoable,
        };
        let inventory = plan.inventory;
        let gates = inventory.servers.iter().flat_map(|server| gates(server, inventory.procedure));
        Self {
            steps: plan.steps.iter().enumerate().map(step).collect(),
            pivot: plan.steps[plan.pivot].to_string(),
            undoable,
            gates: gates.collect(),
            stop_window_s: 2 * STOP_PLANNED_S,
            documents: documents(inventory.procedure),
            account: inventory.account,
            vault_name: inventory.vault_name,
            dn: inventory.dn,
            dc: inventory.fingerprint.dc,
            vault,
            directory,
            old_password: plan.old,
            credentials: inventory.credentials,
            checks,
        }
    }
}

/// The rows of the table of gates that a server's build meets.
fn gates(server: &ServerUse, procedure: Procedure) -> Vec<ShownGate> {
    let kind = kind(procedure);
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    let met = judge(server.build.parse().ok().as_ref(), today, kind);
    let shown = met.into_iter().map(|gate| ShownGate {
        server: server.server.clone(),
        build: server.build.clone(),
        gate: gate.id,
        sentence: gate.sentence,
        document: gate.document,
    });
    shown.collect()
}

fn kind(procedure: Procedure) -> Kind {
    match procedure {
        Procedure::Connector | Procedure::Rehearsal | Procedure::Adoption => Kind::Connector,
        Procedure::Service | Procedure::ServiceKeyLost => Kind::Service,
        Procedure::Entra => Kind::Entra,
        Procedure::Own => Kind::Own,
    }
}

/// The documented orders that the procedure follows; both, where Microsoft's documents differ.
fn documents(procedure: Procedure) -> Vec<String> {
    let id = match procedure {
        Procedure::Connector | Procedure::Rehearsal | Procedure::Adoption => "connector",
        Procedure::Service => "service",
        Procedure::ServiceKeyLost => "service-up-to-1-1-443-0",
        Procedure::Entra => "entra",
        Procedure::Own => "self",
    };
    let orders = PROCEDURES.iter().filter(|row| row.id == id).flat_map(|row| row.orders);
    let told = orders.map(|order| {
        let draft = if order.draft { ", a draft" } else { "" };
        let numbered = order.steps.iter().enumerate().map(|(place, step)| format!("{}. {step}", place + 1));
        format!("{} ({}{draft}): {}", order.document, order.dated, numbered.collect::<Vec<_>>().join(" "))
    });
    told.collect()
}

impl Plans {
    /// Plans out of a file: where they would be carried out, and what preflight saw, is not in it.
    pub(super) fn stored(plans: &[Plan]) -> Self {
        let shown =
            |plan: &Plan| Shown::of(Prepared { plan: plan.clone(), checks: Vec::new() }, String::new(), String::new());
        Self { plans: plans.iter().map(shown).collect(), without_plan: Vec::new() }
    }

    pub(super) fn text(&self) -> String {
        let plans = self.plans.iter().map(text);
        let without = self.without_plan.iter().map(|without| {
            let mut lines = vec![format!("{}: {}", without.account, without.message)];
            lines.extend(table_of(&without.checks));
            lines.join("\n")
        });
        plans.chain(without).collect::<Vec<_>>().join("\n\n")
    }
}

fn text(plan: &Shown) -> String {
    let mut lines = vec![
        format!("{}: {}", plan.account, plan.dn),
        format!("  directory: {}set at {}", followed(&plan.directory), plan.dc),
        format!("  vault: {}{}", followed(&plan.vault), plan.vault_name),
        format!("  a gap of {} s between two sync cycles is waited for", plan.stop_window_s),
    ];
    for (number, step) in plan.steps.iter().enumerate() {
        if number == plan.undoable {
            lines.push("      ---- up to here everything is put back when a step fails; from here on it only goes forward ----".into());
        }
        lines.push(format!("  {:>2}  {:<36} {}", number + 1, step.step, step.what));
    }
    lines.extend(plan.documents.iter().map(|document| format!("  document: {document}")));
    lines.extend(plan.gates.iter().map(|gate| {
        format!("  gate: {} {} ({}): {} [{}]", gate.server, gate.build, gate.gate, gate.sentence, gate.document)
    }));
    lines.extend(plan.credentials.iter().map(|own| format!("  own credential: {}", credential(own))));
    lines.extend(table_of(&plan.checks));
    lines.join("\n")
}

/// With what stands before the next word, where there is something.
fn followed(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}, ") }
}

/// Every check, the refusals and warnings with what to do.
fn table_of(checks: &[Check]) -> Vec<String> {
    let word = |verdict: Verdict| match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "WARN",
        Verdict::Refuse => "REFUSE",
    };
    let row = |check: &Check| {
        let about = if check.about.is_empty() { String::new() } else { format!("{}: ", check.about) };
        let mut lines = vec![format!("  {:<6} {:<21} {about}{}", word(check.verdict), check.name, check.seen)];
        if check.verdict != Verdict::Pass && !check.todo.is_empty() {
            lines.push(format!("{:<31}-> {}", "", check.todo));
        }
        lines
    };
    checks.iter().flat_map(row).collect()
}

/// `directory: CN=rotator,…: password, set at 2026-09-01T…`
pub(super) fn credential(own: &OwnCredential) -> String {
    let mut parts = vec![own.kind.clone()];
    parts.extend(own.set_at.map(|at| format!("set at {at:.0}")));
    parts.extend(own.expires_at.map(|at| format!("ends at {at:.0}")));
    parts.extend((!own.note.is_empty()).then(|| own.note.clone()));
    let name = if own.name.is_empty() { String::new() } else { format!(", {}", own.name) };
    format!("{}{name}: {}", own.holder, parts.join(", "))
}
