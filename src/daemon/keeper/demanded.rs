//! What a person demands on the page: begun as the schedule begins, under the same brakes, limits and leases.

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::super::job::Job;
use super::Keeper;
use crate::journal::{JournalError, Note};
use crate::order::{Deed, Demand, Mark, closed};
use crate::schedule::{Blocked, Limits, pick};

/// Demands that wait at a time.
const DEMANDS_MAX: usize = 8;

/// What becomes of a demand now.
enum Verdict {
    /// It begins.
    Begins,
    /// Something small is under way there: a moment later.
    Waits,
    /// It is not taken; why.
    Refused(String),
}

impl Keeper {
    /// Takes a demand in. It is decided at the next round.
    pub(super) fn demand(&mut self, demand: Demand, answer: oneshot::Sender<Result<(), String>>) {
        if self.demanded.len() >= DEMANDS_MAX {
            // Who has gone meanwhile hears nothing.
            let _ = answer.send(Err("too many orders wait: try again in a minute".to_owned()));
            return;
        }
        self.demanded.push((demand, answer));
    }

    /// What persons demand and may begin.
    pub(super) async fn begin_demanded(&mut self, now: Timestamp) -> Result<(), JournalError> {
        for (demand, answer) in std::mem::take(&mut self.demanded) {
            // Whoever has given up was told that nothing was begun.
            if answer.is_closed() {
                continue;
            }
            match self.judge(&demand, now).await? {
                Verdict::Waits => self.demanded.push((demand, answer)),
                Verdict::Refused(why) => {
                    let _ = answer.send(Err(why));
                }
                Verdict::Begins => {
                    let note = Note::Ordered {
                        account: demand.account.clone(),
                        what: demand.deed.word().to_owned(),
                        by: demand.by.clone(),
                        reason: demand.reason.clone(),
                        ticket: demand.ticket.clone(),
                    };
                    self.note(now, &note).await?;
                    self.begin_demand(demand, now);
                    let _ = answer.send(Ok(()));
                }
            }
        }
        Ok(())
    }

    fn begin_demand(&mut self, demand: Demand, now: Timestamp) {
        let Some(seat) = self.seats.get(&demand.account) else { return };
        let (candidate, wish) = (seat.post.candidate(now, true), seat.post.wish.clone());
        if demand.deed == Deed::Rotate {
            self.last_start = Some(now);
        }
        self.rotating.insert(demand.account.clone());
        self.begin(candidate, wish, Job::Demand(demand), now);
    }

    /// Whether a demand may begin, and why not.
    async fn judge(&mut self, demand: &Demand, now: Timestamp) -> Result<Verdict, JournalError> {
        let name = &demand.account;
        let refused = |why: &str| Ok(Verdict::Refused(why.to_owned()));
        if !self.seats.contains_key(name) {
            return refused("the configuration has no such account");
        }
        if self.rotating.contains(name) {
            return refused("a rotation of it is under way: look at Running");
        }
        if !self.running.contains_key(name) {
            // What other processes wrote meanwhile counts too.
            self.refresh(name, now).await?;
        }
        let mark = Mark::read(&*self.hands.journal, name).await?;
        if mark.newest != demand.seen.newest {
            return refused("another rotation of it was begun since this page was shown: look at its history first");
        }
        if mark.changed != demand.seen.changed {
            return refused("its rotation stands otherwise than when this page was shown: look at its history first");
        }
        let Some(seat) = self.seats.get(name) else { return refused("the configuration has no such account") };
        let is_open = matches!(seat.account.standing.blocked, Some(Blocked::Held { .. } | Blocked::Running { .. }));
        match demand.deed {
            Deed::Rotate => {
                // What is open would be gone on with instead, and no new password made.
                if let Some(why) = seat.account.standing.blocked.as_ref().and_then(is_open_already) {
                    return refused(why);
                }
                if let Some(closed) = closed(&seat.post, &demand.wanted(), now) {
                    return Ok(Verdict::Refused(closed.message));
                }
            }
            Deed::Resume | Deed::RollBack if !is_open => return refused("no rotation of it is open"),
            Deed::Resume | Deed::RollBack => {}
        }
        let candidate = seat.post.candidate(now, true);
        let rotating: Vec<_> =
            self.running.values().filter(|other| self.rotating.contains(&other.account)).cloned().collect();
        // What is open already has begun: the spacing is between beginnings.
        let spacing = self.roster.limits.spacing;
        let last = self.last_start.filter(|_| demand.deed == Deed::Rotate);
        if let Some(last) = last.filter(|last| *last <= now && now.duration_since(*last) < spacing) {
            let from = last.checked_add(spacing).map_or_else(|_| "later".to_owned(), |at| format!("{at:.0}"));
            return Ok(Verdict::Refused(format!(
                "another rotation began at {last:.0}, and [limits] spacing_s asks for {} s between two\n  next step: try again from {from} on",
                spacing.as_secs()
            )));
        }
        let limits = Limits { in_flight: self.roster.limits.in_flight, spacing: jiff::SignedDuration::ZERO };
        if pick(std::slice::from_ref(&candidate), &rotating, &limits, None, now).is_empty() {
            return refused(
                "a rotation is under way at one of its servers, or as many as [limits] in_flight allows\n  next step: look at Running, \
                 and try again when it has ended",
            );
        }
        Ok(if self.is_busy(&candidate) { Verdict::Waits } else { Verdict::Begins })
    }
}

/// Why no new rotation is begun where one is open.
fn is_open_already(blocked: &Blocked) -> Option<&'static str> {
    match blocked {
        Blocked::Held { .. } => {
            Some("a rotation of it is held: resume it or roll it back, or repair it at the command line")
        }
        Blocked::Running { .. } => Some(
            "a rotation of it was interrupted, or another process works on it: wait for its end, or resume it or roll it back first",
        ),
        Blocked::Exempt { .. } | Blocked::Managed | Blocked::Foreign(_) => None,
    }
}
