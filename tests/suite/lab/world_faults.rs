//! The promises, held in every kind of world that rotates: whatever strikes, on whichever server, a rotation ends all new,
//! all old, or held for a person with both passwords kept and a way out that works.
//!
//! Of the worlds of a row, and of the points where the process can die, every run takes some; which ones changes with the
//! day, or is named by `WORLD_FAULTS_OFFSET`. `WORLD_FAULTS_ALL=1` takes all.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::truth::{Truth, on_threads};
use super::{Ended, Lab};

const TABLE: &str = include_str!("world_fault_table.tsv");

/// World, the account that is rotated, and the groups of the table that it belongs to.
const WORLDS: [(&str, &str, &[&str]); 6] = [
    ("active-and-staging", "MSOL_1a2b3c4d5e6f", &["all", "connector", "staging"]),
    ("two-forests-active-and-staging", "MSOL_1a2b3c4d5e6f", &["all", "connector", "staging"]),
    ("two-connectors", "MSOL_f0e1d2c3b4a5", &["all", "connector"]),
    ("service-domain-user", "svc-adsync", &["all", "service"]),
    ("service-shared", "svc-adsync", &["all", "service", "staging"]),
    ("service-local-user", "adsync", &["all", "local"]),
];

/// The reasons for which a rotation may be held here.
const REASONS: [&str; 7] =
    ["forward-only", "foreign", "rollback-failed", "key-set", "budget-spent", "not-seen", "key-lost"];

/// More than there are cores: failing steps are tried again after pauses.
const THREADS: usize = 8;

/// One world of so many is taken of each row of the table.
const WORLDS_EACH: u64 = 3;

/// One crash point of so many is taken.
const CRASHES_EACH: u64 = 8;

/// A world with bad luck.
struct Case {
    world: &'static str,
    account: &'static str,
    /// Each as the words behind `lab fault add`.
    faults: Vec<Vec<String>>,
    /// `None` = killed.
    exits: Vec<Option<i32>>,
    /// Which of the cases that are like it this is, from 0.
    place: u64,
}

impl Case {
    fn name(&self) -> String {
        let faults: Vec<String> = self.faults.iter().map(|words| words.join(" ")).collect();
        format!("{} {}: {}", self.world, self.account, faults.join("; "))
    }
}

fn words(fault: &str) -> Vec<String> {
    fault.split_whitespace().map(ToOwned::to_owned).collect()
}

fn table() -> Vec<Case> {
    let mut cases = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [faults, places, exits] = cells[..] else { panic!("not three cells: {line}") };
        let before = cases.len();
        for (world, account, groups) in WORLDS {
            if places.split_whitespace().any(|place| place == world || groups.contains(&place)) {
                cases.push(Case {
                    world,
                    account,
                    faults: faults.split(';').map(words).filter(|words| *words != ["-"]).collect(),
                    place: 0,
                    exits: exits.split_whitespace().map(|exit| Some(exit.parse().expect("an exit code"))).collect(),
                });
            }
        }
        assert!(cases.len() > before, "no world for {line}");
        (0..).zip(&mut cases[before..]).for_each(|(place, case)| case.place = place);
    }
    cases
}

/// The process ends at this step, on the way there or, because of the fault `turns`, on the way back.
fn crash(moment: &str, step: &str, turns: Option<&str>, (world, account): (&'static str, &'static str)) -> Case {
    let direction = if turns.is_some() { "back:" } else { "" };
    let mut faults = vec![vec![format!("crash-{moment}:{direction}{step}")]];
    faults.extend(turns.map(words));
    Case { world, account, faults, exits: vec![None], place: 0 }
}

/// Every point where the process can die.
fn crashes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (world, account, groups) in WORLDS {
        let lab = Lab::new();
        let plan = lab.run(&format!("plan --lab --lab-world {world} --account {account} --format json")).json();
        let steps = plan["plans"][0]["steps"].as_array().expect("steps").clone();
        let steps: Vec<String> = steps.iter().map(|step| step["step"].as_str().expect("a step").to_owned()).collect();
        // Where nothing is to be entered again, that step is done by looking: there is nothing to die at.
        let steps: Vec<String> = steps.into_iter().filter(|step| !step.starts_with("reenter:")).collect();
        // A local user's password goes forward only.
        let turns = match groups[1] {
            "connector" => Some(("proof-fails", "prove:")),
            "service" => Some(("service-logon-keeps-old", "restart:")),
            _ => None,
        };
        for moment in ["before", "after"] {
            cases.extend(steps.iter().map(|step| crash(moment, step, None, (world, account))));
            let Some((fault, at)) = turns else { continue };
            let turn = steps.iter().position(|step| step.starts_with(at)).expect("where it turns");
            let undone = |step: &str| {
                let word = step.split(':').next().unwrap_or_default();
                ["directory", "converge-directory", "engine", "restart", "seal", "converge-seal"].contains(&word)
            };
            let back = steps[..=turn].iter().filter(|step| undone(step) || step.starts_with("service-logon:"));
            let proofs = steps.iter().filter(|step| step.starts_with("prove:SYNC1/") || step.starts_with("release:"));
            let back = back.chain(proofs).map(String::as_str).chain(["discard"]);
            cases.extend(back.map(|step| crash(moment, step, Some(fault), (world, account))));
        }
    }
    (0..).zip(&mut cases).for_each(|(place, case)| case.place = place);
    cases
}

