//! Modify requests: passwords, an account's lockout, the replication of one object.

use zeroize::Zeroizing;

use super::super::account::Rights;
use super::super::clock::filetime;
use super::super::domain::ChangeRefusal;
use super::super::store::Books;
use super::answers::{self, Answer};
use super::codec::{Act, Change};
use super::names;
use super::search::place;
use super::tree::View;
use crate::port::{Fault, Secret};

/// Does what `changes` ask of the object `dn` on the controller number `at`, for somebody with these rights.
pub(super) fn run(
    books: &mut Books,
    at: usize,
    rights: &Rights,
    dn: &str,
    changes: &[Change],
) -> Result<Answer, Fault> {
    let doing = "a write over LDAPS";
    let now = filetime(books.now);
    if dn.is_empty() {
        return operate(books, at, rights, changes);
    }
    let domain = books.world.domain(doing)?;
    let view = View { domain, at, now, rights };
    if let Err(answer) = place(dn, &view, &view.entries()) {
        return Ok(answer);
    }
    let Some(account) = domain.accounts.iter().find(|account| names::same(&account.dn, dn)) else {
        return Ok(if rights.administrator {
            answers::not_offered("writes to this object")
        } else {
            answers::write_denied()
        });
    };
    let name = account.name.clone();
    if changes.iter().any(|change| change.attribute.eq_ignore_ascii_case("unicodePwd")) {
        return password(books, at, rights, &name, changes);
    }
    if !rights.may_reset(&name) {
        return Ok(answers::write_denied());
    }
    match changes {
        [Change { act: Act::Replace, attribute, values }]
            if attribute.eq_ignore_ascii_case("lockoutTime") && value(values) == Some("0") =>
        {
            books.world.domain(doing)?.unlock(&name);
            Ok(Answer::success())
        }
        _ => Ok(answers::not_offered("writes to other attributes than unicodePwd and lockoutTime")),
    }
}

fn value(values: &[Zeroizing<Vec<u8>>]) -> Option<&str> {
    match values {
        [value] => std::str::from_utf8(value).ok(),
        _ => None,
    }
}

fn password(books: &mut Books, at: usize, rights: &Rights, name: &str, changes: &[Change]) -> Result<Answer, Fault> {
    match changes {
        [Change { act: Act::Replace, values, .. }] => {
            if !rights.may_reset(name) {
                return Ok(answers::reset_denied());
            }
            match values.as_slice() {
                [new] => reset(books, at, name, new),
                [] => Ok(answers::reset_unreadable()),
                _ => Ok(answers::change_refused(answers::SINGLE_VALUE_CONSTRAINT)),
            }
        }
        [Change { act: Act::Delete, values: old, .. }, Change { act: Act::Add, values: new, .. }] => {
            match (old.as_slice(), new.as_slice()) {
                ([old], [new]) => change(books, at, name, old, new),
                _ => Ok(answers::change_refused(answers::SINGLE_VALUE_CONSTRAINT)),
            }
        }
        _ => Ok(answers::reset_unreadable()),
    }
}

fn reset(books: &mut Books, at: usize, name: &str, new: &[u8]) -> Result<Answer, Fault> {
    let doing = "a reset over LDAPS";
    let Some(new) = unquoted(new) else { return Ok(answers::reset_unreadable()) };
    let domain = books.world.domain(doing)?;
    let account = domain.account(name);
    if account.is_some_and(|account| domain.violation(account, new.expose()).is_some()) {
        return Ok(answers::reset_restricted());
    }
    let (digest, now) = (books.world.labels.see(name, &new), filetime(books.now));
    books.world.domain(doing)?.set(at, name, &digest, now);
    books.world.count("directory-writes");
    Ok(Answer::success())
}

fn change(books: &mut Books, at: usize, name: &str, old: &[u8], new: &[u8]) -> Result<Answer, Fault> {
    let doing = "a change of a password over LDAPS";
    let (Some(old), Some(new)) = (unquoted(old), unquoted(new)) else { return Ok(answers::reset_unreadable()) };
    let (old, digest) = (books.world.labels.digest(name, &old), books.world.labels.digest(name, &new));
    let now = filetime(books.now);
    let domain = books.world.domain(doing)?;
    Ok(match domain.change(at, name, (&old, &digest), new.expose(), now) {
        Ok(()) => {
            books.world.labels.see(name, &new);
            books.world.count("directory-writes");
            Answer::success()
        }
        Err(ChangeRefusal::WrongOld) => answers::change_refused(answers::INVALID_PASSWORD),
        Err(ChangeRefusal::Locked) => answers::change_refused(answers::ACCOUNT_LOCKED_OUT),
        Err(ChangeRefusal::Restricted(_)) => answers::change_refused(answers::PASSWORD_RESTRICTION),
    })
}

/// The password in a unicodePwd value: UTF-16LE text between quotes. `None` for anything else.
fn unquoted(value: &[u8]) -> Option<Secret> {
    const QUOTE: [u8; 2] = [0x22, 0];
    let inner = value.strip_prefix(&QUOTE)?.strip_suffix(&QUOTE)?;
    if inner.len() % 2 != 0 {
        return None;
    }
    let units = inner.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    // Three bytes for each unit is the most: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(inner.len() / 2 * 3));
    for c in char::decode_utf16(units) {
        text.push(c.ok()?);
    }
    Some(Secret::new(text.as_str()))
}

/// A write to the root entry is an order to this controller.
fn operate(books: &mut Books, at: usize, rights: &Rights, changes: &[Change]) -> Result<Answer, Fault> {
    let [Change { attribute, values, .. }] = changes else { return Ok(answers::not_offered("several orders at once")) };
    if !attribute.eq_ignore_ascii_case("replicateSingleObject") {
        return Ok(answers::not_offered("this order"));
    }
    if !rights.administrator && !rights.synchronizes {
        return Ok(answers::write_denied());
    }
    let (now, doing) = (filetime(books.now), "replicating one object over LDAPS");
    let domain = books.world.domain(doing)?;
    let view = View { domain, at, now, rights };
    let order = value(values).and_then(|order| order.split_once(':'));
    let Some((source, object)) = order else { return Ok(answers::replication_unknown()) };
    let source = (0..domain.controllers.len()).find(|&number| names::same(&view.dsa(number), source));
    let account = domain.accounts.iter().find(|account| names::same(&account.dn, object));
    let (Some(source), Some(account)) = (source, account) else { return Ok(answers::replication_unknown()) };
    let name = account.name.clone();
    books.world.domain(doing)?.replicate(&name, source, at, now);
    Ok(Answer::success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quoted_utf16_is_a_password() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        assert_eq!(unquoted(&utf16("\"aé𝄞\"")).unwrap().expose(), "aé𝄞");
        assert_eq!(unquoted(&utf16("\"\"\"")).unwrap().expose(), "\"");
        for bad in [utf16("ab"), utf16("\""), utf16("\"ab"), b"\"ab\"".to_vec(), Vec::new(), vec![0x22, 0, 1, 0x22, 0]]
        {
            assert!(unquoted(&bad).is_none(), "{bad:?}");
        }
        assert!(unquoted(&[0x22, 0, 0, 0xd8, 0x22, 0]).is_none(), "half a surrogate pair");
    }
}
