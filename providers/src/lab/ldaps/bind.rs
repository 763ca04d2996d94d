//! Logons: simple binds.

use zeroize::Zeroizing;

use super::super::clock::filetime;
use super::super::domain::{BindAnswer, Domain};
use super::super::store::Books;
use super::answers::{self, Answer};
use super::{names, tree};
use crate::port::{Fault, Secret};

/// Wrong name or password; Windows tells no difference between the two.
const WRONG: &str = "52e";

/// Logs on at the controller number `at`; gives the account's name, `None` for nobody's logon.
pub(super) fn run(
    books: &mut Books,
    at: usize,
    (version, name, password): (u64, &str, Option<&Zeroizing<Vec<u8>>>),
) -> Result<(Answer, Option<String>), Fault> {
    let refused = |data| Ok((answers::logon(data), None));
    let Some(password) = password else { return Ok((answers::not_offered("any but simple binds"), None)) };
    if version != 3 {
        return Ok((answers::protocol_error(), None));
    }
    if password.is_empty() {
        // Nobody's logon, even where a name is given: that is what the standard says and what Windows does.
        return Ok((Answer::success(), None));
    }
    let doing = "logging on over LDAPS";
    let Some(account) = account_of(books.world.domain(doing)?, name) else { return refused(WRONG) };
    let Ok(password) = std::str::from_utf8(password) else { return refused(WRONG) };
    let digest = books.world.labels.digest(&account, &Secret::new(password));
    books.world.count("directory-binds");
    let now = filetime(books.now);
    match books.world.domain(doing)?.bind(at, &account, &digest, now) {
        BindAnswer::Accepted => Ok((Answer::success(), Some(account))),
        BindAnswer::Wrong => refused(WRONG),
        BindAnswer::Locked => refused("775"),
        BindAnswer::Disabled => refused("533"),
        BindAnswer::AccountExpired => refused("701"),
        BindAnswer::MustChange => refused("773"),
        BindAnswer::PasswordExpired => refused("532"),
        BindAnswer::NoAnswer => Ok((answers::unavailable(), None)),
    }
}

/// The account that a distinguished name, a user principal name or `DOMAIN\name` means.
fn account_of(domain: &Domain, name: &str) -> Option<String> {
    let account = match name.split_once('\\') {
        Some((prefix, account)) if !name.contains('=') => {
            let ours = [tree::netbios(&domain.forest), domain.forest.clone()];
            ours.iter().any(|ours| ours.eq_ignore_ascii_case(prefix)).then_some(account)?;
            domain.account(account)
        }
        _ => domain.accounts.iter().find(|account| {
            let principal = format!("{}@{}", account.name, domain.forest);
            principal.eq_ignore_ascii_case(name) || names::same(&account.dn, name)
        }),
    };
    account.map(|account| account.name.clone())
}
