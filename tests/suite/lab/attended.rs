//! What only a person can do: the program asks at a terminal, waits, and proves what was done.

use super::terminal::Terminal;
use super::{Ended, Lab};

const CONNECTOR: &str = "rotate --lab --account MSOL_1a2b3c4d5e6f --engine-method attended";
const TYPE_IT: &str = "lab operator enter-password --server SYNC1 --connector contoso.test";

fn told(ended: &Ended) -> String {
    format!("{:?}\n{}\n{}", ended.code, ended.stdout, ended.stderr)
}

#[test]
fn a_person_enters_the_password_of_a_connector() {
    let lab = Lab::made();
    let mut terminal = Terminal::start(&lab, CONNECTOR);
    let asked = terminal.shows("Type `ready`");
    assert!(asked.contains("MSOL_1a2b3c4d5e6f, pending") && asked.contains("on SYNC1 for contoso.test"), "{asked}");
    lab.expect("directory=p1 engine=p1 current=p1 pending=p2", "asked before anything is touched");
    terminal.types("ready");
    let asked = terminal.shows("Type `entered`");
    for word in ["miisclient.exe", "Connect to Active Directory Forest", "pending", "Close the Synchronization"] {
        assert!(asked.contains(word), "no {word} in {asked}");
    }
    lab.expect("directory=p2 engine=p1", "the directory is set");
    assert_eq!(lab.run(TYPE_IT).code, Some(0));
    terminal.types("entered");
    let ended = terminal.ends();
    assert_eq!(ended.code, Some(0), "{}", told(&ended));
    lab.expect("all=p2 previous=p1", "entered");
}

#[test]
fn whoever_is_not_ready_has_changed_nothing() {
    for answer in ["no", "", "READY", "ready ready"] {
        let lab = Lab::made();
        let mut terminal = Terminal::start(&lab, CONNECTOR);
        terminal.shows("Type `ready`");
        terminal.types(answer);
        let ended = terminal.ends();
        assert!(matches!(ended.code, Some(1 | 4)), "{answer}: {}", told(&ended));
        assert!(ended.stdout.contains("the directory was not touched"), "{answer}: {}", told(&ended));
        lab.expect("all=p1", answer);
        assert_eq!(lab.counter("directory-writes"), 0);
    }
}

#[test]
fn what_was_not_entered_is_put_back() {
    let lab = Lab::made();
    let mut terminal = Terminal::start(&lab, CONNECTOR);
    terminal.shows("Type `ready`");
    terminal.types("ready");
    terminal.shows("Type `entered`");
    terminal.types("entered");
    let asked = terminal.shows("Type `entered`");
    assert!(asked.contains("current"), "the old password is entered again: {asked}");
    terminal.types("entered");
    let ended = terminal.ends();
    assert_eq!(ended.code, Some(1), "{}", told(&ended));
    lab.expect("all=p1", "put back");
}

#[test]
fn an_open_console_is_told_and_asked_about_again() {
    let lab = Lab::made();
    let mut terminal = Terminal::start(&lab, CONNECTOR);
    terminal.shows("Type `ready`");
    terminal.types("ready");
    terminal.shows("Type `entered`");
    assert_eq!(lab.run("lab operator open-program --server SYNC1 --program miisclient.exe").code, Some(0));
    assert_eq!(lab.run(TYPE_IT).code, Some(0));
    terminal.types("entered");
    let again = terminal.shows("Type `entered`");
    assert!(again.contains("miisclient.exe is still open on SYNC1"), "{again}");
    assert_eq!(lab.run("lab operator close-programs --server SYNC1").code, Some(0));
    terminal.types("entered");
    let ended = terminal.ends();
    assert_eq!(ended.code, Some(0), "{}", told(&ended));
    lab.expect("all=p2 previous=p1", "closed");
}

#[test]
fn a_password_that_nobody_knows_goes_forward_only() {
    let lab = Lab::of_world("unknown-old");
    let mut terminal = Terminal::start(&lab, CONNECTOR);
    terminal.shows("there is no way back");
    terminal.shows("Type `ready`");
    terminal.types("ready");
    terminal.shows("Type `entered`");
    assert_eq!(lab.run(TYPE_IT).code, Some(0));
    terminal.types("entered");
    let ended = terminal.ends();
    assert_eq!(ended.code, Some(0), "{}", told(&ended));
    lab.expect("all=p2", "forward only");
}

#[test]
fn without_a_terminal_nothing_is_begun() {
    let lab = Lab::made();
    let refused = lab.run(CONNECTOR);
    assert_eq!(refused.code, Some(4), "{}", told(&refused));
    assert!(refused.stdout.contains("there is none") && refused.stdout.contains("run it in a terminal"), "{refused:?}");
    lab.expect("all=p1", "no terminal");
    assert_eq!(lab.run("history --lab --format json").json()["rotations"].as_array().map(Vec::len), Some(0));
}
