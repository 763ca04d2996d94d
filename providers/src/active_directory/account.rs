//! Finds one account and says what speaks against rotating it.

use ldap3::ldap_escape;

use super::connection::{Connection, Found};
use super::entry::Entry;
use super::policy;
use super::topology::RootEntry;
use crate::port::{AccountFacts, Fault};

const ATTRIBUTES: &[&str] = &[
    "distinguishedName",
    "sAMAccountName",
    "displayName",
    "objectSid",
    "objectClass",
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "accountExpires",
    "pwdLastSet",
    "msDS-ResultantPSO",
];

/// userAccountControl.
const DISABLED: i64 = 0x2;
const SMARTCARD_REQUIRED: i64 = 0x4_0000;
/// msDS-User-Account-Control-Computed.
const LOCKED: i64 = 0x10;
/// accountExpires: two ways to say never.
const NEVER: [i64; 2] = [0, i64::MAX];
/// Object classes whose password Windows manages.
const MANAGED: [&str; 4] =
    ["computer", "msDS-ManagedServiceAccount", "msDS-GroupManagedServiceAccount", "trustedDomain"];
/// Relative ids of groups that a rotated account should not be in.
const DELICATE_GROUPS: [(u32, &str, &str); 4] = [
    (512, "Domain Admins", "a sync account needs no such right: take it out"),
    (518, "Schema Admins", "a sync account needs no such right: take it out"),
    (519, "Enterprise Admins", "a sync account needs no such right: take it out"),
    (525, "Protected Users", "its members can't log on by NTLM, nor by a simple bind that stands on it"),
];

/// Finds exactly one account by sAMAccountName, user principal name or distinguished name.
pub(super) async fn find(
    connection: &Connection,
    root: &RootEntry,
    dc: &str,
    locator: &str,
) -> Result<AccountFacts, Fault> {
    let doing = || format!("finding the account {locator:?} in {}", root.domain);
    let none = || {
        Fault::refused(doing(), "there is none, or the rotator's account may not see it")
            .hint("name it by sAMAccountName, user principal name or distinguished name")
    };
    let dn = match look_up(connection, root, locator).await? {
        Found::Nothing => return Err(none()),
        Found::Several(names) => {
            return Err(Fault::refused(doing(), format!("the name is ambiguous: {}", names.join(" and ")))
                .hint("name it by its distinguished name"));
        }
        Found::One(entry) => entry.dn,
    };
    // Once more by its name: some of what follows can only be read from the object itself.
    let Found::One(entry) = connection.read(&dn, ATTRIBUTES).await? else { return Err(none()) };
    let sam_account_name = entry.text("sAMAccountName").ok_or_else(|| {
        Fault::refused(doing(), format!("{dn} is not an account, or its sAMAccountName can't be read"))
    })?;
    // The directory's own spelling: a search by distinguished name may give back the asker's.
    let dn = entry.text("distinguishedName").map_or(dn, str::to_owned);
    let mut warnings = delicate_groups(connection, &dn).await?;
    if entry.number("userAccountControl").is_some_and(|flags| flags & SMARTCARD_REQUIRED != 0) {
        warnings.push("the account requires a smart card: nobody logs on with its password".to_owned());
    }
    let policy = policy::of(connection, &root.domain, &entry, &mut warnings).await?;
    Ok(AccountFacts {
        sid: entry.bytes("objectSid").first().and_then(|sid| sid_text(sid)).unwrap_or_default(),
        sam_account_name: sam_account_name.to_owned(),
        display_name: entry.text("displayName").unwrap_or_default().to_owned(),
        dc: dc.to_owned(),
        refusals: refusals(&entry, root.time),
        warnings,
        policy,
        dn,
    })
}

async fn look_up(connection: &Connection, root: &RootEntry, locator: &str) -> Result<Found, Fault> {
    // No logon name has an equals sign in it, and every distinguished name has.
    if locator.contains('=') {
        return connection.read(locator, &["sAMAccountName"]).await;
    }
    connection.find(&root.domain, &by_name(locator), &["sAMAccountName"]).await
}

fn by_name(locator: &str) -> String {
    let name = ldap_escape(locator);
    format!("(&(objectClass=user)(|(sAMAccountName={name})(userPrincipalName={name})))")
}

