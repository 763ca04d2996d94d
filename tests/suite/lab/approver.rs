//! Plans that one person makes, another signs and a third carries out: what is asked for, and each way to fall short of it.

use std::fs;
use std::path::{Path, PathBuf};

use entra_rotator::approval::{digest, sign, signed_text};
use entra_rotator::rotation::Approval;
use entra_rotator::signing::{PublicKey, SigningKey};
use jiff::{SignedDuration, Timestamp};
use providers::port::Secret;
use serde_json::{Value, json};

use super::taken_up::adopted;
use super::{Ended, Lab};

const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";

// The seeds of RFC 8032, section 7.1, tests 1 and 2.
const ANNA: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
const BEN: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----\n";

fn key(pem: &str) -> SigningKey {
    SigningKey::read(&Secret::from(pem.to_owned())).expect("a key")
}

/// Makes a lab where Anna and Ben approve; Ben's key lies in a file.
pub(crate) fn staff(lab: &Lab, required: bool) {
    let (anna, ben) = (key(ANNA).public(), lab.dir().join("ben.pub"));
    fs::write(&ben, key(BEN).public().to_string() + "\n").expect("a key");
    let text = format!(
        "required = {required}\n[[approver]]\nname = \"Anna\"\npublic_key = \"{anna}\"\nusers = ['CONTOSO\\anna', 'anna']\n\
         [[approver]]\nname = \"Ben\"\npublic_key_file = '{}'\nusers = []\n",
        ben.display()
    );
    fs::write(lab.dir().join("approval.toml"), text).expect("approvers");
}

/// A lab with plans of all accounts in a file.
fn planned(required: bool) -> (Lab, PathBuf) {
    let lab = Lab::of_world("active-and-staging");
    staff(&lab, required);
    let file = lab.dir().join("plans.json");
    let planned = lab.run(&format!("plan --lab --all --out {}", file.display()));
    assert_eq!(planned.code, Some(0), "{planned:?}");
    (lab, file)
}

fn approve(lab: &Lab, file: &Path, name: &str, pem: &str, options: &str) -> Ended {
    let key = lab.dir().join("private.pem");
    fs::write(&key, pem).expect("a key");
    let (key, file) = (key.display().to_string(), file.display().to_string());
    let mut words = vec!["approve", &file, "--key", &key, "--as", name];
    words.extend(options.split_whitespace());
    lab.run_words(&words)
}

fn rotate(lab: &Lab, file: &Path) -> Ended {
    lab.run(&format!("rotate --lab --plan {}", file.display()))
}

fn rotations(lab: &Lab) -> usize {
    lab.run("history --lab --format json").json()["rotations"].as_array().map_or(0, Vec::len)
}

fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(4), "{words:?}: {}\n{}", ended.stdout, ended.stderr);
    for word in words.iter().chain(&["nothing was changed", "next step"]) {
        assert!(ended.stdout.contains(word), "no {word} in: {}", ended.stdout);
    }
}

#[test]
fn what_somebody_else_signed_is_carried_out_and_the_journal_says_who() {
    let (lab, file) = planned(true);
    refused(&lab.rotate(), &["must be approved", "plan --out", "--without-approval"]);
    refused(&rotate(&lab, &file), &["nobody has signed"]);
    assert_eq!(rotations(&lab), 0);
    let before = fs::read_to_string(&file).expect("a file");
    let signed = approve(&lab, &file, "Anna", ANNA, "--yes --valid-h 2");
    assert_eq!(signed.code, Some(0), "{signed:?}");
    // The plans are shown whole, and stay as they were to the byte.
    for shown in lab.planned_steps().iter().map(String::as_str).chain(["\"length\"", "limits", "2.6.", "SHA-256"]) {
        assert!(signed.stdout.contains(shown.trim_matches('"')), "no {shown} in: {}", signed.stdout);
    }
    let after = fs::read_to_string(&file).expect("a file");
    assert!(after.starts_with(before.trim_end().trim_end_matches('}').trim_end()), "{after}");
    assert_eq!(fs::read_dir(lab.dir()).expect("it").flatten().filter(|it| is_draft(&it.file_name())).count(), 0);

    let done = rotate(&lab, &file);
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    lab.expect("all=p2 previous=p1", "approved");
    let first = lab.newest_history()[0].clone();
    let approval: Approval = serde_json::from_value(first["approved"].clone()).expect("an approval");
    assert_eq!((approval.by.as_str(), first.get("without_approval")), ("Anna", None));
    assert_eq!(approval.until.duration_since(approval.at), SignedDuration::from_hours(2));
    // Whoever has the file and the key can check it without us.
    let stored = before.split_once("\"approve\": ").and_then(|(_, rest)| rest.rsplit_once('}')).expect("the plans").0;
    assert_eq!(approval.plans, digest(stored.trim_end()));
    let public = PublicKey::read(&approval.key).expect("a key");
    assert_eq!(public, key(ANNA).public());
    assert_eq!(public.verify(&signed_text(&approval), &approval.signature), Ok(()));
    assert!(lab.run("history --lab").stdout.contains("Anna"));
    // Good for one rotation.
    refused(&rotate(&lab, &file), &["carried out already, by rotation"]);
    lab.expect("all=p2 previous=p1", "once only");
    assert_eq!(approve(&lab, &file, "Ben", BEN, "--yes").code, Some(0));
    refused(&rotate(&lab, &file), &["carried out already"]);
    lab.expect_intact_journal("approved");
}

