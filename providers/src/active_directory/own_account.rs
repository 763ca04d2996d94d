//! The rotator's own account, as the domain controller knows it: found by the logon itself, so that it is right
//! for every form of name and for a Kerberos ticket too.

use std::fmt::Write;

use super::connection::{Connection, Found};
use super::entry::Entry;
use super::filetime;
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
    for sid in root.bytes("tokenGroups").into_iter().filter_map(text_of_sid).take(IDENTIFIERS_ASKED_MAX) {
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

/// A security identifier as text: `S-1-5-21-…`; `None` when the bytes are none.
fn text_of_sid(bytes: &[u8]) -> Option<String> {
    let (&[revision, count, ref authority @ ..], parts) = bytes.split_first_chunk::<8>()?;
    if revision != 1 || parts.len() != usize::from(count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    let mut text = format!("S-1-{authority}");
    for part in parts.chunks_exact(4) {
        let part = u32::from_le_bytes(part.try_into().ok()?);
        write!(text, "-{part}").ok()?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_written_as_people_write_it() {
        let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5];
        for part in [21_u32, 1, 2, 4_000_000_000, 500] {
            sid.extend(part.to_le_bytes());
        }
        assert_eq!(text_of_sid(&sid).as_deref(), Some("S-1-5-21-1-2-4000000000-500"));
        sid.pop();
        assert_eq!(text_of_sid(&sid), None);
        assert_eq!(text_of_sid(b"text"), None);
    }
}
