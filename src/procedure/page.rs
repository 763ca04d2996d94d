use std::fmt::Write;
use std::ops::Bound;

use super::gate::{About, Builds, Effect, GATES, Gate};
use super::table::{Order, PROCEDURES};
use super::{Build, SEEN_ON};

const HEAD: &str = "\
# Procedures and version gates

Which steps are documented for which account, in their order, and which builds of Entra Connect they hold for. This
program follows these rows; where it does more or something else, the row says so.

This page is written by the program's own test from the tables that the program reads (`src/procedure/table.rs`,
`src/procedure/gate.rs`).
";

/// Both tables as a page for people: `docs/procedures.md`.
pub fn procedures_page() -> String {
    let mut page = format!("{HEAD}The documents were last looked at on {SEEN_ON}.\n");
    for procedure in PROCEDURES {
        push(&mut page, format_args!("\n## {}\n", procedure.title));
        for order in procedure.orders {
            push(&mut page, format_args!("\n{}\n\n", source(order)));
            for (number, step) in procedure_steps(order) {
                push(&mut page, format_args!("{number}. {step}\n"));
            }
        }
        push(&mut page, format_args!("\nLeft undone: {}\n\n{}\n", procedure.left_undone, procedure.here));
    }
    page.push_str("\n## Version gates\n\n");
    page.push_str("| gate | builds | from | told from | account | effect | what | next step | document | seen on |\n");
    page.push_str("|---|---|---|---|---|---|---|---|---|---|\n");
    for gate in GATES {
        let (since, told_from, seen_on) =
            (gate.since.to_string(), gate.told_from.to_string(), gate.seen_on.to_string());
        let cells = [
            gate.id,
            &builds(gate),
            &since,
            &told_from,
            about(gate.about),
            effect(gate.effect),
            gate.sentence,
            gate.next_step,
            gate.document,
            &seen_on,
        ];
        push(&mut page, format_args!("| {} |\n", cells.join(" | ")));
    }
    page
}

/// A string takes everything.
fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(text);
}

fn source(order: &Order) -> String {
    let date = if order.dated == "-" { String::new() } else { format!(", {}", order.dated) };
    let draft = if order.draft { " (**a draft**, not accepted when this was written)" } else { "" };
    format!("From: {}{date}{draft}", order.document)
}

fn procedure_steps(order: &Order) -> impl Iterator<Item = (usize, &'static str)> {
    order.steps.iter().enumerate().map(|(place, step)| (place + 1, *step))
}

fn builds(gate: &Gate) -> String {
    let from = |bound: Bound<Build>| match bound {
        Bound::Included(build) => Some(format!("from {build}")),
        Bound::Excluded(build) => Some(format!("after {build}")),
        Bound::Unbounded => None,
    };
    let to = |bound: Bound<Build>| match bound {
        Bound::Included(build) => Some(format!("up to {build}")),
        Bound::Excluded(build) => Some(format!("below {build}")),
        Bound::Unbounded => None,
    };
    match gate.builds {
        Builds::Between(low, high) => from(low).into_iter().chain(to(high)).collect::<Vec<_>>().join(" "),
        Builds::Unreadable => "unreadable".to_owned(),
    }
}

fn about(about: About) -> &'static str {
    match about {
        About::Any => "any",
        About::Service => "service",
        About::Entra => "entra",
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Refuse => "refused",
        Effect::AttendedOnly => "attended only",
        Effect::Warn => "warned",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/procedures.md");
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        let page = procedures_page();
        if stored != page {
            println!("{page}");
            panic!("docs/procedures.md is not the table any more; the text above is");
        }
    }
}
