//! A fleet behind the ports: each call goes to the site that knows its account.

use std::sync::Arc;

use async_trait::async_trait;

use super::directory::LabDirectory;
use super::fleet::Sites;
use super::vault::LabVault;
use crate::port::{
    AccountFacts, Attempt, Directory, Fault, Fingerprint, Lockout, OwnCredential, ResetRight, Secret, SecretRef, Slot,
    Vault, VaultCheck,
};

pub(super) struct FleetVault {
    pub(super) sites: Arc<Sites>,
}

pub(super) struct FleetDirectory {
    pub(super) sites: Arc<Sites>,
}

impl FleetVault {
    fn of(&self, name: &str) -> LabVault {
        LabVault { lab: self.sites.lab(name).clone() }
    }
}

impl FleetDirectory {
    fn of(&self, name: &str) -> LabDirectory {
        LabDirectory { lab: self.sites.lab(name).clone() }
    }
}

#[async_trait]
impl Vault for FleetVault {
    fn describe(&self) -> String {
        format!("the model vault of a fleet of {} sites in memory", self.sites.len())
    }

    async fn stage(&self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault> {
        self.of(name).stage(name, attempt, secret).await
    }

    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
        self.of(name).find(name, slot).await
    }

    async fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        self.of(&at.name).read(at).await
    }

    async fn announce(&self, at: &SecretRef) -> Result<(), Fault> {
        self.of(&at.name).announce(at).await
    }

    async fn promote(&self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
        self.of(name).promote(name, attempt).await
    }

    async fn discard(&self, name: &str, attempt: &Attempt) -> Result<(), Fault> {
        self.of(name).discard(name, attempt).await
    }

    async fn adopt(&self, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
        self.of(name).adopt(name, secret).await
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        self.of("").own_credential().await
    }

    async fn examine(&self, names: &[String]) -> Vec<VaultCheck> {
        self.of("").examine(names).await
    }
}

#[async_trait]
impl Directory for FleetDirectory {
    fn describe(&self) -> String {
        format!("the model directory of a fleet of {} sites in memory", self.sites.len())
    }

    async fn account(&self, locator: &str) -> Result<AccountFacts, Fault> {
        self.of(locator).account(locator).await
    }

    async fn fingerprint(&self, dn: &str, dc: &str) -> Result<Fingerprint, Fault> {
        self.of(dn).fingerprint(dn, dc).await
    }

    async fn set_password(&self, dn: &str, dc: &str, secret: &Secret) -> Result<(), Fault> {
        self.of(dn).set_password(dn, dc, secret).await
    }

    async fn change_password(&self, dn: &str, dc: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        self.of(dn).change_password(dn, dc, old, new).await
    }

    async fn reset_right(&self, dn: &str, dc: &str) -> Result<ResetRight, Fault> {
        self.of(dn).reset_right(dn, dc).await
    }

    async fn lockout(&self, dn: &str, dc: &str) -> Result<Lockout, Fault> {
        self.of(dn).lockout(dn, dc).await
    }

    async fn working_dc(&self, dn: &str) -> Result<String, Fault> {
        self.of(dn).working_dc(dn).await
    }

    async fn accepts(&self, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault> {
        self.of(dn).accepts(dn, dc, secret).await
    }

    async fn in_use(&self, dn: &str, dc: &str, secret: &Secret) -> Result<Option<bool>, Fault> {
        self.of(dn).in_use(dn, dc, secret).await
    }

    async fn replicate(&self, dn: &str, from: &str, to: &str) -> Result<(), Fault> {
        self.of(dn).replicate(dn, from, to).await
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        self.of("").own_credential().await
    }
}