fn is_draft(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().ends_with(".part")
}

/// The file with other signatures.
fn with(text: &str, approvals: &[Approval]) -> String {
    let whole = text.trim_end().strip_suffix('}').expect("a file").trim_end();
    format!("{whole},\n  \"approvals\": {}\n}}\n", serde_json::to_string_pretty(approvals).expect("JSON"))
}

fn plans_of(text: &str) -> String {
    let stored = text.split_once("\"approve\": ").and_then(|(_, rest)| rest.rsplit_once('}')).expect("the plans").0;
    digest(stored.trim_end())
}

#[test]
fn each_thing_that_is_wrong_with_a_signature_is_told() {
    let hours = SignedDuration::from_hours;
    for required in [true, false] {
        let (lab, file) = planned(required);
        let text = fs::read_to_string(&file).expect("a file");
        let (now, plans) = (Timestamp::now(), plans_of(&text));
        let by = |name: &str, pem: &str, at: Timestamp| sign(&key(pem), name, plans.clone(), at, hours(24));
        let good = by("Anna", ANNA, now);
        let of_others = sign(&key(ANNA), "Anna", digest("[]"), now, hours(24));
        let longer = Approval { until: good.until + hours(1), ..good.clone() };
        let mut flipped = good.clone();
        flipped.signature.replace_range(..1, if good.signature.starts_with('0') { "1" } else { "0" });
        let cases: [(String, &[&str]); 9] = [
            (with(&text, &[by("Eve", BEN, now)]), &["Eve, who is no approver here", "Anna, Ben"]),
            (with(&text, &[by("Anna", BEN, now)]), &["in the name of Anna", "unknown key"]),
            (
                with(&text.replacen("\"length\": 64", "\"length\": 65", 1), std::slice::from_ref(&good)),
                &["changed after they were signed"],
            ),
            (with(&text, &[of_others]), &["taken from another file"]),
            (with(&text, &[longer]), &["Anna does not fit"]),
            (with(&text, &[flipped]), &["Anna does not fit"]),
            (with(&text, &[good.clone(), by("Eve", BEN, now)]), &["Eve, who is no approver here"]),
            (with(&text, &[by("Ben", BEN, now - hours(25))]), &["Ben has expired at"]),
            (with(&text, &[by("Ben", BEN, now + hours(1))]), &["Ben is not valid yet", "clocks"]),
        ];
        for (content, words) in cases {
            assert_ne!(content, with(&text, std::slice::from_ref(&good)));
            fs::write(&file, content).expect("written");
            refused(&rotate(&lab, &file), words);
        }
        // Who approved does not carry it out; another one's signature beside it helps.
        let as_anna = |user: &str| {
            let mut command = lab.command(&["rotate", "--lab", "--plan", &file.display().to_string()]);
            let output = command.env("USER", user).env_remove("SUDO_USER").output().expect("it runs");
            let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
            Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
        };
        fs::write(&file, with(&text, std::slice::from_ref(&good))).expect("written");
        refused(&as_anna("Anna"), &["that takes two people"]);
        assert_eq!((rotations(&lab), lab.counter("directory-writes")), (0, 0));
        fs::write(&file, with(&text, &[by("Ben", BEN, now - hours(1)), good])).expect("written");
        assert_eq!(as_anna("anna").code, Some(0), "the same with Ben's");
        assert_eq!(lab.newest_history()[0]["approved"]["by"], "Ben");
    }
}

