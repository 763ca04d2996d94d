//! Finds one account and says what speaks against rotating it.

use super::connection::{Connection, Found};
use super::domain_controllers::Controller;
use super::entry::Entry;
use super::forest;
use super::locator::Locator;
use super::policy;
use super::sid::{domain_relative_id, sid_text};
use crate::port::{AccountFacts, Fault};

const ATTRIBUTES: &[&str] = &[
    "distinguishedName",
    "sAMAccountName",
    "displayName",
    "description",
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
pub(super) const LOCKED: i64 = 0x10;
const PASSWORD_EXPIRED: i64 = 0x80_0000;
/// accountExpires: two ways to say never.
const NEVER: [i64; 2] = [0, i64::MAX];
/// Object classes whose password Windows manages.
const MANAGED: [&str; 4] =
    ["computer", "msDS-ManagedServiceAccount", "msDS-GroupManagedServiceAccount", "trustedDomain"];
/// Groups by relative id. What a group of administrators has to do with it: AdminSDHolder gives its members
/// one access list for all, once an hour.
const ADMINISTRATORS: [(u32, &str); 3] = [(512, "Domain Admins"), (518, "Schema Admins"), (519, "Enterprise Admins")];
/// Microsoft: "Accounts for services and computers should never be members of the Protected Users group"
/// (Protected Users security group, guidance).
const PROTECTED_USERS: u32 = 525;

/// Finds exactly one account; `None` = there is none in the domain of this domain controller.
pub(super) async fn find(here: &Controller, locator: &Locator<'_>) -> Result<Option<AccountFacts>, Fault> {
    let Controller { at, connection, root } = here;
    let doing = || format!("finding the account in {}", root.domain_name);
    let dn = match look_up(here, locator).await? {
        Found::Nothing => return Ok(None),
        Found::Several(names) => {
            return Err(Fault::refused(doing(), format!("the name is ambiguous: {}", names.join(" and ")))
                .hint("name it by its distinguished name"));
        }
        Found::One(entry) => entry.dn,
    };
    // Once more by its name: some of what follows can only be read from the object itself.
    let Found::One(entry) = connection.read(&dn, ATTRIBUTES).await? else { return Ok(None) };
    let sam_account_name = entry.text("sAMAccountName").ok_or_else(|| {
        Fault::refused(doing(), format!("{dn} is not an account, or its sAMAccountName can't be read"))
            .hint("name an account by sAMAccountName, user principal name or distinguished name")
    })?;
    // The directory's own spelling: a search by distinguished name may give back the asker's.
    let dn = entry.text("distinguishedName").map_or(dn, str::to_owned);
    let mut refusals = refusals(&entry, root.time);
    let mut warnings = Vec::new();
    match groups(connection, &dn).await? {
        Some(groups) => judge_groups(&groups, &mut refusals, &mut warnings),
        None => warnings.push("the account's groups can't be read".to_owned()),
    }
    if password_is_expired(&entry) {
        warnings.push("the account's password is expired: nobody logs on with it until it is set anew".to_owned());
    }
    let policy = policy::of(connection, &root.domain, &entry, &mut warnings).await?;
    Ok(Some(AccountFacts {
        sid: entry.bytes("objectSid").first().and_then(|sid| sid_text(sid)).unwrap_or_default(),
        sam_account_name: sam_account_name.to_owned(),
        display_name: entry.text("displayName").unwrap_or_default().to_owned(),
        description: entry.text("description").unwrap_or_default().to_owned(),
        domain: root.domain_name.to_string(),
        netbios: forest::netbios_name(connection, root).await?.unwrap_or_default(),
        dc: at.host.clone(),
        refusals,
        warnings,
        policy,
        dn,
    }))
}

async fn look_up(here: &Controller, locator: &Locator<'_>) -> Result<Found, Fault> {
    let Controller { connection, root, .. } = here;
    if let Locator::Dn(dn) = locator {
        return connection.read(dn, &["sAMAccountName"]).await;
    }
    for filter in locator.filters(&root.domain_name) {
        match connection.find(&root.domain, &filter, &["sAMAccountName"]).await? {
            Found::Nothing => {}
            found => return Ok(found),
        }
    }
    Ok(Found::Nothing)
}

/// Reasons not to rotate, each with the next step. What can't be read is one: it might hide any of the others.
fn refusals(entry: &Entry, now: i64) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut refuse = |sentence: &str| refusals.push(sentence.to_owned());
    if entry.texts("objectClass").iter().any(|class| MANAGED.iter().any(|managed| class.eq_ignore_ascii_case(managed)))
    {
        refuse("Windows itself manages the password of this kind of account: take it out of the configuration.");
    }
    match entry.number("userAccountControl") {
        Some(flags) => {
            if flags & DISABLED != 0 {
                refuse("The account is disabled: enable it, or take it out of the configuration.");
            }
            if flags & SMARTCARD_REQUIRED != 0 {
                refuse(
                    "The account requires a smart card, so its password belongs to the directory, which may replace it \
                     by itself: clear that requirement.",
                );
            }
        }
        None => refuse(
            "The account's userAccountControl can't be read, so nobody knows whether it is disabled: let the rotator's \
             account read it.",
        ),
    }
    // Computed by the domain controller: the lockout ends by itself there.
    if entry.number("msDS-User-Account-Control-Computed").is_some_and(|flags| flags & LOCKED != 0) {
        refuse("The account is locked out: find out who tries wrong passwords, then unlock it.");
    }
    if entry.number("accountExpires").is_some_and(|at| !NEVER.contains(&at) && at <= now) {
        refuse("The account is expired: give it a later end, or none.");
    }
    match entry.number("pwdLastSet") {
        Some(0) => refuse(
            "The account must change its password at the next logon, which no service can do: clear that flag, or set \
             its password, first.",
        ),
        Some(_) => {}
        None => refuse(
            "The account's pwdLastSet can't be read, so a set could not be proven: let the rotator's account read it.",
        ),
    }
    refusals
}

