//! One rotation, folded from its entries up to the period's end.

use jiff::Timestamp;
use providers::port::{Fingerprint, ProofFacts, Slot};

use super::{
    ApprovalFacts, At, Length, Period, Places, Print, Proof, RotationFacts, StepFacts, Text, TriggerFacts, VaultFacts,
};
use crate::journal::Entry;
use crate::rotation::{Approval, Event, LateProof, Plan, Procedure, Seen, Side, Step, Trigger, TurnedBy};

/// What is counted of a rotation, and what is shown of it.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) rotation: Text,
    pub(super) account: Text,
    /// Positions of its first and of its last entry.
    pub(super) first: i64,
    pub(super) last: i64,
    /// `None` = it ended before the period: of those there may be many, so little of each is kept.
    pub(super) facts: Option<Box<RotationFacts>>,
    /// Whether it was begun without the approval that it needed.
    pub(super) unapproved: bool,
    /// Whether the directory was seen with a password that it set.
    pub(super) touched: bool,
    /// Whether its procedure changes a password.
    pub(super) changes: bool,
    pub(super) began: Timestamp,
    pub(super) ended: Option<(Timestamp, Ended)>,
    /// When it was held; each time.
    pub(super) holds: Vec<Timestamp>,
    pub(super) held: bool,
    /// When the engine turned it back.
    pub(super) turned: Option<Timestamp>,
    pub(super) late: Vec<(Timestamp, bool)>,
    /// When the password was set that it proved, where it finished.
    pub(super) set_at: Option<Timestamp>,
    /// When the password was set that it found in use.
    pub(super) found_set_at: Option<Timestamp>,
}

/// How a rotation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Finished,
    Failed,
    RolledBackByOrder,
    Repaired,
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::RolledBackByOrder => "rolled-back-by-order",
            Self::Repaired => "repaired",
        }
    }
}

impl Past {
    /// `None` where it began after the period.
    pub(super) fn of(entries: &[Entry], period: &Period) -> Option<Self> {
        let mut counted = entries.iter().filter(|entry| period.reaches(entry.at));
        let first = counted.next()?;
        let Event::Begun { plan, initiator, reason, ticket, trigger, approved, without_approval } = &first.event else {
            return None;
        };
        let mut folding = Folding::new(plan);
        let (mut last, mut count, mut in_period) = (first, 1, period.has(first.at));
        for entry in counted {
            folding.take(entry);
            (last, count, in_period) = (entry, count + 1, in_period || period.has(entry.at));
        }
        let inventory = &plan.inventory;
        let outcome = folding.ended.map_or(if folding.held { "held" } else { "open" }, |(_, ended)| ended.word());
        let facts = RotationFacts {
            rotation: Text::of(&first.rotation),
            account: Text::of(&inventory.account),
            name: Text::of(&inventory.dn),
            procedure: word_of(inventory.procedure),
            repair: inventory.repair,
            outcome,
            outcome_why: folding.why(),
            trigger: trigger_facts(trigger),
            reason: Text::of(reason),
            ticket: Text::of(ticket),
            initiator: Text::of(initiator),
            approved: approved.as_deref().map(approval_facts),
            without_approval: without_approval.as_ref().map(Text::of),
            began: At(first.at),
            ended: folding.ended.map(|(at, _)| At(at)),
            length: folding.ended.map(|(at, _)| Length::between(first.at, at)),
            late_proof: folding.late.last().map(|(_, good)| if *good { "good" } else { "failed" }),
            before: inventory.has_metadata().then(|| print(&inventory.fingerprint)),
            due_at: None,
            entries: Places { first: first.position, last: last.position, count, last_hash: last.hash.clone() },
            steps: folding.steps,
            proofs: folding.proofs,
            vault: folding.vault,
            after: folding.after,
        };
        let shown = folding.ended.is_none() || in_period;
        let finished = matches!(folding.ended, Some((_, Ended::Finished)));
        let changes = !matches!(inventory.procedure, Procedure::Rehearsal | Procedure::Adoption);
        Some(Self {
            rotation: facts.rotation.clone(),
            account: facts.account.clone(),
            first: facts.entries.first,
            last: facts.entries.last,
            unapproved: facts.without_approval.is_some(),
            touched: facts.after.is_some(),
            facts: shown.then(|| Box::new(facts)),
            changes,
            began: first.at,
            ended: folding.ended,
            holds: folding.holds,
            held: folding.held,
            turned: folding.turned,
            late: folding.late,
            set_at: (finished && changes).then(|| folding.set_at.unwrap_or(first.at)),
            found_set_at: inventory.fingerprint.password_last_set_at(),
        })
    }
}

