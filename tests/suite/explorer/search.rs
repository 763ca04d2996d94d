//! The search itself: every decision, every interference, every state once.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use entra_rotator::rotation::{
    Decision, Direction, Event, Mark, Outcome, Plan, Procedure, Progress, Seen, Side, Step, TurnedBy, Why, decide,
};
use jiff::Timestamp;
use providers::port::{FailureClass, Fault, Meaning};

use super::Case;
use super::world::{Natural, Password, World};

/// More steps than this on one path means that a rotation need not end.
const PATH_MAX: usize = 400;
const VIOLATIONS_MAX: usize = 20_000;

/// What is explored: the shipped rules, or a mutant of them.
pub(super) trait Rules {
    fn plan(&self, plan: Plan) -> Plan {
        plan
    }
    /// The event as the rules take it in; `None` = they don't hear of it.
    fn hears(&self, event: Event) -> Event {
        event
    }
    fn decision(&self, _plan: &Plan, _progress: &Progress, decision: Decision) -> Decision {
        decision
    }
    fn turned(&self, _progress: &mut Progress) {}
    /// What a process finds out about its own unfinished step when it starts again; normally nothing.
    fn restarts(&self, _open: &Step) -> Option<Event> {
        None
    }
    /// Whether a look takes a password that is accepted for the one in use; for an hour the one before is accepted too.
    fn believes_a_logon(&self) -> bool {
        false
    }
    /// Whether actions and decisions look before they apply again.
    fn looks(&self) -> bool {
        true
    }
    fn candidate(&self, _tries: u32) -> Password {
        Password::New
    }
}

pub(super) struct Shipped;
impl Rules for Shipped {}

#[derive(Clone)]
struct Node {
    world: World,
    progress: Progress,
    faults: u8,
    may_resume: bool,
    may_roll_back: bool,
    trail: Option<std::rc::Rc<Trail>>,
    depth: usize,
}

struct Trail {
    what: String,
    before: Option<std::rc::Rc<Trail>>,
}

#[derive(Default)]
pub(super) struct Found {
    pub states: usize,
    pub finished: usize,
    pub rolled_back: usize,
    pub held: usize,
    pub held_why: BTreeMap<&'static str, usize>,
    /// By promise broken: how often, and the first way there.
    pub violations: BTreeMap<&'static str, (usize, String)>,
    broken: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} states; endings: {} finished, {} rolled back, {} held {:?}",
            self.states, self.finished, self.rolled_back, self.held, self.held_why
        )
    }
}

pub(super) fn explore(case: &Case, faults: u8, rules: &dyn Rules) -> Found {
    let plan = rules.plan(case.plan.clone());
    let start = Node {
        world: case.world.clone(),
        progress: Progress::new(&plan, Timestamp::UNIX_EPOCH),
        faults,
        may_resume: true,
        may_roll_back: true,
        trail: None,
        depth: 0,
    };
    let mut search =
        Search { plan, rules, faults, visited: HashSet::new(), todo: vec![start], found: Found::default() };
    while let Some(node) = search.todo.pop() {
        if search.found.broken >= VIOLATIONS_MAX {
            break;
        }
        search.visit(node);
    }
    search.found.states = search.visited.len();
    search.found
}

struct Search<'r> {
    plan: Plan,
    rules: &'r dyn Rules,
    faults: u8,
    visited: HashSet<u128>,
    todo: Vec<Node>,
    found: Found,
}

fn fault(meaning: Meaning) -> Fault {
    Fault::new(meaning, "exploring", "injected")
}

/// A person sets a third password. Rolling back over it by order is that person's own doing, and not explored.
fn overtaken(node: &Node) -> Node {
    let mut node = node.clone();
    node.world.person_sets_third();
    node.may_roll_back = false;
    node
}

