//! Time as AD stores it: 100-nanosecond intervals since 1601.

use jiff::Timestamp;

const UNIX_EPOCH_AS_FILETIME: i64 = 116_444_736_000_000_000;

/// 100-nanosecond intervals in one minute.
pub(super) const MINUTE: i64 = 60 * 10_000_000;

/// An instant as AD stores it, cut to 100 nanoseconds.
pub(super) fn filetime(at: Timestamp) -> i64 {
    let intervals = at.as_nanosecond() / 100 + i128::from(UNIX_EPOCH_AS_FILETIME);
    i64::try_from(intervals).unwrap_or(i64::MAX)
}

/// The instant that AD stores so; `None` where it stores none (0).
pub(super) fn instant(filetime: i64) -> Option<Timestamp> {
    let microseconds = filetime.checked_sub(UNIX_EPOCH_AS_FILETIME)? / 10;
    if filetime > 0 { Timestamp::from_microsecond(microseconds).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Fingerprint;

    #[test]
    fn a_filetime_reads_back_as_the_same_instant() {
        let at: Timestamp = "2026-11-21T02:30:00.123456Z".parse().unwrap();
        let print =
            Fingerprint { dc: String::new(), key_version: 1, password_last_set: filetime(at), dc_time: filetime(at) };
        assert_eq!(print.password_last_set_at(), Some(at));
        assert_eq!(instant(filetime(at)), Some(at));
        assert_eq!(instant(0), None);
    }
}
