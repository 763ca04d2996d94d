use std::fmt::Display;

use super::block::{Block, Table, Words, number, text};
use crate::report::words::{self, Tone};
use crate::report::{CONTROLS, Print, Report, RotationFacts, StepFacts};

/// How much of a name a heading and its bookmark show. It stands in full beneath.
const HEADING_LETTERS: usize = 80;

/// Everything that the report says, in reading order: the page's chapters.
pub(super) fn blocks(report: &Report) -> Vec<Block> {
    let mut blocks = vec![heading(1, "Password rotation report: the accounts behind Microsoft Entra Connect")];
    summary(report, &mut blocks);
    accounts(report, &mut blocks);
    counts(report, &mut blocks);
    repairs(report, &mut blocks);
    conditions(report, &mut blocks);
    rotations(report, &mut blocks);
    service(report, &mut blocks);
    controls(&mut blocks);
    evidence(report, &mut blocks);
    blocks
}

fn heading(level: u16, text: impl Into<String>) -> Block {
    Block::Heading { level, text: text.into() }
}

fn paragraph(text: impl ToString) -> Block {
    Block::Paragraph(Words::of(text))
}

fn opt<T: Display>(value: &Option<T>) -> Words {
    value.as_ref().map_or_else(|| Words::of(""), Words::of)
}

fn counted(value: u64, tone: Tone) -> Words {
    Words::of(value).toned(tone).bold()
}

fn summary(report: &Report, blocks: &mut Vec<Block>) {
    let Report { period, evidence, coverage, counts, .. } = report;
    blocks.push(paragraph(format!("{} to {}, the end not included. All times are UTC.", period.from, period.to)));
    if !evidence.intact {
        let position = evidence.first_bad_entry.unwrap_or_default();
        let cause = evidence.cause.clone().unwrap_or_default();
        let alarm = format!(
            "NOT VERIFIED. The journal that this report is made from was changed: entry {position} does not fit into its chain \
             of hashes ({cause}). Nothing below can be relied on."
        );
        blocks.push(Block::Paragraph(Words::of(alarm).toned(Tone::Bad).bold()));
    }
    let (tone, verdict) = words::verdict(report);
    blocks.push(Block::Paragraph(Words::of(verdict).toned(tone).bold()));
    let row = |what: &str, figure: Words, note: String| vec![Words::of(what), figure, Words::of(note)];
    let percent = coverage.percent.as_ref().map_or_else(String::new, |percent| format!("{percent} %; "));
    let oldest = report.exposure.oldest_days.map_or_else(String::new, |days| format!("{days} days"));
    let whose = report.exposure.account.as_ref().map_or_else(String::new, |account| format!(": {account}"));
    let repair = report.repairs.median.as_ref().map_or_else(String::new, ToString::to_string);
    let worst = report.repairs.longest.as_ref().map_or_else(String::new, |longest| format!(", the longest {longest}"));
    blocks.push(Block::Table(Table {
        caption: String::new(),
        columns: vec![text("What", 22.0), text("Figure", 14.0), text("Besides", 64.0)],
        rows: vec![
            row(
                "Within policy",
                Words::of(format!("{} of {}", coverage.in_policy, coverage.of)).toned(tone).bold(),
                format!(
                    "{percent}{} near the limit, {} exempt, {} managed by Windows",
                    coverage.near, coverage.exempt, coverage.managed
                ),
            ),
            row(
                "Overdue at the end",
                counted(coverage.overdue, Tone::strict(coverage.overdue)),
                format!("{} in the period; {} of unknown age", counts.accounts_overdue, coverage.unknown),
            ),
            row(
                "Held at the end",
                counted(counts.held_at_end, Tone::strict(counts.held_at_end)),
                format!("{} holds begun, {} repaired", counts.held, counts.repaired),
            ),
            row(
                "Failed",
                counted(counts.failed, Tone::mild(counts.failed)),
                format!("put back by the engine; {} not even begun", counts.not_begun),
            ),
            row(
                "Drift raised",
                counted(report.drift.raised, Tone::mild(report.drift.raised)),
                format!("{} cleared, {} open at the end", report.drift.cleared, report.drift.open_at_end),
            ),
            row("Rotated", counted(counts.rotated, Tone::Plain), "proven and current in the vault".into()),
            row("Oldest password", Words::of(oldest).bold(), format!("at any time of the period{whose}")),
            row("Median repair", Words::of(repair).bold(), format!("{} ended{worst}", report.repairs.ended)),
        ],
    }));
}

