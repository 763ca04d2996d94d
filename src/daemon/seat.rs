use jiff::{SignedDuration, Timestamp};

use super::job::Errand;
use crate::engine::Drift;
use crate::journal::{Journal, JournalError};
use crate::order::{Account, Ledger, Post};
use crate::schedule::{Age, AgeState, Blocked, Due, age, due};

/// How long after a refusal by another process, or a recovery that did not come to an end, the next try is made.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// How long after its time a late proof that could not be made is tried again.
const LATE_AGAIN: SignedDuration = SignedDuration::from_mins(30);

/// An account's place in the service.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) post: Post,
    pub(super) account: Account,
    pub(super) due: Due,
    /// Whether it goes before the others, as of then.
    pub(super) urgent: bool,
    /// When that was decided.
    decided_at: Option<Timestamp>,
    /// Its places in the queues of rotations and of errands.
    pub(super) queued: (Option<Timestamp>, Option<Timestamp>),
    /// Nothing of it begins before.
    pub(super) not_before: Option<Timestamp>,
    /// When the next look for drift is due.
    pub(super) look_at: Timestamp,
    /// When a late proof that came to nothing is tried again.
    pub(super) late_again: Option<Timestamp>,
    /// What the last look found.
    pub(super) drift: Option<Drift>,
    /// A job of it ended by a defect of ours; what it said.
    pub(super) defect: Option<String>,
}

impl Seat {
    /// Reads how the account stands.
    pub(super) async fn read(
        post: &Post,
        journal: &dyn Journal,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<Account, JournalError> {
        let exempt = post.member.exempt.as_ref().map(|exempt| exempt.until);
        Account::read(journal, ledger, &post.wish.account, exempt, post.policy.retry.budget, now).await
    }

    pub(super) fn new(post: Post, account: Account, look_at: Timestamp) -> Self {
        Self {
            post,
            account,
            due: Due::Never { why: "not looked at yet" },
            urgent: false,
            decided_at: None,
            queued: (None, None),
            not_before: None,
            look_at,
            late_again: None,
            drift: None,
            defect: None,
        }
    }

    /// Decides anew when it is due.
    pub(super) fn decide(&mut self, now: Timestamp, awake_since: Timestamp) {
        self.due = due(&self.post.policy, &self.post.wish.account, &self.account.standing, now, awake_since);
        self.urgent = matches!(self.age(now).state, AgeState::Urgent | AgeState::Overdue | AgeState::Unknown);
        self.decided_at = Some(now);
    }

    /// Whether it was decided within the last tick.
    pub(super) fn is_decided(&self, now: Timestamp, tick: SignedDuration) -> bool {
        self.decided_at.is_some_and(|at| at <= now && now.duration_since(at) < tick)
    }

    /// When its next rotation may begin.
    pub(super) fn rotation_at(&self) -> Option<Timestamp> {
        let Due::At(fire) = &self.due else { return None };
        Some(fire.at.max(self.not_before.unwrap_or(fire.at)))
    }

    /// What else is to be done for it, and when.
    pub(super) fn errand(&self, now: Timestamp) -> (Timestamp, Errand) {
        match &self.account.standing.blocked {
            Some(Blocked::Running { .. }) => return (self.not_before.unwrap_or(now), Errand::Recover),
            Some(Blocked::Held { .. }) => return (self.look_at, Errand::Look),
            _ => {}
        }
        let late = self.account.late_proof_due.map(|at| at.max(self.late_again.unwrap_or(at)));
        match late {
            Some(at) if at <= self.look_at => (at, Errand::LateProof),
            _ => (self.look_at, Errand::Look),
        }
    }

    /// Nothing of it is tried for a while.
    pub(super) fn pause(&mut self, now: Timestamp) {
        self.not_before = Some(now + AGAIN);
    }

    /// The late proof could not be made.
    pub(super) fn pause_late(&mut self, now: Timestamp) {
        self.late_again = Some(now + LATE_AGAIN);
    }

    pub(super) fn age(&self, now: Timestamp) -> Age {
        age(&self.post.policy, &self.account.standing, now)
    }
}
