//! AD's ways to write an instant and a span of time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// 100-nanosecond intervals between 1601 and 1970.
const UNIX_EPOCH_AS_FILETIME: i64 = 116_444_736_000_000_000;
pub(super) const INTERVALS_PER_SECOND: i64 = 10_000_000;

/// `20261121024623.0Z`, as rootDSE gives its clock, in 100-nanosecond intervals since 1601.
pub(super) fn from_generalized_time(text: &str) -> Option<i64> {
    let (digits, rest) = text.split_at_checked(14)?;
    if !rest.ends_with('Z') || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits[from..to].parse::<i8>().ok();
    let year = digits[..4].parse().ok()?;
    let civil = DateTime::new(year, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?, 0).ok()?;
    let second = civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    second.checked_mul(INTERVALS_PER_SECOND)?.checked_add(UNIX_EPOCH_AS_FILETIME)
}

/// An instant out of 100-nanosecond intervals since 1601; `None` when it is none (0) or out of range.
pub(super) fn to_timestamp(intervals: i64) -> Option<Timestamp> {
    if intervals <= 0 {
        return None;
    }
    Timestamp::from_microsecond((intervals - UNIX_EPOCH_AS_FILETIME) / 10).ok()
}

/// A span as policies have it, in 100-nanosecond intervals below zero, in whole seconds, rounded up. `None` for
/// one above zero, which no policy has.
pub(super) fn span_seconds(intervals: i64) -> Option<u64> {
    (intervals <= 0).then(|| intervals.unsigned_abs().div_ceil(INTERVALS_PER_SECOND.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_comes_out_again() {
        assert_eq!(
            to_timestamp(134_397_027_830_000_000).map(|at| at.to_string()).as_deref(),
            Some("2026-11-21T02:46:23Z")
        );
        assert_eq!((to_timestamp(0), to_timestamp(i64::MAX)), (None, None));
    }

    #[test]
    fn reads_a_clock_and_nothing_else() {
        assert_eq!(from_generalized_time("19700101000000.0Z"), Some(UNIX_EPOCH_AS_FILETIME));
        assert_eq!(from_generalized_time("20261121024623.0Z"), Some(134_397_027_830_000_000));
        for text in ["", "2026", "20261121024623", "20261321024623.0Z", "2026112102462é.0Z", "-0261121024623.0Z"] {
            assert_eq!(from_generalized_time(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_is_below_zero() {
        assert_eq!(span_seconds(-18_000_000_000), Some(1800));
        assert_eq!(span_seconds(0), Some(0));
        assert_eq!(span_seconds(-1), Some(1));
        // "Until an administrator unlocks it."
        assert_eq!(span_seconds(i64::MIN), Some(922_337_203_686));
        assert_eq!(span_seconds(18_000_000_000), None);
    }
}
