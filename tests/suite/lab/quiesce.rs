//! `quiesce = "disable"`: the scheduler is one switch for the whole tenant, so whatever becomes of us, it gets the value
//! back that it had.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Lab;

const ROTATE: &str = "rotate --lab --all --quiesce disable";

/// How many labs at once.
const AT_A_TIME: usize = 3;

/// How long a rotation may take to reach the step at which it waits.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A lab whose switch stands so.
fn switched(world: &str, enabled: bool) -> Lab {
    let lab = Lab::of_world(world);
    assert_eq!(lab.run(&format!("lab operator scheduler --enabled {enabled}")).code, Some(0));
    lab
}

fn scheduler(lab: &Lab) -> Value {
    lab.run("lab show --format json").json()["scheduler"].clone()
}

/// The value it had, and no task that waits.
fn released(lab: &Lab, original: bool, context: &str) {
    let now = scheduler(lab);
    assert_eq!(now["enabled"], original, "{context}: {now}");
    assert_eq!(now["restore-tasks"].as_array().map(Vec::len), Some(0), "{context}: {now}");
}

/// The value it had, or a task on the server that will give it back without us.
fn safe(lab: &Lab, original: bool, context: &str) {
    let now = scheduler(lab);
    let tasks = now["restore-tasks"].as_array().expect("tasks");
    for task in tasks {
        assert_eq!(task["enabled"], original, "{context}: {now}");
    }
    assert!(now["enabled"] == original || tasks.len() == 1, "{context}: nobody turns it back: {now}");
}

/// Dies there, and is carried on by `then`.
fn dies_and_is_carried_on(faults: &[String], original: bool, then: &str, code: i32) {
    let context = format!("{faults:?}, switched {original}, {then}");
    let lab = switched("one-forest", original);
    for fault in faults {
        lab.order(fault);
    }
    let died = lab.run(ROTATE);
    assert_eq!(died.code, None, "{context}: it did not die: {}\n{}", died.stdout, died.stderr);
    safe(&lab, original, &context);
    let carried = lab.run(then);
    assert_eq!(carried.code, Some(code), "{context}: {}\n{}", carried.stdout, carried.stderr);
    released(&lab, original, &context);
    lab.expect_one_label(&context);
}

/// Each of them, some at a time.
fn all<T: Send>(cases: impl IntoIterator<Item = T>, run: impl Fn(T) + Sync) {
    let cases = Mutex::new(cases.into_iter().collect::<VecDeque<_>>());
    let next = || cases.lock().expect("the cases").pop_front();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(case) = next() {
                    run(case);
                }
            });
        }
    });
}

/// Those from Quiesce to Release.
fn steps_between() -> Vec<String> {
    let steps = Lab::new().planned_steps();
    let from = steps.iter().position(|step| step.starts_with("quiesce:")).expect("it pauses");
    assert!(steps.last().is_some_and(|step| step.starts_with("release:")), "{steps:?}");
    steps[from..].to_vec()
}

#[test]
fn a_clean_rotation_pauses_and_releases() {
    for original in [true, false] {
        let lab = switched("one-forest", original);
        let writes = lab.counter("scheduler-writes");
        assert_eq!(lab.run("rotate --lab --all --quiesce gap").code, Some(0));
        assert_eq!(lab.counter("scheduler-writes"), writes, "a gap writes nothing");
        assert_eq!(lab.run(ROTATE).code, Some(0));
        assert_eq!(lab.counter("scheduler-writes"), writes + 2, "off and back");
        released(&lab, original, "a clean rotation");
    }
}

#[test]
fn a_crash_while_it_is_off_is_put_right() {
    let steps = steps_between();
    assert_eq!(steps.len(), 10, "{steps:?}");
    let mut cases = Vec::new();
    for step in &steps {
        for (moment, then) in [("before", "resume --lab"), ("after", "rotate --lab --all")] {
            for original in [true, false] {
                cases.push((format!("crash-{moment}:{step}"), original, then));
            }
        }
    }
    all(cases, |(fault, original, then)| dies_and_is_carried_on(&[fault], original, then, 0));
}

#[test]
fn a_crash_on_the_way_back_is_put_right() {
    let mut back = vec!["release:SYNC1".to_owned(), "discard".to_owned()];
    back.extend(steps_between().into_iter().filter(|step| {
        ["directory", "converge-", "engine:", "restart:", "seal", "prove:"].iter().any(|word| step.starts_with(word))
    }));
    assert_eq!(back.len(), 9, "{back:?}");
    let moments = ["before", "after"];
    let cases = back.iter().flat_map(|step| moments.map(|moment| format!("crash-{moment}:back:{step}")));
    let cases: Vec<_> = cases.zip([true, false, false, true].into_iter().cycle()).collect();
    all(cases, |(fault, original)| {
        dies_and_is_carried_on(&["proof-fails".to_owned(), fault], original, "resume --lab", 1);
    });
}