/// Reasons not to rotate. What can't be read is one: it might hide any of the others.
fn refusals(entry: &Entry, now: i64) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut refuse = |sentence: &str| refusals.push(sentence.to_owned());
    if entry.texts("objectClass").iter().any(|class| MANAGED.iter().any(|managed| class.eq_ignore_ascii_case(managed)))
    {
        refuse("Windows itself manages the password of this kind of account.");
    }
    match entry.number("userAccountControl") {
        Some(flags) if flags & DISABLED != 0 => refuse("The account is disabled."),
        Some(_) => {}
        None => refuse("The account's userAccountControl can't be read, so nobody knows whether it is disabled."),
    }
    // Computed by the domain controller: the lockout ends by itself there.
    if entry.number("msDS-User-Account-Control-Computed").is_some_and(|flags| flags & LOCKED != 0) {
        refuse("The account is locked out: find out who tries wrong passwords, then unlock it.");
    }
    if entry.number("accountExpires").is_some_and(|at| !NEVER.contains(&at) && at <= now) {
        refuse("The account is expired.");
    }
    match entry.number("pwdLastSet") {
        Some(0) => refuse("The account must change its password at the next logon, which no service can do."),
        Some(_) => {}
        None => refuse("The account's pwdLastSet can't be read, so a set could not be proven."),
    }
    refusals
}

async fn delicate_groups(connection: &Connection, dn: &str) -> Result<Vec<String>, Fault> {
    let entry = match connection.read(dn, &["tokenGroups"]).await? {
        Found::One(entry) => entry,
        Found::Nothing | Found::Several(_) => return Ok(vec!["the account's groups can't be read".to_owned()]),
    };
    let groups: Vec<u32> = entry.bytes("tokenGroups").into_iter().filter_map(domain_relative_id).collect();
    if groups.is_empty() {
        return Ok(vec!["the account's groups can't be read".to_owned()]);
    }
    let found = DELICATE_GROUPS.iter().filter(|(id, ..)| groups.contains(id));
    Ok(found.map(|(_, name, advice)| format!("the account is in {name}: {advice}")).collect())
}

/// `S-1-5-21-…` (MS-DTYP 2.4.2.2: revision, count, authority big-endian, sub-authorities little-endian); `None`
/// when the bytes are none.
fn sid_text(sid: &[u8]) -> Option<String> {
    let (&[1, count], rest) = sid.split_first_chunk::<2>()? else { return None };
    let (authority, parts) = rest.split_first_chunk::<6>()?;
    if parts.len() != usize::from(count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    let parts = parts.chunks_exact(4).map(|part| u32::from_le_bytes([part[0], part[1], part[2], part[3]]));
    Some(parts.fold(format!("S-1-{authority}"), |text, part| format!("{text}-{part}")))
}

/// The last part of a security identifier of the form S-1-5-21-a-b-c-ID; `None` for any other.
fn domain_relative_id(sid: &[u8]) -> Option<u32> {
    const DOMAIN_SID_BYTES: usize = 8 + 5 * 4;
    const DOMAIN_SID_START: [u8; 12] = [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
    if sid.len() != DOMAIN_SID_BYTES || !sid.starts_with(&DOMAIN_SID_START) {
        return None;
    }
    sid.last_chunk().map(|id| u32::from_le_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locator_can_not_widen_the_filter() {
        assert_eq!(
            by_name("a*)(cn=(\\"),
            r"(&(objectClass=user)(|(sAMAccountName=a\2a\29\28cn=\28\5c)(userPrincipalName=a\2a\29\28cn=\28\5c)))"
        );
    }

    #[test]
    fn only_a_domain_group_has_a_relative_id() {
        let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3];
        sid.extend(512_u32.to_le_bytes());
        assert_eq!(domain_relative_id(&sid), Some(512));
        assert_eq!(sid_text(&sid).as_deref(), Some("S-1-5-21-16843009-33686018-50529027-512"));
        assert_eq!(sid_text(&sid[..27]), None);
        assert_eq!(domain_relative_id(&[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0, 2, 0, 0]), None);
        assert_eq!(domain_relative_id(b"text"), None);
    }
}