/// Those that are this run's turn: of every so many that are alike one, and at least one of each kind.
fn chosen(cases: Vec<Case>, each: u64) -> Vec<Case> {
    let (total, offset) = (cases.len(), offset());
    let all = std::env::var_os("WORLD_FAULTS_ALL").is_some();
    let last: Vec<bool> = (1..=total).map(|next| cases.get(next).is_none_or(|next| next.place == 0)).collect();
    let mine = |(case, last): &(Case, bool)| {
        let alone = *last && case.place == 0;
        all || alone || case.place % each == offset % each
    };
    let chosen: Vec<Case> = cases.into_iter().zip(last).filter(mine).map(|(case, _)| case).collect();
    println!("{} of {total} cases, offset {offset}", chosen.len());
    chosen
}

fn offset() -> u64 {
    let day = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / 86_400;
    std::env::var("WORLD_FAULTS_OFFSET").ok().map_or_else(day, |text| text.parse().expect("a number"))
}

#[test]
fn the_promises_hold_in_every_world_whatever_strikes() {
    let cases = table();
    let worlds: BTreeSet<&str> = cases.iter().map(|case| case.world).collect();
    assert_eq!(worlds.len(), WORLDS.len(), "the table lost rows");
    assert!(cases.len() >= 150, "the table lost rows: {}", cases.len());
    on_threads(&chosen(cases, WORLDS_EACH), THREADS, keeps_the_promises);
}

#[test]
fn a_crash_in_every_world_is_resumed() {
    let cases = crashes();
    assert!(cases.len() >= 250, "{}", cases.len());
    on_threads(&chosen(cases, CRASHES_EACH), THREADS, keeps_the_promises);
}

/// How one case goes on, in the words of its complaint when it breaks a promise.
fn keeps_the_promises(case: &Case) -> Result<String, String> {
    let lab = Lab::new();
    let mut told = case.name();
    let kept = promises(case, &lab, &mut told);
    kept.map(|()| told.lines().next().unwrap_or_default().to_owned())
        .map_err(|complaint| format!("{complaint}\n{told}"))
}

fn promises(case: &Case, lab: &Lab, told: &mut String) -> Result<(), String> {
    let run = |words: &[&str]| lab.run_words(words);
    demand(run(&["lab", "init", "--world", case.world]).code == Some(0), || "no lab".into())?;
    let before = Truth::of(lab);
    for fault in &case.faults {
        let mut words = vec!["lab", "fault", "add"];
        words.extend(fault.iter().map(String::as_str));
        let ordered = run(&words);
        demand(ordered.code == Some(0), || ordered.stderr.clone())?;
    }
    let ended = run(&["rotate", "--lab", "--account", case.account, "--format", "json"]);
    tell(told, "rotate", &ended);
    demand(case.exits.contains(&ended.code), || format!("exit {:?}, not {:?}", ended.code, case.exits))?;
    let after = Truth::of(lab);
    let old = before.live(case.account);
    let settled = match ended.code {
        Some(0) => settled(&after, case, |live| live != old),
        Some(1 | 4 | 75) => settled(&after, case, |live| live == old),
        Some(3) => held(case, lab, (&before, &after), &ended, told),
        Some(other) => Err(format!("exit {other} is not documented for this")),
        None => {
            in_the_vault(&after, case.account)?;
            let resumed = run(&["resume", "--lab", "--format", "json"]);
            tell(told, "resume", &resumed);
            ends_in_one(case, lab, &resumed)
        }
    };
    settled?;
    let last = Truth::of(lab);
    for (account, holders) in &before.accounts {
        let same = account == case.account || last.holders(account) == *holders;
        demand(same, || format!("{account} became {:?}", last.holders(account)))?;
    }
    demand(last.scheduler_enabled == before.scheduler_enabled, || "the scheduler was left otherwise".into())?;
    let verified = run(&["history", "verify", "--lab", "--format", "json"]);
    demand(verified.code == Some(0), || format!("the journal: {}", verified.stdout))
}

