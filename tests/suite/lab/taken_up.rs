//! What is taken up, released or approved must be what it was: orders that meet something that another one left.

use super::Lab;

const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";
const PASSWORD: &str = "Sommer-2026-geheim!";

/// A lab whose first password the test knows, adopted, so that a rehearsal may follow.
pub(super) fn adopted() -> (Lab, String) {
    let lab = Lab::new();
    let file = lab.dir().with_file_name("password");
    std::fs::write(&file, PASSWORD).expect("written");
    let file = file.display().to_string();
    assert_eq!(lab.run(&format!("lab init --password-file {file}")).code, Some(0));
    assert_eq!(lab.run(&format!("adopt --lab --account {ACCOUNT} --password-file {file}")).code, Some(0));
    (lab, file)
}

#[test]
fn a_rehearsal_never_writes_over_what_a_person_set_meanwhile() {
    let (lab, _) = adopted();
    lab.order("crash-after:quiesce:SYNC1");
    assert_eq!(lab.run(&format!("doctor --lab --rehearse --account {ACCOUNT}")).code, None);
    for holder in ["directory", "engine:SYNC1/contoso.test"] {
        assert_eq!(lab.run(&format!("lab set-password --account {ACCOUNT} --holder {holder}")).code, Some(0));
    }
    let before = lab.holders();
    let taken_up = lab.run("resume --lab");
    assert_eq!(taken_up.code, Some(3), "{}\n{}", taken_up.stdout, taken_up.stderr);
    assert!(taken_up.stdout.contains("somebody else"), "{}", taken_up.stdout);
    assert_eq!(lab.holders(), before, "something was given to the engine");
}

#[test]
fn a_service_manager_is_not_given_a_candidate_over_what_a_person_set() {
    let lab = Lab::of_world("service-domain-user");
    lab.order("crash-before:service-logon:SYNC1");
    assert_eq!(lab.run("rotate --lab --account svc-adsync").code, None);
    assert_eq!(lab.run("lab set-password --account svc-adsync").code, Some(0));
    let held = lab.run("rotate --lab --account svc-adsync");
    assert_eq!(held.code, Some(3), "{}\n{}", held.stdout, held.stderr);
    // The intent that died is the only one: nothing reached the service manager.
    let intents = |entry: &&serde_json::Value| entry["event"] == "intent" && entry["step"] == "service-logon:SYNC1";
    assert_eq!(lab.newest_history().iter().filter(intents).count(), 1);
    let truth = lab.run("lab show").stdout;
    let managers: Vec<&str> = truth.lines().filter(|line| line.contains("service:SYNC1")).collect();
    assert!(managers.len() == 1 && managers[0].ends_with("p1"), "{truth}");
}

#[test]
fn an_adoption_is_not_answered_by_the_rehearsal_that_it_met() {
    let (lab, file) = adopted();
    lab.order("crash-after:quiesce:SYNC1");
    assert_eq!(lab.run(&format!("doctor --lab --rehearse --account {ACCOUNT}")).code, None);
    let done = lab.run(&format!("adopt --lab --account {ACCOUNT} --password-file {file} --format json"));
    assert_eq!((done.code, &done.json()["results"][0]["outcome"]), (Some(0), &"adopted".into()), "{}", done.stdout);
    let listed = lab.run("history --lab --format json").json();
    let states: Vec<_> = listed["rotations"].as_array().expect("rotations").iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["adopted", "rehearsed", "adopted"]);
}

#[test]
fn a_rotation_that_never_paused_leaves_nothing_to_release() {
    let lab = Lab::made();
    assert_eq!(lab.run("lab operator open-program --server SYNC1 --program AzureADConnect.exe").code, Some(0));
    lab.order("slow:stage");
    // It is refused at Quiesce: the wizard is opened between the plan and the last look.
    assert_eq!(lab.run("lab operator close-programs --server SYNC1").code, Some(0));
    let words = ["rotate", "--lab", "--all", "--quiesce", "disable"];
    let mut first = lab.command(&words);
    first.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut first = first.spawn().expect("it starts");
    let staging = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::read_to_string(lab.dir().join("requests.log")).is_ok_and(|log| log.contains("prove contoso.test"))
    });
    assert!(staging, "the baseline was never made");
    assert_eq!(lab.run("lab operator open-program --server SYNC1 --program AzureADConnect.exe").code, Some(0));
    assert_eq!(first.wait().expect("it ends").code(), Some(4));
    assert_eq!(lab.run("lab operator close-programs --server SYNC1").code, Some(0));
    assert_eq!(lab.run("lab operator scheduler --enabled false").code, Some(0));
    assert_eq!(lab.run("rotate --lab --all --quiesce disable").code, Some(0));
    let truth = lab.run("lab show --format json").json();
    assert_eq!(truth["scheduler"]["enabled"], false, "what a person turned off was turned on");
}

#[test]
fn an_approved_repair_is_carried_out() {
    let lab = Lab::made();
    lab.order("foreign-password");
    assert_eq!(lab.rotate().code, Some(3));
    let file = lab.dir().with_file_name("approved.json").display().to_string();
    assert_eq!(lab.run(&format!("plan --lab --all --repair --out {file}")).code, Some(0));
    let done = lab.run(&format!("rotate --lab --plan {file}"));
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    lab.expect_one_label("after the approved repair");
    assert_eq!(lab.run("status --lab --check").code, Some(0));
}

#[test]
fn a_connector_password_that_is_only_accepted_as_the_one_before_is_no_escrow() {
    let lab = Lab::of_world("service-domain-user");
    lab.order("crash-after:directory");
    assert_eq!(lab.run(&format!("rotate --lab --account {ACCOUNT}")).code, None);
    // The directory goes on accepting what the vault has as current; the live password is the pending one.
    let refused = lab.run("rotate --lab --account svc-adsync");
    assert_eq!(refused.code, Some(4), "{}\n{}", refused.stdout, refused.stderr);
    assert!(refused.stdout.contains("has a candidate pending beside it"), "{}", refused.stdout);
    // A repair goes on, so that it and the connector's rotation don't wait for each other.
    let repaired = lab.run("rotate --lab --account svc-adsync --repair");
    assert_eq!(repaired.code, Some(0), "{}\n{}", repaired.stdout, repaired.stderr);
    assert_eq!(lab.run("resume --lab").code, Some(0));
    assert_eq!(lab.run("rotate --lab --account svc-adsync").code, Some(0));
}
