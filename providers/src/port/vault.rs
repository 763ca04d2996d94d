use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Fault, OwnCredential, Secret, VaultCheck};

/// Which of an account's three places in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slot {
    /// What consumers read.
    Current,
    /// A candidate that has not been proven yet. It lies beside current, never on top of it.
    Pending,
    /// What current was before the last promotion.
    Previous,
}

/// The idempotency key of a candidate: one rotation has one candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The rotation that owns the candidate.
    pub rotation: String,
    /// Rotations whose pending candidate this one may take over (a repair of a held rotation). Their
    /// candidates are kept beside the new one until it is promoted.
    pub takes_over: Vec<String>,
}

/// Where a secret lies. Says nothing about its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// The account's name in the vault, as configured.
    pub name: String,
    /// Which place.
    pub slot: Slot,
    /// The vault's own version word, for people and for audit.
    pub version: String,
    /// The rotation that wrote this value, when the value carries one.
    pub rotation: Option<String>,
}

/// A vault that holds current, pending and previous for each account.
#[async_trait]
pub trait Vault: Send + Sync {
    /// What this vault is, for people: `OpenBao at https://…, mount secret`.
    fn describe(&self) -> String;

    /// Makes `secret` durable as the pending candidate of `attempt`, beside current.
    ///
    /// If a pending candidate of the same attempt is there already, its value stays and is returned: the
    /// first write wins, so that a write that arrives late can't replace the value in use. A pending
    /// candidate of another rotation is `Refused`, unless `attempt.takes_over` names that rotation.
    async fn stage(&self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault>;

    /// What lies in the slot now; `None` when it is empty.
    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault>;

    /// The value that `at` points to. `Refused` when the slot no longer carries the same rotation.
    async fn read(&self, at: &SecretRef) -> Result<Secret, Fault>;

    /// Makes current's own metadata name the pending candidate at `at`, so that a reader of current whom the
    /// directory refuses knows where the live password lies (docs/consumers.md). Current's value stays as it is,
    /// and so does its version. Where there is no current value there is nothing to mark, which is no fault.
    /// `Refused` when pending no longer carries the same rotation. [`Vault::promote`] and [`Vault::discard`] take
    /// the mark away, if nothing comes back; one that a kill leaves behind names a candidate that is no longer there.
    async fn announce(&self, at: &SecretRef) -> Result<(), Fault>;

    /// Makes the pending candidate of `attempt` current, and what was current previous; empties pending.
    ///
    /// The candidate is readable in pending or in current at every moment. Done already = `Ok`. Pending
    /// and current both of other rotations = `Refused`.
    async fn promote(&self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault>;

    /// Removes the pending candidate of `attempt`, and brings back the one that it took over, if any. The mark
    /// goes over to what comes back, before its own candidate is out of readers' sight: it may be the live password.
    /// Nothing of this attempt there = `Ok`. Never touches another rotation's candidate.
    async fn discard(&self, name: &str, attempt: &Attempt) -> Result<(), Fault>;

    /// Makes `secret` current where the account has no current value yet (`adopt`, the lab's first day).
    /// A current value that is there already = `Refused`.
    async fn adopt(&self, name: &str, secret: &Secret) -> Result<SecretRef, Fault>;

    /// The credential that this vault is worked on with. Reads only. An age that can't be read is no fault:
    /// it is `None`, and the note says why.
    async fn own_credential(&self) -> Result<OwnCredential, Fault>;

    /// What an administrator should know of the vault and of our rights in it, for the accounts of these names:
    /// one check for each of the questions that [`VaultCheck::name`] lists and this vault has. Changes nothing
    /// that anybody reads. Never fails: what could not be seen is a check as well.
    async fn examine(&self, names: &[String]) -> Vec<VaultCheck>;
}
