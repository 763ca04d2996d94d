use jiff::{SignedDuration, Timestamp};
use providers::port::FailureClass;

use super::{Direction, Mark, Outcome, Plan, Procedure, Progress, Standing, Step, Why};

/// The one next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Write the intent, then apply the step.
    Do(Step),
    /// Look whether the step took effect; never infer it.
    Look(Step),
    /// Nothing before this time.
    Wait(Timestamp),
    /// Turn back: from here on the old password is the target. Says why.
    Turn(String),
    /// Nothing more happens by itself.
    Close(Outcome),
}

/// What comes next. Total and pure: every log of every plan has exactly one answer, and repeating the
/// question gives the same one.
///
/// Rules, in the order in which they are tried:
/// - a closed or held rotation stays so;
/// - the first step of the route that is not done is the one at hand;
/// - after an unclear end it is looked at before it is applied again, or simply repeated where a look can't
///   tell anything;
/// - a step whose budget is spent turns the rotation back, where that is still possible, else holds it;
/// - before a rotation is held, what was paused is released.
pub fn decide(plan: &Plan, progress: &Progress, now: Timestamp) -> Decision {
    if let Some(outcome) = &progress.ended {
        return Decision::Close(outcome.clone());
    }
    if let Some(why) = &progress.held {
        return Decision::Close(Outcome::Held(why.clone()));
    }
    let Some(index) = progress.marks.iter().position(|mark| mark.standing != Standing::Done) else {
        return Decision::Close(match progress.direction {
            Direction::Forward => Outcome::Finished,
            Direction::Back => Outcome::RolledBack,
        });
    };
    match advance(plan, progress, index, now) {
        Next::Go(decision) => decision,
        Next::Exhausted => exhausted(plan, progress, &progress.route[index], now),
        Next::Stop(why) => hold(plan, progress, why, now),
    }
}

enum Next {
    Go(Decision),
    Exhausted,
    Stop(Why),
}

fn advance(plan: &Plan, progress: &Progress, index: usize, now: Timestamp) -> Next {
    let (step, mark) = (&progress.route[index], &progress.marks[index]);
    let limits = &plan.inventory.limits;
    let tries_max = match step {
        Step::Converge { .. } => limits.converge_tries_max,
        _ if step.waits_for_the_world() => limits.waits_max,
        _ => limits.tries_max,
    };
    if mark.looks >= limits.looks_max {
        return if mark.touched { Next::Stop(Why::NotSeen { step: step.clone() }) } else { Next::Exhausted };
    }
    // A failed look, whether before the step or after it, is no answer: wait and look again.
    if let Some(until) = pause(plan, progress, mark.looks, now) {
        return Next::Go(Decision::Wait(until));
    }
    match mark.standing {
        Standing::Foreign => Next::Stop(Why::Foreign { step: step.clone() }),
        Standing::Failed => Next::Exhausted,
        Standing::Fresh => Next::Go(Decision::Do(step.clone())),
        Standing::Open | Standing::Unsure if step.can_be_looked_at() => Next::Go(Decision::Look(step.clone())),
        Standing::Open | Standing::Unsure | Standing::Undone | Standing::Blind => {
            if mark.tries >= tries_max {
                return Next::Exhausted;
            }
            match pause(plan, progress, pauses(mark), now) {
                Some(until) => Next::Go(Decision::Wait(until)),
                None => Next::Go(Decision::Do(step.clone())),
            }
        }
        // The caller asks only for steps that are not done.
        Standing::Done => Next::Exhausted,
    }
}

/// A process that died does not make the next one wait.
fn pauses(mark: &Mark) -> u32 {
    if mark.standing == Standing::Open { 0 } else { mark.tries }
}

fn pause(plan: &Plan, progress: &Progress, failures: u32, now: Timestamp) -> Option<Timestamp> {
    if failures == 0 {
        return None;
    }
    let length = plan.inventory.limits.asked_pause_ms(failures, progress.asked_s);
    let since = progress.last_at;
    let until = since.checked_add(SignedDuration::from_millis(length as i64)).unwrap_or(since);
    (now < until).then_some(until)
}

fn exhausted(plan: &Plan, progress: &Progress, step: &Step, now: Timestamp) -> Decision {
    let key_set = progress.mark(step).is_some_and(|mark| mark.class == Some(FailureClass::KeySet));
    let forward = progress.direction == Direction::Forward;
    let committed = forward && plan.committed(|step| progress.touched(step));
    let step = step.clone();
    let why = if forward && !committed && !progress.pivot_passed {
        return Decision::Turn(format!("{step} failed"));
    } else if committed && plan.inventory.procedure == Procedure::ServiceKeyLost {
        Why::KeyLost { step }
    } else if key_set {
        Why::KeySet { step }
    } else if !forward {
        Why::RollbackFailed { step }
    } else if progress.pivot_passed {
        Why::BudgetSpent { step }
    } else {
        Why::ForwardOnly { step }
    };
    hold(plan, progress, why, now)
}