fn accounts(report: &Report, blocks: &mut Vec<Block>) {
    let population = &report.population;
    blocks.push(heading(2, "Accounts"));
    match (population.recorded_by, population.recorded_at) {
        (Some(position), Some(at)) => blocks.push(paragraph(format!(
            "The accounts of the configuration as the unattended service recorded them last: entry {position}, {at}."
        ))),
        _ => blocks.push(paragraph(
            "The journal does not say which accounts there are: these are the ones that were rotated.",
        )),
    }
    let rows = population.accounts.iter().map(|facts| {
        let exempt = facts.exempt.as_ref();
        let exempt = exempt.map(|exempt| format!("{} ({}), until {}", exempt.reason, exempt.owner, exempt.until));
        vec![
            Words::of(&facts.account).bold(),
            Words::of(&facts.kind),
            Words::of(format!("{} {}", facts.state.mark(), facts.state)),
            opt(&facts.age_days),
            opt(&facts.max_age_days),
            opt(&facts.set_at),
            opt(&facts.due_at),
            Words::of(facts.overdue),
            Words::of(facts.rotated),
            Words::of(&facts.schedule),
            opt(&exempt),
        ]
    });
    table(
        blocks,
        "At the end of the period: those that somebody must look at first",
        vec![
            text("Account", 15.0),
            text("Kind", 7.0),
            text("State", 9.0),
            number("Age, days", 5.0),
            number("At most", 5.0),
            text("Set", 10.0),
            text("Due", 10.0),
            text("Overdue in the period", 8.0),
            number("Rotated", 5.5),
            text("Schedule", 13.0),
            text("Exemption", 12.5),
        ],
        rows.collect(),
    );
    table(
        blocks,
        "Ages at the end of the period",
        vec![text("Days", 20.0), number("Accounts", 10.0)],
        report.ages.iter().map(|bucket| vec![Words::of(&bucket.days), Words::of(bucket.accounts)]).collect(),
    );
    table(
        blocks,
        "What ended in each month of the period",
        vec![text("Month", 20.0), number("Rotated", 10.0), number("Put back", 10.0), number("Held", 10.0)],
        report
            .months
            .iter()
            .map(|month| {
                let figures = [month.rotated, month.put_back, month.held].map(Words::of);
                [Words::of(&month.month)].into_iter().chain(figures).collect()
            })
            .collect(),
    );
}

/// A table, or that there is nothing in it.
fn table(blocks: &mut Vec<Block>, caption: &str, columns: Vec<super::block::Column>, rows: Vec<Vec<Words>>) {
    if rows.is_empty() {
        blocks.push(Block::Paragraph(Words::of(format!("{caption}: none.")).toned(Tone::Soft)));
    } else {
        blocks.push(Block::Table(Table { caption: caption.to_owned(), columns, rows }));
    }
}

