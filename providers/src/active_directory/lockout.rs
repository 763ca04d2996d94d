//! How near an account is to being locked, on one domain controller: each counts for itself.

use super::connection::{Connection, Found};
use super::endpoint::Endpoint;
use super::entry::Entry;
use super::topology;
use crate::port::{Fault, Lockout};

const ACCOUNT: &[&str] = &["badPwdCount", "badPasswordTime", "msDS-ResultantPSO", "msDS-User-Account-Control-Computed"];
/// Threshold and observation window, of the domain and of a fine-grained policy.
const DOMAIN: &[&str] = &["lockoutThreshold", "lockOutObservationWindow"];
const FINE_GRAINED: &[&str] = &["msDS-LockoutThreshold", "msDS-LockoutObservationWindow"];
/// msDS-User-Account-Control-Computed.
const LOCKED: i64 = 0x10;

/// What can't be read is unknown, never zero.
pub(super) async fn of(connection: &Connection, at: &Endpoint, dn: &str) -> Result<Lockout, Fault> {
    let Found::One(account) = connection.read(dn, ACCOUNT).await? else {
        return Ok(Lockout { threshold: None, wrong: None, locked: false });
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
    Ok(Lockout {
        threshold: number(names[0]).and_then(|threshold| threshold.try_into().ok()),
        wrong: counting(&account, number(names[1]), root.time),
        locked: account.number("msDS-User-Account-Control-Computed").is_some_and(|flags| flags & LOCKED != 0),
    })
}

/// badPwdCount keeps its value when the observation window is over, and then counts no more. Windows of time
/// are negative in AD.
fn counting(account: &Entry, window: Option<i64>, now: i64) -> Option<u32> {
    let count = account.number("badPwdCount")?;
    let over = || Some(now.checked_sub(account.number("badPasswordTime")?)? > window?.checked_abs()?);
    if count == 0 || over() == Some(true) { Some(0) } else { count.try_into().ok() }
}
