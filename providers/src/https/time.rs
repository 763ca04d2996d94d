use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Nobody waits longer than a day because a server said so.
const WAIT_S_MAX: i64 = 24 * 3600;

/// `Sat, 21 Nov 2026 21:14:42 GMT`.
pub(crate) fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// `Retry-After` as seconds: a number, or a time on the other side's clock, which shows `now`.
pub(crate) fn wait_s(text: &str, now: Option<Timestamp>) -> Option<u32> {
    let seconds = match text.trim().parse::<u32>() {
        Ok(seconds) => i64::from(seconds),
        Err(_) => date(text)?.as_second() - now?.as_second(),
    };
    u32::try_from(seconds.clamp(0, WAIT_S_MAX)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_both_forms_and_bounded() {
        let now = date("Sat, 21 Nov 2026 21:17:21 GMT");
        assert!(now.is_some());
        assert_eq!(wait_s(" 7 ", None), Some(7));
        assert_eq!(wait_s("-1", now), None);
        assert_eq!(wait_s("Sat, 21 Nov 2026 21:18:21 GMT", now), Some(60));
        assert_eq!(wait_s("Sat, 21 Nov 2026 21:16:21 GMT", now), Some(0));
        assert_eq!(wait_s("4000000000", None), Some(24 * 3600));
        assert_eq!(wait_s("Sat, 21 Nov 2026 21:18:21 GMT", None), None);
        assert_eq!(wait_s("soon", now), None);
        assert_eq!(date("Thu, 01 Jan 1970 00:00:10 GMT").unwrap().as_second(), 10);
    }
}
