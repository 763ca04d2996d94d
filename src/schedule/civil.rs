use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The instant at which a wall clock first shows `civil`, or has just jumped over it.
///
/// A time that comes twice, in autumn, is its first coming; one that never comes, in spring, is the instant right after
/// the gap. So every wall clock time is one instant, and their order stays. `None` at the end of time.
pub(super) fn instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let AmbiguousOffset::Gap { after, .. } = ambiguous.offset() else { return ambiguous.earlier().ok() };
    // Taken with the offset after the gap, the time lies before the jump; with the one before, behind it.
    let (before_jump, behind_jump) = (ambiguous.earlier().ok()?, ambiguous.later().ok()?);
    let jump = zone
        .following(before_jump)
        .take_while(|transition| transition.timestamp() <= behind_jump)
        .find(|transition| transition.offset() == after);
    Some(jump.map_or(behind_jump, |transition| transition.timestamp()))
}

/// `at + length`, or the end of time.
pub(super) fn later(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.checked_add(length).unwrap_or(if length.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}
