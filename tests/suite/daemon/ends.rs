//! Signals and deaths: of the service, and of `rotate`.

use std::time::Duration;

use entra_rotator::journal::{Note, State};

use super::process::{notes, states};
use super::{Service, wait_until};
use crate::lab::Lab;

async fn state(lab: &Lab) -> State {
    let states = states(lab).await;
    let [(_, state)] = &states[..] else { panic!("one rotation: {states:?}") };
    *state
}

#[tokio::test]
async fn a_rotation_that_has_not_touched_the_directory_is_parked() {
    for step in ["baseline:SYNC1/contoso.test", "stage"] {
        let lab = Lab::made();
        lab.order(&format!("slow:{step}"));
        let mut service = Service::start(&lab);
        service.reaches(step);
        assert_eq!(service.stop(), Some(0), "{step}: {}", service.said());
        assert_eq!(state(&lab).await, State::Running, "{step}: {}", service.said());
        lab.expect("directory=p1 engine=p1 current=p1", step);
        let notes = notes(&lab).await;
        assert!(notes.iter().any(|note| matches!(note, Note::Stopped { .. })), "{notes:?}");
        // The next life goes on with it and begins no other.
        let mut service = Service::start(&lab);
        wait_until("finished", &service, || service.log().iter().any(|line| line["message"] == "finished"));
        assert_eq!(service.stop(), Some(0));
        assert_eq!(state(&lab).await, State::Closed);
        lab.expect("all=p2 previous=p1", step);
        lab.expect_intact_journal(step);
    }
}

#[tokio::test]
async fn a_rotation_that_has_touched_the_directory_comes_to_its_end() {
    // A gap that was found is used: hours later there is another cycle.
    for step in ["quiesce:SYNC1", "directory", "engine:SYNC1/contoso.test", "promote"] {
        let lab = Lab::made();
        lab.order(&format!("slow:{step}"));
        let mut service = Service::start(&lab);
        service.reaches(step);
        service.signal("TERM");
        if step != "promote" {
            wait_until("ending", &service, || service.get("/readyz") == (503, "it is ending\n".to_owned()));
        }
        assert_eq!(service.ended(), Some(0), "{step}: {}", service.said());
        assert_eq!(state(&lab).await, State::Closed, "{step}: {}", service.said());
        lab.expect("all=p2 previous=p1", step);
    }
}

#[tokio::test]
async fn after_a_death_it_is_not_ready_before_what_was_interrupted_is_over() {
    let lab = Lab::of_world("two-connectors");
    let step = "engine:SYNC1/contoso.test";
    lab.order(&format!("slow:{step}"));
    let mut service = Service::start(&lab);
    service.reaches(step);
    service.kill();
    let open: Vec<_> = states(&lab).await.into_iter().filter(|(_, state)| *state == State::Running).collect();
    let [(interrupted, _)] = &open[..] else { panic!("one is open: {open:?}") };
    lab.order(&format!("slow:look:{step}"));
    let mut service = Service::start(&lab);
    assert_eq!(service.get("/livez").0, 200);
    assert_eq!(service.get("/readyz").0, 503);
    wait_until("recovered", &service, || {
        service.log().iter().any(|line| line["message"] == "finished" && line["account"] == interrupted.as_str())
    });
    let ready = || service.get("/readyz").0 == 200;
    let lines = || service.log();
    wait_until("ready", &service, ready);
    let first_begun = lines().iter().position(|line| {
        line["message"] == "begun" && line["span"]["account"].as_str().is_some_and(|of| of != interrupted)
    });
    let recovered = lines().iter().position(|line| line["message"] == "finished").expect("recovered");
    assert!(first_begun.is_none_or(|at| at > recovered), "another one was begun before:\n{}", service.said());
    wait_until("all rotated", &service, || lines().iter().filter(|line| line["message"] == "finished").count() >= 2);
    assert_eq!(service.stop(), Some(0));
    let states = states(&lab).await;
    assert!(states.len() == 2 && states.iter().all(|(_, state)| *state == State::Closed), "{states:?}");
    lab.expect_intact_journal("a death");
}

