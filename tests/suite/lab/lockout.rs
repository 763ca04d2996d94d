//! However often an operator or a scheduler asks, the tool's own logons never lock the account. Counted past the
//! program, in the lab's own file.

use std::fs;

use serde_json::Value;

use super::Lab;

/// As low as a domain's policy gets in practice.
const THRESHOLD: u64 = 3;

fn world(lab: &Lab) -> Value {
    serde_json::from_str(&fs::read_to_string(lab.dir().join("world.json")).expect("the lab's file")).expect("JSON")
}

fn with_threshold() -> Lab {
    let lab = Lab::made();
    lab.expect("all=p1", "at first");
    let text = fs::read_to_string(lab.dir().join("world.json")).expect("the lab's file");
    let mut world: Value = serde_json::from_str(&text).expect("JSON");
    let policy = world.pointer_mut("/domain/policy/lockout_threshold").expect("the policy's place");
    *policy = THRESHOLD.into();
    fs::write(lab.dir().join("world.json"), world.to_string()).expect("the lab's file");
    lab
}

/// The most wrong passwords that any domain controller counts.
fn wrong(lab: &Lab) -> u64 {
    let world = world(lab);
    let controllers = world.pointer("/domain/controllers").and_then(Value::as_array).expect("controllers");
    let replicas =
        controllers.iter().flat_map(|controller| controller["replicas"].as_object().expect("replicas").values());
    replicas.map(|replica| replica["wrong_count"].as_u64().expect("a count")).max().unwrap_or_default()
}

#[test]
fn asking_again_with_a_stale_vault_does_not_lock_the_account() {
    let lab = with_threshold();
    assert_eq!(lab.run("lab set-password --account MSOL_1a2b3c4d5e6f --holder vault:current").code, Some(0));
    let first = lab.rotate();
    assert_eq!(first.code, Some(4), "{}", first.stdout);
    assert_eq!(wrong(&lab), 1);
    for _ in 0..6 {
        let again = lab.rotate();
        assert_eq!(again.code, Some(75), "{}", again.stdout);
        assert!(again.stdout.contains("at 3 the account locks"), "{}", again.stdout);
    }
    assert_eq!(wrong(&lab), 1);
    lab.expect("directory=p1 engine=p1", "after seven refusals");
}

#[test]
fn resuming_again_over_a_foreign_password_tries_it_once() {
    // With room for more wrong passwords: it is the journal that remembers the answer.
    let lab = Lab::new();
    // The process dies before its reset, and a person resets: one set since the intent, and not ours.
    lab.order("crash-before:directory");
    assert_eq!(lab.rotate().code, None);
    assert_eq!(lab.run("lab set-password --account MSOL_1a2b3c4d5e6f").code, Some(0));
    for round in 0..6 {
        let held = lab.run("resume --lab");
        assert_eq!(held.code, Some(3), "{round}: {}\n{}", held.stdout, held.stderr);
        assert!(wrong(&lab) <= 1, "{round}: {} wrong passwords", wrong(&lab));
    }
    lab.expect("directory=p3 engine=p1 current=p1 pending=p2", "held");
    assert_eq!(lab.run("rotate --lab --all --repair").code, Some(0));
    lab.expect_one_label("after the repair");
}
