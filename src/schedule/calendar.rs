use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;

use super::civil::instant;

/// Wall clock times that one instant may stand for, at most: a day of minutes that is repeated as a whole.
const REPEATED_MAX: usize = 2 * 24 * 60;

/// From here a pattern must come at least once. It begins a cycle of 400 years.
const FIRST: DateTime = date(2000, 1, 1).at(0, 0, 0, 0);

/// What is wrong with a cron pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronFault {
    /// Not five fields.
    #[error("needs five fields (minute, hour, day of month, month, day of week), not {0}")]
    Fields(usize),
    /// A field that can't be read.
    #[error("can't be read: {0}")]
    Field(String),
    /// A date that no calendar has.
    #[error("never comes: there is no such day")]
    Never,
}

/// A cron pattern of five fields, on the wall clock of a zone.
///
/// Every wall clock time of the pattern is one fire. One that daylight saving jumps over fires right after the gap, together
/// with all others in it; one that comes twice fires the first time. So does every kind of pattern, also `*/15` and `1,2`.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    cron: Cron,
    zone: TimeZone,
}

impl Calendar {
    /// Reads a pattern: minute, hour, day of month, month, day of week.
    pub fn parse(pattern: &str, zone: TimeZone) -> Result<Self, CronFault> {
        let fields = pattern.split_whitespace().count();
        if fields != 5 {
            return Err(CronFault::Fields(fields));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Optional).build();
        let cron = parser.parse(pattern).map_err(|cause| CronFault::Field(cause.to_string()))?;
        cron.find_next_occurrence(&FIRST, true).map_err(|_| CronFault::Never)?;
        Ok(Self { cron, zone })
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        self.cron.pattern.as_str()
    }

    /// Its zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first fire later than `after`. `None` only at the end of time.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        // The search runs on the wall clock alone: croner's own view of zones leaves out what a gap swallows, and
        // repeats what an overlap repeats, for every pattern with more than one hour.
        let mut civil = self.zone.to_datetime(after);
        for _ in 0..REPEATED_MAX {
            civil = self.cron.find_next_occurrence(&civil, false).ok()?;
            let at = instant(&self.zone, civil)?;
            if at > after {
                return Some(at);
            }
        }
        None
    }

    #[cfg(test)]
    pub(super) fn matches(&self, civil: DateTime) -> bool {
        self.cron.is_time_matching(&civil).unwrap()
    }
}