#[tokio::test]
async fn a_second_service_is_refused_and_changes_nothing() {
    let lab = Lab::made();
    let mut service = Service::start(&lab);
    wait_until("finished", &service, || service.log().iter().any(|line| line["message"] == "finished"));
    let before = notes(&lab).await;
    let second = lab.run("serve --lab --listen 127.0.0.1:0");
    assert_eq!(second.code, Some(5), "{}", second.stderr);
    assert!(second.stderr.contains("the unattended service is being worked on by"), "{}", second.stderr);
    assert!(second.stderr.contains(&format!("process {}", service.id())), "{}", second.stderr);
    assert_eq!(notes(&lab).await, before);
    assert_eq!(service.stop(), Some(0));
    assert_eq!(states(&lab).await.len(), 1);
}

#[test]
fn a_person_beside_it_is_told_to_wait() {
    let lab = Lab::made();
    lab.order("slow:engine:SYNC1/contoso.test");
    let mut service = Service::start(&lab);
    service.reaches("engine:SYNC1/contoso.test");
    let person = lab.rotate();
    assert_eq!(person.code, Some(5), "{}\n{}", person.stdout, person.stderr);
    assert_eq!(service.stop(), Some(0));
    lab.expect("all=p2 previous=p1", "a person beside it");
}

/// A `rotate` that is at a step, and then told to end.
fn rotate_ended_at(lab: &Lab, step: &str, after: Duration) -> (Option<i32>, String) {
    lab.order(&format!("slow:{step}"));
    let log = ["rotate", "--lab", "--all"];
    let mut rotate = Service::spawn(lab.command(&log));
    let history = || lab.run("history --lab --format json");
    wait_until(step, &rotate, || {
        let listed = history();
        listed.code == Some(0) && listed.json()["rotations"].as_array().is_some_and(|all| !all.is_empty()) && {
            lab.newest_history().iter().any(|entry| entry["event"] == "intent" && entry["step"] == step)
        }
    });
    std::thread::sleep(after);
    rotate.signal("TERM");
    let code = rotate.ended();
    (code, rotate.said())
}

#[test]
fn a_signal_parks_a_rotate_that_has_not_touched_the_directory() {
    for step in ["baseline:SYNC1/contoso.test", "stage"] {
        let lab = Lab::made();
        let (code, said) = rotate_ended_at(&lab, step, Duration::ZERO);
        assert_eq!(code, Some(75), "{step}: {said}");
        assert!(said.contains("stopping as soon as nothing is half done"), "{said}");
        lab.expect("directory=p1 engine=p1 current=p1", step);
        assert_eq!(lab.run("resume --lab").code, Some(0), "{step}");
        lab.expect("all=p2 previous=p1", step);
    }
}

#[test]
fn a_signal_lets_a_rotate_that_has_touched_the_directory_come_to_its_end() {
    for step in ["quiesce:SYNC1", "directory", "engine:SYNC1/contoso.test"] {
        let lab = Lab::made();
        let (code, said) = rotate_ended_at(&lab, step, Duration::from_millis(200));
        assert_eq!(code, Some(0), "{step}: {said}");
        lab.expect("all=p2 previous=p1", step);
    }
}

#[test]
fn a_second_signal_stops_a_rotate_before_its_next_request_and_resume_ends_it() {
    let lab = Lab::made();
    let step = "engine:SYNC1/contoso.test";
    lab.order(&format!("slow:{step}"));
    let mut rotate = Service::spawn(lab.command(&["rotate", "--lab", "--all"]));
    wait_until(step, &rotate, || lab.holders()["directory"] == "p2");
    rotate.signal("TERM");
    wait_until("heard", &rotate, || rotate.said().contains("once more stops before the next request"));
    rotate.signal("TERM");
    assert_eq!(rotate.ended(), Some(75), "{}", rotate.said());
    assert!(rotate.said().contains("once more ends the process at once"), "{}", rotate.said());
    assert_eq!(lab.run("resume --lab").code, Some(0));
    lab.expect("all=p2 previous=p1", "two signals");
}
