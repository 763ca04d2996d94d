//! The rotator's own account, as the domain controller knows it: found by the logon itself, so that it is right
//! for every form of name and for a Kerberos ticket too.

use super::connection::{Connection, Found};
use super::entry::Entry;
use super::filetime;
use super::sid::sid_text;
use crate::port::{Fault, OwnCredential};

/// A token lists the account itself first, then its groups; the first few are asked.
const IDENTIFIERS_ASKED_MAX: usize = 3;
/// msDS-UserPasswordExpiryTimeComputed of a password that never expires.
const NEVER: i64 = i64::MAX;

const ATTRIBUTES: &[&str] = &["objectClass", "pwdLastSet", "msDS-UserPasswordExpiryTimeComputed"];

/// Completes what our own settings say about the credential that `connection` was logged on with.
pub(super) async fn credential(connection: &Connection, ours: OwnCredential) -> Result<OwnCredential, Fault> {
    Ok(match find(connection).await? {
        Some(account) => describe(&account, ours),
        None => noted(ours, "its age is not known: the account can't be read"),
    })
}

fn noted(credential: OwnCredential, note: &str) -> OwnCredential {
    let notes = [credential.note.as_str(), note];
    let note = notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ");
    OwnCredential { note, ..credential }
}

/// The account that this connection is logged on as.
async fn find(connection: &Connection) -> Result<Option<Entry>, Fault> {
    let Found::One(root) = connection.read("", &["tokenGroups"]).await? else { return Ok(None) };
    for sid in root.bytes("tokenGroups").into_iter().filter_map(sid_text).take(IDENTIFIERS_ASKED_MAX) {
        if let Found::One(entry) = connection.read(&format!("<SID={sid}>"), ATTRIBUTES).await?
            && is_of(&entry, "user")
        {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

fn is_of(entry: &Entry, class: &str) -> bool {
    entry.texts("objectClass").iter().any(|own| own.eq_ignore_ascii_case(class))
}

fn describe(account: &Entry, ours: OwnCredential) -> OwnCredential {
    let set_at = account.number("pwdLastSet").and_then(filetime::to_timestamp);
    let expiry = account.number("msDS-UserPasswordExpiryTimeComputed");
    let managed = ["msDS-GroupManagedServiceAccount", "msDS-ManagedServiceAccount", "computer"]
        .into_iter()
        .find(|class| is_of(account, class));
    let note = match (managed, set_at, expiry) {
        (Some(_), ..) => "Windows itself changes it",
        (None, None, _) => "its age is not known: pwdLastSet can't be read, or it must be changed at the next logon",
        (None, Some(_), None) => "its end is not known",
        (None, Some(_), Some(NEVER)) => "it never expires",
        (None, Some(_), Some(_)) => "",
    };
    let expires_at = match managed {
        Some(_) => None,
        None => expiry.filter(|&at| at != NEVER).and_then(filetime::to_timestamp),
    };
    noted(OwnCredential { name: account.dn.clone(), set_at, expires_at, ..ours }, note)
}
