//! `plan --out` and `rotate --plan`: exactly what was approved, or nothing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Ended, Lab};

/// A lab with an approved plan of all accounts.
fn approved(world: &str, options: &str) -> (Lab, PathBuf) {
    let lab = Lab::of_world(world);
    let file = lab.dir().join("approved.json");
    let planned = lab.run(&format!("plan --lab --all {options} --out {}", file.display()));
    assert_eq!(planned.code, Some(0), "{}\n{}", planned.stdout, planned.stderr);
    (lab, file)
}

fn rotate(lab: &Lab, file: &Path, options: &str) -> Ended {
    lab.run(&format!("rotate --lab {options} --plan {}", file.display()))
}

/// Nothing was changed, and it says what differs.
fn refuses(lab: &Lab, file: &Path, words: &[&str]) {
    let writes = lab.counter("directory-writes");
    let refused = rotate(lab, file, "");
    assert_eq!(refused.code, Some(4), "{words:?}: {}\n{}", refused.stdout, refused.stderr);
    for word in words.iter().chain(&["nothing was changed", "next step"]) {
        assert!(refused.stdout.contains(word), "no {word} in: {}", refused.stdout);
    }
    assert_eq!(lab.counter("directory-writes"), writes);
    assert_eq!(lab.run("history --lab --format json").json()["rotations"].as_array().map(Vec::len), Some(0));
}

#[test]
fn exactly_what_was_approved_is_done() {
    let (lab, file) = approved("active-and-staging", "");
    let plan: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
    let done = rotate(&lab, &file, "");
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    lab.expect("all=p2 previous=p1", "approved");
    assert_eq!(lab.newest_history()[0]["plan"]["steps"], plan["approve"][0]["steps"]);
    // It is spent: the password is another one now.
    let again = rotate(&lab, &file, "");
    assert_eq!(again.code, Some(4), "{}", again.stdout);
    assert!(again.stdout.contains("carried out already, by rotation"), "{}", again.stdout);
    lab.expect("all=p2 previous=p1", "once only");
}

#[test]
fn a_plan_of_two_accounts_rotates_two() {
    let (lab, file) = approved("two-connectors", "");
    let done = rotate(&lab, &file, "--format json");
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    let outcomes = done.json()["results"].clone();
    assert_eq!(outcomes.as_array().map(Vec::len), Some(2), "{outcomes}");
    for came in outcomes.as_array().into_iter().flatten() {
        assert_eq!(came["outcome"], "rotated", "{came}");
    }
}

