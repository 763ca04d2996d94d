use providers::port::OwnCredential;
use serde::Serialize;

use super::arguments::{Global, Selection};
use super::exit::Exit;
use super::output::{say, show};
use super::session;
use crate::engine::{Prepared, Wish};
use crate::rotation::OldPassword;

#[derive(Serialize)]
struct Plans {
    plans: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    account: String,
    dn: String,
    /// The domain controller where the resets happen.
    dc: String,
    vault: String,
    /// The account's name in the vault.
    vault_name: String,
    directory: String,
    old_password: OldPassword,
    /// The last step that can be undone.
    pivot: String,
    steps: Vec<ShownStep>,
    /// What the tool itself works with, and since when.
    credentials: Vec<OwnCredential>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ShownStep {
    step: String,
    what: String,
    can_be_undone: bool,
}

pub(super) async fn run(global: &Global, selection: &Selection) -> Exit {
    show_plans(global, &selection.account, false, false).await
}

/// Prints the plans of the chosen accounts; those that have none are told on standard error.
pub(super) async fn show_plans(global: &Global, accounts: &[String], repair: bool, forward_only: bool) -> Exit {
    let world = match session::open(global) {
        Ok(world) => world,
        Err(exit) => return exit,
    };
    let wishes = match session::choose(&world, accounts) {
        Ok(wishes) => wishes,
        Err(exit) => return exit,
    };
    // Where nothing was ever rotated there is no journal, and looking makes none.
    let journal = if world.journal_file.exists() { world.journal_as_it_is().await.map(Some) } else { Ok(None) };
    let journal = match journal {
        Ok(journal) => journal,
        Err(error) => {
            let (message, exit) = session::journal_failed(&error);
            say(&message);
            return exit;
        }
    };
    let mut exit = Exit::Done;
    let mut plans = Vec::new();
    for wish in wishes {
        let wish = Wish { repair, forward_only, ..wish };
        match session::prepare(&world, journal.as_deref(), &wish).await {
            Ok(prepared) => {
                plans.push(shown(prepared, world.ports().vault.describe(), world.ports().directory.describe()))
            }
            Err((message, refused)) => {
                say(&format!("{}: {message}", wish.account));
                exit = exit.worse(refused);
            }
        }
    }
    show(global.format, &Plans { plans }, |plans| plans.plans.iter().map(text).collect::<Vec<_>>().join("\n"));
    exit
}

fn shown(prepared: Prepared, vault: String, directory: String) -> Shown {
    let Prepared { plan, warnings } = prepared;
    let step = |(index, step): (usize, &crate::rotation::Step)| ShownStep {
        step: step.to_string(),
        what: step.sentence(),
        can_be_undone: index <= plan.pivot,
    };
    Shown {
        steps: plan.steps.iter().enumerate().map(step).collect(),
        pivot: plan.steps[plan.pivot].to_string(),
        account: plan.inventory.account,
        vault_name: plan.inventory.vault_name,
        dn: plan.inventory.dn,
        dc: plan.inventory.fingerprint.dc,
        vault,
        directory,
        old_password: plan.old,
        credentials: plan.inventory.credentials,
        warnings,
    }
}

fn text(plan: &Shown) -> String {
    let mut lines = vec![
        format!("{}: {}", plan.account, plan.dn),
        format!("  directory: {}, resets at {}", plan.directory, plan.dc),
        format!("  vault: {}, {}", plan.vault, plan.vault_name),
    ];
    for (number, step) in plan.steps.iter().enumerate() {
        lines.push(format!("  {:>2}  {:<36} {}", number + 1, step.step, step.what));
        if step.step == plan.pivot {
            lines.push("      ---- up to here everything is put back when a step fails; from here on it only goes forward ----".into());
        }
    }
    lines.extend(plan.credentials.iter().map(|own| format!("  own credential: {}", credential(own))));
    lines.extend(plan.warnings.iter().map(|warning| format!("  note: {warning}")));
    lines.join("\n")
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
