use jiff::Timestamp;

use super::{Blocked, Due, Fire, Policy, Standing, due};

/// Fires that are told at once, at most.
pub const UPCOMING_MAX: usize = 1_000;

/// The coming fires, each taken to succeed at once. None for an account that is blocked, that gave up, or that is rotated by
/// hand only; of an exempt one, those after its exemption. What lies before `now` and was not done counts as missed.
pub fn upcoming(policy: &Policy, account: &str, standing: &Standing, now: Timestamp, count: usize) -> Vec<Fire> {
    let mut fires = Vec::new();
    let mut standing = standing.clone();
    let mut at = now;
    if let Some(Blocked::Exempt { until }) = standing.blocked {
        at = at.max(until);
    }
    while fires.len() < count.min(UPCOMING_MAX) {
        let Due::At(fire) = due(policy, account, &standing, at, now) else { break };
        at = fire.at.max(at);
        standing.set_at = Some(at);
        standing.last_attempt = Some(at);
        standing.last_failure = None;
        standing.failures = 0;
        standing.renewed_at = None;
        fires.push(fire);
    }
    fires
}