#[test]
fn a_byte_that_changes_anywhere_is_found() {
    let (lab, file) = planned(true);
    assert_eq!(approve(&lab, &file, "Anna", ANNA, "--yes").code, Some(0));
    let good = fs::read(&file).expect("a file");
    let approvals = good.windows(11).position(|bytes| bytes == b"\"approvals\"").expect("signatures");
    let spread = |from: usize, to: usize, count: usize| (0..count).map(move |n| from + (to - from) * n / count);
    for at in spread(0, approvals, 18).chain(spread(approvals, good.len() - 2, 12)) {
        let mut changed = good.clone();
        changed[at] ^= 1;
        fs::write(&file, &changed).expect("written");
        let ended = rotate(&lab, &file);
        assert!(matches!(ended.code, Some(2 | 4)), "byte {at}: {ended:?}");
    }
    assert_eq!((rotations(&lab), lab.counter("directory-writes")), (0, 0));
    fs::write(&file, good).expect("written");
    assert_eq!(rotate(&lab, &file).code, Some(0), "the same unchanged");
}

#[test]
fn what_differs_now_is_refused_although_it_was_signed() {
    let (lab, file) = planned(true);
    assert_eq!(approve(&lab, &file, "Ben", BEN, "--yes").code, Some(0));
    assert_eq!(lab.run("lab operator swap-roles").code, Some(0));
    refused(&rotate(&lab, &file), &["its role"]);
    assert_eq!(rotations(&lab), 0);
}

