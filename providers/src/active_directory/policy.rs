//! The password policy that holds for an account.

use super::connection::{Connection, Found};
use super::entry::Entry;
use crate::port::{Fault, PasswordPolicy};

/// pwdProperties.
const COMPLEX: i64 = 0x1;
/// Long enough for any policy that can be set, short enough for any consumer.
const LENGTH_WHEN_UNREADABLE: u32 = 64;

/// The names that the domain and a fine-grained policy have for the same: length, complexity.
const DOMAIN: &[&str] = &["minPwdLength", "pwdProperties"];
const FINE_GRAINED: &[&str] = &["msDS-MinimumPasswordLength", "msDS-PasswordComplexityEnabled"];

/// The fine-grained policy where one applies, else the domain's. A policy that applies but can't be read is
/// not an absent one: then the strictest is assumed, and a warning says so.
pub(super) async fn of(
    connection: &Connection,
    domain: &str,
    account: &Entry,
    warnings: &mut Vec<String>,
) -> Result<PasswordPolicy, Fault> {
    if let Some(dn) = account.text("msDS-ResultantPSO") {
        if let Found::One(entry) = connection.read(dn, FINE_GRAINED).await?
            && let Some(policy) = read(&entry, FINE_GRAINED, dn)
        {
            return Ok(policy);
        }
        warnings.push(format!(
            "the fine-grained policy {dn} can't be read: let the rotator's account read it, until then \
             {LENGTH_WHEN_UNREADABLE} characters are used"
        ));
        return Ok(unreadable(format!("{dn}, which applies but can't be read")));
    }
    if let Found::One(entry) = connection.read(domain, DOMAIN).await?
        && let Some(policy) = read(&entry, DOMAIN, "domain")
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
fn read(entry: &Entry, names: &[&str], source: &str) -> Option<PasswordPolicy> {
    let complexity = match entry.text(names[1]) {
        Some("FALSE") => false,
        Some(flags) => flags.parse::<i64>().map_or(true, |flags| flags & COMPLEX != 0),
        None => true,
    };
    Some(PasswordPolicy { length_min: entry.number(names[0])?.try_into().ok()?, complexity, source: source.to_owned() })
}

fn unreadable(source: String) -> PasswordPolicy {
    PasswordPolicy { length_min: LENGTH_WHEN_UNREADABLE, complexity: true, source }
}
