use std::borrow::Cow;
use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

const DAY_S: i64 = 86_400;

/// An instant, in UTC and to the second: what a person compares with another system's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(pub Timestamp);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M:%SZ"))
    }
}

impl At {
    /// As machines read it.
    pub fn stamp(&self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.stamp())
    }
}

impl JsonSchema for At {
    fn schema_name() -> Cow<'static, str> {
        "At".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "description": "An instant in UTC, to the second." })
    }
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length {
    /// In whole seconds.
    pub seconds: i64,
}

impl Length {
    /// So many seconds.
    pub fn of(length: SignedDuration) -> Self {
        Self { seconds: length.as_secs().max(0) }
    }

    /// From one instant to another; none when that lies before.
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        Self::of(from.duration_until(to))
    }
}

/// In its two largest units, rounded down.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds;
        let units = [("d", DAY_S), ("h", 3_600), ("min", 60), ("s", 1)];
        let first = units.iter().position(|(_, unit)| seconds >= *unit).unwrap_or(units.len() - 1);
        let (word, unit) = units[first];
        write!(f, "{} {word}", seconds / unit)?;
        match units.get(first + 1) {
            Some((word, smaller)) if seconds % unit / smaller > 0 => write!(f, " {} {word}", seconds % unit / smaller),
            _ => Ok(()),
        }
    }
}

/// A length of time: for programs and for people.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Length")]
struct LengthTold {
    /// In whole seconds.
    seconds: i64,
    /// The same in its two largest units, rounded down.
    words: String,
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LengthTold { seconds: self.seconds, words: self.to_string() }.serialize(serializer)
    }
}

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        LengthTold::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        LengthTold::json_schema(generator)
    }
}

/// Whole days in a length; none when it is negative.
pub(super) fn whole_days(length: SignedDuration) -> i64 {
    (length.as_secs() / DAY_S).max(0)
}

/// So many days.
pub(super) fn days(days: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(days) * DAY_S)
}

/// The period of a report: from an instant on, up to but without another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Period {
    /// Its first instant.
    pub from: At,
    /// The first instant after it. Every state is as of here.
    pub to: At,
}

impl Period {
    /// `None` unless it is at least a second long.
    pub fn new(from: Timestamp, to: Timestamp) -> Option<Self> {
        (from.as_second() < to.as_second()).then_some(Self { from: At(from), to: At(to) })
    }

    /// The last whole days before the day that has the instant, in UTC.
    pub fn last_days(count: u32, now: Timestamp) -> Option<Self> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let first = today.checked_sub(i64::from(count).days()).ok()?;
        Self::new(midnight(first)?, midnight(today)?)
    }

    /// A quarter, as `2026Q3`.
    pub fn quarter(text: &str) -> Option<Self> {
        let (year, number) = text.split_once(['Q', 'q'])?;
        let number = number.parse::<i8>().ok().filter(|number| (1..=4).contains(number))?;
        let year = year.parse::<i16>().ok().filter(|year| (1601..=9000).contains(year))?;
        let first = Date::new(year, number * 3 - 2, 1).ok()?;
        Self::new(midnight(first)?, midnight(first.checked_add(3.months()).ok()?)?)
    }

    /// Whether an instant is in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.from.0 <= at && at < self.to.0
    }

    /// Whether an entry of that time counts at all.
    pub fn reaches(&self, at: Timestamp) -> bool {
        at < self.to.0
    }

    /// The months that it touches, as `2026-07`. Bounded: a period ends in the year 9999 at the latest.
    pub(super) fn months(&self) -> Vec<String> {
        let last = self.to.0.checked_sub(SignedDuration::from_secs(1)).unwrap_or(self.to.0);
        let (mut month, last) = (first_of_month(self.from.0), first_of_month(last));
        let mut found = Vec::new();
        while month <= last {
            found.push(month.strftime("%Y-%m").to_string());
            let Ok(next) = month.checked_add(1.month()) else { break };
            month = next;
        }
        found
    }
}

/// The month of an instant.
pub(super) fn month_of(at: Timestamp) -> String {
    at.strftime("%Y-%m").to_string()
}

fn first_of_month(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date().first_of_month()
}

/// The first instant of a day, in UTC; of a day that a person names.
pub(super) fn midnight(day: Date) -> Option<Timestamp> {
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

impl Period {
    /// An instant as a person names it: a day, which begins at midnight UTC, or an instant with its zone.
    pub fn instant(text: &str) -> Option<Timestamp> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Timestamp::from_second(at.as_second()).ok();
        }
        if text.len() != "2026-07-01".len() {
            return None;
        }
        midnight(text.parse().ok()?)
    }
}