impl Search<'_> {
    fn visit(&mut self, node: Node) {
        if let Some(what) = node.world.broken_now() {
            return self.violation(what, &node);
        }
        if node.depth > PATH_MAX {
            return self.violation("the rotation need not end", &node);
        }
        // Waiting is passed over: the answer at the end of time is the one after the wait.
        let decision = decide(&self.plan, &node.progress, Timestamp::MAX);
        match self.rules.decision(&self.plan, &node.progress, decision) {
            Decision::Do(step) => self.apply(node, &step),
            Decision::Look(step) => self.look(node, &step),
            Decision::Turn(why) => {
                let mut next = self.next(&node, Event::Turned { by: TurnedBy::Engine, why }, "turn back", 0);
                self.rules.turned(&mut next.progress);
                self.push(next);
            }
            Decision::Wait(_) => self.violation("a wait that does not end", &node),
            Decision::Close(outcome) => self.close(node, outcome),
        }
    }

    fn apply(&mut self, node: Node, step: &Step) {
        let mut seen = node.clone();
        if let Some(side) = seen.world.see_before(step, &node.progress, self.rules.looks()) {
            if side == Side::New {
                seen.world.note_known(step);
            }
            let looked = Event::Looked { step: step.clone(), side, seen: Seen::Nothing };
            let next = self.next(&seen, looked, &format!("{step}: {side:?} seen before"), 0);
            return self.push(next);
        }
        let intent = Event::Intent { step: step.clone(), before: Seen::Nothing };
        let begun = self.next(&seen, intent, &format!("{step}: intent"), 0);
        let candidate = self.rules.candidate(node.progress.mark(step).map_or(0, |mark| mark.tries));

        let mut done = begun.clone();
        let natural = done.world.apply(step, &node.progress, candidate);
        let failed = |meaning| Event::Failed { step: step.clone(), fault: fault(meaning) };
        match natural {
            Natural::Done => {
                // A lost reply or a crash leaves it open whether our write is the last one.
                self.branch(&done, failed(Meaning::Unclear), &format!("{step}: done, reply lost"), 1);
                self.crash(&done, step, "crash after");
                let write =
                    matches!(step, Step::Directory | Step::Seal) && node.progress.direction == Direction::Forward;
                if write {
                    let what = format!("{step}: done, then a person sets a third password, reply lost");
                    self.branch(&overtaken(&done), failed(Meaning::Unclear), &what, 2);
                }
                done.world.note_known(step);
                let event = Event::Done { step: step.clone(), proof: Seen::Nothing };
                self.branch(&done, event.clone(), &format!("{step}: done"), 0);
                if write {
                    self.branch(
                        &overtaken(&done),
                        event,
                        &format!("{step}: done, then a person sets a third password"),
                        1,
                    );
                }
            }
            Natural::Refused => {
                done.world.note_nothing(step);
                self.branch(&done, failed(Meaning::Refused), &format!("{step}: refused by the world"), 0)
            }
            Natural::RefusedLogon | Natural::KeySet => {
                let class =
                    if matches!(natural, Natural::KeySet) { FailureClass::KeySet } else { FailureClass::ServiceLogon };
                let event = Event::Failed { step: step.clone(), fault: fault(Meaning::Refused).of(class) };
                self.branch(&done, event, &format!("{step}: {class:?}"), 0);
            }
            Natural::Foreign => {
                let looked = Event::Looked { step: step.clone(), side: Side::Foreign, seen: Seen::Nothing };
                self.branch(&done, looked, &format!("{step}: foreign seen"), 0);
            }
        }
        for (meaning, what) in
            [(Meaning::Refused, "refused"), (Meaning::Later, "later"), (Meaning::Unclear, "not done, reply lost")]
        {
            let mut failing = begun.clone();
            if meaning != Meaning::Unclear {
                failing.world.note_nothing(step);
            }
            self.branch(&failing, failed(meaning), &format!("{step}: {what}"), 1);
        }
        if matches!(step, Step::Directory | Step::Seal) && node.progress.direction == Direction::Forward {
            let what = format!("{step}: not done, then a person sets a third password, reply lost");
            self.branch(&overtaken(&begun), failed(Meaning::Unclear), &what, 2);
        }
        self.crash(&begun, step, "crash before");
        if matches!(step, Step::Engine { .. } | Step::ServiceLogon { .. }) {
            let mut hollow = begun.clone();
            hollow.world.claim_success(step);
            let event = Event::Done { step: step.clone(), proof: Seen::Nothing };
            self.branch(&hollow, event, &format!("{step}: claims success, stores nothing"), 1);
        }
        let look_failed = Event::LookFailed { step: step.clone(), fault: fault(Meaning::Later) };
        self.branch(&node, look_failed, &format!("{step}: could not see before"), 1);
    }

    fn look(&mut self, mut node: Node, step: &Step) {
        let seen = node.world.look(step, &node.progress);
        let believed = self.rules.believes_a_logon() && seen == Side::Foreign;
        let truth = if believed && node.world.accepts_after_one_set(step, &node.progress) { Side::New } else { seen };
        let looked = |side| Event::Looked { step: step.clone(), side, seen: Seen::Nothing };
        if let Some(lie) = World::lie(step, truth) {
            let mut deceived = node.clone();
            deceived.world.deceived = true;
            match lie {
                Side::New => deceived.world.note_lie(step),
                _ => deceived.world.note_nothing(step),
            }
            self.branch(&deceived, looked(lie), &format!("{step}: a look lies {lie:?}"), 1);
        }
        let failed = Event::LookFailed { step: step.clone(), fault: fault(Meaning::Later) };
        self.branch(&node, failed, &format!("{step}: a look fails"), 1);
        match truth {
            Side::New => node.world.note_known(step),
            Side::Old => node.world.note_nothing(step),
            Side::Foreign | Side::Blind => {}
        }
        self.branch(&node, looked(truth), &format!("{step}: looked {truth:?}"), 0);
    }

    fn close(&mut self, node: Node, outcome: Outcome) {
        if node.progress.ended.is_some() {
            return;
        }
        let world = &node.world;
        let complaint = match &outcome {
            Outcome::Finished if !world.is_all(self.goal()) => Some("finished, and not all new"),
            Outcome::RolledBack if !world.is_all(Password::Old) && !self.is_untouched(world) => {
                Some("rolled back, and not all old")
            }
            _ if world.third_set && !matches!(outcome, Outcome::Held(_)) => Some("a third password went unnoticed"),
            _ if !world.scheduler && !self.release_is_spent(&node.progress, &outcome) => {
                Some("closed with the scheduler off")
            }
            Outcome::Held(why) => self.held_lightly(&node, why),
            _ => None,
        };
        if let Some(complaint) = complaint {
            return self.violation(complaint, &node);
        }
        match outcome {
            Outcome::Finished => self.found.finished += 1,
            Outcome::RolledBack => self.found.rolled_back += 1,
            Outcome::Held(why) => {
                self.found.held += 1;
                *self.found.held_why.entry(why.word()).or_default() += 1;
                self.ways_out(node, why);
            }
        }
    }

    fn goal(&self) -> Password {
        if self.plan.inventory.procedure == Procedure::Rehearsal { Password::Old } else { Password::New }
    }

    /// A repair that was turned back before it touched anything leaves the world as it found it.
    fn is_untouched(&self, world: &World) -> bool {
        self.plan.inventory.repair
            && world.directory == Password::Third
            && world.pending.is_none()
            && world.kept.is_some()
    }

    /// Only a hold may leave the scheduler off, and only when turning it on was tried to the end.
    fn release_is_spent(&self, progress: &Progress, outcome: &Outcome) -> bool {
        let limits = &self.plan.inventory.limits;
        let spent = |mark: &Mark| mark.tries >= limits.tries_max || mark.looks >= limits.looks_max;
        let mut releases =
            progress.route.iter().zip(&progress.marks).filter(|(step, _)| matches!(step, Step::Release { .. }));
        matches!(outcome, Outcome::Held(_)) && releases.all(|(_, mark)| spent(mark))
    }

    /// A person is called only when the rules say so, never for a single mishap that time or another try mends.
    fn held_lightly(&self, node: &Node, why: &Why) -> Option<&'static str> {
        let spent = self.faults - node.faults;
        let justified = match why {
            Why::Foreign { .. } => node.world.third_set || node.world.deceived,
            // A definite no to a proof is not asked for again: it would cost lockout budget.
            Why::BudgetSpent { step: Step::Prove { .. } } => spent >= 1,
            Why::NotSeen { .. } | Why::BudgetSpent { .. } => spent >= 3 || node.world.deceived || !node.may_resume,
            Why::RollbackFailed { .. } => spent >= 2,
            Why::ForwardOnly { .. } => spent >= 1 && self.plan.committed(|step| node.progress.touched(step)),
            Why::KeySet { .. } => spent >= 1,
            Why::KeyLost { .. } => spent >= 1 && self.plan.inventory.procedure == Procedure::ServiceKeyLost,
            Why::JournalBehind { .. } => false,
        };
        (!justified).then_some("held without need")
    }

    /// The ways out of a hold: `resume`, once, and `rollback`, once, where it is allowed.
    fn ways_out(&mut self, node: Node, why: Why) {
        let held = self.next(&node, Event::Held { why }, "held", 0);
        if held.may_resume {
            let mut next = self.next(&held, Event::Resumed { by: "operator".into() }, "resume", 0);
            next.may_resume = false;
            self.push(next);
        }
        let progress = &held.progress;
        let committed = self.plan.committed(|step| progress.touched(step));
        let allowed = !progress.pivot_passed && progress.direction == Direction::Forward && !committed;
        if held.may_roll_back && allowed {
            let event = Event::Turned { by: TurnedBy::Operator, why: "operator".into() };
            let mut next = self.next(&held, event, "rollback", 0);
            next.may_roll_back = false;
            self.push(next);
        }
    }

    fn crash(&mut self, node: &Node, step: &Step, what: &str) {
        if node.faults == 0 {
            return;
        }
        let mut next = node.clone();
        next.faults -= 1;
        next.depth += 1;
        next.trail = Some(std::rc::Rc::new(Trail { what: format!("{step}: {what}"), before: node.trail.clone() }));
        if let Some(event) = self.rules.restarts(step) {
            next.progress.apply(&self.plan, Timestamp::UNIX_EPOCH, &event);
        }
        self.push(next);
    }

    fn branch(&mut self, node: &Node, event: Event, what: &str, cost: u8) {
        if node.faults >= cost {
            let next = self.next(node, event, what, cost);
            self.push(next);
        }
    }

    fn next(&self, node: &Node, event: Event, what: &str, cost: u8) -> Node {
        let mut next = node.clone();
        next.progress.apply(&self.plan, Timestamp::UNIX_EPOCH, &self.rules.hears(event));
        next.faults -= cost;
        next.depth += 1;
        next.trail = Some(std::rc::Rc::new(Trail { what: what.to_owned(), before: node.trail.clone() }));
        next
    }

    fn push(&mut self, node: Node) {
        if self.visited.insert(key(&node)) {
            self.todo.push(node);
        }
    }

    fn violation(&mut self, what: &'static str, node: &Node) {
        let mut trail = Vec::new();
        let mut at = node.trail.clone();
        while let Some(link) = at {
            trail.push(link.what.clone());
            at = link.before.clone();
        }
        trail.reverse();
        let way = || (0, format!("{}\n{:?}", trail.join("\n"), node.world));
        self.found.violations.entry(what).or_insert_with(way).0 += 1;
        self.found.broken += 1;
    }
}

/// Everything but the trail and the depth, as 128 bits: two states of the millions collide with a chance
/// of about 10^-25.
fn key(node: &Node) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        node.world.hash(&mut hasher);
        let progress = &node.progress;
        (progress.direction, progress.route.len(), &progress.marks, progress.pivot_passed, &progress.held)
            .hash(&mut hasher);
        (progress.turned_by, &progress.ended).hash(&mut hasher);
        (node.faults, node.may_resume, node.may_roll_back).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
