//! What the program prints and how it refuses, on the lab.

use super::Lab;

#[test]
fn runs_follow_one_another() {
    let lab = Lab::new();
    for round in 2..5 {
        assert_eq!(lab.rotate().code, Some(0));
        lab.expect(&format!("all=p{round} previous=p{}", round - 1), "a series");
    }
    let listed = lab.run("history --lab --format json").json();
    assert_eq!(listed["rotations"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_person_who_changes_a_password_moves_the_label() {
    let lab = Lab::made();
    lab.expect("directory=p1 engine=p1 current=p1", "at first");
    assert_eq!(lab.run("lab set-password --account MSOL_1a2b3c4d5e6f").code, Some(0));
    lab.expect("directory=p2 engine=p1 current=p1", "after the change");
    let refused = lab.rotate();
    assert_eq!(refused.code, Some(4), "{}", refused.stdout);
    assert!(refused.stdout.contains("--repair"), "no next step: {}", refused.stdout);
    assert_eq!(lab.run("rotate --lab --all --repair").code, Some(0));
    lab.expect_one_label("after the repair");
}

#[test]
fn a_password_that_somebody_set_just_now_is_not_overwritten() {
    let lab = Lab::new();
    assert_eq!(lab.rotate().code, Some(0));
    assert_eq!(lab.run("lab set-password --account MSOL_1a2b3c4d5e6f").code, Some(0));
    // For an hour the directory accepts the password before it as well: a logon would prove nothing.
    let refused = lab.rotate();
    assert_eq!(refused.code, Some(4), "{}", refused.stdout);
    assert!(refused.stdout.contains("somebody set the password after our last rotation"), "{}", refused.stdout);
    assert_eq!(lab.run("plan --lab --all").code, Some(4));
    lab.expect("directory=p3 engine=p2 current=p2", "after the refusal");
    assert_eq!(lab.run("rotate --lab --all --repair").code, Some(0));
    lab.expect_one_label("after the repair");
}

#[test]
fn a_staging_server_is_updated_after_the_active_one() {
    let lab = Lab::new();
    assert_eq!(lab.run("lab init --staging-servers 1").code, Some(0));
    let ended = lab.rotate();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    lab.expect("all=p2 previous=p1", "two servers");
    let steps = lab.planned_steps();
    let place = |step: &str| steps.iter().position(|planned| planned == step).expect("the step");
    assert!(place("promote") < place("engine:SYNC2/contoso.test"), "{steps:?}");
}

#[test]
fn words_for_the_journal_have_no_control_characters() {
    let lab = Lab::made();
    for words in [
        &["rotate", "--all", "--reason"][..],
        &["rotate", "--all", "--ticket"],
        &["rotate", "--all", "--without-approval"],
        &["adopt", "--account", "MSOL_1a2b3c4d5e6f", "--reason"],
        &["adopt", "--account", "MSOL_1a2b3c4d5e6f", "--ticket"],
        &["history", "prune", "--before", "2026-01-01", "--export", "x", "--reason"],
    ] {
        for (text, told) in [("two\nlines", "U+000A"), ("\u{1b}[2K", "U+001B"), ("a\u{85}b", "U+0085")] {
            let refused = lab.run_words(&[words, &[text, "--lab"]].concat());
            assert_eq!(refused.code, Some(2), "{words:?}: {refused:?}");
            assert!(refused.stderr.contains(&format!("control character {told}")), "{words:?}: {refused:?}");
        }
    }
    assert_eq!(lab.run("history --lab --format json").json()["rotations"].as_array().map(Vec::len), Some(0));
    let done = lab.run_words(&["rotate", "--all", "--lab", "--reason", "Ärger – 名前 \u{202e}"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(lab.run("rotate --all --lab --without-approval").code, Some(2));
}

#[test]
fn data_goes_to_stdout_and_talk_to_stderr() {
    let lab = Lab::new();
    let ended = lab.run("rotate --lab --all --format json");
    let json = ended.json();
    assert_eq!((json["schema"].as_i64(), json["exit"].as_i64()), (Some(1), Some(0)));
    assert_eq!(json["results"][0]["outcome"], "rotated");
    assert!(ended.stderr.contains("done    promote"), "{}", ended.stderr);
    for command in ["plan --lab --all", "status --lab", "history --lab", "history verify --lab", "lab fault list"] {
        let json = lab.run(&format!("{command} --format json")).json();
        assert_eq!(json["schema"], 1, "{command}");
    }
    let schema = lab.run("config schema").json();
    assert!(schema["properties"]["account"].is_object());
    assert!(lab.run("completions bash").stdout.contains("entra-rotator"));
}

#[test]
fn wrong_use_is_told_and_changes_nothing() {
    let lab = Lab::new();
    let unknown = lab.run("rotate --lab --account nobody");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("MSOL_1a2b3c4d5e6f"), "the known accounts are not named: {}", unknown.stderr);
    assert_eq!(lab.run("rotate --lab").code, Some(2), "neither --account nor --all");
    assert_eq!(lab.run("lab fault add no-such-fault").code, Some(2));
    assert_eq!(lab.run("history --lab --rotation none").code, Some(2));
    let nothing = lab.run("resume --lab");
    assert_eq!(nothing.code, Some(0));
    assert!(nothing.stderr.contains("no rotation is open"));
    let config = lab.run("config check --config /does/not/exist.toml");
    assert_eq!(config.code, Some(2));
    assert!(config.stderr.contains("/does/not/exist.toml"), "{}", config.stderr);
    lab.expect("all=p1", "after wrong use");
}

#[test]
fn two_rotations_of_one_account_do_not_meet() {
    let lab = Lab::new();
    lab.order("slow:directory");
    let mut first = lab.command(&["rotate", "--lab", "--all"]);
    first.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut first = first.spawn().expect("the first one");
    let taken = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::read_to_string(lab.dir().join("requests.log")).is_ok_and(|log| log.contains("\"stage\""))
    });
    assert!(taken, "the first rotation did not get going");
    let second = lab.rotate();
    let ended = first.wait().expect("it ends");
    assert_eq!(second.code, Some(5), "{}\n{}", second.stdout, second.stderr);
    assert!(ended.success());
    lab.expect("all=p2 previous=p1", "two at once");
}

#[test]
fn the_time_on_a_replaced_password_stands_in_the_history() {
    let lab = Lab::new();
    assert_eq!(lab.run("lab init --staging-servers 1").code, Some(0));
    assert_eq!(lab.rotate().code, Some(0));
    let listed = lab.run("history --lab --format json").json();
    let windows = listed["rotations"][0]["stop_windows"].as_array().expect("windows").clone();
    let servers: Vec<_> = windows.iter().map(|window| window["server"].as_str().unwrap_or_default()).collect();
    assert_eq!(servers, ["SYNC1", "SYNC2"]);
    // The lab's requests take milliseconds, its replication 200: half a minute could only be a wait of ours.
    let longest = windows.iter().filter_map(|window| window["seconds"].as_f64()).fold(0.0, f64::max);
    assert!(longest > 0.0 && longest < 15.0, "{windows:?}");
    // Nothing failed in between, so nothing was waited for but the domain controllers.
    let failed: Vec<_> = lab.newest_history().into_iter().filter(|entry| entry["event"] == "failed").collect();
    let waits = |entry: &serde_json::Value| entry["step"].as_str().is_some_and(|step| step.starts_with("converge"));
    assert!(failed.iter().all(waits), "{failed:?}");
}
