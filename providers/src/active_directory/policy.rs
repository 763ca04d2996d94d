//! The password policy that holds for an account.

use super::connection::{Connection, Found};
use super::entry::Entry;
use super::filetime;
use crate::port::{Fault, PasswordPolicy};

/// pwdProperties.
const COMPLEX: i64 = 0x1;
/// Long enough for any policy that can be set, short enough for any consumer.
const LENGTH_WHEN_UNREADABLE: u32 = 64;

/// The same rule under the name that the domain and a fine-grained policy have for it.
struct Names {
    all: &'static [&'static str],
    length: &'static str,
    complexity: &'static str,
    threshold: &'static str,
    window: &'static str,
}

const DOMAIN: Names = Names {
    all: &["minPwdLength", "pwdProperties", "lockoutThreshold", "lockOutObservationWindow"],
    length: "minPwdLength",
    complexity: "pwdProperties",
    threshold: "lockoutThreshold",
    window: "lockOutObservationWindow",
};
const FINE_GRAINED: Names = Names {
    all: &[
        "msDS-MinimumPasswordLength",
        "msDS-PasswordComplexityEnabled",
        "msDS-LockoutThreshold",
        "msDS-LockoutObservationWindow",
    ],
    length: "msDS-MinimumPasswordLength",
    complexity: "msDS-PasswordComplexityEnabled",
    threshold: "msDS-LockoutThreshold",
    window: "msDS-LockoutObservationWindow",
};

/// What holds for an account.
pub(super) struct Policy {
    pub(super) password: PasswordPolicy,
    /// How long a wrong password counts, in seconds; `None` = can't be read.
    pub(super) lockout_window_s: Option<u64>,
}

/// The fine-grained policy where one applies, else the domain's. A policy that applies but can't be read is
/// not an absent one: then the strictest is assumed, and a warning says so.
pub(super) async fn of(
    connection: &Connection,
    domain: &str,
    account: &Entry,
    warnings: &mut Vec<String>,
) -> Result<Policy, Fault> {
    if let Some(dn) = account.text("msDS-ResultantPSO") {
        if let Found::One(entry) = connection.read(dn, FINE_GRAINED.all).await?
            && let Some(policy) = read(&entry, &FINE_GRAINED, dn)
        {
            return Ok(policy);
        }
        warnings.push(format!(
            "the fine-grained policy {dn} can't be read: let the rotator's account read it, until then \
             {LENGTH_WHEN_UNREADABLE} characters are used"
        ));
        return Ok(unreadable(format!("{dn}, which applies but can't be read")));
    }
    if let Found::One(entry) = connection.read(domain, DOMAIN.all).await?
        && let Some(policy) = read(&entry, &DOMAIN, "domain")
    {
        return Ok(policy);
    }
    warnings.push(format!(
        "the domain's password policy can't be read: let the rotator's account read the domain head, until then \
         {LENGTH_WHEN_UNREADABLE} characters are used"
    ));
    Ok(unreadable("domain, which can't be read".to_owned()))
}

/// `None` when the length can't be read.
fn read(entry: &Entry, names: &Names, source: &str) -> Option<Policy> {
    let complexity = match entry.text(names.complexity) {
        Some("FALSE") => false,
        Some(flags) => flags.parse::<i64>().map_or(true, |flags| flags & COMPLEX != 0),
        None => true,
    };
    Some(Policy {
        password: PasswordPolicy {
            length_min: entry.number(names.length)?.try_into().ok()?,
            complexity,
            lockout_threshold: entry.number(names.threshold).and_then(|threshold| threshold.try_into().ok()),
            source: source.to_owned(),
        },
        lockout_window_s: entry.number(names.window).and_then(filetime::interval_seconds),
    })
}

fn unreadable(source: String) -> Policy {
    Policy {
        password: PasswordPolicy { length_min: LENGTH_WHEN_UNREADABLE, complexity: true, lockout_threshold: None, source },
        lockout_window_s: None,
    }
}
