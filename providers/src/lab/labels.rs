//! Names for passwords: every distinct password the world has seen for an account is p1, p2 … in order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cipher::random_hex;
use crate::port::Secret;

/// The labels of all accounts. Holds salted digests, never a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Labels {
    salt: String,
    accounts: BTreeMap<String, Vec<String>>,
}

impl Labels {
    pub(super) fn new() -> Self {
        Self { salt: random_hex(16), accounts: BTreeMap::new() }
    }

    /// The salted digest by which the whole world knows a password of `account`.
    pub(super) fn digest(&self, account: &str, secret: &Secret) -> String {
        let digest = Sha256::new()
            .chain_update(&self.salt)
            .chain_update([0])
            .chain_update(account)
            .chain_update([0])
            .chain_update(secret.expose())
            .finalize();
        hex::encode(digest)
    }

    /// Gives the password the next label unless it has one; returns its digest.
    pub(super) fn see(&mut self, account: &str, secret: &Secret) -> String {
        let digest = self.digest(account, secret);
        let seen = self.accounts.entry(account.to_owned()).or_default();
        if !seen.contains(&digest) {
            seen.push(digest.clone());
        }
        digest
    }

    /// The label of a digest; `None` for a password this world has never seen.
    pub(super) fn of_digest(&self, account: &str, digest: &str) -> Option<String> {
        let at = self.accounts.get(account)?.iter().position(|seen| seen == digest)?;
        Some(format!("p{}", at + 1))
    }

    /// The label of a password; `None` for one that this world has never seen.
    pub(super) fn of(&self, account: &str, secret: &Secret) -> Option<String> {
        self.of_digest(account, &self.digest(account, secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_count_distinct_passwords_of_one_account() {
        let mut labels = Labels::new();
        let (first, second) = (Secret::new("first"), Secret::new("second"));
        labels.see("a", &first);
        labels.see("a", &second);
        labels.see("a", &first);
        labels.see("b", &second);
        assert_eq!(labels.of("a", &first).as_deref(), Some("p1"));
        assert_eq!(labels.of("a", &second).as_deref(), Some("p2"));
        assert_eq!(labels.of("b", &second).as_deref(), Some("p1"));
        assert_eq!(labels.of("a", &Secret::new("third")), None);
    }
}
