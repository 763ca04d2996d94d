//! How near an account is to being locked, on one domain controller: each counts for itself.

use super::account::LOCKED;
use super::connection::{Connection, Found};
use super::endpoint::Endpoint;
use super::filetime::{self, INTERVALS_PER_SECOND};
use super::topology;
use crate::port::{Fault, Lockout};

const ACCOUNT: &[&str] =
    &["badPwdCount", "badPasswordTime", "lockoutTime", "msDS-ResultantPSO", "msDS-User-Account-Control-Computed"];
/// Threshold and observation window, of the domain and of a fine-grained policy.
const DOMAIN: &[&str] = &["lockoutThreshold", "lockOutObservationWindow"];
const FINE_GRAINED: &[&str] = &["msDS-LockoutThreshold", "msDS-LockoutObservationWindow"];

/// Reads it; what can't be read is unknown, never zero. badPwdCount and badPasswordTime are not replicated:
/// this holds for the connected domain controller. The PDC emulator knows most, since it is asked before any
/// logon is refused.
pub(super) async fn of(connection: &Connection, at: &Endpoint, dn: &str) -> Result<Lockout, Fault> {
    let account = match connection.read(dn, ACCOUNT).await? {
        Found::One(account) => account,
        Found::Nothing | Found::Several(_) => {
            return Err(Fault::refused(format!("reading the lockout of {dn} on {at}"), "there is no such object")
                .hint(
                    "find the account again: it was moved, deleted, or is not replicated to this domain controller",
                ));
        }
    };
    let root = topology::root_entry(connection, at).await?;
    let (holder, names) = match account.text("msDS-ResultantPSO") {
        Some(policy) => (policy, FINE_GRAINED),
        None => (root.domain.as_str(), DOMAIN),
    };
    let policy = match connection.read(holder, names).await? {
        Found::One(entry) => Some(entry),
        Found::Nothing | Found::Several(_) => None,
    };
    let number = |name: &str| policy.as_ref().and_then(|entry| entry.number(name));
    let count = account.number("badPwdCount").and_then(|count| count.try_into().ok());
    let window_s = number(names[1]).and_then(filetime::span_seconds);
    Ok(Lockout {
        threshold: number(names[0]).and_then(|threshold| threshold.try_into().ok()),
        wrong: counting(count, account.number("badPasswordTime"), window_s, root.time),
        // The computed flag ends when the lockout does; the time alone does not tell.
        locked: account
            .number("msDS-User-Account-Control-Computed")
            .map_or_else(|| account.number("lockoutTime").is_some_and(|at| at > 0), |flags| flags & LOCKED != 0),
    })
}

/// badPwdCount stays as it was until the next logon, but only counts while the window after the last wrong
/// password (`last`, as a FILETIME like `now`) is not over.
fn counting(bad_count: Option<u32>, last: Option<i64>, window_s: Option<u64>, now: i64) -> Option<u32> {
    let bad_count = bad_count?;
    let (Some(last), Some(window_s)) = (last, window_s) else { return Some(bad_count) };
    let window = i64::try_from(window_s).unwrap_or(i64::MAX).saturating_mul(INTERVALS_PER_SECOND);
    Some(if now.saturating_sub(last) > window { 0 } else { bad_count })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 134_397_027_830_000_000;
    const MINUTE: i64 = 60 * INTERVALS_PER_SECOND;

    #[test]
    fn a_wrong_password_counts_until_its_window_is_over() {
        let counting = |last, window_s| counting(Some(3), last, window_s, NOW);
        assert_eq!(counting(Some(NOW - 29 * MINUTE), Some(1800)), Some(3));
        assert_eq!(counting(Some(NOW - 30 * MINUTE), Some(1800)), Some(3));
        assert_eq!(counting(Some(NOW - 30 * MINUTE - 1), Some(1800)), Some(0));
        assert_eq!(counting(Some(0), Some(1800)), Some(0));
        // A window without an end, and a clock that went back.
        assert_eq!(counting(Some(1), Some(u64::MAX)), Some(3));
        assert_eq!(counting(Some(NOW + MINUTE), Some(1800)), Some(3));
    }

    #[test]
    fn what_can_not_be_read_is_not_taken_for_nothing() {
        assert_eq!(counting(None, Some(NOW), Some(1800), NOW), None);
        assert_eq!(counting(Some(3), None, Some(1800), NOW), Some(3));
        assert_eq!(counting(Some(3), Some(0), None, NOW), Some(3));
    }
}
