use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::metrics::StepTimes;
use super::seat::Seat;
use crate::notify::ChannelState;
use crate::order::Roster;
use crate::schedule::{AgeState, Blocked, Due};

/// What the service shows of itself: to probes, to metrics, to whoever has the token.
#[derive(Debug, Default)]
pub struct Board {
    view: Mutex<View>,
    pub(super) steps: StepTimes,
}

/// What stands on it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct View {
    pub(super) ready: bool,
    pub(super) stopping: bool,
    /// Who works instead of this replica, or why none can tell; `None` = this one works.
    pub(super) stands_by: Option<String>,
    /// The keeper's last round, by the clock that nobody sets.
    #[serde(skip)]
    pub(super) round: Option<Duration>,
    /// Jobs under way.
    pub(super) running: usize,
    /// The accounts whose rotations are among them, and those of the smaller ones.
    #[serde(skip)]
    pub(super) at_work: Arc<AtWork>,
    /// The accounts and their schedules, as the keeper has them.
    #[serde(skip)]
    pub(super) roster: Option<Arc<Roster>>,
    pub(super) accounts: BTreeMap<String, AccountView>,
    /// How many conditions of each kind hold.
    pub(super) conditions: BTreeMap<&'static str, u64>,
    pub(super) totals: Totals,
    #[serde(skip)]
    pub(super) channels: Vec<ChannelState>,
}

/// Accounts that something is done for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AtWork {
    pub(super) rotating: BTreeSet<String>,
    pub(super) errands: BTreeSet<String>,
}

/// How rotations of the schedule ended since the service began, by the word of their outcome.
pub type Totals = BTreeMap<String, u64>;

/// An account, as machines see it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AccountView {
    /// `due`, `waiting`, `by-hand`, `held`, `running`, `exempt`, `managed`, `gave-up`, `never`.
    pub state: &'static str,
    /// `unlimited`, `fresh`, `near`, `urgent`, `overdue`, `unknown`.
    pub age_state: &'static str,
    /// When the password in use was set, as far as it is known.
    pub set_at: Option<Timestamp>,
    /// When a rotation last succeeded.
    pub last_success: Option<Timestamp>,
    /// When the next one may begin.
    pub next_due: Option<Timestamp>,
    /// When the maximum age is over.
    pub over_at: Option<Timestamp>,
    /// Failed attempts since the last success.
    pub failures: u32,
    /// Whether its password is too old, or of unknown age, and is not meant to be.
    #[serde(skip)]
    pub is_late: bool,
}

impl Board {
    fn view_mut(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands on it now.
    pub(super) fn view(&self) -> View {
        self.view_mut().clone()
    }

    /// Jobs under way.
    pub fn running(&self) -> usize {
        self.view_mut().running
    }

    /// An account as it stands.
    pub fn of(&self, account: &str) -> Option<AccountView> {
        self.view_mut().accounts.get(account).cloned()
    }

    /// Of all accounts, those whose password is too old, and those that wait for a person for another reason; `None` = not all of
    /// so many are known, as in a process that stands by.
    pub(super) fn troubled(&self, of: usize) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
        let view = self.view_mut();
        let names = |is: fn(&AccountView) -> bool| {
            view.accounts.iter().filter(|(_, account)| is(account)).map(|(name, _)| name.clone()).collect()
        };
        (view.accounts.len() == of && view.stands_by.is_none())
            .then(|| (names(|account| account.is_late), names(|account| matches!(account.state, "held" | "gave-up"))))
    }

    /// How rotations ended.
    pub fn totals(&self) -> Totals {
        self.view_mut().totals.clone()
    }

