//! The program dies as by SIGKILL at every step, on the way there and on the way back, and at every entry of
//! its journal; `resume` must end it.

use super::{Ended, Lab};

fn dies(lab: &Lab, fault: &str) -> Ended {
    lab.order(fault);
    let ended = lab.rotate();
    assert_eq!(ended.code, None, "{fault}: it did not die: {}\n{}", ended.stdout, ended.stderr);
    ended
}

/// `resume` ends with 0 or 1 and everything holds one password.
fn resumes(lab: &Lab, fault: &str) -> (i32, String) {
    let resumed = lab.run("resume --lab");
    let code = resumed.code.unwrap_or_else(|| panic!("{fault}: resume died: {}", resumed.stderr));
    assert!(code == 0 || code == 1, "{fault}: resume ended with {code}: {}\n{}", resumed.stdout, resumed.stderr);
    let label = lab.expect_one_label(fault);
    lab.expect_intact_journal(fault);
    (code, label)
}

#[test]
fn a_crash_at_every_step_is_resumed() {
    let steps = Lab::new().planned_steps();
    assert_eq!(steps.len(), 12, "{steps:?}");
    for step in &steps {
        for moment in ["before", "after"] {
            let fault = format!("crash-{moment}:{step}");
            let lab = Lab::new();
            dies(&lab, &fault);
            let (code, label) = resumes(&lab, &fault);
            println!("{fault}: resume ended with {code}, all {label}");
            assert_eq!((code, label.as_str()), (0, "p2"), "{fault}: a crash alone turned it back");
        }
    }
}

#[test]
fn a_crash_on_the_way_back_is_resumed() {
    let back = [
        "directory",
        "converge-directory:dc2.contoso.test",
        "engine:SYNC1/contoso.test",
        "restart:SYNC1",
        "seal",
        "converge-seal:dc2.contoso.test",
        "prove:SYNC1/contoso.test",
        "discard",
        "release:SYNC1",
    ];
    for step in back {
        for moment in ["before", "after"] {
            let fault = format!("crash-{moment}:back:{step}");
            let lab = Lab::new();
            lab.order("proof-fails");
            dies(&lab, &fault);
            let (code, label) = resumes(&lab, &fault);
            println!("{fault}: resume ended with {code}, all {label}");
            assert_eq!((code, label.as_str()), (1, "p1"), "{fault}");
        }
    }
}

#[test]
fn a_crash_at_every_journal_entry_is_resumed() {
    let clean = Lab::new();
    assert_eq!(clean.rotate().code, Some(0));
    let entries = clean.newest_history().len();
    assert!(entries >= 26, "{entries}");
    for entry in 1..=entries {
        for moment in ["before", "after"] {
            let fault = format!("crash-{moment}-append:{entry}");
            let lab = Lab::new();
            dies(&lab, &fault);
            let (code, label) = resumes(&lab, &fault);
            let begun = !(entry == 1 && moment == "before");
            assert_eq!((code, label.as_str()), (0, if begun { "p2" } else { "p1" }), "{fault}");
        }
    }
}

#[test]
fn two_crashes_in_one_rotation_are_resumed() {
    for (first, second) in [("directory", "seal"), ("stage", "stage"), ("engine:SYNC1/contoso.test", "promote")] {
        let lab = Lab::new();
        dies(&lab, &format!("crash-after:{first}"));
        lab.order(&format!("crash-before:{second}"));
        let died = lab.run("resume --lab");
        if first != second {
            assert_eq!(died.code, None, "{}", died.stdout);
        }
        let (code, _) = resumes(&lab, &format!("{first}, {second}"));
        assert_eq!(code, 0);
    }
}

#[test]
fn rotate_takes_an_interrupted_rotation_up() {
    let lab = Lab::new();
    dies(&lab, "crash-after:engine:SYNC1/contoso.test");
    assert_eq!(lab.run("status --lab --check").code, Some(75));
    // Its own candidate is pending: a plan must not call that a stranger's.
    let plan = lab.run("plan --lab --all");
    assert_eq!(plan.code, Some(75), "{}", plan.stdout);
    assert!(plan.stdout.contains("`resume` carries it on"), "{}", plan.stdout);
    let ended = lab.rotate();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("was interrupted and is taken up"), "{}", ended.stderr);
    for said in
        ["this ended the interrupted rotation", "no new one was begun", "no newer password was made", "`rotate` again"]
    {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    lab.expect("all=p2 previous=p1", "taken up");
    let again = lab.rotate();
    assert!(again.code == Some(0) && !again.stdout.contains("interrupted"), "{}", again.stdout);
    lab.expect("all=p3 previous=p2", "a new one");
    let back = Lab::new();
    dies(&back, "crash-after:directory");
    back.order("proof-fails");
    let ended = back.rotate();
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("this took up the interrupted rotation"), "{}", ended.stdout);
    assert!(ended.stdout.contains("no new one was begun"), "{}", ended.stdout);
}

