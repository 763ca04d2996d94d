//! The report as plain text: what is on the first screen of the page, and the tables under it.

use comfy_table::{ContentArrangement, Table, presets};

use super::{At, Report, words};

/// The report for a terminal or a mail. It holds no control character but the line feed.
pub(super) fn plain(report: &Report) -> String {
    let Report { period, evidence, coverage, counts, .. } = report;
    let mut lines = vec![
        format!("Password rotation report, {} to {} (the end not included)", period.from, period.to),
        String::new(),
    ];
    if let Some(position) = evidence.first_bad_entry {
        let cause = evidence.cause.clone().unwrap_or_default();
        lines.push(format!("NOT VERIFIED: the journal was changed: entry {position}: {cause}"));
        lines.push(String::new());
    }
    let percent = coverage
        .percent
        .as_deref()
        .map_or_else(|| "nobody asks for an age".to_owned(), |percent| format!("{percent} %"));
    let rows = [
        ("Within policy", format!("{} of {} ({percent})", coverage.in_policy, coverage.of)),
        ("Overdue at the end", coverage.overdue.to_string()),
        ("Age unknown", coverage.unknown.to_string()),
        (
            "Exempt, managed by Windows, no policy",
            format!("{}, {}, {}", coverage.exempt, coverage.managed, coverage.no_policy),
        ),
        ("Held at the end", counts.held_at_end.to_string()),
        ("Rotated", counts.rotated.to_string()),
        ("Failed and put back", counts.failed.to_string()),
        ("Rolled back by order", counts.rolled_back_by_order.to_string()),
        ("Begun without the approval needed", counts.without_approval.to_string()),
        ("Holds begun", counts.held.to_string()),
        ("Repaired", counts.repaired.to_string()),
        ("Wanted and not begun", counts.not_begun.to_string()),
        ("Late proofs good, failed", format!("{}, {}", counts.late_proofs_good, counts.late_proofs_failed)),
        (
            "Drift raised, cleared, open",
            format!("{}, {}, {}", report.drift.raised, report.drift.cleared, report.drift.open_at_end),
        ),
        (
            "Oldest password in the period",
            report.exposure.oldest_days.map_or_else(|| "-".to_owned(), |days| format!("{days} days")),
        ),
        ("Over maximum age, all accounts", report.exposure.overdue.to_string()),
        ("Median, longest repair", format!("{}, {}", opt(&report.repairs.median), opt(&report.repairs.longest))),
    ];
    lines.push(table(&[], rows.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()])));

    let at = |at: &Option<At>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    section(&mut lines, "Accounts at the end of the period");
    let accounts = report.population.accounts.iter().map(|facts| {
        let exempt = facts.exempt.as_ref();
        let exempt = exempt.map(|exempt| format!("{} ({}), until {}", exempt.reason, exempt.owner, exempt.until));
        vec![
            facts.account.to_string(),
            facts.kind.to_string(),
            facts.state.to_string(),
            opt(&facts.age_days),
            opt(&facts.max_age_days),
            at(&facts.due_at),
            facts.overdue.to_string(),
            exempt.unwrap_or_default(),
        ]
    });
    let header = ["ACCOUNT", "KIND", "STATE", "AGE, DAYS", "AT MOST", "DUE", "OVERDUE IN PERIOD", "EXEMPTION"];
    lines.push(table(&header, accounts));

    section(&mut lines, "Ages at the end of the period, in days");
    lines.push(table(
        &["DAYS", "ACCOUNTS"],
        report.ages.iter().map(|bucket| vec![bucket.days.clone(), bucket.accounts.to_string()]),
    ));

    section(&mut lines, "Conditions");
    let conditions = report.conditions.iter().map(|condition| {
        let account = condition.account.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![
            condition.kind.to_string(),
            condition.severity.to_string(),
            account,
            condition.raised.to_string(),
            at(&condition.cleared),
            condition.length.to_string(),
            condition.title.to_string(),
        ]
    });
    lines.push(table(&["KIND", "SEVERITY", "ACCOUNT", "RAISED", "CLEARED", "HELD FOR", "WHAT"], conditions));

    section(&mut lines, "Rotations");
    let rotations = report.rotations.iter().map(|facts| {
        vec![
            facts.rotation.to_string(),
            facts.account.to_string(),
            facts.procedure.to_owned(),
            facts.outcome.to_owned(),
            facts.began.to_string(),
            at(&facts.ended),
            facts.trigger.by.to_owned(),
            facts.initiator.to_string(),
            facts.ticket.to_string(),
            facts.reason.to_string(),
            words::approved(facts),
        ]
    });
    let header = [
        "ROTATION",
        "ACCOUNT",
        "PROCEDURE",
        "OUTCOME",
        "BEGAN",
        "ENDED",
        "TRIGGER",
        "BY",
        "TICKET",
        "REASON",
        "APPROVED BY",
    ];
    lines.push(table(&header, rotations));

    section(&mut lines, "Evidence");
    lines.push(format!(
        "{} entries at the end of the period, {} of them in it",
        evidence.entries, evidence.entries_in_period
    ));
    lines.push(format!("hash of the last one: {}", evidence.last_hash.as_deref().unwrap_or("-")));
    if evidence.steps_back > 0 {
        lines.push(format!("{} entries bear an earlier time than the one before", evidence.steps_back));
    }
    section(&mut lines, "What this report does not show");
    lines.extend(report.not_shown.iter().map(|text| format!("- {text}")));
    lines.join("\n") + "\n"
}

fn section(lines: &mut Vec<String>, title: &str) {
    lines.extend([String::new(), title.to_owned()]);
}

fn opt(value: &Option<impl ToString>) -> String {
    value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
}

/// Row by row: there may be many.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return "none".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !header.is_empty() {
        table.set_header(header);
    }
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}