    /// How many conditions of each kind hold.
    pub fn conditions(&self) -> BTreeMap<&'static str, u64> {
        self.view_mut().conditions.clone()
    }

    /// When the keeper was last seen at work, or began; `None` before either.
    pub(super) fn last_round(&self) -> Option<Duration> {
        self.view_mut().round
    }

    pub(super) fn round(&self, at: Duration, at_work: AtWork) {
        let mut view = self.view_mut();
        (view.round, view.running) = (Some(at), at_work.rotating.len() + at_work.errands.len());
        view.at_work = Arc::new(at_work);
    }

    /// Which accounts something is done for.
    pub(super) fn at_work(&self) -> Arc<AtWork> {
        Arc::clone(&self.view_mut().at_work)
    }

    /// The accounts and their schedules; `None` before there are any.
    pub(super) fn roster(&self) -> Option<Arc<Roster>> {
        self.view_mut().roster.clone()
    }

    /// From now on these are the accounts.
    pub(super) fn seated(&self, roster: Arc<Roster>) {
        self.view_mut().roster = Some(roster);
    }

    /// Why this replica does not work; `None` = it does.
    pub(super) fn waits_for(&self) -> Option<String> {
        self.view_mut().stands_by.clone()
    }

    /// Whether the service is ending.
    pub(super) fn is_stopping(&self) -> bool {
        self.view_mut().stopping
    }

    pub(super) fn ready(&self, ready: bool) {
        self.view_mut().ready = ready;
    }

    pub(super) fn stopping(&self) {
        self.view_mut().stopping = true;
    }

    pub(super) fn stands_by(&self, why: Option<String>) {
        self.view_mut().stands_by = why;
    }

    pub(super) fn count(&self, outcome: &str) {
        *self.view_mut().totals.entry(outcome.to_owned()).or_default() += 1;
    }

    pub(super) fn channels(&self, channels: Vec<ChannelState>) {
        self.view_mut().channels = channels;
    }

    pub(super) fn holding(&self, kinds: impl Iterator<Item = &'static str>) {
        let mut conditions = BTreeMap::new();
        kinds.for_each(|kind| *conditions.entry(kind).or_default() += 1);
        self.view_mut().conditions = conditions;
    }

    /// Only these accounts are known from now on.
    pub(super) fn only<'n>(&self, names: impl Iterator<Item = &'n String>) {
        let names: BTreeSet<&String> = names.collect();
        self.view_mut().accounts.retain(|name, _| names.contains(name));
    }

    pub(super) fn account(&self, seat: &Seat, now: Timestamp) {
        let age = seat.age(now);
        let standing = &seat.account.standing;
        let is_out = match standing.blocked {
            Some(Blocked::Exempt { until }) => until > now,
            Some(Blocked::Managed) => true,
            _ => false,
        };
        let shown = AccountView {
            state: match &seat.due {
                Due::At(fire) if fire.at <= now => "due",
                Due::At(_) => "waiting",
                Due::GaveUp { .. } => "gave-up",
                Due::Blocked(Blocked::Held { .. }) => "held",
                Due::Blocked(Blocked::Running { .. }) => "running",
                Due::Blocked(Blocked::Exempt { .. }) => "exempt",
                Due::Blocked(Blocked::Managed) => "managed",
                Due::Blocked(Blocked::Foreign(_)) => "foreign",
                Due::Never { .. } if seat.post.member.schedule.is_empty() => "by-hand",
                Due::Never { .. } => "never",
            },
            age_state: match age.state {
                AgeState::Unlimited => "unlimited",
                AgeState::Fresh => "fresh",
                AgeState::Near => "near",
                AgeState::Urgent => "urgent",
                AgeState::Overdue => "overdue",
                AgeState::Unknown => "unknown",
            },
            set_at: standing.set_at,
            last_success: seat.account.succeeded,
            next_due: seat.rotation_at(),
            over_at: age.over_at,
            failures: standing.failures,
            is_late: matches!(age.state, AgeState::Overdue | AgeState::Unknown) && !is_out,
        };
        self.view_mut().accounts.insert(seat.post.wish.account.clone(), shown);
    }
}
