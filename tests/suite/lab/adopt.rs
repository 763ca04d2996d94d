//! `adopt`: a password that a person knows becomes the vault's current one, or nothing changes.

use providers::lab::WorldPlan;
use providers::port::Secret;

use super::{Ended, Lab};

const KNOWN: &str = "Known-to-a-person-9";
const ADOPT: &str = "adopt --lab --account MSOL_1a2b3c4d5e6f --password-file -";

/// The vault has no password; a person knows [`KNOWN`].
fn unknown_to_the_vault() -> Lab {
    let lab = Lab::new();
    let base = WorldPlan::default_world();
    let plan = WorldPlan { unknown: vec![base.account.clone()], first_password: Some(Secret::new(KNOWN)), ..base };
    providers::lab::Lab::create(&lab.dir(), &plan).expect("a lab");
    lab
}

fn current(lab: &Lab) -> String {
    lab.holders().get("vault:current").cloned().unwrap_or_else(|| "-".to_owned())
}

fn pending(lab: &Lab) -> String {
    lab.holders().get("vault:pending").cloned().unwrap_or_else(|| "-".to_owned())
}

fn shows_no_password(ended: &Ended, password: &str) {
    assert!(!format!("{ended:?}").contains(password), "{ended:?}");
}

#[test]
fn the_right_password_is_adopted_and_can_be_rotated() {
    for input in [KNOWN.to_owned(), format!("{KNOWN}\n"), format!("{KNOWN}\r\n")] {
        let lab = unknown_to_the_vault();
        assert_eq!(lab.rotate().code, Some(4), "nobody knows it");
        let adopted = lab.run_reading(ADOPT, input.as_bytes());
        assert_eq!(adopted.code, Some(0), "{}\n{}", adopted.stdout, adopted.stderr);
        assert!(adopted.stdout.contains("adopted") && adopted.stdout.contains("proven by a logon"), "{adopted:?}");
        shows_no_password(&adopted, KNOWN);
        lab.expect("all=p1", "adopted");
        assert_eq!(lab.rotate().code, Some(0), "{input:?}");
        lab.expect("all=p2 previous=p1", "rotated after an adoption");
    }
}

#[test]
fn a_file_will_do_as_well() {
    let lab = unknown_to_the_vault();
    let file = lab.dir().join("given");
    std::fs::write(&file, KNOWN).expect("a file");
    let from = format!("adopt --lab --account MSOL_1a2b3c4d5e6f --password-file {}", file.display());
    assert_eq!(lab.run(&from).code, Some(0));
    std::fs::remove_file(&file).expect("it was there");
    let gone = lab.run(&from);
    assert_eq!(gone.code, Some(2), "{gone:?}");
    assert!(gone.stderr.contains("next step"), "{}", gone.stderr);
}

#[test]
fn a_wrong_password_changes_nothing() {
    for known_before in [false, true] {
        let lab = if known_before { Lab::made() } else { unknown_to_the_vault() };
        let before = lab.holders();
        let refused = lab.run_reading(ADOPT, b"Not-the-password-9");
        assert_eq!(refused.code, Some(1), "{}\n{}", refused.stdout, refused.stderr);
        assert!(refused.stdout.contains("nothing was stored: the vault is as it was"), "{}", refused.stdout);
        shows_no_password(&refused, "Not-the-password-9");
        assert_eq!(current(&lab), before.get("vault:current").cloned().unwrap_or_else(|| "-".to_owned()));
        assert_eq!(pending(&lab), "-", "{:?}", lab.holders());
        assert_eq!(lab.counter("directory-writes"), 0);
        lab.expect_intact_journal("a wrong password");
        // It says nothing about the one in use.
        assert_eq!(lab.rotate().code, Some(if known_before { 0 } else { 4 }));
    }
}

#[test]
fn what_is_no_password_is_refused_before_anybody_is_asked() {
    let lab = unknown_to_the_vault();
    let long = "a".repeat(257);
    let longer = "a".repeat(100_000);
    let inputs = ["", "\n", "\r\n", "two\nlines", "two\nlines\n", &long, &longer];
    for input in inputs.iter().map(|input| input.as_bytes()).chain([&[0xff_u8, 0xfe][..]]) {
        let refused = lab.run_reading(ADOPT, input);
        assert_eq!(refused.code, Some(2), "{:?}: {refused:?}", input.len());
        assert!(refused.stderr.contains("next step"), "{refused:?}");
    }
    // Without a file and without a terminal.
    assert_eq!(lab.run("adopt --lab --account MSOL_1a2b3c4d5e6f").code, Some(2));
    assert_eq!(lab.run("adopt --lab --account nobody --password-file /dev/null").code, Some(2));
    let status = lab.run("status --lab --format json").json();
    assert_eq!(status["accounts"][0]["state"], "never-rotated", "{status}");
}