/// Expired by age. One that must be changed at the next logon counts as expired too, and is spoken of elsewhere.
fn password_is_expired(entry: &Entry) -> bool {
    entry.number("msDS-User-Account-Control-Computed").is_some_and(|flags| flags & PASSWORD_EXPIRED != 0)
        && entry.number("pwdLastSet").is_some_and(|at| at != 0)
}

/// The relative ids of the domain's groups that the account is in, nested ones included; `None` = unreadable.
async fn groups(connection: &Connection, dn: &str) -> Result<Option<Vec<u32>>, Fault> {
    let Found::One(entry) = connection.read(dn, &["tokenGroups"]).await? else { return Ok(None) };
    let groups: Vec<u32> = entry.bytes("tokenGroups").into_iter().filter_map(domain_relative_id).collect();
    Ok(if groups.is_empty() { None } else { Some(groups) })
}

fn judge_groups(groups: &[u32], refusals: &mut Vec<String>, warnings: &mut Vec<String>) {
    if groups.contains(&PROTECTED_USERS) {
        refusals.push(
            "The account is in Protected Users, which is not for services: its members can't log on by NTLM, nor by a \
             simple bind that stands on it. Take it out."
                .to_owned(),
        );
    }
    for (_, name) in ADMINISTRATORS.iter().filter(|(id, _)| groups.contains(id)) {
        warnings.push(format!(
            "the account is in {name}: a sync account needs no such right, so take it out; until then AD itself takes \
             the rotator's right to reset it away, within the hour"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 134_397_027_830_000_000;

    fn refused(changes: &[(&str, &str)]) -> Vec<String> {
        let mut attributes = vec![
            ("objectClass", "user"),
            ("userAccountControl", "66048"),
            ("msDS-User-Account-Control-Computed", "0"),
            ("accountExpires", "0"),
            ("pwdLastSet", "134000000000000000"),
        ];
        attributes.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        attributes.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        let values: Vec<(&str, [&str; 1])> = attributes.into_iter().map(|(name, value)| (name, [value])).collect();
        let entry: Vec<(&str, &[&str])> = values.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        refusals(&Entry::of(&entry), NOW)
    }

    #[test]
    fn an_account_whose_password_never_expires_may_be_rotated() {
        assert_eq!(refused(&[]), Vec::<String>::new());
        assert_eq!(refused(&[("accountExpires", "9223372036854775807")]), Vec::<String>::new());
        // "User cannot change password" says nothing about a reset.
        assert_eq!(refused(&[("userAccountControl", "66112")]), Vec::<String>::new());
    }

    #[test]
    fn each_reason_has_its_sentence() {
        for (changed, value, word) in [
            ("objectClass", "msDS-GroupManagedServiceAccount", "Windows itself"),
            ("userAccountControl", "514", "disabled"),
            ("userAccountControl", "262656", "smart card"),
            ("userAccountControl", "", "userAccountControl can't be read"),
            ("msDS-User-Account-Control-Computed", "16", "locked out"),
            ("accountExpires", "134397027830000000", "expired"),
            ("pwdLastSet", "0", "next logon"),
            ("pwdLastSet", "", "pwdLastSet can't be read"),
        ] {
            let told = refused(&[(changed, value)]);
            assert!(told.len() == 1 && told[0].contains(word), "{changed}={value}: {told:?}");
            // What is wrong, and what to do.
            assert!(told[0].contains(": ") && told[0].ends_with('.'), "{told:?}");
        }
        assert_eq!(refused(&[("accountExpires", "134397027830000001")]), Vec::<String>::new());
    }

    #[test]
    fn groups_are_refused_or_warned_of() {
        let judged = |groups: &[u32]| {
            let (mut refusals, mut warnings) = (Vec::new(), Vec::new());
            judge_groups(groups, &mut refusals, &mut warnings);
            (refusals, warnings)
        };
        assert_eq!(judged(&[513, 1104]), (Vec::new(), Vec::new()));
        let (refusals, warnings) = judged(&[513, 525]);
        assert!(refusals.len() == 1 && refusals[0].contains("Protected Users") && warnings.is_empty());
        let (refusals, warnings) = judged(&[519, 512]);
        assert!(refusals.is_empty() && warnings.len() == 2, "{warnings:?}");
        assert!(warnings[0].contains("Domain Admins") && warnings[1].contains("Enterprise Admins"), "{warnings:?}");
    }
}