/// Of two accounts one can't be rotated as approved: the other one is.
#[test]
fn what_differs_for_one_account_does_not_stop_the_other() {
    let (lab, file) = approved("two-connectors", "");
    assert_eq!(lab.run("rotate --lab --account MSOL_1a2b3c4d5e6f").code, Some(0));
    let done = rotate(&lab, &file, "--format json");
    assert_eq!(done.code, Some(4), "{}\n{}", done.stdout, done.stderr);
    let results = done.json()["results"].clone();
    let outcomes: Vec<&str> =
        results.as_array().into_iter().flatten().filter_map(|came| came["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["refused", "rotated"], "{results}");
}

#[test]
fn a_password_that_somebody_set_is_a_difference() {
    let (lab, file) = approved("active-and-staging", "");
    // The same person tells the vault, so that preflight itself has nothing against it.
    let (tool, aside) = (lab.dir().join("given"), "Set-by-a-person-99");
    fs::write(&tool, aside).expect("a file");
    let open = entra_rotator::wiring::open_lab(&lab.dir()).expect("the lab");
    open.set_password("MSOL_1a2b3c4d5e6f", "directory", Some(providers::port::Secret::new(aside))).expect("set");
    open.set_password("MSOL_1a2b3c4d5e6f", "vault:current", Some(providers::port::Secret::new(aside))).expect("set");
    for server in ["SYNC1", "SYNC2"] {
        let holder = format!("engine:{server}/contoso.test");
        open.set_password("MSOL_1a2b3c4d5e6f", &holder, Some(providers::port::Secret::new(aside))).expect("set");
    }
    refuses(&lab, &file, &["the account's password was set"]);
}

#[test]
fn other_servers_are_a_difference() {
    let changes: [(&str, &[&str]); 2] = [
        ("lab operator swap-roles", &["its role"]),
        ("lab operator upgrade --server SYNC2 --build 2.5.79.0", &["its build"]),
    ];
    for (change, words) in changes {
        let (lab, file) = approved("active-and-staging", "");
        assert_eq!(lab.run(change).code, Some(0), "{change}");
        refuses(&lab, &file, words);
    }
}

#[test]
fn another_configuration_is_a_difference() {
    // The manner is part of what was approved; another order is another plan.
    let (lab, file) = approved("active-and-staging", "--quiesce disable");
    let refused = rotate(&lab, &file, "--quiesce gap");
    assert_eq!(refused.code, Some(4), "{}\n{}", refused.stdout, refused.stderr);
    assert!(refused.stdout.contains("sync is kept out of the way"), "{}", refused.stdout);
    assert_eq!(rotate(&lab, &file, "").code, Some(0));
    let paused = lab.newest_history().iter().any(|entry| entry["step"] == "quiesce:SYNC1" && entry["event"] == "done");
    assert!(paused && lab.counter("scheduler-writes") == 2, "the scheduler was not paused and released");

    let (lab, file) = approved("active-and-staging", "");
    let text = fs::read_to_string(&file).expect("a file");
    let longer = text.replacen("\"length\": 64", "\"length\": 32", 1);
    assert_ne!(text, longer);
    fs::write(&file, longer).expect("written");
    refuses(&lab, &file, &["configuration"]);
}

#[test]
fn steps_that_somebody_wrote_into_the_file_are_not_taken() {
    let (lab, file) = approved("one-forest", "");
    let text = fs::read_to_string(&file).expect("a file");
    let without = text.replacen("\"seal\",", "", 1);
    assert_ne!(text, without);
    fs::write(&file, without).expect("written");
    refuses(&lab, &file, &["the steps"]);
}

#[test]
fn what_is_no_file_of_plans_is_refused() {
    let (lab, good) = approved("one-forest", "");
    let text = fs::read_to_string(&good).expect("a file");
    let file = lab.dir().join("other.json");
    let other_schema = text.replacen("\"schema\": 1", "\"schema\": 2", 1);
    let more = text.replacen("\"schema\": 1", "\"schema\": 1, \"more\": true", 1);
    assert!(other_schema != text && more != text);
    let contents = [
        "",
        "\n",
        "rubbish",
        "{}",
        "[]",
        r#"{"schema":1,"approve":[]}"#,
        &text[..text.len() / 2],
        &other_schema,
        &more,
    ];
    for content in contents {
        fs::write(&file, content).expect("written");
        let refused = rotate(&lab, &file, "");
        assert_eq!(refused.code, Some(2), "{content}: {refused:?}");
        assert!(refused.stderr.contains("next step: write the plan anew"), "{}", refused.stderr);
    }
    fs::remove_file(&file).expect("it is there");
    assert_eq!(rotate(&lab, &file, "").code, Some(2), "no file");
    lab.expect("all=p1", "nothing was rotated");
}

#[test]
fn an_account_that_is_not_there_is_told() {
    let (lab, file) = approved("one-forest", "");
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, text.replace("\"account\": \"MSOL_1a2b3c4d5e6f\"", "\"account\": \"other\"")).expect("written");
    let refused = rotate(&lab, &file, "");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("no account `other`"), "{}", refused.stderr);
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let (lab, file) = approved("one-forest", "");
    fs::write(&file, "precious").expect("written");
    let planned = lab.run(&format!("plan --lab --all --out {}", file.display()));
    assert_eq!(planned.code, Some(2), "{planned:?}");
    assert!(planned.stderr.contains("next step"), "{}", planned.stderr);
    assert_eq!(fs::read_to_string(&file).expect("a file"), "precious");
}

#[test]
fn an_account_without_a_plan_writes_no_file() {
    let lab = Lab::of_world("unknown-old");
    let file = lab.dir().join("none.json");
    let planned = lab.run(&format!("plan --lab --all --out {}", file.display()));
    assert_eq!(planned.code, Some(4), "{planned:?}");
    assert!(planned.stderr.contains("no file was written"), "{}", planned.stderr);
    assert!(!file.exists());
}

/// What was accepted when the plan was made needs not be said again.
#[test]
fn forward_only_is_approved_with_the_plan() {
    let (lab, file) = approved("unknown-old", "--accept-forward-only");
    let done = rotate(&lab, &file, "");
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    lab.expect("all=p2", "forward only");
}

#[test]
fn no_secret_is_in_the_file() {
    let lab = Lab::new();
    let password = "Nobody-may-read-this-9";
    let plan = providers::lab::WorldPlan {
        first_password: Some(providers::port::Secret::new(password)),
        ..providers::lab::WorldPlan::default_world()
    };
    providers::lab::Lab::create(&lab.dir(), &plan).expect("a lab");
    let file = lab.dir().join("approved.json");
    assert_eq!(lab.run(&format!("plan --lab --all --out {}", file.display())).code, Some(0));
    let text = fs::read_to_string(&file).expect("a file");
    assert!(text.contains("MSOL_1a2b3c4d5e6f") && !text.contains(password), "{text}");
}
