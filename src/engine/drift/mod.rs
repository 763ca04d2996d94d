//! The drift look: what is not as this program left it. Reads only: nobody logs on with a rotated password, so that no
//! wrong one is ever counted, and no test sync runs.
//!
//! `expected` is what the journal knows, `found` what is told; `account`, `server` and `vault` look. A rotation of the
//! account, or on one of its servers, that runs meanwhile would be found: whoever asks `drift` sees to it that there is none,
//! `look` finds it in the journal.

mod account;
mod expected;
mod found;
mod server;
mod vault;

use std::collections::BTreeSet;

use providers::port::step_scope;

use super::credentials::{self, Due};
use super::examine::{examine, limited, noted};
use super::{AccountKind, Ports, Wish};
use crate::journal::{Journal, JournalError};
use crate::procedure::StartName;
pub use expected::Expected;
pub use found::{Drift, DriftKind, Found};

/// What came of a look that is held against the journal.
#[derive(Debug)]
pub enum Looked {
    /// What is not as this program left it.
    Seen(Drift),
    /// This rotation went on meanwhile, on one of the same servers: what was found may be its doing, so nothing is known.
    Overtaken(String),
}

/// Looks, with what the journal knows. `sharing`: the accounts that work on the account's servers, itself among them.
pub async fn look(
    journal: &dyn Journal,
    ports: &Ports,
    wish: &Wish,
    sharing: &BTreeSet<&str>,
) -> Result<Looked, JournalError> {
    let expected = Expected::of(journal, ports, &wish.account, sharing).await?;
    let drift = drift(ports, wish, &expected).await;
    let overtaken = expected.overtaken(journal, sharing).await?;
    Ok(overtaken.map_or(Looked::Seen(drift), Looked::Overtaken))
}

/// Looks at an account, its servers and its place in the vault, and at what the tool itself works with.
pub async fn drift(ports: &Ports, wish: &Wish, expected: &Expected) -> Drift {
    let names: BTreeSet<String> = wish.servers.iter().map(|(server, _)| server.clone()).collect();
    let wishes = std::slice::from_ref(wish);
    let seen = examine(ports, wishes, &names, expected.since, expected.own_changes.clone()).await;
    let account = seen.accounts.into_iter().next();
    let drift = Drift { unseen: seen.unseen, ..Drift::default() };
    let mut look = Look { ports, wish, expected, drift };
    let looking = async {
        if let Some(account) = &account {
            look.account(account);
        }
        let facts = account.as_ref().and_then(|account| account.facts.as_ref());
        look.local_user(&seen.servers).await;
        look.logon_controllers(&seen.servers, account.as_ref()).await;
        look.roles(&seen.servers);
        for server in seen.servers {
            look.server(server, facts);
        }
        look.vault().await;
        look.own_credentials().await;
    };
    step_scope::within("drift".to_owned(), looking).await;
    look.drift.settle();
    look.drift
}

/// One look around.
struct Look<'l> {
    ports: &'l Ports,
    wish: &'l Wish,
    expected: &'l Expected,
    drift: Drift,
}

impl Look<'_> {
    /// Whether Windows itself manages the password: then neither directory nor vault has anything to compare.
    fn managed_by_windows(&self) -> bool {
        self.wish.kind == AccountKind::Service
            && StartName::parse(&self.wish.locator, "").managed_by_windows().is_some()
    }

    async fn own_credentials(&mut self) {
        let of_directory = limited(
            "asking how old the credential for the directory is".to_owned(),
            self.ports.directory.own_credential(),
        );
        let of_vault =
            limited("asking how old the credential for the vault is".to_owned(), self.ports.vault.own_credential());
        for asked in [of_directory.await, of_vault.await] {
            let Some(own) = noted(asked, &mut self.drift.unseen) else { continue };
            for due in credentials::due(&own, self.ports.clock.now()) {
                let (seen, todo) = match due {
                    Due::Old(at) => (format!("was set at {at:.0}, more than 90 days ago"), "rotate it too"),
                    Due::Ends(at) => (format!("ends at {at:.0}"), "replace it before"),
                };
                let seen = format!("{} {seen}", credentials::whose(&own));
                self.drift.add(DriftKind::OwnCredential, &own.holder, seen, todo);
            }
        }
    }
}
