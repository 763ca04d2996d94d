//! What the unattended service and a configuration make of approvals.

use super::configured::{ACCOUNT, Configured};
use super::{Service, wait_until};
use crate::lab::Lab;
use crate::lab::approver::staff;

const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// What the schedule does was decided with the configuration.
#[test]
fn the_schedule_needs_no_approval() {
    let lab = Lab::made();
    staff(&lab, true);
    let mut service = Service::start(&lab);
    wait_until("finished", &service, || service.log().iter().any(|line| line["message"] == "finished"));
    assert_eq!(service.stop(), Some(0));
    lab.expect("all=p2 previous=p1", "rotated");
    let first = lab.newest_history()[0].clone();
    assert_eq!((first.get("approved"), first.get("without_approval")), (None, None));
    // A person's does.
    assert_eq!(lab.rotate().code, Some(4));
}

#[test]
fn an_exception_raises_an_alarm() {
    for exception in [true, false] {
        let configured = Configured::new("");
        staff(&configured.lab, exception);
        let done = configured.lab.run("rotate --lab --all --without-approval night");
        assert_eq!(done.code, Some(0), "{done:?}");
        configured.write(&configured.hook());
        let mut service = configured.start();
        let raised = || service.metric("entra_rotator_conditions{kind=\"without-approval\",severity=\"alarm\"}");
        wait_until("counted", &service, || raised() == Some(if exception { 1.0 } else { 0.0 }));
        let notice = || configured.notices().into_iter().find(|notice| notice["kind"] == "without-approval");
        if exception {
            wait_until("told", &service, || notice().is_some());
            let text = notice().map(|notice| notice["text"].to_string()).unwrap_or_default();
            assert!(text.contains("for this reason: night"), "{text}");
        }
        assert_eq!(service.stop(), Some(0));
        assert_eq!(notice().is_some(), exception);
    }
}

#[test]
fn the_configuration_says_who_approves() {
    let approver = |name: &str, key: &str| format!("[[approval.approver]]\nname = \"{name}\"\n{key}\nusers = []\n");
    let anna = approver("Anna", &format!("public_key = \"{KEY}\""));
    let configured = Configured::new(&format!("[approval]\nrequired = true\n{anna}"));
    let refused = configured.run(&["rotate", "--account", ACCOUNT]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.stdout.contains("a rotation by a person must be approved here"), "{}", refused.stdout);
    // The same world without the order: refused by what can't be reached.
    configured.write(&anna);
    assert_eq!(configured.run(&["rotate", "--account", ACCOUNT]).code, Some(75));
    let no_file = approver("Ben", "public_key_file = \"/nowhere/ben.pub\"");
    let faulty = [
        ("[approval]\nrequired = true\n".to_owned(), "nobody could approve"),
        (approver("Anna", "public_key = \"d75a\""), "no Ed25519 public key"),
        (approver("Anna", ""), "needs either `public_key` or `public_key_file`"),
        (approver("An\\na", &format!("public_key = \"{KEY}\"")), "letters, digits, spaces"),
        (
            format!("{anna}{}", approver("Ben", &format!("public_key = \"{}\"", KEY.to_uppercase()))),
            "one key is one person",
        ),
        (format!("{anna}{}", anna.replace(KEY, &KEY.replace('d', "c"))), "a second approver has the name"),
        (anna.replace("users = []\n", ""), "the key `users` is missing"),
    ];
    for (more, words) in faulty {
        configured.write(&more);
        let ended = configured.run(&["config", "check"]);
        assert_eq!(ended.code, Some(2), "{words}: {ended:?}");
        assert!(format!("{ended:?}").contains(words), "no {words} in {ended:?}");
    }
    configured.write(&no_file);
    assert_eq!(configured.run(&["config", "check"]).code, Some(0), "it looks at the file alone");
    let unread = configured.run(&["rotate", "--account", ACCOUNT]);
    assert_eq!(unread.code, Some(2), "{unread:?}");
    assert!(unread.stderr.contains("/nowhere/ben.pub"), "{}", unread.stderr);
}