#[test]
fn rollback_by_order_puts_an_interrupted_rotation_back() {
    for step in ["stage", "directory", "engine:SYNC1/contoso.test", "restart:SYNC1", "seal"] {
        let lab = Lab::new();
        dies(&lab, &format!("crash-after:{step}"));
        let ended = lab.run("rollback --lab");
        assert_eq!(ended.code, Some(0), "{step}: {}\n{}", ended.stdout, ended.stderr);
        lab.expect("all=p1", step);
    }
    let lab = Lab::new();
    dies(&lab, "crash-after:promote");
    let refused = lab.run("rollback --lab");
    assert_eq!(refused.code, Some(4), "after the proof there is no way back: {}", refused.stdout);
    assert_eq!(resumes(&lab, "promote").0, 0);
}

/// Of the two resets only the second one shows: the first is not somebody else's doing.
#[test]
fn a_seal_that_could_not_be_seen_is_resumed() {
    for seals in ["crash-before:seal", "crash-after:seal"] {
        let lab = Lab::new();
        dies(&lab, seals);
        lab.order("look-fails --times 6");
        let held = lab.run("resume --lab");
        assert_eq!(held.code, Some(3), "{}", held.stdout);
        assert_eq!(resumes(&lab, seals), (0, "p2".to_owned()));
    }
}

/// The service was restarted with what a faulty engine had kept; a look at the process alone can't tell.
#[test]
fn an_engine_that_kept_the_old_password_after_the_pivot_is_resumed() {
    let lab = Lab::new();
    assert_eq!(lab.run("lab init --staging-servers 1").code, Some(0));
    dies(&lab, "crash-after:promote");
    lab.order("engine-keeps-old");
    assert_eq!(lab.run("resume --lab").code, Some(3));
    assert_eq!(lab.run("lab fault clear").code, Some(0));
    assert_eq!(resumes(&lab, "engine-keeps-old"), (0, "p2".to_owned()));
}

/// The newest of several open rotations is acted upon first: the repair, and then what it leaves open.
#[test]
fn a_held_repair_is_resumed_or_rolled_back_before_what_it_repairs() {
    let held = |fault: &str| {
        let lab = Lab::new();
        lab.order("foreign-password");
        assert_eq!(lab.rotate().code, Some(3));
        lab.order(fault);
        lab.run("rotate --lab --all --repair");
        assert_eq!(lab.run("lab fault clear").code, Some(0));
        lab
    };
    assert_eq!(resumes(&held("engine-refuses"), "a held repair"), (0, "p4".to_owned()));
    assert_eq!(resumes(&held("crash-after:stage"), "a repair that died"), (0, "p4".to_owned()));
    let lab = held("crash-after:stage");
    assert_eq!(lab.run("rollback --lab").code, Some(0));
    lab.expect("all=p1", "both rolled back");
    assert_eq!(lab.rotate().code, Some(0), "a candidate was left behind");
}

#[test]
fn a_repair_that_dies_at_its_end_leaves_nothing_held() {
    let clean = Lab::new();
    clean.order("foreign-password");
    assert_eq!(clean.rotate().code, Some(3));
    assert_eq!(clean.run("rotate --lab --all --repair").code, Some(0));
    let entries = clean.newest_history().len();
    for entry in entries - 1..=entries + 1 {
        let lab = Lab::new();
        lab.order("foreign-password");
        assert_eq!(lab.rotate().code, Some(3));
        lab.order(&format!("crash-after-append:{entry}"));
        lab.run("rotate --lab --all --repair");
        assert_eq!(resumes(&lab, "the end of a repair").0, 0, "{entry}");
        assert_eq!(lab.run("status --lab --check").code, Some(0), "{entry}");
    }
}

/// What did not work is not "all old" when it began in a mixture.
#[test]
fn a_repair_that_changed_nothing_says_so() {
    let lab = Lab::new();
    lab.order("foreign-password");
    assert_eq!(lab.rotate().code, Some(3));
    lab.order("directory-refuses");
    let repair = lab.run("rotate --lab --all --repair");
    assert_eq!(repair.code, Some(3), "{}", repair.stdout);
    assert!(!repair.stdout.contains("all old"), "{}", repair.stdout);
    lab.expect("directory=p3 engine=p1 current=p1 pending=p2", "a repair that was refused");
    // Readers of current are told of the candidate that came back: it may be the live password.
    let vault = std::fs::read_to_string(lab.dir().join("vault.json")).expect("a vault");
    let vault: serde_json::Value = serde_json::from_str(&vault).expect("JSON");
    let account = &vault["accounts"]["MSOL_1a2b3c4d5e6f"];
    assert!(account["pending"]["rotation"].is_string(), "a candidate lies there");
    assert_eq!(account["announced"], account["pending"]["rotation"]);
}

/// The operator's order overrides what was there when it was given, not what a person sets afterwards.
#[test]
fn a_password_set_after_a_rollback_began_is_not_overwritten() {
    let lab = Lab::new();
    dies(&lab, "crash-after:engine:SYNC1/contoso.test");
    for fault in ["crash-after:back:directory", "crash-before:back:converge-directory:dc2.contoso.test"] {
        lab.order(fault);
        assert_eq!(lab.run("rollback --lab").code, None, "{fault}");
    }
    assert_eq!(lab.run("lab set-password --account MSOL_1a2b3c4d5e6f").code, Some(0));
    let held = lab.run("resume --lab");
    assert_eq!(held.code, Some(3), "{}\n{}", held.stdout, held.stderr);
    assert!(held.stdout.contains("somebody else"), "{}", held.stdout);
    lab.expect("directory=p3 pending=p2 current=p1", "a person's password");
}
