//! How many wrong passwords an account still bears, on one domain controller.

use super::account::LOCKED;
use super::connection::{Connection, Found};
use super::filetime::INTERVALS_PER_SECOND;
use super::policy;
use super::topology::RootEntry;
use crate::port::Fault;

/// An account's lockout policy, and where it stands with it on one domain controller. What can't be read is
/// `None`; assume the worst of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// Wrong passwords before the account locks; 0 = never.
    pub threshold: Option<u32>,
    /// Wrong passwords that count now on this domain controller.
    pub bad_count: Option<u32>,
    /// How long a wrong password counts after the last one, in seconds: lockoutObservationWindow.
    pub window_s: Option<u64>,
    /// The account is locked out.
    pub locked: bool,
}

const ATTRIBUTES: &[&str] = &[
    "msDS-ResultantPSO",
    "msDS-User-Account-Control-Computed",
    "badPwdCount",
    "badPasswordTime",
    "lockoutTime",
];

/// Reads it. badPwdCount and badPasswordTime are not replicated, so this holds for the connected domain
/// controller alone; the PDC emulator, which is asked before any logon is refused, knows most.
pub(super) async fn of(connection: &Connection, root: &RootEntry, dn: &str) -> Result<Lockout, Fault> {
    let entry = match connection.read(dn, ATTRIBUTES).await? {
        Found::One(entry) => entry,
        Found::Nothing | Found::Several(_) => {
            let doing = format!("reading the lockout of {dn} on {}", root.host);
            return Err(Fault::refused(doing, "there is no such object")
                .hint("find the account again: it was moved or deleted"));
        }
    };
    let policy = policy::of(connection, &root.domain, &entry, &mut Vec::new()).await?;
    let bad_count = entry.number("badPwdCount").and_then(|count| count.try_into().ok());
    Ok(Lockout {
        threshold: policy.password.lockout_threshold,
        bad_count: counting(bad_count, entry.number("badPasswordTime"), policy.lockout_window_s, root.time),
        window_s: policy.lockout_window_s,
        // The computed flag ends with the lockout; the time alone does not tell.
        locked: entry
            .number("msDS-User-Account-Control-Computed")
            .map_or_else(|| entry.number("lockoutTime").is_some_and(|at| at > 0), |flags| flags & LOCKED != 0),
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