#[test]
fn a_crash_at_every_entry_of_the_journal_is_put_right() {
    let clean = switched("one-forest", true);
    assert_eq!(clean.run(ROTATE).code, Some(0));
    let entries = clean.newest_history();
    let of = |word: &str, step: &str| {
        let found = entries
            .iter()
            .position(|entry| entry["event"] == word && entry["step"].as_str().is_some_and(|is| is.starts_with(step)));
        found.unwrap_or_else(|| panic!("no {word} of {step} in {entries:?}")) + 1
    };
    let (from, to) = (of("intent", "quiesce:"), of("done", "release:"));
    assert!(to - from >= 18, "{from} to {to}");
    let cases: Vec<_> = (from..=to).zip([true, false].into_iter().cycle()).collect();
    all(cases, |(entry, original)| {
        let fault = format!("crash-after-append:{entry}");
        dies_and_is_carried_on(&[fault], original, "resume --lab", 0);
    });
}

#[test]
fn a_lost_reply_does_not_change_the_value_before() {
    for original in [true, false] {
        let lab = switched("one-forest", original);
        lab.order("pause-reply-lost --times 2");
        let ended = lab.run(ROTATE);
        assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
        released(&lab, original, "a lost reply");
    }
}

#[test]
fn a_hold_releases() {
    for original in [true, false] {
        let lab = switched("one-forest", original);
        lab.order("foreign-password");
        assert_eq!(lab.run(ROTATE).code, Some(3));
        released(&lab, original, "held");
        assert_eq!(lab.run("rotate --lab --all --repair --quiesce disable").code, Some(0));
        released(&lab, original, "repaired");
    }
}

#[test]
fn a_hold_that_could_not_release_says_so_and_how() {
    for original in [true, false] {
        let lab = switched("one-forest", original);
        lab.order("foreign-password");
        lab.order("release-fails");
        let held = lab.run(ROTATE);
        assert_eq!(held.code, Some(3), "{}", held.stdout);
        safe(&lab, original, "release-fails");
        let status = lab.run("status --lab");
        for told in [&held.stdout, &status.stdout] {
            assert_eq!(told.contains("Set-ADSyncScheduler -SyncCycleEnabled $true"), original, "{original}: {told}");
        }
        assert_eq!(lab.run("lab fault clear").code, Some(0));
        // Still held for the password, but the switch is given back.
        let resumed = lab.run("resume --lab");
        assert_eq!(resumed.code, Some(3), "{}", resumed.stdout);
        assert!(!resumed.stdout.contains("Set-ADSyncScheduler"), "{}", resumed.stdout);
        released(&lab, original, "resumed");
    }
}

#[test]
fn the_second_of_two_rotations_at_once_is_told_to_wait() {
    // Two accounts of one server, which is leased too, and two of two servers, which share the scheduler alone.
    let pairs =
        [("two-connectors", "MSOL_1a2b3c4d5e6f", "MSOL_f0e1d2c3b4a5"), ("service-each", "svc-adsync", "svc-adsync-2")];
    for (world, one, other) in pairs {
        for original in [true, false] {
            let lab = switched(world, original);
            lab.order("slow:directory");
            let rotate = |account: &str| format!("rotate --lab --account {account} --quiesce disable");
            let first_words = rotate(one);
            let words: Vec<&str> = first_words.split_whitespace().collect();
            let mut command = lab.command(&words);
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            let mut first = command.spawn().expect("it starts");
            let begun = Instant::now();
            while scheduler(&lab)["restore-tasks"].as_array().is_none_or(Vec::is_empty) {
                assert!(begun.elapsed() < START_LIMIT, "the first one never paused");
            }
            let second = lab.run(&rotate(other));
            assert_eq!(second.code, Some(5), "{world}: {}\n{}", second.stdout, second.stderr);
            assert!(second.stdout.contains("next step"), "{}", second.stdout);
            let by_scheduler = second.stdout.contains("the sync scheduler");
            assert_eq!(by_scheduler, world == "service-each", "{world}: {}", second.stdout);
            assert_eq!(first.wait().expect("it ends").code(), Some(0), "{world}");
            assert_eq!(lab.run(&rotate(other)).code, Some(0), "{world}");
            released(&lab, original, "one after the other");
        }
    }
}

/// What a dead rotation turned off is not the value before, for whoever comes next.
#[test]
fn the_value_before_survives_a_dead_rotation_and_another_account_s() {
    for original in [true, false] {
        let lab = switched("two-connectors", original);
        lab.order("crash-after:quiesce:SYNC1");
        assert_eq!(lab.run("rotate --lab --account MSOL_1a2b3c4d5e6f --quiesce disable").code, None);
        assert_eq!(scheduler(&lab)["enabled"], false);
        let other = lab.run("rotate --lab --account MSOL_f0e1d2c3b4a5 --quiesce disable");
        assert_eq!(other.code, Some(0), "{}\n{}", other.stdout, other.stderr);
        released(&lab, original, "another account's");
        assert_eq!(lab.run("resume --lab").code, Some(0));
        released(&lab, original, "the dead one's");
    }
}
