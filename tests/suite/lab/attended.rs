//! What only a person can do: the program asks at a terminal, waits, and proves what was done.

use providers::lab::WorldPlan;
use providers::port::Secret;

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
    let ended = terminal.ends();
    assert_eq!(ended.code, Some(1), "{}", told(&ended));
    lab.expect("all=p1", "put back");
}

/// The old one is entered again only where another one was.
#[test]
fn what_was_mistyped_is_put_back_by_the_same_person() {
    let lab = Lab::new();
    let old = || Some(Secret::new("The-old-password-9"));
    let plan = WorldPlan { first_password: old(), ..WorldPlan::default_world() };
    providers::lab::Lab::create(&lab.dir(), &plan).expect("a lab");
    let mut terminal = Terminal::start(&lab, CONNECTOR);
    terminal.shows("Type `ready`");
    terminal.types("ready");
    terminal.shows("Type `entered`");
    let console = entra_rotator::wiring::open_lab(&lab.dir()).expect("the lab");
    let types = |secret| console.set_password("MSOL_1a2b3c4d5e6f", "engine:SYNC1/contoso.test", secret).expect("set");
    types(None);
    terminal.types("entered");
    let again = terminal.shows("Type `entered`");
    assert!(again.contains("turning back") && again.contains("MSOL_1a2b3c4d5e6f, current"), "{again}");
    types(old());
    terminal.types("entered");
    let ended = terminal.ends();
    assert_eq!(ended.code, Some(1), "{}", told(&ended));
    lab.expect("all=p1", "put back");
}

