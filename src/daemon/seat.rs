use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::alarms::UNREACHED_TOLD;
use super::job::Errand;
use crate::engine::Drift;
use crate::journal::{Journal, JournalError};
use crate::order::{Account, Ledger, Post};
use crate::schedule::{Age, AgeState, Blocked, Due, age, due};

/// How long after a refusal by another process, or a recovery that did not come to an end, the next try is made.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// How long after its time a late proof that could not be made is tried again: no multiple of a sync cycle's half hour, or
/// it would meet one each time.
const LATE_AGAIN: SignedDuration = SignedDuration::from_mins(11);

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
    looks: bool,
    /// When the next look for drift is due.
    pub(super) look_at: Timestamp,
    /// When a late proof that came to nothing is tried again.
    pub(super) late_again: Option<Timestamp>,
    pauses: u32,
    late_pauses: u32,
    /// Looks in a row that could not see everything.
    pub(super) blind: u32,
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

    /// `looks`: whether there are looks for drift at all.
    pub(super) fn new(post: Post, account: Account, look_at: Timestamp, looks: bool) -> Self {
        Self {
            post,
            account,
            due: Due::Never { why: "not looked at yet" },
            urgent: false,
            decided_at: None,
            queued: (None, None),
            not_before: None,
            look_at,
            looks,
            late_again: None,
            pauses: 0,
            late_pauses: 0,
            blind: 0,
            drift: None,
            defect: None,
        }
    }

    /// Decides anew when it is due.
    pub(super) fn decide(&mut self, now: Timestamp, awake_since: Timestamp) {
        self.account.heed_time(now);
        self.due = due(&self.post.policy, &self.post.wish.account, &self.account.standing, now, awake_since);
        self.urgent = matches!(self.age(now).state, AgeState::Urgent | AgeState::Overdue | AgeState::Unknown);
        self.decided_at = Some(now);
    }

    /// Whether it was decided within the last tick.
    pub(super) fn is_decided(&self, now: Timestamp, tick: SignedDuration) -> bool {
        self.decided_at.is_some_and(|at| at <= now && now.duration_since(at) < tick)
    }

    /// Whether the directory must be asked first how old its password is: a journal that knows of no rotation of it may be
    /// new, or an old one that was restored, and neither is a reason to rotate.
    pub(super) fn needs_a_look(&self) -> bool {
        let has_seen = |drift: &Drift| drift.set_at.is_some() || drift.unseen.is_empty();
        // What can't be seen for long is told, and keeps nothing from being rotated.
        let may_see = self.blind < UNREACHED_TOLD;
        self.looks && self.account.set_by.is_none() && may_see && !self.drift.as_ref().is_some_and(has_seen)
    }

    /// When its next rotation may begin.
    pub(super) fn rotation_at(&self) -> Option<Timestamp> {
        let Due::At(fire) = &self.due else { return None };
        let at = fire.at.max(self.not_before.unwrap_or(fire.at));
        Some(if self.needs_a_look() { at.max(self.look_at) } else { at })
    }

    /// What else is to be done for it, and when.
    pub(super) fn errand(&self, now: Timestamp) -> (Timestamp, Errand) {
        match &self.account.standing.blocked {
            Some(Blocked::Running { .. }) => return (self.recover_at(now), Errand::Recover),
            Some(Blocked::Held { .. }) => return (self.look_at, Errand::Look),
            _ => {}
        }
        let late = self.account.late_proof_due.map(|at| at.max(self.late_again.unwrap_or(at)));
        match late {
            Some(at) if at <= self.look_at => (at, Errand::LateProof),
            _ => (self.look_at, Errand::Look),
        }
    }

    /// When an interrupted rotation is taken up: one that touched nothing yet is like one that was not begun.
    fn recover_at(&self, now: Timestamp) -> Timestamp {
        let at = self.not_before.unwrap_or(now);
        let open = self.post.policy.windows.next_open(at.max(now)).filter(|_| self.account.resting);
        open.unwrap_or(at)
    }

    /// Whether an interrupted rotation that touched nothing waits for its window.
    pub(super) fn rests(&self, now: Timestamp) -> bool {
        self.account.resting && !self.post.policy.windows.is_open(now)
    }

    /// Nothing of it is tried for a while; longer and longer, as each try of a recovery leaves an entry.
    pub(super) fn pause(&mut self, now: Timestamp) {
        self.not_before = Some(now + AGAIN * 2_i32.pow(self.pauses.min(4)));
        self.pauses += 1;
    }

    /// The late proof could not be made.
    pub(super) fn pause_late(&mut self, now: Timestamp) {
        self.late_again = Some(now + LATE_AGAIN * 2_i32.pow(self.late_pauses.min(5)));
        self.late_pauses += 1;
    }

    /// It came to an end: pauses are short again.
    pub(super) fn moved_on(&mut self) {
        (self.pauses, self.late_pauses) = (0, 0);
    }

    /// After a clock was set back nothing waits for a time that is far away now.
    pub(super) fn heed_clock(&mut self, now: Timestamp, look_every: Option<SignedDuration>) {
        if let Some(every) = look_every {
            self.look_at = self.look_at.min(now + every);
        }
        self.not_before = self.not_before.map(|at| at.min(now + AGAIN));
        self.late_again = self.late_again.map(|at| at.min(now + LATE_AGAIN));
    }

    /// Takes in what a look saw. What it could not see again is not over.
    pub(super) fn looked(&mut self, mut drift: Drift) {
        self.blind = if drift.unseen.is_empty() { 0 } else { self.blind + 1 };
        if let Some(old) = self.drift.take().filter(|_| !drift.unseen.is_empty()) {
            let seen: BTreeSet<_> = drift.found.iter().map(|found| (found.kind.word(), found.about.clone())).collect();
            drift
                .found
                .extend(old.found.into_iter().filter(|old| !seen.contains(&(old.kind.word(), old.about.clone()))));
            drift.set_at = drift.set_at.or(old.set_at);
        }
        self.drift = Some(drift);
    }

    pub(super) fn age(&self, now: Timestamp) -> Age {
        age(&self.post.policy, &self.account.standing, now)
    }
}