fn demand(holds: bool, complaint: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(complaint()) }
}

/// One label everywhere, which is the right one, nothing pending, and every service runs.
fn settled(truth: &Truth, case: &Case, right: impl Fn(&str) -> bool) -> Result<(), String> {
    let live = truth.one_label(case.account)?;
    demand(right(&live), || format!("{live} is live everywhere, and should not be"))?;
    truth.all_run()
}

fn in_the_vault(truth: &Truth, account: &str) -> Result<(), String> {
    let (live, kept) = (truth.live(account), truth.vault(account));
    demand(kept.contains(&live), || format!("{live} is live, and the vault has {kept:?}"))
}

/// Held: the reason is one of the known, the runbook is printed, both passwords are kept, and its way out works.
fn held(
    case: &Case,
    lab: &Lab,
    (before, after): (&Truth, &Truth),
    ended: &Ended,
    told: &mut String,
) -> Result<(), String> {
    let json = ended.json();
    let message = json["results"][0]["message"].as_str().unwrap_or_default();
    demand(message.contains("next steps:\n  1. "), || "no runbook is printed".into())?;
    let history = lab.newest_history();
    let reason = |history: &[Value]| -> String {
        let held = history.iter().rev().find(|entry| entry["event"] == "held");
        held.and_then(|entry| entry["why"]["reason"].as_str()).unwrap_or_default().to_owned()
    };
    let why = reason(&history);
    *told = told.replacen('\n', &format!(", {why}\n"), 1);
    demand(REASONS.contains(&why.as_str()), || format!("held for {why:?}"))?;
    let (old, kept) = (before.live(case.account), after.vault(case.account));
    demand(kept.contains(&old), || format!("the old password is not in the vault any more: {kept:?}"))?;
    demand(kept.iter().any(|label| *label != old), || format!("the new password is not in the vault: {kept:?}"))?;
    if why != "foreign" {
        in_the_vault(after, case.account)?;
    }
    demand(lab.run("lab fault clear").code == Some(0), || "the faults stay".into())?;
    by_hand(case, lab, after)?;
    let ended = if why == "foreign" {
        lab.run_words(&["rotate", "--lab", "--account", case.account, "--repair", "--format", "json"])
    } else {
        lab.run("resume --lab --format json")
    };
    tell(told, "the way out", &ended);
    ends_in_one(case, lab, &ended)
}

/// What the causes of these faults ask a person to do on the servers before the rotation can go on.
fn by_hand(case: &Case, lab: &Lab, after: &Truth) -> Result<(), String> {
    let ordered = |fault: &str| case.faults.iter().any(|words| words[0].split('@').next() == Some(fault));
    let done = |words: &[&str]| {
        let ended = lab.run_words(&[&["lab", "operator"], words].concat());
        demand(ended.code == Some(0), || format!("{words:?}: {}", ended.stderr))
    };
    for (server, state) in &after.services {
        if ordered("service-right-lost") {
            done(&["service-right", "--server", server, "--held", "true"])?;
        }
        if state == "running" {
            continue;
        }
        if ordered("key-set-lost") {
            done(&["abandon-key", "--server", server])?;
        }
        // A service manager that still holds the other password is the rotation's own business.
        let _ = lab.run_words(&["lab", "operator", "start", "--server", server]);
        if ordered("key-set-lost") && Truth::of(lab).services[server] == "running" {
            done(&["reset-entra", "--server", server])?;
            for connector in connectors(after, server) {
                done(&["enter-password", "--server", server, "--connector", &connector])?;
            }
        }
    }
    Ok(())
}

/// The AD connectors of a server, of every account.
fn connectors(truth: &Truth, server: &str) -> BTreeSet<String> {
    let of = format!("engine:{server}/");
    let holders = truth.accounts.values().flat_map(|holders| holders.keys());
    holders.filter_map(|holder| holder.strip_prefix(&of)).map(ToOwned::to_owned).collect()
}

/// 0 or 1, and one label everywhere.
fn ends_in_one(case: &Case, lab: &Lab, ended: &Ended) -> Result<(), String> {
    demand(matches!(ended.code, Some(0 | 1)), || format!("it ended with {:?}", ended.code))?;
    settled(&Truth::of(lab), case, |_| true)
}

fn tell(told: &mut String, what: &str, ended: &Ended) {
    let code = ended.code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
    let first = told.find('\n').unwrap_or(told.len());
    told.insert_str(first, &format!(", {what} {code}"));
    told.push_str(&format!("\n{what}:\n{}\n{}", ended.stdout, ended.stderr));
}