struct Folding {
    steps: Vec<StepFacts>,
    back: bool,
    held: bool,
    held_why: String,
    turned_by: Option<TurnedBy>,
    turned_why: String,
    turned: Option<Timestamp>,
    last_fault: String,
    closed_by: Option<String>,
    ended: Option<(Timestamp, Ended)>,
    holds: Vec<Timestamp>,
    late: Vec<(Timestamp, bool)>,
    proofs: Vec<Proof>,
    vault: Option<VaultFacts>,
    after: Option<Print>,
    /// The last intent to set the password, until it shows that it took effect: the earliest time it can have been set.
    setting: Option<Timestamp>,
    set_at: Option<Timestamp>,
}

impl Folding {
    fn new(plan: &Plan) -> Self {
        Self {
            steps: plan.steps.iter().map(|step| not_begun(step, false)).collect(),
            back: false,
            held: false,
            held_why: String::new(),
            turned_by: None,
            turned_why: String::new(),
            turned: None,
            last_fault: String::new(),
            closed_by: None,
            ended: None,
            holds: Vec::new(),
            late: Vec::new(),
            proofs: Vec::new(),
            vault: None,
            after: None,
            setting: None,
            set_at: None,
        }
    }

    fn take(&mut self, entry: &Entry) {
        let at = entry.at;
        match &entry.event {
            Event::Begun { .. } | Event::Claimed { .. } => {}
            Event::Intent { step, .. } => {
                self.step(step, at, "open").tries += 1;
                if self.sets(step) {
                    self.setting = Some(at);
                }
            }
            Event::Done { step, proof } => {
                self.step(step, at, "done");
                self.effect(step, at, proof);
            }
            Event::Looked { step, side, seen } => {
                let result = match side {
                    Side::Old => "no-effect",
                    Side::New => "done-seen",
                    Side::Foreign => "foreign",
                    Side::Blind => "not-seen",
                };
                self.step(step, at, result);
                if *side == Side::New {
                    self.effect(step, at, seen);
                }
            }
            Event::Failed { step, fault } => {
                self.last_fault = fault.to_string();
                self.step(step, at, "failed").fault = Some(Text::of(fault));
            }
            Event::LookFailed { step, fault } => {
                self.last_fault = fault.to_string();
                self.step(step, at, "not-seen").fault = Some(Text::of(fault));
            }
            Event::Turned { by, why } => {
                self.held = false;
                if !self.back {
                    self.back = true;
                    self.turned_by = Some(*by);
                    self.turned = (*by == TurnedBy::Engine).then_some(at);
                    let fault =
                        if self.last_fault.is_empty() { String::new() } else { format!(": {}", self.last_fault) };
                    self.turned_why = format!("{why}{fault}");
                }
            }
            Event::Resumed { .. } => self.held = false,
            Event::Held { why } => {
                self.held = true;
                self.held_why = why.to_string();
                self.holds.push(at);
            }
            Event::Finished => self.end(at, Ended::Finished),
            Event::RolledBack if self.turned_by == Some(TurnedBy::Operator) => self.end(at, Ended::RolledBackByOrder),
            Event::RolledBack => self.end(at, Ended::Failed),
            Event::LateProof { outcome } => self.late(at, outcome),
            Event::Superseded { by } => {
                self.closed_by = Some(by.clone());
                self.end(at, Ended::Repaired);
            }
        }
    }

    fn end(&mut self, at: Timestamp, ended: Ended) {
        self.held = false;
        self.ended = Some((at, ended));
    }

    /// Whether the step sets the password that the rotation is about to prove.
    fn sets(&self, step: &Step) -> bool {
        !self.back && matches!(step, Step::Directory | Step::EntraReset { .. })
    }

