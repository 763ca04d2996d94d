use std::sync::Arc;

use jiff::Timestamp;
use providers::port::{FailureClass, Fault, Meaning};

use super::{Change, Event, LateProof, Outcome, Plan, Side, Step, TurnedBy, Why};

/// Which password is the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The new one.
    Forward,
    /// The old one.
    Back,
}

/// What is known of one step in the current direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Not begun.
    Fresh,
    /// The intent is written and nothing after it: the process died in between, or dies now.
    Open,
    /// The call ended without a clear answer, or the step must be looked at anew.
    Unsure,
    /// Surely without effect, worth another try.
    Undone,
    /// Surely without effect, and no other try will change that.
    Failed,
    /// It was looked at and can't be seen: apply again, with the same secret.
    Blind,
    /// Somebody else's doing is seen.
    Foreign,
    /// In effect.
    Done,
}

/// The memory of one step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// What is known.
    pub standing: Standing,
    /// Applications so far.
    pub tries: u32,
    /// Failed looks in a row.
    pub looks: u32,
    /// Whether any application may have taken effect.
    pub touched: bool,
    /// What kind of failure the last application ended with, where that is known.
    pub class: Option<FailureClass>,
    touched_before_intent: bool,
}

impl Mark {
    const FRESH: Self = Self {
        standing: Standing::Fresh,
        tries: 0,
        looks: 0,
        touched: false,
        class: None,
        touched_before_intent: false,
    };

    /// Another chance, with fresh budgets.
    fn anew(&mut self, standing: Standing) {
        self.standing = standing;
        self.tries = 0;
        self.looks = 0;
    }
}

/// The fold of a rotation's events over its plan: all that [`super::decide()`] needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Forward or back.
    pub direction: Direction,
    /// The steps of the current direction, in order.
    pub route: Arc<[Step]>,
    /// One mark for each step of the route.
    pub marks: Vec<Mark>,
    /// Whether the active server was proven with the new password: there is no way back from then on.
    pub pivot_passed: bool,
    /// Set when the rotation is held.
    pub held: Option<Why>,
    /// Set when nothing more can happen.
    pub ended: Option<Outcome>,
    /// Whether a repair closed it.
    pub superseded: bool,
    /// When the last event happened; waits count from here.
    pub last_at: Timestamp,
    /// How long the other side asked us to wait before the next try, in seconds; 0 = it did not.
    pub asked_s: u32,
    /// Whether the late proof was good; `None` = it was not made.
    pub late_proof: Option<bool>,
    /// Who turned it back.
    pub turned_by: Option<TurnedBy>,
}

impl Progress {
    /// Nothing has happened yet.
    pub fn new(plan: &Plan, now: Timestamp) -> Self {
        Self {
            direction: Direction::Forward,
            route: plan.steps.as_slice().into(),
            marks: vec![Mark::FRESH; plan.steps.len()],
            pivot_passed: false,
            held: None,
            ended: None,
            superseded: false,
            last_at: now,
            asked_s: 0,
            late_proof: None,
            turned_by: None,
        }
    }

