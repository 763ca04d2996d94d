//! What came of a job.

use jiff::{SignedDuration, Timestamp};
use tokio::task::{self};

use super::super::alarms::{self};
use super::super::job::{Done, Errand, Job};
use super::Keeper;
use crate::journal::{JournalError, Note};
use crate::order::Exit;
use crate::rotation::Trigger;

/// When a look is tried again that found somebody else at work.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(15);

impl Keeper {
    /// A job came to its end: its account is read anew.
    pub(super) async fn ended(&mut self, ended: Result<(task::Id, Done), task::JoinError>) -> Result<(), JournalError> {
        let now = self.clock.now();
        let (id, done) = match ended {
            Ok((id, done)) => (id, Ok(done)),
            Err(error) => (error.id(), Err(error.to_string())),
        };
        let Some(name) = self.accounts.remove(&id) else { return Ok(()) };
        self.running.remove(&name);
        self.rotating.remove(&name);
        match done {
            Ok(done) => self.take_in(&name, done, now).await?,
            Err(defect) => {
                tracing::error!(account = name, defect, "a job ended by a defect");
                if let Some(seat) = self.seats.get_mut(&name) {
                    seat.defect = Some(defect);
                    seat.pause(now);
                    seat.pause_late(now);
                }
                self.conditions_at = None;
            }
        }
        self.refresh(&name, now).await
    }

    async fn take_in(&mut self, name: &str, done: Done, now: Timestamp) -> Result<(), JournalError> {
        let Some(seat) = self.seats.get_mut(name) else { return Ok(()) };
        if let Job::Errand(errand) = &done.job {
            for came in done.came.iter().filter(|came| came.exits != Exit::Done) {
                tracing::warn!(
                    account = name,
                    ?errand,
                    outcome = came.outcome,
                    cause = came.message,
                    "it came to nothing"
                );
            }
        }
        match &done.job {
            Job::Rotate { fire, why, .. } => {
                for came in &done.came {
                    self.board.count(came.outcome);
                    let busy = came.exits == Exit::Busy;
                    if busy || came.exits == Exit::Later && came.rotation.is_some() {
                        seat.pause(now);
                    } else {
                        seat.moved_on();
                    }
                    if came.exits != Exit::Done {
                        self.conditions_at = None;
                    }
                    // What was not begun, or waits, is told by a condition.
                    if came.has_ended() {
                        (self.sink)(alarms::event(came, &self.setting.host, now));
                    }
                }
                let not_begun = done.came.iter().filter(|came| came.rotation.is_none() && came.exits != Exit::Busy);
                for came in not_begun {
                    let (outcome, cause) = (came.outcome, &came.message);
                    tracing::warn!(account = name, outcome, cause, "not begun");
                    let trigger = Trigger::Schedule { due: fire.nominal, why: why.clone() };
                    let note = Note::NotBegun {
                        account: name.to_owned(),
                        trigger,
                        outcome: came.outcome.to_owned(),
                        why: came.message.clone(),
                    };
                    self.hands.journal.note(now, &note).await?;
                    self.ledger.read_on(&*self.hands.journal).await?;
                }
            }
            Job::Demand(demand) => {
                if done.came.iter().any(|came| came.exits == Exit::Done && came.rotation.is_some()) {
                    seat.moved_on();
                }
                self.conditions_at = None;
                for came in &done.came {
                    let (outcome, cause) = (came.outcome, &came.message);
                    tracing::info!(account = name, by = demand.by, outcome, cause, "what a person ordered has ended");
                    if came.has_ended() {
                        self.board.count(came.outcome);
                        (self.sink)(alarms::event(came, &self.setting.host, now));
                    }
                    let note = Note::Answered {
                        account: name.to_owned(),
                        by: demand.by.clone(),
                        rotation: came.rotation.clone(),
                        outcome: came.outcome.to_owned(),
                        message: came.message.clone(),
                    };
                    self.hands.journal.note(now, &note).await?;
                }
                self.ledger.read_on(&*self.hands.journal).await?;
            }
            Job::Errand(Errand::Recover) => {
                if done.came.iter().any(|came| !matches!(came.exits, Exit::Done | Exit::Failed)) {
                    seat.pause(now);
                    self.conditions_at = None;
                } else {
                    seat.moved_on();
                }
                for came in done.came.iter().filter(|came| came.has_ended()) {
                    self.board.count(came.outcome);
                    (self.sink)(alarms::event(came, &self.setting.host, now));
                }
            }
            Job::Errand(Errand::LateProof) => {
                if done.came.iter().any(|came| came.exits == Exit::Failed) {
                    self.conditions_at = None;
                } else if done.came.iter().all(|came| came.exits != Exit::Done) {
                    // Also when nothing came of it at all: what is due and comes to nothing must not go round and round.
                    seat.pause_late(now);
                }
            }
            Job::Errand(Errand::Look) => {
                if let Some(why) = &done.journal {
                    tracing::warn!(account = name, why, "no look for drift: the journal was not read");
                }
                if done.is_taken {
                    seat.look_at = now + LOOK_AGAIN;
                }
                let set_at = done.drift.as_ref().and_then(|drift| drift.set_at);
                if let Some(drift) = done.drift {
                    let before = seat.drift.as_ref().map(|drift| drift.found.clone());
                    seat.looked(drift);
                    if seat.needs_a_look() {
                        seat.look_at = now + LOOK_AGAIN;
                    }
                    if before != seat.drift.as_ref().map(|drift| drift.found.clone()) {
                        self.conditions_at = None;
                    }
                }
                let news = set_at.filter(|at| {
                    seat.account.set_by.is_none()
                        && self.ledger.age(name).is_none_or(|known| known.duration_since(*at).abs().as_secs() > 1)
                });
                if let Some(set_at) = news {
                    self.note(now, &Note::Age { account: name.to_owned(), set_at }).await?;
                }
            }
        }
        Ok(())
    }
}