    fn effect(&mut self, step: &Step, at: Timestamp, seen: &Seen) {
        // The earliest set counts, so that a password is never told younger than it is.
        if self.sets(step) && self.set_at.is_none() {
            self.set_at = Some(self.setting.unwrap_or(at));
        }
        match (step, seen) {
            (Step::Directory | Step::Seal, Seen::Directory(fingerprint)) => self.after = Some(print(fingerprint)),
            (Step::Stage | Step::Promote, Seen::Secret(place)) => {
                let slot = match place.slot {
                    Slot::Current => "current",
                    Slot::Pending => "pending",
                    Slot::Previous => "previous",
                };
                let (name, version) = (Text::of(&place.name), Text::of(&place.version));
                self.vault = Some(VaultFacts { name, slot, version });
            }
            (Step::Discard, _) => self.vault = None,
            (Step::Baseline { server, .. }, Seen::Sync(facts)) => self.proofs.push(proof("before", server, facts)),
            (Step::Prove { server, .. }, Seen::Sync(facts)) => {
                let phase = if self.back { "back" } else { "after" };
                self.proofs.push(proof(phase, server, facts));
            }
            _ => {}
        }
    }

    fn late(&mut self, at: Timestamp, outcome: &LateProof) {
        match outcome {
            LateProof::Proven { proofs } => {
                self.proofs.extend(proofs.iter().map(|facts| proof("late", "", facts)));
                self.late.push((at, true));
            }
            LateProof::Failed { server, connector, fault } => {
                self.proofs.push(Proof {
                    phase: "late",
                    server: Text::of(server),
                    connector: Text::of(connector),
                    result: Text::of(fault),
                    at: At(at),
                });
                self.late.push((at, false));
            }
        }
    }

    /// The step's facts, of the direction of travel.
    fn step(&mut self, step: &Step, at: Timestamp, result: &'static str) -> &mut StepFacts {
        let name = step.to_string();
        let index = self.steps.iter().position(|known| known.back == self.back && known.step.0 == name);
        let index = index.unwrap_or_else(|| {
            self.steps.push(not_begun(step, self.back));
            self.steps.len() - 1
        });
        let facts = &mut self.steps[index];
        let began = *facts.began.get_or_insert(At(at));
        facts.length = Some(Length::between(began.0, at));
        facts.result = result;
        facts
    }

    fn why(&self) -> Text {
        match (self.ended, &self.closed_by) {
            (Some((_, Ended::Repaired)), Some(by)) => Text(format!("held, and closed by repair {by}")),
            (Some((_, Ended::Failed | Ended::RolledBackByOrder)), _) => Text::of(&self.turned_why),
            (None, _) if self.held => Text::of(&self.held_why),
            _ => Text::default(),
        }
    }
}

/// One rotation by itself, to its last entry; `None` where these are no rotation's entries.
pub fn told(entries: &[Entry]) -> Option<RotationFacts> {
    let all = Period { from: At(Timestamp::MIN), to: At(Timestamp::MAX) };
    Past::of(entries, &all)?.facts.map(|facts| *facts)
}

fn not_begun(step: &Step, back: bool) -> StepFacts {
    StepFacts { step: Text::of(step), back, result: "not-begun", tries: 0, began: None, length: None, fault: None }
}

fn proof(phase: &'static str, server: &str, facts: &ProofFacts) -> Proof {
    Proof {
        phase,
        server: Text::of(server),
        connector: Text::of(&facts.connector),
        result: Text::of(&facts.result),
        at: At(facts.at),
    }
}

fn print(fingerprint: &Fingerprint) -> Print {
    Print {
        dc: Text::of(&fingerprint.dc),
        key_version: fingerprint.key_version,
        set_at: fingerprint.password_last_set_at().map(At),
    }
}

fn approval_facts(approval: &Approval) -> ApprovalFacts {
    ApprovalFacts {
        by: Text::of(&approval.by),
        at: At(approval.at),
        until: At(approval.until),
        plans: Text::of(&approval.plans),
        key: Text::of(&approval.key),
        signature: Text::of(&approval.signature),
    }
}

pub(super) fn trigger_facts(trigger: &Trigger) -> TriggerFacts {
    match trigger {
        Trigger::Person => TriggerFacts { by: "person", due: None, why: None },
        Trigger::Schedule { due, why } => {
            TriggerFacts { by: "schedule", due: Some(At(*due)), why: Some(Text::of(why)) }
        }
    }
}

fn word_of(procedure: Procedure) -> &'static str {
    match procedure {
        Procedure::Connector => "connector",
        Procedure::Service => "service",
        Procedure::ServiceKeyLost => "service-key-lost",
        Procedure::Entra => "entra",
        Procedure::Own => "own",
        Procedure::Rehearsal => "rehearsal",
        Procedure::Adoption => "adoption",
    }
}
