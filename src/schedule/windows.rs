use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::civil::{instant, later};
use super::fire::{By, PutOff};

/// How far ahead an open moment is searched.
pub const OPEN_SEARCH_DAYS: i64 = 400;

/// Steps of one search, at most: each goes on to the end of a window or of a blackout.
const SEARCH_STEPS_MAX: usize = 4_000;

/// When rotations may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The days on which it opens; none: every day.
    pub days: Vec<Weekday>,
    /// When it opens.
    pub from: Time,
    /// When it closes: on the next day when not later than `from`; the same time is a whole day.
    pub to: Time,
}

/// Days on which nothing may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blackout {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// Why, in the administrator's words.
    pub reason: String,
}

/// A blackout as instants.
#[derive(Clone, Debug, PartialEq)]
struct Closed {
    from: Timestamp,
    to: Timestamp,
    reason: String,
}

/// Maintenance windows without the blackout days, on the wall clock of a zone. Without any window it is always open.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    windows: Vec<Window>,
    closed: Vec<Closed>,
    zone: TimeZone,
}

impl Windows {
    /// Open in any of `windows` (always, when there are none), and never on the days of `blackouts`.
    pub fn new(windows: Vec<Window>, blackouts: Vec<Blackout>, zone: TimeZone) -> Self {
        let midnight = |day: Date| instant(&zone, day.to_datetime(Time::midnight()));
        let mut closed: Vec<_> = blackouts
            .into_iter()
            .map(|blackout| Closed {
                from: midnight(blackout.from).unwrap_or(Timestamp::MIN),
                to: blackout.to.tomorrow().ok().and_then(midnight).unwrap_or(Timestamp::MAX),
                reason: blackout.reason,
            })
            .collect();
        closed.sort_by_key(|closed| closed.from);
        Self { windows, closed, zone }
    }

    /// Always open, on the clock of `zone`.
    pub fn always(zone: TimeZone) -> Self {
        Self::new(Vec::new(), Vec::new(), zone)
    }

    /// The zone whose wall clock counts.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether a rotation may start at `at`.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.blackout_at(at).is_none() && self.window_end(at).is_some()
    }

    /// The first open moment from `at` on, `at` itself when it is open; `None` when nothing opens within 400 days.
    pub fn next_open(&self, at: Timestamp) -> Option<Timestamp> {
        self.wait(at).map(|(open, _)| open)
    }

    /// When it closes after `at`; `None` when it is not open at `at`, or stays open for 400 days.
    pub fn closes(&self, at: Timestamp) -> Option<Timestamp> {
        self.closes_within(at, SignedDuration::from_hours(24 * OPEN_SEARCH_DAYS))
    }

    /// `closes`, looked for no longer than `length`.
    pub(super) fn closes_within(&self, at: Timestamp, length: SignedDuration) -> Option<Timestamp> {
        if !self.is_open(at) {
            return None;
        }
        let limit = later(at, length);
        let blackout = self.closed.iter().map(|closed| closed.from).find(|from| *from > at);
        let mut end = at;
        for _ in 0..SEARCH_STEPS_MAX {
            match self.window_end(end) {
                // Windows that touch are one.
                Some(next) if blackout.is_none_or(|blackout| next < blackout) => end = next,
                Some(_) => {
                    end = blackout?;
                    break;
                }
                None => break,
            }
            if end > limit {
                return None;
            }
        }
        (end <= limit).then_some(end)
    }

    /// The first open moment from `at` on, and what was waited for.
    pub(super) fn wait(&self, at: Timestamp) -> Option<(Timestamp, Vec<PutOff>)> {
        let limit = later(at, SignedDuration::from_hours(24 * OPEN_SEARCH_DAYS));
        let mut waited: Vec<PutOff> = Vec::new();
        let mut open = at;
        for _ in 0..SEARCH_STEPS_MAX {
            let (by, until, why) = if let Some(closed) = self.blackout_at(open) {
                (By::Blackout, closed.to, Some(closed.reason.clone()))
            } else if self.window_end(open).is_none() {
                (By::Window, self.next_start(open, limit)?, None)
            } else {
                return Some((open, waited));
            };
            if until > limit {
                return None;
            }
            open = until;
            // Closed by night, a blackout, closed by night again: one line for each cause is enough.
            match waited.iter_mut().find(|earlier| earlier.by == by && earlier.why == why) {
                Some(earlier) => earlier.until = until,
                None => waited.push(PutOff { by, until, why }),
            }
        }
        None
    }

    fn blackout_at(&self, at: Timestamp) -> Option<&Closed> {
        self.closed.iter().filter(|closed| closed.from <= at && at < closed.to).max_by_key(|closed| closed.to)
    }

    /// The end of the window that is open at `at`, whatever the blackouts; of several the latest.
    fn window_end(&self, at: Timestamp) -> Option<Timestamp> {
        if self.windows.is_empty() {
            return Some(Timestamp::MAX);
        }
        self.openings(at, -2, 2).filter(|(from, to)| *from <= at && at < *to).map(|(_, to)| to).max()
    }

    /// The first opening later than `at`.
    fn next_start(&self, at: Timestamp, limit: Timestamp) -> Option<Timestamp> {
        let mut day = -2;
        while day <= OPEN_SEARCH_DAYS {
            // Two days at once: at a date line one day's clock may begin before the other's ends.
            let first = self.openings(at, day, day + 2).map(|(from, _)| from).filter(|from| *from > at).min();
            if first.is_some() {
                return first.filter(|from| *from <= limit);
            }
            day += 2;
        }
        None
    }

    /// Every opening on the days `first..end`, counted from the day of `at`.
    fn openings(&self, at: Timestamp, first: i64, end: i64) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = self.zone.to_datetime(at).date();
        (first..end)
            .filter_map(move |days| today.checked_add(days.days()).ok())
            .flat_map(move |day| self.windows.iter().filter_map(move |window| self.opening(window, day)))
    }

    fn opening(&self, window: &Window, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !window.days.is_empty() && !window.days.contains(&day.weekday()) {
            return None;
        }
        let last = if window.to <= window.from { day.tomorrow().ok()? } else { day };
        let from = instant(&self.zone, day.to_datetime(window.from))?;
        let to = instant(&self.zone, last.to_datetime(window.to))?;
        // A window that daylight saving swallows whole does not open on that day.
        (from < to).then_some((from, to))
    }
}
