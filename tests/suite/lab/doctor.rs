//! `doctor` on the lab: what it says, how it ends, and that it only looks.

use std::fs;

use entra_rotator::engine::own_changes;
use entra_rotator::journal::SqliteJournal;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Ended, Lab};

fn doctor(lab: &Lab, arguments: &str) -> (Ended, Value) {
    let ended = lab.run(&format!("doctor --lab --format json {arguments}"));
    let json = ended.json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["exit"].as_i64(), ended.code.map(i64::from), "{json}");
    (ended, json)
}

/// Changes the lab's world as it lies on the disk: what no order of the lab can bring about.
fn rewrite(lab: &Lab, from: &str, to: &str) {
    let file = lab.dir().join("world.json");
    let world = fs::read_to_string(&file).expect("a world");
    assert!(world.contains(from), "{from} is not in {world}");
    fs::write(&file, world.replace(from, to)).expect("written");
}

#[test]
fn a_healthy_lab_shows_nothing_before_and_after_a_rotation() {
    let lab = Lab::new();
    assert_eq!(lab.run("lab init --staging-servers 1").code, Some(0));
    for _ in 0..2 {
        let (ended, json) = doctor(&lab, "");
        assert_eq!(ended.code, Some(0), "{json}");
        assert_eq!(json["findings"].as_array().map(Vec::len), Some(0));
        assert_eq!(json["servers"].as_array().map(Vec::len), Some(2));
        assert_eq!(json["servers"][0]["build"], "2.6.92.0");
        assert_eq!(json["accounts"][0]["replication"][0]["agrees"], true, "{json}");
        let ended = lab.rotate();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    let table = lab.run("doctor --lab --account MSOL_1a2b3c4d5e6f");
    assert!(table.stdout.starts_with("nothing found: 2 servers, 1 accounts"), "{}", table.stdout);
}

#[test]
fn it_only_looks() {
    let lab = Lab::new();
    assert_eq!(lab.run("lab init").code, Some(0));
    // The lab counts whatever changes it, and every logon. Its vault is compared, never shown.
    let vault = || fs::read(lab.dir().join("vault.json")).expect("a vault");
    let before = vault();
    doctor(&lab, "");
    assert!(vault() == before, "the vault was written");
    let world = fs::read_to_string(lab.dir().join("world.json")).expect("a world");
    let world: Value = serde_json::from_str(&world).expect("JSON");
    let counters = world["counters"].as_object().expect("counters");
    assert!(counters.len() >= 5 && counters.values().all(|count| *count == 0), "{counters:?}");
    assert!(!lab.dir().join("journal.db").exists(), "looking made a journal");
    let log = fs::read_to_string(lab.dir().join("requests.log")).expect("requests");
    for line in log.lines() {
        let request: Value = serde_json::from_str(line).expect("JSON");
        let operation = request["operation"].as_str().and_then(|operation| operation.split(' ').next());
        let reads = ["describe", "events", "runs", "account", "fingerprint", "examine"];
        assert!(operation.is_some_and(|operation| reads.contains(&operation)), "{line}");
    }
    assert!(log.lines().count() >= 3, "{log}");
}

#[tokio::test]
async fn the_journal_tells_which_changes_were_ours() {
    let lab = Lab::new();
    assert_eq!(lab.run("lab init --staging-servers 1").code, Some(0));
    assert_eq!(lab.rotate().code, Some(0));
    let journal = SqliteJournal::open_without_ballast(&lab.dir().join("journal.db")).await.expect("a journal");
    let ours = own_changes(&journal, Timestamp::MIN).await.expect("readable");
    assert_eq!(ours.keys().collect::<Vec<_>>(), ["SYNC1", "SYNC2"]);
    for changes in ours.values() {
        let [change] = &changes.connector_passwords[..] else { panic!("one change each: {changes:?}") };
        assert_eq!(change.connector.as_deref(), Some("contoso.test"));
        let took = change.to.duration_since(change.from);
        // It ended by its reply, not by the time that a lost one gets.
        assert!(took >= SignedDuration::ZERO && took < SignedDuration::from_mins(10), "{took}");
    }
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    assert!(own_changes(&journal, later).await.expect("readable").is_empty(), "too long ago to explain anything");
}

#[test]
fn what_the_server_says_of_itself_is_found() {
    let lab = Lab::new();
    assert_eq!(lab.run("lab init").code, Some(0));
    rewrite(&lab, "2.6.92.0", "2.5.78.0");
    let (ended, json) = doctor(&lab, "");
    assert_eq!(ended.code, Some(1), "{json}");
    let trouble = json["servers"][0]["troubles"][0].as_str().expect("a trouble");
    assert!(trouble.contains("stopped syncing on 2026-09-30") && trouble.contains("--allow-unsupported-build"));
    rewrite(&lab, "2.5.78.0", "2.6.92.0");
    rewrite(&lab, "\"running\"", "\"stopped\"");
    let (ended, json) = doctor(&lab, "");
    assert_eq!(
        (ended.code, json["servers"][0]["troubles"][0].as_str()),
        (Some(1), Some("the ADSync service is stopped"))
    );
}

#[test]
fn what_does_not_answer_is_named() {
    let lab = Lab::new();
    assert_eq!(lab.run("lab init").code, Some(0));
    let folder = lab.dir();
    let secret = folder.join("secret");
    fs::write(&secret, "none").expect("written");
    // Port 1 of loopback: nobody listens there.
    let config = format!(
        "[journal]\nfile = \"{0}/none.db\"\n[directory]\nurls = [\"ldaps://127.0.0.1:1\"]\nbind_name = \"CN=rotator\"\nbind_password = {{ file = \"{1}\" }}\n[vault]\nkind = \"hashicorp\"\nurl = \"https://127.0.0.1:1\"\ntoken = {{ file = \"{1}\" }}\n[[server]]\nname = \"SYNC1\"\nkind = \"lab\"\nlab_dir = \"{0}\"\n[[account]]\nname = \"msol\"\nkind = \"connector\"\ndirectory_name = \"MSOL_1a2b3c4d5e6f\"\nvault_name = \"entra/msol\"\nservers = [{{ server = \"SYNC1\" }}]\n",
        folder.display(),
        secret.display()
    );
    let file = folder.join("config.toml");
    fs::write(&file, config).expect("written");
    let file = file.display().to_string();
    let ended = lab.run_words(&["doctor", "--config", &file]);
    assert_eq!(ended.code, Some(75), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("not reached: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("127.0.0.1:1"), "it is not named: {}", ended.stdout);
    assert!(ended.stdout.contains("nothing found, but not everything was seen"), "{}", ended.stdout);
    assert!(!folder.join("none.db").exists(), "looking made a journal");
    rewrite(&lab, "2.6.92.0", "2.5.78.0");
    let found = lab.run_words(&["doctor", "--config", &file]);
    assert_eq!(found.code, Some(1), "what was found counts more: {}", found.stdout);
    assert!(found.stdout.contains("not reached: "), "and the rest is said all the same: {}", found.stdout);
}

#[test]
fn wrong_use_ends_with_2() {
    let lab = Lab::new();
    assert_eq!(lab.run("doctor --lab --account nobody").code, Some(2));
    assert_eq!(lab.run("doctor --lab --since 0").code, Some(2));
    assert_eq!(lab.run("doctor --config /does/not/exist.toml").code, Some(2));
}