fn counts(report: &Report, blocks: &mut Vec<Block>) {
    let counts = &report.counts;
    blocks.push(heading(2, "What happened"));
    let rows = [
        ("Begun", counts.begun),
        ("Rotated: all new, proven, current in the vault", counts.rotated),
        ("Failed, and put back by the engine", counts.failed),
        ("Rolled back by order", counts.rolled_back_by_order),
        ("Begun without the approval needed", counts.without_approval),
        ("Holds begun", counts.held),
        ("Closed by a repair", counts.repaired),
        ("Held at the end", counts.held_at_end),
        ("Under way at the end", counts.open_at_end),
        ("Wanted and not begun", counts.not_begun),
        ("… a precondition was not met", counts.not_begun_refused),
        ("… something could not be reached", counts.not_begun_unreachable),
        ("… somebody else was at it", counts.not_begun_busy),
        ("Late proofs, good", counts.late_proofs_good),
        ("Late proofs, failed", counts.late_proofs_failed),
        ("Rehearsals and adoptions finished", counts.rehearsed_or_adopted),
        ("Rehearsals and adoptions failed", counts.rehearsed_or_adopted_failed),
    ];
    table(
        blocks,
        "Rotations that change a password, counted; rehearsals and adoptions apart",
        vec![text("What", 40.0), number("Number", 10.0)],
        rows.iter().map(|(what, count)| vec![Words::of(what), Words::of(count)]).collect(),
    );
    let rows = report.not_begun.iter().map(|not| {
        vec![
            Words::of(not.at),
            Words::of(&not.account).bold(),
            Words::of(&not.outcome),
            Words::of(not.trigger.by),
            Words::of(&not.why),
            Words::of(not.position),
        ]
    });
    let columns = vec![
        text("When", 13.0),
        text("Account", 17.0),
        text("Outcome", 11.0),
        text("Wanted by", 8.0),
        text("Why", 45.0),
        number("Entry", 6.0),
    ];
    table(blocks, "Wanted and not begun", columns, rows.collect());
}

fn repairs(report: &Report, blocks: &mut Vec<Block>) {
    let repairs = &report.repairs;
    blocks.push(heading(2, "Time to repair, and exposure"));
    blocks.push(paragraph(format!(
        "From a rotation that was held or put back to the account's next finished one: {} ended in the period, {} had not ended \
         when the period did. All accounts together were over their maximum age for {}.",
        repairs.ended, repairs.open_at_end, report.exposure.overdue
    )));
    let rows = repairs.incidents.iter().map(|incident| {
        vec![
            Words::of(&incident.account).bold(),
            Words::of(incident.began_as),
            Words::of(incident.began),
            opt(&incident.ended),
            Words::of(incident.length),
            Words::of(&incident.rotation),
        ]
    });
    let columns = vec![
        text("Account", 22.0),
        text("Began as", 10.0),
        text("Began", 15.0),
        text("Rotated again", 15.0),
        text("Length", 12.0),
        text("First rotation", 26.0),
    ];
    table(blocks, "Each of them", columns, rows.collect());
}

fn conditions(report: &Report, blocks: &mut Vec<Block>) {
    blocks.push(heading(2, "Drift and conditions"));
    let rows = report.kinds.iter().map(|kind| {
        let tally = &kind.tally;
        let figures = [tally.raised, tally.cleared, tally.open_at_end].map(Words::of);
        [Words::of(&kind.kind)].into_iter().chain(figures).chain([opt(&tally.longest)]).collect()
    });
    let columns = vec![
        text("Kind", 40.0),
        number("Raised", 12.0),
        number("Cleared", 12.0),
        number("Open at the end", 14.0),
        text("Longest", 22.0),
    ];
    table(blocks, "By kind", columns, rows.collect());
    let rows = report.conditions.iter().map(|condition| {
        vec![
            Words::of(&condition.kind),
            opt(&condition.account).bold(),
            Words::of(&condition.severity),
            Words::of(condition.raised),
            opt(&condition.cleared),
            Words::of(condition.length),
            Words::of(format!("{}: {}", condition.title, condition.text)),
            Words::of(condition.position),
        ]
    });
    let columns = vec![
        text("Kind", 12.0),
        text("Account", 14.0),
        text("Severity", 8.0),
        text("Raised", 12.5),
        text("Cleared", 12.5),
        text("Held for", 8.0),
        text("What", 27.0),
        number("Entry", 6.0),
    ];
    table(blocks, "Each condition that held at some time of the period, drift first", columns, rows.collect());
}

