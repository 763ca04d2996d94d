//! Which account is when due for what, as the journal, the clock and the configuration say.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::super::seat::Seat;
use super::Keeper;
use crate::journal::{JournalError, Note, Query};
use crate::order::Roster;
use crate::schedule::clock_step;
use crate::wiring::World;

/// A journal that is asked for other processes' entries is asked from a little before the last time.
const OVERLAP: SignedDuration = SignedDuration::from_secs(5);

impl Keeper {
    /// Accounts, their schedules and limits become those of the roster.
    pub(super) async fn seat(&mut self, roster: Roster, now: Timestamp) -> Result<(), JournalError> {
        let population = roster.population();
        if self.ledger.population() != Some(&population) {
            self.note(now, &Note::Population { accounts: population }).await?;
        }
        let mut old = std::mem::take(&mut self.seats);
        self.rotations.clear();
        self.errands.clear();
        self.roster = roster;
        let posts: Vec<_> = self.roster.posts.values().cloned().collect();
        let count = i32::try_from(posts.len().max(1)).unwrap_or(i32::MAX);
        for (place, post) in posts.into_iter().enumerate() {
            let name = post.wish.account.clone();
            let account = Seat::read(&post, &*self.hands.journal, &self.ledger, now).await?;
            let share = self.setting.first_looks / count * i32::try_from(place).unwrap_or(0);
            let mut seat = Seat::new(post, account, now + share, self.setting.look_every.is_some());
            if seat.needs_a_look() {
                seat.look_at = now;
            }
            if let Some(old) = old.remove(&name) {
                (seat.look_at, seat.drift, seat.not_before) = (old.look_at, old.drift, old.not_before);
                (seat.blind, seat.defect) = (old.blind, old.defect);
            }
            self.seats.insert(name.clone(), seat);
            self.place(&name, now);
        }
        self.board.only(self.seats.keys());
        self.board.seated(Arc::new(self.roster.clone()));
        self.conditions_at = None;
        Ok(())
    }

    pub(super) async fn reload(&mut self, world: Arc<World>, now: Timestamp) -> Result<(), JournalError> {
        if world.journal_place != self.hands.world.journal_place {
            self.service.faulty =
                Some("the journal's file is another one: that takes effect at the next start only".to_owned());
            self.conditions_at = None;
            return Ok(());
        }
        self.service.faulty = None;
        let roster = world.roster.clone();
        // What runs goes on with the world that it began in.
        self.hands.world = world;
        self.seat(roster, now).await
    }

    /// Reads an account's standing anew and gives it its place in both queues.
    pub(super) async fn refresh(&mut self, name: &str, now: Timestamp) -> Result<(), JournalError> {
        let Some(seat) = self.seats.get_mut(name) else { return Ok(()) };
        seat.account = Seat::read(&seat.post, &*self.hands.journal, &self.ledger, now).await?;
        self.place(name, now);
        Ok(())
    }

    /// The place of an account in both queues, by what is known of it.
    pub(super) fn place(&mut self, name: &str, now: Timestamp) {
        let Some(seat) = self.seats.get_mut(name) else { return };
        for (queue, at) in [(&mut self.rotations, seat.queued.0.take()), (&mut self.errands, seat.queued.1.take())] {
            if let Some(at) = at {
                queue.remove(&(at, name.to_owned()));
            }
        }
        seat.decide(now, self.awake_since);
        if !self.running.contains_key(name) {
            seat.queued = (seat.rotation_at(), Some(seat.errand(now).0));
            self.rotations.extend(seat.queued.0.map(|at| (at, name.to_owned())));
            self.errands.extend(seat.queued.1.map(|at| (at, name.to_owned())));
        }
        self.board.account(seat, now);
    }

    /// A clock that was set, or a machine that slept: what was missed meanwhile is a misfire.
    pub(super) fn heed_clock(&mut self, now: Timestamp) {
        let monotonic = self.clock.monotonic();
        let (wall_before, monotonic_before) = self.looked;
        self.looked = (now, monotonic);
        let Some(step) = clock_step(wall_before, now, monotonic.saturating_sub(monotonic_before)) else { return };
        tracing::warn!(seconds = step.as_secs(), "the clock was set, or the machine slept");
        self.service.stepped = Some((now, step));
        self.awake_since = now;
        self.read_to = self.read_to.min(now);
        if step.is_negative() {
            self.service.behind = Some(wall_before);
            self.seats.values_mut().for_each(|seat| seat.heed_clock(now, self.setting.look_every));
        }
        let names: Vec<String> = self.seats.keys().cloned().collect();
        for name in names {
            self.place(&name, now);
        }
        self.conditions_at = None;
    }

    /// What other processes wrote meanwhile: a person's `rotate`, `resume` or `adopt`.
    pub(super) async fn read_others(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let since = self.read_to;
        if now.duration_since(since).abs() < SignedDuration::try_from(self.setting.tick).unwrap_or(OVERLAP) {
            return Ok(());
        }
        let query = Query { since: since.checked_sub(OVERLAP).ok(), ..Query::default() };
        let mut touched: BTreeSet<String> =
            self.hands.journal.list(&query).await?.into_iter().map(|listed| listed.account).collect();
        self.ledger.read_on(&*self.hands.journal).await?;
        let renewed = |seat: &Seat| {
            seat.account.standing.failures > 0 && self.ledger.renewed(&seat.post.wish.account) > seat.account.renewed
        };
        touched.extend(self.seats.values().filter(|seat| renewed(seat)).map(|seat| seat.post.wish.account.clone()));
        self.read_to = now;
        for name in &touched {
            if !self.running.contains_key(name) {
                self.refresh(name, now).await?;
            }
        }
        Ok(())
    }
}