    /// The fold of a whole log. `None` when it does not begin with [`Event::Begun`].
    pub fn of<'a>(mut log: impl Iterator<Item = (Timestamp, &'a Event)>) -> Option<(&'a Plan, Self)> {
        let (at, Event::Begun { plan, .. }) = log.next()? else {
            return None;
        };
        let mut progress = Self::new(plan, at);
        for (at, event) in log {
            progress.apply(plan, at, event);
        }
        Some((plan, progress))
    }

    /// Takes one event in. Total: an event about a step that is not on the route changes nothing.
    pub fn apply(&mut self, plan: &Plan, at: Timestamp, event: &Event) {
        self.last_at = at;
        self.asked_s = match event {
            Event::Failed { fault, .. } | Event::LookFailed { fault, .. } => {
                self.asked_s.max(fault.retry_after_s.unwrap_or_default())
            }
            // The look answers what became of the last try; the next one is still to come, and waits.
            Event::Looked { side: Side::Old | Side::Blind, .. } => self.asked_s,
            _ => 0,
        };
        match event {
            Event::Begun { .. } | Event::Claimed { .. } => {}
            Event::Intent { step, .. } => self.with(step, |mark| {
                mark.standing = Standing::Open;
                mark.tries += 1;
                mark.class = None;
                mark.touched_before_intent = mark.touched;
                mark.touched = true;
            }),
            Event::Done { step, .. } => {
                self.with(step, |mark| mark.standing = Standing::Done);
                self.notice_pivot(plan);
            }
            Event::Failed { step, fault } => self.failed(plan, step, fault),
            Event::Looked { step, side, .. } => {
                self.looked(step, *side);
                self.notice_pivot(plan);
            }
            Event::LookFailed { step, .. } => self.with(step, |mark| mark.looks += 1),
            Event::Turned { by, .. } => self.turn(plan, *by),
            Event::Resumed { .. } => self.resume(),
            Event::Held { why } => self.held = Some(why.clone()),
            Event::Finished => self.ended = Some(Outcome::Finished),
            Event::RolledBack => self.ended = Some(Outcome::RolledBack),
            Event::LateProof { outcome } => self.late_proof = Some(matches!(outcome, LateProof::Proven { .. })),
            Event::Superseded { .. } => self.superseded = true,
        }
    }

    /// Whether the step of the current route may have taken effect.
    pub fn touched(&self, step: &Step) -> bool {
        self.mark(step).is_some_and(|mark| mark.touched)
    }

    /// The mark of a step of the current route.
    pub fn mark(&self, step: &Step) -> Option<&Mark> {
        let index = self.route.iter().position(|on_route| on_route == step)?;
        self.marks.get(index)
    }

    /// Whether nothing more happens to this rotation, by itself or by a person.
    pub fn is_closed(&self) -> bool {
        self.ended.is_some() || self.superseded
    }

    fn with(&mut self, step: &Step, change: impl FnOnce(&mut Mark)) {
        if let Some(index) = self.route.iter().position(|on_route| on_route == step) {
            change(&mut self.marks[index]);
        }
    }

    fn failed(&mut self, plan: &Plan, step: &Step, fault: &Fault) {
        let meaning = fault.meaning;
        // A start whose logon was refused costs lockout budget, and a key set that can't be opened stays so. What a
        // person at the terminal says no to is not asked again.
        let settled = matches!(
            fault.class,
            Some(FailureClass::ServiceLogon | FailureClass::ServiceLogonRight | FailureClass::KeySet)
        );
        let asked = matches!(step, Step::Engine { .. }) && plan.inventory.attended();
        let final_refusal = step.refusal_is_final() || settled || asked;
        self.with(step, |mark| {
            mark.class = fault.class;
            // A fault before any intent (the journal could not take it, the world could not be seen) leaves
            // the mark's history as it is.
            let untouched = mark.standing == Standing::Open;
            match meaning {
                Meaning::Unclear => mark.standing = Standing::Unsure,
                Meaning::Refused if !final_refusal => mark.standing = Standing::Undone,
                Meaning::Later => mark.standing = Standing::Undone,
                Meaning::Refused | Meaning::Broken => mark.standing = Standing::Failed,
            }
            if meaning != Meaning::Unclear && untouched {
                mark.touched = mark.touched_before_intent;
            }
        });
    }

    fn looked(&mut self, step: &Step, side: Side) {
        let local = step.look_is_local();
        self.with(step, |mark| {
            mark.looks = 0;
            mark.standing = match side {
                Side::Old => Standing::Undone,
                Side::New => Standing::Done,
                Side::Foreign => Standing::Foreign,
                Side::Blind => Standing::Blind,
            };
            match side {
                // A directory or a vault may answer from a replica that lags, so "no effect" there does not
                // unsay that there may have been one: the way back then covers the step all the same. A local
                // look speaks of the last application only, not of those before it.
                Side::Old if local => mark.touched = mark.touched_before_intent,
                Side::New => mark.touched = true,
                _ => {}
            }
        });
    }

    fn notice_pivot(&mut self, plan: &Plan) {
        self.pivot_passed |= self.direction == Direction::Forward
            && self.marks[..=plan.pivot].iter().all(|mark| mark.standing == Standing::Done);
    }

    fn turn(&mut self, plan: &Plan, by: TurnedBy) {
        if self.direction == Direction::Back {
            return;
        }
        self.route = plan.way_back(|step| self.touched(step)).into();
        self.marks = vec![Mark::FRESH; self.route.len()];
        self.direction = Direction::Back;
        self.held = None;
        self.turned_by = Some(by);
    }

    /// Every step that was done is looked at anew, those without a look are repeated, budgets start afresh.
    /// Of the two directory writes only the last one shows in the metadata. A restart is repeated: the engine
    /// step before it is, and the service started anew before that may run with another password.
    fn resume(&mut self) {
        self.held = None;
        let (sealing, reset) = (self.touched(&Step::Seal), self.touched(&Step::Directory));
        let sealed = self.mark(&Step::Seal).is_some_and(|mark| mark.standing == Standing::Done);
        for (step, mark) in self.route.iter().zip(&mut self.marks) {
            let standing = match mark.standing {
                Standing::Fresh => Standing::Fresh,
                _ if matches!(step, Step::Restart { .. }) => Standing::Fresh,
                Standing::Done => match step {
                    Step::Baseline { .. } | Step::AbandonKey { .. } => Standing::Done,
                    // A hold before the reset started the service again.
                    Step::Stop { .. } if reset => Standing::Done,
                    Step::Directory if sealing => Standing::Done,
                    // While it is open which reset is the last one, there is none to wait for.
                    Step::Converge { change: Change::Directory, .. } if sealing && !sealed => Standing::Done,
                    _ if step.can_be_looked_at() => Standing::Unsure,
                    _ => Standing::Fresh,
                },
                _ if step.can_be_looked_at() && mark.touched => Standing::Unsure,
                _ => Standing::Fresh,
            };
            mark.anew(standing);
        }
    }
}