fn rotations(report: &Report, blocks: &mut Vec<Block>) {
    blocks.push(heading(2, "Rotations"));
    let rows = report.rotations.iter().map(|facts| {
        let (tone, outcome) = words::outcome(facts.outcome);
        let repair = if facts.repair { ", repair" } else { "" };
        vec![
            Words::of(facts.began),
            Words::of(&facts.account).bold(),
            Words::of(outcome).toned(tone),
            opt(&facts.length),
            Words::of(format!("{}{repair}", facts.procedure)),
            if facts.without_approval.is_some() {
                Words::of(format!("{}, without approval", facts.trigger.by)).toned(Tone::Bad)
            } else {
                Words::of(facts.trigger.by)
            },
            Words::of(&facts.initiator),
            Words::of(&facts.ticket),
        ]
    });
    let columns = vec![
        text("Began", 13.0),
        text("Account", 18.0),
        text("Outcome", 15.0),
        text("Took", 8.0),
        text("Procedure", 11.0),
        text("Trigger", 8.0),
        text("Initiator", 16.0),
        text("Ticket", 11.0),
    ];
    let caption = "Rotations with an entry in the period, and those that were open all through it";
    table(blocks, caption, columns, rows.collect());
    report.rotations.iter().for_each(|facts| rotation(facts, blocks));
}

fn rotation(facts: &RotationFacts, blocks: &mut Vec<Block>) {
    let (tone, outcome) = words::outcome(facts.outcome);
    let account = facts.account.to_string();
    let mut short: String = account.chars().take(HEADING_LETTERS).collect();
    if short.len() < account.len() {
        short.push('…');
    }
    blocks.push(heading(3, format!("{outcome}: {short}, {}", facts.began)));
    let print = |print: &Option<Print>| {
        Words::of(print.as_ref().map_or_else(String::new, |print| {
            let set = print.set_at.map_or_else(|| "–".to_owned(), |at| at.to_string());
            format!("{}, key version {}, set {set}", print.dc, print.key_version)
        }))
    };
    let mut trigger = facts.trigger.by.to_owned();
    if let Some(due) = &facts.trigger.due {
        trigger.push_str(&format!(", due {due}"));
    }
    if let Some(why) = &facts.trigger.why {
        trigger.push_str(&format!(": {why}"));
    }
    let approved = match (&facts.approved, &facts.without_approval) {
        (Some(approval), _) => Words::of(format!(
            "{}, at {}, until {}, with the key {}, of plans with SHA-256 {}",
            approval.by, approval.at, approval.until, approval.key, approval.plans
        )),
        _ => Words::of(words::approved(facts)).toned(Tone::Bad),
    };
    let vault = facts.vault.as_ref();
    let vault = vault.map(|vault| format!("{}, {}, version {}", vault.name, vault.slot, vault.version));
    let entries = &facts.entries;
    let mut rows = vec![
        ("Rotation", Words::of(&facts.rotation)),
        ("Outcome", Words::of(outcome).toned(tone)),
        ("Why", Words::of(&facts.outcome_why)),
        ("Account", Words::of(&facts.name)),
        ("Trigger", Words::of(trigger)),
        ("Initiator", Words::of(&facts.initiator)),
        ("Reason", Words::of(&facts.reason)),
        ("Ticket", Words::of(&facts.ticket)),
        ("Approved by", approved),
        ("Ended", opt(&facts.ended)),
        ("Vault", opt(&vault)),
        ("Directory before", print(&facts.before)),
        ("Directory after", print(&facts.after)),
        ("Late proof", opt(&facts.late_proof)),
        ("Next due", opt(&facts.due_at)),
        (
            "Journal",
            Words::of(format!(
                "entries {} to {} ({} of this rotation), the last with hash {}",
                entries.first, entries.last, entries.count, entries.last_hash
            )),
        ),
    ];
    if facts.approved.is_none() && facts.without_approval.is_none() {
        rows.retain(|(name, _)| *name != "Approved by");
    }
    if facts.outcome_why.is_empty() {
        rows.retain(|(name, _)| *name != "Why");
    }
    blocks.push(Block::Table(Table::facts("", rows)));
    let columns = vec![
        text("Step", 27.0),
        text("Result", 14.0),
        number("Tries", 5.0),
        text("Began", 13.0),
        text("Took", 8.0),
        text("Last fault", 33.0),
    ];
    table(blocks, "Steps", columns, facts.steps.iter().map(step).collect());
    if facts.proofs.is_empty() {
        return;
    }
    let rows = facts.proofs.iter().map(|proof| {
        let texts = [&proof.server, &proof.connector, &proof.result].map(Words::of);
        [Words::of(proof.at), Words::of(proof.phase)].into_iter().chain(texts).collect()
    });
    let columns = vec![
        text("When", 14.0),
        text("Phase", 10.0),
        text("Server", 22.0),
        text("Connector", 26.0),
        text("Result", 28.0),
    ];
    let caption =
        "Test syncs: before (with the password in use), after (with the one set), back (with the old one again), late";
    table(blocks, caption, columns, rows.collect());
}

