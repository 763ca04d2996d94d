//! Names for passwords: every distinct password the world has seen for an account is p1, p2 … in order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::cipher::random_hex;
use crate::port::Secret;

/// The labels of all accounts. Holds salted digests, never a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Labels {
    salt: String,
    accounts: BTreeMap<String, Vec<String>>,
    /// How many of the newest passwords of each account are kept; `None` = all.
    #[serde(skip)]
    kept_max: Option<usize>,
    /// How many older ones each account had, where not all are kept.
    #[serde(skip)]
    dropped: BTreeMap<String, usize>,
}

impl Labels {
    pub(super) fn new() -> Self {
        Self { salt: random_hex(16), accounts: BTreeMap::new(), kept_max: None, dropped: BTreeMap::new() }
    }

    /// Keeps only the newest `max` passwords of each account. One that was dropped and comes again gets a label anew.
    pub(super) fn keep_at_most(&mut self, max: usize) {
        self.kept_max = Some(max);
    }

    /// The salted digest by which the whole world knows a password of `account`.
    pub(super) fn digest(&self, account: &str, secret: &Secret) -> String {
        // One piece: in a build without optimisation each piece costs as much as the digest.
        let text = Zeroizing::new([&self.salt, account, secret.expose()].join("\0"));
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    /// Gives the password the next label unless it has one; returns its digest.
    pub(super) fn see(&mut self, account: &str, secret: &Secret) -> String {
        let digest = self.digest(account, secret);
        let seen = self.accounts.entry(account.to_owned()).or_default();
        // The newest stand at the end, and are asked for most.
        if !seen.iter().rev().any(|known| *known == digest) {
            seen.push(digest.clone());
            let surplus = self.kept_max.map_or(0, |max| seen.len().saturating_sub(max));
            if surplus > 0 {
                seen.drain(..surplus);
                *self.dropped.entry(account.to_owned()).or_default() += surplus;
            }
        }
        digest
    }

    /// The label of a digest; `None` for a password this world has never seen.
    pub(super) fn of_digest(&self, account: &str, digest: &str) -> Option<String> {
        let at = self.accounts.get(account)?.iter().position(|seen| seen == digest)?;
        Some(format!("p{}", self.dropped.get(account).unwrap_or(&0) + at + 1))
    }

    /// How many passwords are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.accounts.values().map(Vec::len).sum()
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

    #[test]
    fn labels_go_on_counting_when_the_oldest_are_dropped() {
        let mut labels = Labels::new();
        labels.keep_at_most(2);
        let secrets: Vec<Secret> = (1..=5).map(|number| Secret::new(format!("password {number}"))).collect();
        for secret in &secrets {
            labels.see("a", secret);
        }
        let found: Vec<Option<String>> = secrets.iter().map(|secret| labels.of("a", secret)).collect();
        assert_eq!(found, [None, None, None, Some("p4".to_owned()), Some("p5".to_owned())]);
        labels.see("a", &secrets[4]);
        assert_eq!(labels.of("a", &secrets[3]).as_deref(), Some("p4"), "one that is known pushes none out");
    }
}
