//! The journal is put back from a backup that is older than the world.

use std::fs;

use super::Lab;

const FILES: [&str; 3] = ["journal.db", "journal.db-wal", "journal.db-shm"];

/// A rotation that dies at the journal's entry `entry`; the journal is copied aside, the rotation goes on as
/// `then` says, and the copy is put back.
fn put_back(entry: usize, then: &[&str]) -> Lab {
    let lab = Lab::new();
    lab.order(&format!("crash-after-append:{entry}"));
    assert_eq!(lab.rotate().code, None);
    let aside = lab.dir().join("aside");
    fs::create_dir(&aside).expect("a folder");
    for file in FILES {
        if lab.dir().join(file).exists() {
            fs::copy(lab.dir().join(file), aside.join(file)).expect("a copy");
        }
    }
    for command in then {
        match command.strip_prefix("order ") {
            Some(fault) => lab.order(fault),
            None => drop(lab.run(command)),
        }
    }
    for file in FILES {
        // Not every file was there.
        let _ = fs::remove_file(lab.dir().join(file));
        let _ = fs::copy(aside.join(file), lab.dir().join(file));
    }
    lab
}

fn live_is_in_the_vault(lab: &Lab, context: &str) {
    let holders = lab.holders();
    let live = &holders["directory"];
    let found = holders.iter().any(|(holder, label)| holder.starts_with("vault:") && label == live);
    assert!(found, "{context}: the live password is lost: {holders:?}");
}

#[test]
fn a_journal_that_is_behind_is_held_and_not_acted_upon() {
    // Before staging was intended, and in the middle of the engine's step.
    for (entry, then) in [(3, &["order crash-after:seal", "resume --lab"][..]), (12, &["resume --lab"][..])] {
        for command in ["resume --lab", "rollback --lab", "rotate --lab --all"] {
            let lab = put_back(entry, then);
            let before = (lab.holders(), lab.counter("directory-writes"));
            let ended = lab.run(command);
            assert_eq!(ended.code, Some(3), "{entry}, {command}: {}\n{}", ended.stdout, ended.stderr);
            assert!(ended.stdout.contains("older than the world"), "{entry}, {command}: {}", ended.stdout);
            let after = (lab.holders(), lab.counter("directory-writes"));
            assert_eq!(before, after, "{entry}, {command}: something was done");
            lab.expect_intact_journal(command);
            assert_eq!(lab.run("rotate --lab --all --repair").code, Some(0), "{entry}, {command}");
            lab.expect_one_label(command);
        }
    }
}

#[test]
fn a_rollback_by_order_never_takes_the_rotation_s_own_password_for_the_old_one() {
    let lab = put_back(12, &["resume --lab"]);
    for _ in 0..2 {
        assert_eq!(lab.run("rollback --lab").code, Some(3));
    }
    lab.expect("all=p2 previous=p1", "ordered twice");
}

#[test]
fn no_backup_costs_the_live_password() {
    let others: [&[&str]; 4] = [
        &["resume --lab"],
        &["resume --lab", "rotate --lab --all"],
        &["rollback --lab"],
        &["resume --lab", "order crash-after:engine:SYNC1/contoso.test", "rotate --lab --all"],
    ];
    let commands = ["resume --lab", "rollback --lab", "rotate --lab --all"].iter().cycle();
    let places = [3, 7, 11, 16, 22].iter().flat_map(|entry| others.map(|then| (*entry, then)));
    for ((entry, then), command) in places.zip(commands) {
        let context = format!("entry {entry}, {then:?}, {command}");
        let lab = put_back(entry, then);
        let ended = lab.run(command);
        assert!(ended.code.is_some(), "{context}");
        live_is_in_the_vault(&lab, &context);
        lab.expect_intact_journal(&context);
        if matches!(ended.code, Some(0 | 1)) {
            lab.expect_one_label(&context);
        }
        let repaired = lab.run("rotate --lab --all --repair");
        live_is_in_the_vault(&lab, &context);
        assert_eq!(repaired.code, Some(0), "{context}: {}\n{}", repaired.stdout, repaired.stderr);
        lab.expect_one_label(&context);
        assert_eq!(lab.rotate().code, Some(0), "{context}");
    }
}