fn step(step: &StepFacts) -> Vec<Words> {
    let back = if step.back { "back: " } else { "" };
    vec![
        Words::of(format!("{back}{}", step.step)),
        Words::of(words::step(step.result)),
        Words::of(step.tries),
        opt(&step.began),
        opt(&step.length),
        opt(&step.fault),
    ]
}

fn service(report: &Report, blocks: &mut Vec<Block>) {
    blocks.push(heading(2, "The unattended service"));
    let rows = report.running.iter().map(|run| {
        vec![
            Words::of(run.started),
            opt(&run.stopped),
            Words::of(&run.by),
            Words::of(&run.version),
            Words::of(&run.why),
        ]
    });
    let columns = vec![
        text("Started", 15.0),
        text("Stopped", 15.0),
        text("Host and process", 25.0),
        text("Version", 15.0),
        text("Why it ended", 30.0),
    ];
    let caption = "Its runs. Of a run without a recorded stop only its begin is sure";
    table(blocks, caption, columns, rows.collect());
}

fn controls(blocks: &mut Vec<Block>) {
    blocks.push(heading(2, "Where an auditor finds what"));
    blocks.push(paragraph(
        "What a requirement asks stands here in our own words; the standard's text counts. Field names are those of the same \
         report as JSON. No report makes anybody compliant.",
    ));
    for control in &CONTROLS {
        let rows = vec![
            ("Asks", Words::of(control.asks)),
            ("Evidence", Words::of(control.evidence.join(", "))),
            ("Shows", Words::of(control.shows)),
            ("Does not show", Words::of(control.not_shown).bold()),
        ];
        blocks.push(Block::Table(Table::facts(format!("{}: {}", control.standard, control.number), rows)));
    }
}

fn evidence(report: &Report, blocks: &mut Vec<Block>) {
    let evidence = &report.evidence;
    blocks.push(heading(2, "What no figure of this report shows"));
    blocks.extend(report.not_shown.iter().map(paragraph));
    blocks.push(heading(2, "Evidence"));
    let journal = if evidence.intact {
        Words::of("Its chain of hashes was intact, over all of it, when this report was made.")
    } else {
        Words::of("Its chain of hashes was broken when this report was made.").toned(Tone::Bad).bold()
    };
    let rows = vec![
        ("Journal", journal),
        ("Length", Words::of(format!("{} entries at the end of the period", evidence.entries))),
        ("In the period", Words::of(evidence.entries_in_period)),
        ("First entry", opt(&evidence.first_at)),
        ("Last entry", opt(&evidence.last_at)),
        ("Its hash", opt(&evidence.last_hash)),
        ("Clocks", Words::of(format!("{} entries bear an earlier time than the one before.", evidence.steps_back))),
    ];
    blocks.push(Block::Table(Table::facts("", rows)));
    blocks.push(paragraph(
        "“entra-rotator history verify” checks the chain over every entry. The same journal and period give these pages again, byte \
         for byte.",
    ));
}