/// It died after the password was typed and before that was confirmed.
#[test]
fn what_was_typed_before_a_crash_is_only_confirmed() {
    let lab = Lab::made();
    let mut terminal = Terminal::start(&lab, CONNECTOR);
    terminal.shows("Type `ready`");
    terminal.types("ready");
    terminal.shows("Type `entered`");
    assert_eq!(lab.run(TYPE_IT).code, Some(0));
    drop(terminal);
    // A timer must not turn back what a person is in the middle of.
    for command in ["resume --lab", "rollback --lab", "rotate --lab --all"] {
        let without = lab.run(command);
        assert_eq!(without.code, Some(4), "{command}: {}", told(&without));
        assert!(without.stdout.contains("run the same command in a terminal"), "{command}: {}", told(&without));
        lab.expect("directory=p2 engine=p2 current=p1 pending=p2", command);
    }
    let mut terminal = Terminal::start(&lab, "resume --lab");
    terminal.shows("Type `entered`");
    terminal.types("entered");
    let ended = terminal.ends();
    assert_eq!(ended.code, Some(0), "{}", told(&ended));
    lab.expect("all=p2 previous=p1", "confirmed");
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

const ENTRA: &str = "rotate --lab --account entra-connector";

/// One that was never counted is 0.
fn counter(lab: &Lab, name: &str) -> u64 {
    lab.run("lab show --format json").json()["counters"][name].as_u64().unwrap_or_default()
}

#[test]
fn the_entra_connector_account_is_reset_on_a_person_s_word() {
    let lab = Lab::of_world("entra-password-based");
    assert_eq!(lab.run(ENTRA).code, Some(4), "without a terminal");
    let mut terminal = Terminal::start(&lab, ENTRA);
    let asked = terminal.shows("Type `reset`");
    assert!(asked.contains("SYNC1"), "{asked}");
    assert_eq!(counter(&lab, "entra-resets"), 0, "asked before it happens");
    terminal.types("reset");
    let ended = terminal.ends();
    assert_eq!(ended.code, Some(0), "{}", told(&ended));
    assert!(ended.stdout.contains("reset on both sides"), "{}", told(&ended));
    assert_eq!(counter(&lab, "entra-resets"), 1);
    let world = std::fs::read_to_string(lab.dir().join("world.json")).expect("a world");
    assert!(world.contains("2519"), "the server logged no event 2519");
    let status = lab.run("status --lab --format json").json();
    let states = status["accounts"].as_array().into_iter().flatten().map(|account| account["state"].clone());
    assert!(states.into_iter().any(|state| state == "reset"), "{status}");
}

#[test]
fn without_the_word_the_entra_connector_account_is_not_reset() {
    let lab = Lab::of_world("entra-password-based");
    let mut terminal = Terminal::start(&lab, ENTRA);
    terminal.shows("Type `reset`");
    terminal.types("no");
    let ended = terminal.ends();
    assert!(matches!(ended.code, Some(1 | 4)), "{}", told(&ended));
    assert!(ended.stdout.contains("nothing was reset"), "{}", told(&ended));
    assert_eq!(counter(&lab, "entra-resets"), 0);
}

const KEY_LOST: &str = "--lab --account svc-adsync --allow-unsupported-build --abandon-encryption-key";

#[test]
fn both_documented_orders_are_printed() {
    let lab = Lab::of_world("build-1.1.443.0");
    let terminal = Terminal::start(&lab, &format!("plan {KEY_LOST} SYNC1"));
    let planned = terminal.ends();
    assert_eq!(planned.code, Some(0), "{}", told(&planned));
    let documents: Vec<&str> = planned.stdout.lines().filter(|line| line.contains("document:")).collect();
    assert_eq!(documents.len(), 2, "{}", planned.stdout);
    assert_eq!(documents.iter().filter(|document| document.contains(", a draft)")).count(), 1, "{documents:?}");
}

#[test]
fn an_abandoned_key_is_a_person_s_work() {
    let lab = Lab::of_world("build-1.1.443.0");
    let mut terminal = Terminal::start(&lab, &format!("rotate {KEY_LOST} SYNC1"));
    let asked = terminal.shows("Type `abandoned`");
    assert!(asked.contains("miiskmu.exe /a") && asked.contains("destroys the encryption key"), "{asked}");
    assert_eq!(lab.run("lab operator abandon-key --server SYNC1").code, Some(0));
    terminal.types("abandoned");
    terminal.shows("Type `reset`");
    terminal.types("reset");
    let ended = terminal.ends();
    assert_eq!(ended.code, Some(0), "{}", told(&ended));
    ended_well(&lab, &ended.stderr);
}

/// Every connector has its own password again, and the service's account its new one.
fn ended_well(lab: &Lab, screen: &str) {
    assert!(screen.contains("done    reenter:SYNC1/contoso.test"), "{screen}");
    let truth = lab.run("lab show --format json").json();
    let mut seen = 0;
    for account in truth["accounts"].as_array().into_iter().flatten() {
        let label = match account["account"].as_str() {
            Some("svc-adsync") => "p2",
            Some("MSOL_1a2b3c4d5e6f") => "p1",
            _ => continue,
        };
        for holder in account["holders"].as_array().into_iter().flatten() {
            let name = holder["holder"].as_str().expect("a name");
            if name == "directory"
                || name == "vault:current"
                || name.starts_with("engine")
                || name.starts_with("service")
            {
                assert_eq!(holder["label"], label, "{name}: {truth}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 6, "{truth}");
    assert_eq!(truth["servers"][0]["service-state"], "running", "{truth}");
}

#[test]
fn a_key_that_was_not_abandoned_is_held_with_its_runbook() {
    // Said and not done; or not even said.
    for answer in ["abandoned", "what?"] {
        let lab = Lab::of_world("build-1.1.443.0");
        let mut terminal = Terminal::start(&lab, &format!("rotate {KEY_LOST} SYNC1"));
        terminal.shows("Type `abandoned`");
        terminal.types(answer);
        let held = terminal.ends();
        assert_eq!(held.code, Some(3), "{answer}: {}", told(&held));
        assert!(held.stdout.contains("next steps:") && held.stdout.contains("miiskmu.exe /a"), "{}", told(&held));
        let status = lab.run("status --lab").stdout;
        assert!(status.contains("miiskmu.exe /a"), "{answer}: {status}");
        assert_eq!(lab.run("resume --lab").code, Some(4), "{answer}: without a terminal");

        assert_eq!(lab.run("lab operator abandon-key --server SYNC1").code, Some(0));
        let mut terminal = Terminal::start(&lab, "resume --lab");
        if answer != "abandoned" {
            terminal.shows("Type `abandoned`");
            terminal.types("abandoned");
        }
        terminal.shows("Type `reset`");
        terminal.types("reset");
        let ended = terminal.ends();
        assert_eq!(ended.code, Some(0), "{answer}: {}", told(&ended));
        ended_well(&lab, &ended.stderr);
    }
}

#[test]
fn a_key_is_abandoned_on_the_right_order_only() {
    let lab = Lab::of_world("build-1.1.443.0");
    let counters = ["directory-writes", "vault-writes", "service-writes", "restarts"];
    let writes = || counters.map(|name| counter(&lab, name));
    let before = writes();
    // No terminal.
    let refused = lab.run(&format!("rotate {KEY_LOST} SYNC1"));
    assert_eq!(refused.code, Some(4), "{}", told(&refused));
    assert!(refused.stdout.contains("run it in a terminal"), "{}", told(&refused));
    for order in ["", "--abandon-encryption-key SYNC2", "--abandon-encryption-key sync"] {
        let words = format!("rotate --lab --account svc-adsync --allow-unsupported-build {order}");
        let refused = Terminal::start(&lab, &words).ends();
        assert_eq!(refused.code, Some(4), "{order}: {}", told(&refused));
        assert!(refused.stdout.contains("--abandon-encryption-key"), "{order}: {}", told(&refused));
    }
    let refused = Terminal::start(&lab, "rotate --lab --account svc-adsync --abandon-encryption-key SYNC1").ends();
    assert_eq!(refused.code, Some(4), "{}", told(&refused));
    assert!(refused.stdout.contains("--allow-unsupported-build"), "{}", told(&refused));
    assert_eq!(writes(), before);
}
