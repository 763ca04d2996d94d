//! `status` and its codes, and the order of `rotate --all`.

use serde_json::Value;

use super::Lab;

fn check(lab: &Lab) -> Option<i32> {
    lab.run("status --lab --check").code
}

fn account(lab: &Lab, name: &str) -> Value {
    let status = lab.run("status --lab --format json").json();
    let found = status["accounts"].as_array().into_iter().flatten().find(|account| account["account"] == name);
    found.cloned().unwrap_or_else(|| panic!("no {name} in {status}"))
}

#[test]
fn connectors_are_rotated_before_the_service_account() {
    let lab = Lab::of_world("service-domain-user");
    let done = lab.run("rotate --lab --all --format json");
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    let results = done.json()["results"].clone();
    let order: Vec<&str> =
        results.as_array().into_iter().flatten().filter_map(|came| came["account"].as_str()).collect();
    assert_eq!(order, ["MSOL_1a2b3c4d5e6f", "svc-adsync"]);
    let listed = lab.run("history --lab --format json").json();
    let begun: Vec<&str> =
        listed["rotations"].as_array().into_iter().flatten().filter_map(|one| one["account"].as_str()).collect();
    assert_eq!(begun, ["MSOL_1a2b3c4d5e6f", "svc-adsync"], "{listed}");
    // By name the person chooses.
    let named = lab.run("rotate --lab --account svc-adsync --account MSOL_1a2b3c4d5e6f --format json");
    assert_eq!(named.json()["results"][0]["account"], "svc-adsync", "{}", named.stdout);
}

#[test]
fn the_states_and_their_codes() {
    let lab = Lab::made();
    assert_eq!(account(&lab, "MSOL_1a2b3c4d5e6f")["state"], "never-rotated");
    assert_eq!(check(&lab), Some(0));

    assert_eq!(lab.rotate().code, Some(0));
    let rotated = account(&lab, "MSOL_1a2b3c4d5e6f");
    assert_eq!(rotated["state"], "rotated");
    assert_eq!(rotated["late_proof"]["state"], "due", "{rotated}");
    assert_eq!(check(&lab), Some(0));

    lab.order("engine-refuses");
    assert_eq!(lab.rotate().code, Some(1));
    assert_eq!(lab.run("lab fault clear").code, Some(0));
    let back = account(&lab, "MSOL_1a2b3c4d5e6f");
    assert_eq!((&back["state"], &back["last_rotated"]), (&Value::from("rolled-back"), &rotated["since"]), "{back}");
    assert_eq!(check(&lab), Some(0));

    lab.order("crash-after:directory");
    assert_eq!(lab.rotate().code, None);
    let interrupted = account(&lab, "MSOL_1a2b3c4d5e6f");
    assert_eq!(interrupted["state"], "interrupted");
    assert!(interrupted["next_step"].as_str().is_some_and(|step| step.contains("resume")), "{interrupted}");
    assert_eq!(check(&lab), Some(75));

    assert_eq!(lab.run("resume --lab").code, Some(0));
    assert_eq!(check(&lab), Some(0));
}

#[test]
fn a_held_rotation_is_told_with_its_runbook() {
    let lab = Lab::made();
    lab.order("foreign-password");
    assert_eq!(lab.rotate().code, Some(3));
    assert_eq!(check(&lab), Some(3));
    let held = account(&lab, "MSOL_1a2b3c4d5e6f");
    assert_eq!(held["state"], "held");
    assert!(held["why"].as_str().is_some_and(|why| why.contains("somebody else")), "{held}");
    let steps: Vec<&str> = held["runbook"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(steps.len() >= 2 && steps.iter().any(|step| step.contains("`rotate --repair`")), "{held}");
    let table = lab.run("status --lab").stdout;
    for (place, step) in steps.iter().enumerate() {
        assert!(table.contains(&format!("  {}. {step}", place + 1)), "{step} is not in:\n{table}");
    }
    assert_eq!(lab.run("status --lab").code, Some(0), "without --check it only tells");
    assert_eq!(lab.run("rotate --lab --all --repair").code, Some(0));
    assert_eq!(check(&lab), Some(0));
    assert!(!lab.run("status --lab").stdout.contains("next step"), "nothing is left to do");
}

/// The worst of several accounts counts.
#[test]
fn one_held_account_of_two_is_enough() {
    let lab = Lab::of_world("two-connectors");
    lab.order("foreign-password");
    let all = lab.rotate();
    assert_eq!(all.code, Some(3), "{}\n{}", all.stdout, all.stderr);
    let states = ["MSOL_1a2b3c4d5e6f", "MSOL_f0e1d2c3b4a5"].map(|name| account(&lab, name)["state"].clone());
    assert_eq!(states, ["held", "rotated"], "a held one blocks its own account only");
    assert_eq!(check(&lab), Some(3));
}

#[test]
fn nothing_is_due_right_after_a_rotation() {
    let lab = Lab::made();
    for _ in 0..2 {
        let due = lab.run("rotate --lab --due");
        assert_eq!(due.code, Some(0), "{due:?}");
        assert!(due.stderr.contains("no late proof is due"), "{}", due.stderr);
        assert_eq!(lab.rotate().code, Some(0));
    }
}
