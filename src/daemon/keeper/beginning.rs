//! What is due and may start.

use jiff::{SignedDuration, Timestamp};

use super::super::job::{Errand, Job};
use super::Keeper;
use crate::engine::Wish;
use crate::journal::JournalError;
use crate::schedule::{Candidate, Due, Limits, explain, pick};

impl Keeper {
    /// Late proofs, recoveries and looks whose time has come.
    pub(super) async fn begin_errands(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let mut due: Vec<String> =
            self.errands.iter().take_while(|(at, _)| *at <= now).map(|(_, name)| name.clone()).collect();
        // A server may be waiting for the rest of an interrupted rotation; nobody waits for a look.
        due.sort_by_key(|name| self.seats.get(name).map(|seat| seat.errand(now).1));
        for name in due {
            let Some(seat) = self.seats.get_mut(&name) else { continue };
            let (at, errand) = seat.errand(now);
            if at > now {
                self.place(&name, now);
                continue;
            }
            // The rest of a rotation is one.
            let is_full = if errand == Errand::Recover {
                self.rotating.len() >= self.roster.limits.in_flight
            } else {
                self.running.len() - self.rotating.len() >= self.setting.errands
            };
            if is_full {
                continue;
            }
            if errand == Errand::Look && self.setting.look_every.is_none() {
                seat.look_at = Timestamp::MAX;
                self.place(&name, now);
                continue;
            }
            let (mut candidate, wish) = (seat.post.candidate(now, false), seat.post.wish.clone());
            // Who looks or proves pauses nothing.
            candidate.exclusive &= errand == Errand::Recover;
            if self.is_busy(&candidate) {
                continue;
            }
            if let (Errand::Look, Some(every), Some(seat)) =
                (errand, self.setting.look_every, self.seats.get_mut(&name))
            {
                seat.look_at = now + every;
            }
            if errand == Errand::Recover {
                self.rotating.insert(candidate.account.clone());
            }
            self.begin(candidate, wish, Job::Errand(errand), now);
        }
        Ok(())
    }

    pub(super) fn is_busy(&self, candidate: &Candidate) -> bool {
        self.running.values().any(|other| {
            other.account == candidate.account || other.servers.iter().any(|server| candidate.servers.contains(server))
        })
    }

    /// Rotations that are due and that the limits allow.
    pub(super) async fn begin_rotations(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let due: Vec<String> =
            self.rotations.iter().take_while(|(at, _)| *at <= now).map(|(_, name)| name.clone()).collect();
        if due.is_empty() || self.rotating.len() >= self.roster.limits.in_flight {
            return Ok(());
        }
        let running: Vec<Candidate> = self.running.values().cloned().collect();
        let limits = Limits {
            // Errands have places of their own.
            in_flight: self.roster.limits.in_flight + running.len() - self.rotating.len(),
            spacing: self.roster.limits.spacing,
        };
        let tick = SignedDuration::try_from(self.setting.tick).unwrap_or(SignedDuration::MAX);
        let mut waiting = Vec::new();
        for name in due {
            let Some(seat) = self.seats.get_mut(&name) else { continue };
            // Of a thousand that wait, each is decided anew once in a tick, not at every start of another.
            if !seat.is_decided(now, tick) {
                seat.decide(now, self.awake_since);
            }
            match seat.rotation_at() {
                // The look that it needs is due too, and decides.
                Some(at) if at <= now && seat.needs_a_look() => {}
                Some(at) if at <= now => waiting.push(seat.post.candidate(at, seat.urgent)),
                _ => self.place(&name, now),
            }
        }
        let picked = loop {
            let picked = pick(&waiting, &running, &limits, self.last_start, now);
            // The window may have closed since.
            let over = picked.iter().position(|place| {
                let Some(seat) = self.seats.get_mut(&waiting[*place].account) else { return true };
                seat.decide(now, self.awake_since);
                seat.rotation_at().is_none_or(|at| at > now)
            });
            let Some(over) = over else { break picked };
            let gone = waiting.remove(picked[over]);
            self.place(&gone.account, now);
        };
        for place in picked {
            let candidate = waiting[place].clone();
            let Some(seat) = self.seats.get(&candidate.account) else { continue };
            let Due::At(fire) = seat.due.clone() else { continue };
            let why = explain(&fire, &seat.post.zone);
            let job = Job::Rotate { fire, why, newest: seat.account.newest.clone() };
            let wish = seat.post.wish.clone();
            self.last_start = Some(now);
            self.rotating.insert(candidate.account.clone());
            self.begin(candidate, wish, job, now);
        }
        Ok(())
    }

    pub(super) fn begin(&mut self, candidate: Candidate, wish: Wish, job: Job, now: Timestamp) {
        let name = candidate.account.clone();
        let hands = self.hands.clone();
        let task = self.jobs.spawn(hands.work(wish, job));
        self.accounts.insert(task.id(), name.clone());
        self.running.insert(name.clone(), candidate);
        self.place(&name, now);
    }
}
