//! Named mutants of the rules. Each is a plausible mistake; the explorer must catch every one, or it proves
//! nothing about the shipped rules either.

use entra_rotator::rotation::{
    Decision, Event, Method, OldPassword, Outcome, Plan, Procedure, Progress, Side, Standing, Step, Why,
};
use providers::port::{Fault, Meaning, QuiesceMode};

use super::search::{Rules, explore};
use super::world::Password;
use super::{Case, one_server};

fn refused(step: Step) -> Event {
    Event::Failed { step, fault: Fault::new(Meaning::Refused, "mutant", "an error means that it was not done") }
}

struct ErrorMeansNotDone;
impl Rules for ErrorMeansNotDone {
    fn hears(&self, event: Event) -> Event {
        match event {
            Event::Failed { step, .. } => refused(step),
            other => other,
        }
    }
    fn restarts(&self, open: &Step) -> Option<Event> {
        Some(refused(open.clone()))
    }
}

struct NoLookBeforeApplyingAgain;
impl Rules for NoLookBeforeApplyingAgain {
    fn looks(&self) -> bool {
        false
    }
    fn decision(&self, _: &Plan, _: &Progress, decision: Decision) -> Decision {
        match decision {
            Decision::Look(step) => Decision::Do(step),
            other => other,
        }
    }
}

struct PromoteBeforeProof;
impl Rules for PromoteBeforeProof {
    fn plan(&self, mut plan: Plan) -> Plan {
        let promote = plan.steps.iter().position(|step| *step == Step::Promote).expect("promote");
        let step = plan.steps.remove(promote);
        plan.steps.insert(plan.pivot, step);
        plan.pivot += 1;
        plan
    }
}

struct NewCandidateOnRetry;
impl Rules for NewCandidateOnRetry {
    fn candidate(&self, tries: u32) -> Password {
        if tries == 0 { Password::New } else { Password::Stray }
    }
}

struct HeldWithoutRelease;
impl Rules for HeldWithoutRelease {
    fn decision(&self, _: &Plan, progress: &Progress, decision: Decision) -> Decision {
        let unfinished = |step: &Step| {
            let before = progress.route.iter().zip(&progress.marks).take_while(|(on_route, _)| *on_route != step);
            before.into_iter().find(|(_, mark)| mark.standing != Standing::Done).map(|(step, _)| step.clone())
        };
        match &decision {
            Decision::Do(step @ Step::Release { .. }) => match unfinished(step) {
                Some(step) => Decision::Close(Outcome::Held(Why::Foreign { step })),
                None => decision,
            },
            _ => decision,
        }
    }
}

struct UndoInReverseOrder;
impl Rules for UndoInReverseOrder {
    fn turned(&self, progress: &mut Progress) {
        let mut steps = progress.route.to_vec();
        let undo = steps.iter().take_while(|step| !matches!(step, Step::Prove { .. } | Step::Discard)).count();
        let after_directory = |step: &&Step| !matches!(step, Step::Engine { .. } | Step::Restart { .. });
        let late: Vec<Step> = steps[..undo].iter().filter(after_directory).cloned().collect();
        let early: Vec<Step> = steps[..undo].iter().filter(|step| !after_directory(step)).cloned().collect();
        steps.splice(..undo, early.into_iter().chain(late));
        progress.route = steps.into();
    }
}

struct BlindTreatedAsOld;
impl Rules for BlindTreatedAsOld {
    fn hears(&self, event: Event) -> Event {
        match event {
            Event::Looked { step, side: Side::Blind, seen } => Event::Looked { step, side: Side::Old, seen },
            other => other,
        }
    }
}

fn caught(name: &str, rules: &dyn Rules, expected: &str) {
    let case: Case = one_server("mutant", OldPassword::Known, QuiesceMode::Disable);
    caught_in(&case, name, rules, expected);
}

fn caught_in(case: &Case, name: &str, rules: &dyn Rules, expected: &str) {
    // Those of a service account are caught by one fault; its plan has more steps.
    let faults = if case.plan.steps.len() > 12 { 2 } else { 4 };
    let found = explore(case, faults, rules);
    let promises: Vec<_> =
        found.violations.iter().map(|(promise, (times, _))| format!("{promise} ({times})")).collect();
    println!("mutant `{name}` breaks: {}", promises.join("; "));
    assert!(
        found.violations.contains_key(expected),
        "`{name}` was not caught as `{expected}`, but: {promises:?}, {found}"
    );
}

struct BelievesALogon;
impl Rules for BelievesALogon {
    fn believes_a_logon(&self) -> bool {
        true
    }
}

struct SealAfterTheRestart;
impl Rules for SealAfterTheRestart {
    fn plan(&self, mut plan: Plan) -> Plan {
        let place = |plan: &Plan, step: &Step| plan.steps.iter().position(|planned| planned == step);
        let seal = place(&plan, &Step::Seal).expect("a seal");
        let step = plan.steps.remove(seal);
        let restart = plan.steps.iter().position(|step| matches!(step, Step::Restart { .. })).expect("a restart");
        plan.steps.insert(restart + 1, step);
        plan
    }
}

/// The first design sealed a service account after its restart, as a connector's. The service manager may report
/// success and keep the old password, and within the hour the restart succeeds with that.
#[test]
fn a_service_account_sealed_after_its_restart() {
    let servers = vec![super::server("S1", false, &["c1"])];
    let case = super::of("mutant", Procedure::Service, Method::Reset, servers);
    caught_in(&case, "sealed after the restart", &SealAfterTheRestart, "finished, and not all new");
}

#[test]
fn a_logon_is_believed() {
    caught("a logon is believed", &BelievesALogon, "finished, and not all new");
}

#[test]
fn an_error_means_not_done() {
    caught("an error means not done", &ErrorMeansNotDone, "rolled back, and not all old");
}

#[test]
fn no_look_before_applying_again() {
    let expected = "a password that a person set was overwritten";
    caught("no look before applying again", &NoLookBeforeApplyingAgain, expected);
}

#[test]
fn promote_before_proof() {
    caught("promote before proof", &PromoteBeforeProof, "the live password is not in the vault");
}

#[test]
fn a_new_candidate_on_retry() {
    caught("a new candidate on retry", &NewCandidateOnRetry, "the live password is not in the vault");
}

#[test]
fn held_without_release() {
    caught("held without release", &HeldWithoutRelease, "closed with the scheduler off");
}

#[test]
fn undo_in_reverse_order() {
    caught(
        "undo in reverse order",
        &UndoInReverseOrder,
        "the active engine runs with a password that the directory refuses",
    );
}

#[test]
fn blind_treated_as_old() {
    caught("blind treated as old", &BlindTreatedAsOld, "rolled back, and not all old");
}

#[test]
fn the_mutants_change_only_what_they_name() {
    // Without a fault every mutant but one behaves like the shipped rules: the faults are what tells them apart.
    let case = one_server("mutant", OldPassword::Known, QuiesceMode::Disable);
    let rules: [&dyn Rules; 6] = [
        &ErrorMeansNotDone,
        &NoLookBeforeApplyingAgain,
        &NewCandidateOnRetry,
        &HeldWithoutRelease,
        &UndoInReverseOrder,
        &BlindTreatedAsOld,
    ];
    for mutant in rules {
        let found = explore(&case, 0, mutant);
        assert_eq!((found.finished, found.violations.len()), (1, 0), "{found}");
    }
}
