//! A directory that is listened to: every word that the adapter gives back, and every secret that it was given.

use std::sync::Arc;

use async_trait::async_trait;

use crate::conformance::heard::Heard;
use crate::port::{AccountFacts, Directory, Fault, Fingerprint, Lockout, OwnCredential, ResetRight, Secret};

/// An adapter and the ear at it.
pub(super) struct Watched {
    pub(super) inner: Arc<dyn Directory>,
    pub(super) heard: Arc<Heard>,
}

#[async_trait]
impl Directory for Watched {
    fn describe(&self) -> String {
        let text = self.inner.describe();
        self.heard.word("describe", text.clone());
        text
    }

    async fn account(&self, locator: &str) -> Result<AccountFacts, Fault> {
        self.heard.answer("account", self.inner.account(locator).await)
    }

    async fn fingerprint(&self, dn: &str, dc: &str) -> Result<Fingerprint, Fault> {
        self.heard.answer("fingerprint", self.inner.fingerprint(dn, dc).await)
    }

    async fn set_password(&self, dn: &str, dc: &str, secret: &Secret) -> Result<(), Fault> {
        self.heard.secret(secret);
        self.heard.answer("set_password", self.inner.set_password(dn, dc, secret).await)
    }

    async fn change_password(&self, dn: &str, dc: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        self.heard.secret(old);
        self.heard.secret(new);
        self.heard.answer("change_password", self.inner.change_password(dn, dc, old, new).await)
    }

    async fn reset_right(&self, dn: &str, dc: &str) -> Result<ResetRight, Fault> {
        self.heard.answer("reset_right", self.inner.reset_right(dn, dc).await)
    }

    async fn lockout(&self, dn: &str, dc: &str) -> Result<Lockout, Fault> {
        self.heard.answer("lockout", self.inner.lockout(dn, dc).await)
    }

    async fn working_dc(&self, dn: &str) -> Result<String, Fault> {
        self.heard.answer("working_dc", self.inner.working_dc(dn).await)
    }

    async fn accepts(&self, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault> {
        self.heard.secret(secret);
        self.heard.answer("accepts", self.inner.accepts(dn, dc, secret).await)
    }

    async fn in_use(&self, dn: &str, dc: &str, secret: &Secret) -> Result<Option<bool>, Fault> {
        self.heard.secret(secret);
        self.heard.answer("in_use", self.inner.in_use(dn, dc, secret).await)
    }

    async fn replicate(&self, dn: &str, from: &str, to: &str) -> Result<(), Fault> {
        self.heard.answer("replicate", self.inner.replicate(dn, from, to).await)
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        self.heard.answer("own_credential", self.inner.own_credential().await)
    }
}