/// Nothing that we paused stays paused because a person is needed: Release first, within its own budget.
fn hold(plan: &Plan, progress: &Progress, why: Why, now: Timestamp) -> Decision {
    // A service that we stopped goes on too, as long as its key was not destroyed.
    let stopped = |step: &Step| matches!(step, Step::Stop { .. }) && progress.touched(step);
    let start = progress.route.iter().position(|step| matches!(step, Step::Start { .. }));
    if let Some(index) = start.filter(|index| progress.marks[*index].standing != Standing::Done)
        && progress.direction == Direction::Forward
        && progress.route.iter().any(stopped)
        && !plan.committed(|step| progress.touched(step))
        && let Next::Go(decision) = advance(plan, progress, index, now)
    {
        return decision;
    }
    let release = progress.route.iter().position(|step| matches!(step, Step::Release { .. }));
    let paused = |step: &Step| matches!(step, Step::Quiesce { .. }) && progress.touched(step);
    let owed = progress.direction == Direction::Back || progress.route.iter().any(paused);
    if let Some(index) = release.filter(|index| owed && progress.marks[*index].standing != Standing::Done)
        && let Next::Go(decision) = advance(plan, progress, index, now)
    {
        return decision;
    }
    Decision::Close(Outcome::Held(why))
}

#[cfg(test)]
mod tests {
    use providers::port::{Fault, Fingerprint, QuiesceMode};

    use super::*;
    use crate::rotation::{EngineMethod, Event, Inventory, Limits, Method, OldPassword, Seen, Side, plan};

    fn of_one_account() -> Plan {
        plan(Inventory {
            account: "own".into(),
            procedure: Procedure::Own,
            vault_name: "own".into(),
            dn: "CN=own".into(),
            fingerprint: Fingerprint { dc: "dc1".into(), key_version: 1, password_last_set: 1, dc_time: 1 },
            old: OldPassword::Known,
            method: Method::Change,
            engine_method: EngineMethod::default(),
            servers: Vec::new(),
            quiesce: QuiesceMode::Disable,
            scheduler_owed: None,
            owed_by_repaired: None,
            repair: false,
            repairs: Vec::new(),
            takes_over: Vec::new(),
            entra_administrator: None,
            length: 32,
            forbidden_names: Vec::new(),
            credentials: Vec::new(),
            limits: Limits::default(),
        })
        .unwrap()
    }

    /// What a lost reply said of the next try holds after the look that it needs, and until that try.
    #[test]
    fn a_wait_that_was_asked_for_outlives_the_look() {
        let (plan, at) = (of_one_account(), Timestamp::UNIX_EPOCH);
        let later = |seconds| at + SignedDuration::from_secs(seconds);
        let fault = |retry: Option<u32>| Fault::unclear("staging", "503").retry_after_s(retry);
        let (step, blank) = (Step::Stage, Seen::Nothing);
        let intent = Event::Intent { step: step.clone(), before: blank.clone() };
        let failed = |retry| Event::Failed { step: step.clone(), fault: fault(retry) };
        let look_failed = |retry| Event::LookFailed { step: step.clone(), fault: fault(retry) };
        let looked = |side| Event::Looked { step: step.clone(), side, seen: blank.clone() };

        for side in [Side::Old, Side::Blind] {
            let mut progress = Progress::new(&plan, at);
            for event in [&intent, &failed(Some(60))] {
                progress.apply(&plan, at, event);
            }
            assert_eq!(decide(&plan, &progress, at), Decision::Look(step.clone()));
            progress.apply(&plan, later(1), &look_failed(Some(5)));
            progress.apply(&plan, later(2), &looked(side));
            assert_eq!(decide(&plan, &progress, later(3)), Decision::Wait(later(62)), "{side:?}");
            assert_eq!(decide(&plan, &progress, later(62)), Decision::Do(step.clone()));
            // The next try has an answer of its own.
            progress.apply(&plan, later(62), &intent);
            progress.apply(&plan, later(62), &failed(None));
            progress.apply(&plan, later(62), &looked(side));
            assert_eq!(decide(&plan, &progress, later(63)), Decision::Do(step.clone()), "{side:?}");
        }
        // The larger of both; and nothing of it is left for the next step.
        let mut progress = Progress::new(&plan, at);
        for event in [&intent, &failed(Some(5)), &look_failed(Some(60)), &looked(Side::Old)] {
            progress.apply(&plan, at, event);
        }
        assert_eq!(progress.asked_s, 60);
        progress.apply(&plan, at, &looked(Side::New));
        assert_eq!(progress.asked_s, 0);
    }
}
