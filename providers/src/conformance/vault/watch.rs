//! A vault that is listened to: every word that the adapter gives back, and every secret that it was given.

use std::sync::Arc;

use async_trait::async_trait;

use crate::conformance::heard::Heard;
use crate::port::{Attempt, Fault, OwnCredential, Secret, SecretRef, Slot, Vault, VaultCheck};

/// An adapter and the ear at it.
pub(super) struct Watched {
    pub(super) inner: Arc<dyn Vault>,
    pub(super) heard: Arc<Heard>,
}

#[async_trait]
impl Vault for Watched {
    fn describe(&self) -> String {
        let text = self.inner.describe();
        self.heard.word("describe", text.clone());
        text
    }

    async fn stage(&self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault> {
        self.heard.answer("stage", self.inner.stage(name, attempt, secret).await)
    }

    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
        self.heard.answer("find", self.inner.find(name, slot).await)
    }

    async fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        self.heard.answer("read", self.inner.read(at).await)
    }

    async fn announce(&self, at: &SecretRef) -> Result<(), Fault> {
        self.heard.answer("announce", self.inner.announce(at).await)
    }

    async fn promote(&self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
        self.heard.answer("promote", self.inner.promote(name, attempt).await)
    }

    async fn discard(&self, name: &str, attempt: &Attempt) -> Result<(), Fault> {
        self.heard.answer("discard", self.inner.discard(name, attempt).await)
    }

    async fn adopt(&self, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
        self.heard.answer("adopt", self.inner.adopt(name, secret).await)
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        self.heard.answer("own_credential", self.inner.own_credential().await)
    }

    async fn examine(&self, names: &[String]) -> Vec<VaultCheck> {
        let checks = self.inner.examine(names).await;
        self.heard.word("examine", format!("{checks:?}"));
        checks
    }
}
