//! The table of worlds: what `rotate --all` comes to in each of them, account by account. The table itself is data, and
//! docs/worlds.md is the same table for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Lab;
use super::truth::{Truth, on_threads};

const TABLE: &str = include_str!("worlds.tsv");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/worlds.md");

/// As many runs at a time: most of a run is waiting for the disk.
const THREADS: usize = 4;

/// What one account comes to in a run.
struct Row {
    account: &'static str,
    exit: i64,
    outcome: &'static str,
    told: Vec<&'static str>,
}

/// One run: a world, and what is said beside `rotate --lab --all`.
struct Run {
    world: &'static str,
    arguments: &'static str,
    rows: Vec<Row>,
}

impl Run {
    /// The worst counts.
    fn exit(&self) -> i64 {
        let order = [3, 1, 2, 4, 5, 75, 6, 0];
        *order.iter().find(|exit| self.rows.iter().any(|row| row.exit == **exit)).expect("a known exit code")
    }

    fn name(&self) -> String {
        format!("{} {}", self.world, self.arguments).trim_end().to_owned()
    }
}

/// The runs of the table, in its order.
fn runs() -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [world, arguments, account, exit, outcome, told] = cells[..] else { panic!("not six cells: {line}") };
        let arguments = if arguments == "-" { "" } else { arguments };
        let told = told.split("; ").filter(|words| *words != "-").collect();
        let row = Row { account, exit: exit.parse().expect("an exit code"), outcome, told };
        match runs.last_mut() {
            Some(run) if run.world == world && run.arguments == arguments => run.rows.push(row),
            _ => runs.push(Run { world, arguments, rows: vec![row] }),
        }
    }
    runs
}

/// The worlds by name, each with its sentence.
fn worlds() -> BTreeMap<String, String> {
    let listed = Lab::new().run("lab worlds --format json").json();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let worlds = listed["worlds"].as_array().expect("worlds");
    worlds.iter().map(|world| (text(&world["name"]), text(&world["what"]))).collect()
}

#[test]
fn every_world_comes_to_what_the_table_says() {
    let runs = runs();
    let known: BTreeSet<String> = worlds().into_keys().collect();
    let plain = runs.iter().filter(|run| run.arguments.is_empty()).map(|run| run.world.to_owned());
    assert_eq!(plain.collect::<BTreeSet<_>>(), known, "every world stands in the table without arguments");
    assert!(known.len() >= 20, "{known:?}");
    let proven: BTreeSet<&str> = runs
        .iter()
        .filter(|run| run.exit() == 0 && run.rows.iter().any(|row| row.outcome == "rotated"))
        .map(|run| run.world)
        .collect();
    assert!(proven.len() >= 12, "{proven:?}");
    on_threads(&runs, THREADS, comes_to);
}

fn comes_to(run: &Run) -> Result<String, String> {
    let lab = Lab::new();
    let name = run.name();
    let made = lab.run(&format!("lab init --world {}", run.world));
    if made.code != Some(0) {
        return Err(format!("{name}: {}", made.stderr));
    }
    let before = Truth::of(&lab);
    let arguments = format!("rotate --lab --lab-world {} --all --format json {}", run.world, run.arguments);
    let ended = lab.run(&arguments);
    let whole = format!("{name}:\n{}\n{}", ended.stdout, ended.stderr);
    if ended.code.map(i64::from) != Some(run.exit()) {
        return Err(format!("exit {:?}, not {}, of {whole}", ended.code, run.exit()));
    }
    let json = ended.json();
    let results = json["results"].as_array().expect("results");
    if results.len() != run.rows.len() {
        return Err(format!("other accounts than in the table: {whole}"));
    }
    let after = Truth::of(&lab);
    for (result, row) in results.iter().zip(&run.rows) {
        let found = (result["account"].as_str(), result["exit"].as_i64(), result["outcome"].as_str());
        let wanted = (Some(row.account), Some(row.exit), Some(row.outcome));
        if found != wanted {
            return Err(format!("{found:?}, not {wanted:?}, of {whole}"));
        }
        // Notes about an account stand on standard error.
        let message = result["message"].as_str().unwrap_or_default();
        let missing = row.told.iter().find(|words| !message.contains(**words) && !ended.stderr.contains(**words));
        if let Some(words) = missing {
            return Err(format!("{} was not told {words:?} in {whole}", row.account));
        }
        truth(row, &before, &after).map_err(|complaint| format!("{complaint} after {whole}"))?;
    }
    if before.scheduler_enabled != after.scheduler_enabled {
        return Err(format!("SyncCycleEnabled was left {} by {whole}", after.scheduler_enabled));
    }
    let verified = lab.run("history verify --lab --format json");
    if verified.code != Some(0) {
        return Err(format!("the journal of {name}: {}", verified.stdout));
    }
    let outcomes: Vec<String> = run.rows.iter().map(|row| format!("{} {}", row.account, row.outcome)).collect();
    Ok(format!("{name}: exit {}: {}", run.exit(), outcomes.join(", ")))
}

/// Rotated = a label that was not there before is everywhere; anything else = nothing was changed.
fn truth(row: &Row, before: &Truth, after: &Truth) -> Result<(), String> {
    if row.outcome != "rotated" {
        return if before.holders(row.account) == after.holders(row.account) {
            Ok(())
        } else {
            Err(format!("{}: {:?} became {:?}", row.account, before.holders(row.account), after.holders(row.account)))
        };
    }
    let label = after.one_label(row.account)?;
    if before.live(row.account) == label {
        return Err(format!("{} says rotated, and {label} is live as before", row.account));
    }
    after.all_run()
}

/// docs/worlds.md.
fn page() -> String {
    let mut page = String::from(
        "# Worlds to try\n\n\
         A world is a whole site in a folder: directory, Connect servers, vault. Try one with `entra-rotator rotate --lab \
         --lab-world NAME --all`.\n\
         `lab show --lab-world NAME` prints the truth afterwards, `lab fault` orders bad luck, `doctor --lab --lab-world NAME` looks for it.\n\
         This page is written by the test that runs every row of it (`tests/suite/lab/worlds.tsv`).\n\n\
         | world | what it is | more arguments | exit | what becomes of each account |\n|---|---|---|---|---|\n",
    );
    let sentences = worlds();
    for run in runs() {
        let what = sentences.get(run.world).map_or("", String::as_str);
        let accounts: Vec<String> = run
            .rows
            .iter()
            .map(|row| {
                let told: Vec<String> = row.told.iter().map(|words| format!("\"{words}\"")).collect();
                let told = if told.is_empty() { String::new() } else { format!(": {}", told.join(", ")) };
                format!("`{}` {}{told}", row.account, row.outcome)
            })
            .collect();
        let arguments = if run.arguments.is_empty() { String::new() } else { format!("`{}`", run.arguments) };
        let cells =
            [format!("`{}`", run.world), what.to_owned(), arguments, run.exit().to_string(), accounts.join("<br>")];
        let _ = writeln!(page, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    page
}

#[test]
fn the_page_is_the_table() {
    let page = page();
    if std::fs::read_to_string(PAGE).unwrap_or_default() != page {
        println!("{page}");
        panic!("docs/worlds.md is not the table any more; the text above is");
    }
}
