//! The report as CSV: one table, every cell quoted, none a formula.

use std::fmt::Display;
use std::io::Write;

use super::shown::cell;
use super::{AccountFacts, Condition, Report, RotationFacts};

/// Which table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Table {
    /// The accounts at the period's end.
    Population,
    /// The rotations.
    #[default]
    Rotations,
    /// The conditions.
    Conditions,
}

const POPULATION: [&str; 15] = [
    "account",
    "kind",
    "state",
    "max_age_days",
    "schedule",
    "exempt_reason",
    "exempt_owner",
    "exempt_until",
    "exempt_in_force",
    "set_at",
    "age_days",
    "due_at",
    "overdue_seconds",
    "oldest_days",
    "rotated",
];
const ROTATIONS: [&str; 34] = [
    "rotation",
    "account",
    "name",
    "procedure",
    "repair",
    "outcome",
    "outcome_why",
    "trigger",
    "trigger_due",
    "trigger_why",
    "reason",
    "ticket",
    "initiator",
    "began",
    "ended",
    "seconds",
    "steps",
    "proofs",
    "late_proof",
    "vault_name",
    "vault_slot",
    "vault_version",
    "before",
    "after",
    "due_at",
    "first_entry",
    "last_entry",
    "entries",
    "last_hash",
    "approved_by",
    "approved_at",
    "approval_key",
    "approved_plans",
    "without_approval",
];
const CONDITIONS: [&str; 9] =
    ["kind", "severity", "account", "title", "text", "raised", "cleared", "seconds", "position"];

/// One table of the report.
pub(super) fn csv(report: &Report, table: Table, out: &mut dyn Write) -> std::io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    match table {
        Table::Population => {
            writer.write_record(POPULATION)?;
            put(&mut writer, report.population.accounts.iter().map(account))?;
        }
        Table::Rotations => {
            writer.write_record(ROTATIONS)?;
            put(&mut writer, report.rotations.iter().map(rotation))?;
        }
        Table::Conditions => {
            writer.write_record(CONDITIONS)?;
            put(&mut writer, report.conditions.iter().map(condition))?;
        }
    }
    writer.flush()
}

fn put(writer: &mut csv::Writer<&mut dyn Write>, rows: impl Iterator<Item = Vec<String>>) -> Result<(), csv::Error> {
    for row in rows {
        writer.write_record(row.iter().map(|value| cell(value)))?;
    }
    Ok(())
}

fn opt(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn account(facts: &AccountFacts) -> Vec<String> {
    let exempt = facts.exempt.as_ref();
    vec![
        facts.account.0.clone(),
        facts.kind.0.clone(),
        facts.state.word().to_owned(),
        opt(facts.max_age_days),
        facts.schedule.0.clone(),
        exempt.map(|exempt| exempt.reason.0.clone()).unwrap_or_default(),
        exempt.map(|exempt| exempt.owner.0.clone()).unwrap_or_default(),
        exempt.map(|exempt| exempt.until.stamp()).unwrap_or_default(),
        opt(exempt.map(|exempt| exempt.in_force)),
        opt(facts.set_at.map(|at| at.stamp())),
        opt(facts.age_days),
        opt(facts.due_at.map(|at| at.stamp())),
        facts.overdue.seconds.to_string(),
        opt(facts.oldest_days),
        facts.rotated.to_string(),
    ]
}

fn rotation(facts: &RotationFacts) -> Vec<String> {
    let print = |print: &Option<super::Print>| {
        print.as_ref().map(|print| {
            let set_at = print.set_at.map_or_else(|| "-".to_owned(), |at| at.stamp());
            format!("{} key version {} set {set_at}", print.dc.0, print.key_version)
        })
    };
    let steps = facts.steps.iter().map(|step| {
        let way = if step.back { "back " } else { "" };
        format!("{way}{} {} {}x", step.step.0, step.result, step.tries)
    });
    let proofs = facts.proofs.iter().map(|proof| {
        format!("{} {}/{} {} {}", proof.phase, proof.server.0, proof.connector.0, proof.result.0, proof.at.stamp())
    });
    let vault = facts.vault.as_ref();
    let approved = facts.approved.as_ref();
    vec![
        facts.rotation.0.clone(),
        facts.account.0.clone(),
        facts.name.0.clone(),
        facts.procedure.to_owned(),
        facts.repair.to_string(),
        facts.outcome.to_owned(),
        facts.outcome_why.0.clone(),
        facts.trigger.by.to_owned(),
        opt(facts.trigger.due.map(|at| at.stamp())),
        facts.trigger.why.as_ref().map(|why| why.0.clone()).unwrap_or_default(),
        facts.reason.0.clone(),
        facts.ticket.0.clone(),
        facts.initiator.0.clone(),
        facts.began.stamp(),
        opt(facts.ended.map(|at| at.stamp())),
        opt(facts.length.as_ref().map(|length| length.seconds)),
        steps.collect::<Vec<_>>().join("; "),
        proofs.collect::<Vec<_>>().join("; "),
        facts.late_proof.unwrap_or_default().to_owned(),
        vault.map(|vault| vault.name.0.clone()).unwrap_or_default(),
        vault.map(|vault| vault.slot.to_owned()).unwrap_or_default(),
        vault.map(|vault| vault.version.0.clone()).unwrap_or_default(),
        opt(print(&facts.before)),
        opt(print(&facts.after)),
        opt(facts.due_at.map(|at| at.stamp())),
        facts.entries.first.to_string(),
        facts.entries.last.to_string(),
        facts.entries.count.to_string(),
        facts.entries.last_hash.clone(),
        approved.map(|approval| approval.by.0.clone()).unwrap_or_default(),
        opt(approved.map(|approval| approval.at.stamp())),
        approved.map(|approval| approval.key.0.clone()).unwrap_or_default(),
        approved.map(|approval| approval.plans.0.clone()).unwrap_or_default(),
        facts.without_approval.as_ref().map(|why| why.0.clone()).unwrap_or_default(),
    ]
}

fn condition(facts: &Condition) -> Vec<String> {
    vec![
        facts.kind.0.clone(),
        facts.severity.0.clone(),
        facts.account.as_ref().map(|account| account.0.clone()).unwrap_or_default(),
        facts.title.0.clone(),
        facts.text.0.clone(),
        facts.raised.stamp(),
        opt(facts.cleared.map(|at| at.stamp())),
        facts.length.seconds.to_string(),
        facts.position.to_string(),
    ]
}
