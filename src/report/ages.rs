//! How old a password was, when, and how that stands to what was asked.

use jiff::{SignedDuration, Timestamp};

use super::time::{days, whole_days};
use super::{Period, State};
use crate::journal::Member;

/// What is known of the sets of an account's password.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// Those of our rotations, and the one that was found first.
    at: Vec<Timestamp>,
    ours: bool,
}

impl Sets {
    /// What the directory says of a password that was set before we ever did. The last word counts.
    pub(super) fn found(&mut self, at: Timestamp) {
        if !self.ours {
            self.at = vec![at];
        }
    }

    /// A rotation finished that set it then.
    pub(super) fn rotated(&mut self, at: Timestamp) {
        self.ours = true;
        self.at.push(at);
    }

    /// When the password in use at an instant was set, as far as is known now.
    fn before(&self, at: Timestamp) -> Option<Timestamp> {
        self.at.iter().copied().filter(|set| *set <= at).max()
    }

    /// The last set before an instant.
    pub(super) fn last(&self, at: Timestamp) -> Option<Timestamp> {
        self.before(at)
    }

    /// The largest age in the period.
    pub(super) fn oldest(&self, period: &Period) -> Option<SignedDuration> {
        let ends = self.at.iter().copied().filter(|set| period.has(*set)).chain([period.to.0]);
        ends.filter_map(|end| {
            let set = self.at.iter().copied().filter(|set| *set < end).max()?;
            Some(set.duration_until(end))
        })
        .max()
    }
}

/// What was asked of an account from a time on.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) from: Timestamp,
    /// `None` = it was not in the population.
    pub(super) member: Option<Member>,
}

impl Asked {
    /// The instants at which something changes by itself.
    fn edges(&self, sets: &Sets) -> Vec<Timestamp> {
        let Some(member) = &self.member else { return Vec::new() };
        let mut edges: Vec<Timestamp> = member.exempt.iter().map(|exempt| exempt.until).collect();
        edges.extend(member.max_age_days.iter().flat_map(|max| sets.at.iter().filter_map(|set| due(*set, *max))));
        edges
    }

    fn is_overdue(&self, sets: &Sets, at: Timestamp) -> bool {
        self.member.as_ref().is_some_and(|member| {
            let exempt = member.exempt.as_ref().is_some_and(|exempt| at < exempt.until);
            let due = member.max_age_days.zip(sets.before(at)).and_then(|(max, set)| due(set, max));
            !exempt && due.is_some_and(|due| due <= at)
        })
    }
}

/// When a password reaches its maximum age.
pub(super) fn due(set_at: Timestamp, max_age_days: u32) -> Option<Timestamp> {
    set_at.checked_add(days(max_age_days)).ok()
}

/// How long in the period the password was over its maximum age. What was asked of the account is taken as it was asked at
/// each time; before the first word of it, nothing was.
pub(super) fn overdue(asked: &[Asked], sets: &Sets, period: &Period) -> SignedDuration {
    let mut edges = vec![period.from.0, period.to.0];
    edges.extend(asked.iter().map(|asked| asked.from));
    edges.extend(asked.iter().flat_map(|asked| asked.edges(sets)));
    edges.extend(&sets.at);
    edges.retain(|edge| period.has(*edge) || *edge == period.to.0);
    edges.sort_unstable();
    edges.dedup();
    let mut total = SignedDuration::ZERO;
    for pair in edges.windows(2) {
        // Between two edges nothing changes, so that the first instant speaks for all.
        let now = asked.iter().rev().find(|asked| asked.from <= pair[0]);
        if now.is_some_and(|asked| asked.is_overdue(sets, pair[0])) {
            total += pair[0].duration_until(pair[1]);
        }
    }
    total
}

/// How an account stands at an instant.
pub(super) fn state(member: &Member, set_at: Option<Timestamp>, managed: bool, warned: bool, at: Timestamp) -> State {
    if managed {
        return State::Managed;
    }
    if member.exempt.as_ref().is_some_and(|exempt| at < exempt.until) {
        return State::Exempt;
    }
    let Some(max) = member.max_age_days else { return State::NoPolicy };
    let Some(due) = set_at.and_then(|set_at| due(set_at, max)) else { return State::Unknown };
    let left = at.duration_until(due);
    if left <= SignedDuration::ZERO {
        State::Overdue
    } else if warned || left < days(max) / 10 {
        State::Near
    } else {
        State::InPolicy
    }
}

/// The ranges of ages, by their last day.
pub(super) const BUCKETS: [(&str, i64); 6] =
    [("0–30", 30), ("31–60", 60), ("61–90", 90), ("91–180", 180), ("181–365", 365), ("over 365", i64::MAX)];

/// The range of an age.
pub(super) fn bucket(age: SignedDuration) -> usize {
    BUCKETS.iter().position(|(_, last)| whole_days(age) <= *last).unwrap_or(BUCKETS.len() - 1)
}