#[test]
fn without_an_approval_it_is_an_exception_that_shows() {
    let (lab, file) = planned(true);
    assert_eq!(lab.run("rotate --lab --all --without-approval ").code, Some(2), "it takes a reason");
    let done = lab.run_words(&["rotate", "--lab", "--all", "--without-approval", "a leaver knew it"]);
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    let first = lab.newest_history()[0].clone();
    assert_eq!((first["without_approval"].as_str(), first.get("approved")), (Some("a leaver knew it"), None));
    let id = lab.run("history --lab --format json").json()["rotations"][0]["rotation"].clone();
    let shown = lab.run(&format!("history --lab --rotation {}", id.as_str().expect("an id"))).stdout;
    assert_eq!(shown.matches("WITHOUT APPROVAL").count(), 2, "{shown}");
    assert!(lab.run("history --lab").stdout.contains("NOBODY"));
    // Where none is required there is nothing to be an exception from.
    staff(&lab, false);
    fs::remove_file(&file).expect("a file");
    let done = lab.run_words(&["rotate", "--lab", "--all", "--without-approval", "habit"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(lab.newest_history()[0].get("without_approval"), None);
}

/// What was begun is brought to its end without a second person; what is begun anew is not.
#[test]
fn what_is_open_needs_no_approval_to_end() {
    let held = || {
        let lab = Lab::new();
        lab.order("foreign-password");
        assert_eq!(lab.rotate().code, Some(3));
        assert_eq!(lab.run("lab fault clear").code, Some(0));
        staff(&lab, true);
        lab
    };
    let lab = held();
    assert_eq!(lab.rotate().code, Some(3), "held is held");
    let repaired = lab.run("rotate --lab --all --repair");
    assert_eq!(repaired.code, Some(0), "{repaired:?}");
    let first = lab.newest_history()[0].clone();
    assert_eq!((first.get("approved"), first.get("without_approval")), (None, None));
    // With nothing held a repair is a rotation like any other.
    refused(&lab.run("rotate --lab --all --repair"), &["must be approved"]);
    // One that died is taken up.
    let lab = Lab::made();
    lab.order("crash-after:directory");
    assert_eq!(lab.rotate().code, None);
    staff(&lab, true);
    assert_eq!(lab.run("resume --lab").code, Some(0));
    lab.expect("all=p2", "resumed");
    // A rehearsal changes no password.
    let (lab, _) = adopted();
    staff(&lab, true);
    assert_eq!(lab.run(&format!("doctor --lab --rehearse --account {ACCOUNT}")).code, Some(0));
    refused(&lab.rotate(), &["must be approved"]);
    // One that is held is no way to a rotation that nobody approved.
    lab.order("restart-fails");
    let held = lab.run(&format!("doctor --lab --rehearse --account {ACCOUNT}"));
    assert_eq!(held.code, Some(3), "{held:?}");
    assert_eq!(lab.run("lab fault clear").code, Some(0));
    let before = rotations(&lab);
    refused(&lab.run("rotate --lab --all --repair"), &["must be approved"]);
    assert_eq!(rotations(&lab), before);
    let done = lab.run_words(&["rotate", "--lab", "--all", "--repair", "--without-approval", "sync stands still"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(lab.newest_history()[0]["without_approval"], "sync stands still");
}

/// Nobody can say of the Entra connector account when its password was set: one plan looks like the next.
#[test]
#[cfg(unix)]
fn a_plan_is_spent_and_the_next_one_is_another() {
    use super::terminal::Terminal;
    let lab = Lab::of_world("entra-password-based");
    staff(&lab, true);
    for number in 1..=2 {
        let file = lab.dir().join(format!("plans-{number}.json"));
        let planned = lab.run(&format!("plan --lab --account entra-connector --out {}", file.display()));
        assert_eq!(planned.code, Some(0), "{planned:?}");
        assert_eq!(approve(&lab, &file, "Ben", BEN, "--yes").code, Some(0));
        let order = format!("rotate --lab --plan {}", file.display());
        let mut terminal = Terminal::start(&lab, &order);
        terminal.shows("Type `reset`");
        terminal.types("reset");
        let ended = terminal.ends();
        assert_eq!(ended.code, Some(0), "{number}: {ended:?}");
        assert_eq!(rotations(&lab), number);
        refused(&lab.run(&order), &["carried out already"]);
        // Nor is it another one when the time is changed by hand.
        let text = fs::read_to_string(&file).expect("a file");
        let (before, after) = text.split_once("\"made_at\": \"2").expect("the time");
        fs::write(&file, format!("{before}\"made_at\": \"3{after}")).expect("written");
        refused(&lab.run(&order), &["changed after they were signed"]);
    }
}

#[test]
fn what_can_t_be_signed_is_told_and_the_file_stays() {
    let (lab, file) = planned(true);
    let text = fs::read_to_string(&file).expect("a file");
    let hidden = text.replacen("\"vault_name\": \"", "\"vault_name\": \"\u{202e}", 1);
    let escaped = text.replacen("\"vault_name\": \"", "\"vault_name\": \"\\u001b[2K", 1);
    let pivot = text.replacen("\"pivot\": ", "\"pivot\": 99", 1);
    let twice = {
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        let one = value["approve"][0].clone();
        value["approve"] = json!([one, one]);
        value.to_string()
    };
    assert!(hidden != text && escaped != text && pivot != text);
    let cases = [
        (text.as_str(), "Anna", ANNA, "", "there is no terminal"),
        (&text, "Anna", "geheim", "--yes", "no Ed25519 private key"),
        (&text, "Anna", "", "--yes", "no Ed25519 private key"),
        (&text, "An\nna", ANNA, "--yes", "--as takes the name"),
        (&hidden, "Anna", ANNA, "--yes", "can't be seen"),
        (&escaped, "Anna", ANNA, "--yes", "can't be seen"),
        (&pivot, "Anna", ANNA, "--yes", "no plan that this version knows"),
        (&twice, "Anna", ANNA, "--yes", "two plans of one account"),
        ("{}", "Anna", ANNA, "--yes", "no file of plans"),
        (&text, "Anna", ANNA, "--yes --valid-h 0", "--valid-h"),
    ];
    for (content, name, pem, options, words) in cases {
        fs::write(&file, content).expect("written");
        let ended = approve(&lab, &file, name, pem, options);
        assert_eq!(ended.code, Some(2), "{words}: {ended:?}");
        assert!(ended.stderr.contains(words), "no {words} in: {}", ended.stderr);
        assert!(!ended.stderr.contains("geheim"), "{}", ended.stderr);
        assert_eq!(fs::read_to_string(&file).expect("it"), content, "{words}");
    }
}

#[cfg(unix)]
#[test]
fn at_a_terminal_the_word_is_typed() {
    use super::terminal::Terminal;
    let (lab, file) = planned(true);
    let key = lab.dir().join("private.pem");
    fs::write(&key, ANNA).expect("a key");
    let command = format!("approve {} --key {} --as Anna", file.display(), key.display());
    for (word, code) in [("yes", 2), ("", 2), ("approve", 0)] {
        let mut terminal = Terminal::start(&lab, &command);
        terminal.shows("in the name of Anna. Type `approve`");
        terminal.types(word);
        let ended = terminal.ends();
        assert_eq!(ended.code, Some(code), "{word}: {ended:?}");
        let signed = fs::read_to_string(&file).expect("it").contains("approvals");
        assert_eq!(signed, code == 0, "{word}");
    }
    assert_eq!(rotate(&lab, &file).code, Some(0));
}
