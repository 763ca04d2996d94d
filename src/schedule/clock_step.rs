use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Differences up to this are a clock's ordinary correction.
pub const CLOCK_STEP_LEAST: SignedDuration = SignedDuration::from_mins(2);

/// How far the wall clock went beside a clock that nobody sets and that stands while the machine sleeps: forward
/// (the machine slept, or the clock was set) or back. `None` for 2 minutes or less.
pub fn clock_step(wall_before: Timestamp, wall_now: Timestamp, monotonic_elapsed: Duration) -> Option<SignedDuration> {
    let elapsed = SignedDuration::try_from(monotonic_elapsed).unwrap_or(SignedDuration::MAX);
    let step = wall_before.duration_until(wall_now).saturating_sub(elapsed);
    (step > CLOCK_STEP_LEAST || step < -CLOCK_STEP_LEAST).then_some(step)
}