#[test]
fn the_longest_password_is_taken() {
    let lab = Lab::new();
    let base = WorldPlan::default_world();
    let password = format!("{}-Aa9", "ä".repeat(252));
    let plan = WorldPlan { unknown: vec![base.account.clone()], first_password: Some(Secret::new(&*password)), ..base };
    providers::lab::Lab::create(&lab.dir(), &plan).expect("a lab");
    let adopted = lab.run_reading(ADOPT, format!("{password}\r\n").as_bytes());
    assert_eq!(adopted.code, Some(0), "{}\n{}", adopted.stdout, adopted.stderr);
}

#[test]
fn a_stale_value_in_the_vault_is_replaced() {
    let lab = Lab::new();
    let plan = WorldPlan { first_password: Some(Secret::new(KNOWN)), ..WorldPlan::default_world() };
    providers::lab::Lab::create(&lab.dir(), &plan).expect("a lab");
    assert_eq!(lab.run("lab set-password --account MSOL_1a2b3c4d5e6f --holder vault:current").code, Some(0));
    assert_eq!(current(&lab), "p2");
    assert_eq!(lab.rotate().code, Some(4), "the vault's is not the one in use");
    assert_eq!(lab.run_reading(ADOPT, KNOWN.as_bytes()).code, Some(0));
    lab.expect("all=p1 previous=p2", "adopted over a stale one");
}

/// AD accepts the password before for an hour; a logon alone would not show that it is not the one in use.
#[test]
fn the_password_before_is_not_adopted_within_its_grace() {
    let lab = unknown_to_the_vault();
    assert_eq!(lab.run_reading(ADOPT, KNOWN.as_bytes()).code, Some(0));
    assert_eq!(lab.run("lab set-password --account MSOL_1a2b3c4d5e6f").code, Some(0));
    let refused = lab.run_reading(ADOPT, KNOWN.as_bytes());
    assert_eq!(refused.code, Some(1), "{}\n{}", refused.stdout, refused.stderr);
    assert!(refused.stdout.contains("not the password in use"), "{}", refused.stdout);
    assert_eq!(pending(&lab), "-");
}

#[test]
fn a_crash_is_carried_on_or_put_back() {
    for (fault, code) in [
        ("crash-before:stage", 1),
        ("crash-after:stage", 0),
        ("crash-before:logon", 0),
        ("crash-after:logon", 0),
        ("crash-before:promote", 0),
        ("crash-after:promote", 0),
        ("crash-after-append:1", 1),
        ("crash-after-append:2", 1),
        ("crash-after-append:3", 0),
        ("crash-after-append:8", 0),
    ] {
        for then in ["resume --lab", ADOPT] {
            let lab = unknown_to_the_vault();
            lab.order(fault);
            let died = lab.run_reading(ADOPT, KNOWN.as_bytes());
            assert_eq!(died.code, None, "{fault}: it did not die: {died:?}");
            let carried = lab.run_reading(then, KNOWN.as_bytes());
            // Whoever gives the password again has it adopted in any case.
            let code = if then == ADOPT { 0 } else { code };
            assert_eq!(carried.code, Some(code), "{fault}, {then}: {}\n{}", carried.stdout, carried.stderr);
            assert_eq!(current(&lab), if code == 0 { "p1" } else { "-" }, "{fault}, {then}");
            assert_eq!(pending(&lab), "-", "{fault}, {then}");
            lab.expect_intact_journal(fault);
            assert_eq!(lab.run("status --lab --check").code, Some(0), "{fault}");
        }
    }
}

/// An adoption that died is no rotation: whoever orders one gets one.
#[test]
fn a_dead_adoption_does_not_swallow_a_rotation() {
    let lab = unknown_to_the_vault();
    lab.order("crash-after:stage");
    assert_eq!(lab.run_reading(ADOPT, KNOWN.as_bytes()).code, None);
    let rotated = lab.rotate();
    assert_eq!(rotated.code, Some(0), "{}\n{}", rotated.stdout, rotated.stderr);
    assert!(rotated.stdout.contains("rotated"), "{}", rotated.stdout);
    lab.expect("all=p2 previous=p1", "both");
}
