//! A server that is listened to: every word that the adapter gives back, and every secret that it was given.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::conformance::heard::Heard;
use crate::port::{ConnectServer, Fault, LocalUserFacts, ProofFacts, Secret, ServerFacts};

/// An adapter and the ear at it.
pub(super) struct Watched {
    pub(super) inner: Arc<dyn ConnectServer>,
    pub(super) heard: Arc<Heard>,
}

#[async_trait]
impl ConnectServer for Watched {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn describe(&self) -> Result<ServerFacts, Fault> {
        self.heard.answer("describe", self.inner.describe().await)
    }

    async fn pause_scheduler(&self, restore: bool, restore_at: Timestamp) -> Result<(), Fault> {
        self.heard.answer("pause_scheduler", self.inner.pause_scheduler(restore, restore_at).await)
    }

    async fn release_scheduler(&self, enabled: bool) -> Result<(), Fault> {
        self.heard.answer("release_scheduler", self.inner.release_scheduler(enabled).await)
    }

    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        self.heard.secret(secret);
        self.heard.answer("set_connector_password", self.inner.set_connector_password(connector, secret).await)
    }

    async fn set_service_logon(&self, account: &str, secret: &Secret) -> Result<(), Fault> {
        self.heard.secret(secret);
        self.heard.answer("set_service_logon", self.inner.set_service_logon(account, secret).await)
    }

    async fn local_user(&self, account: &str) -> Result<LocalUserFacts, Fault> {
        self.heard.answer("local_user", self.inner.local_user(account).await)
    }

    async fn change_local_password(&self, account: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        self.heard.secret(old);
        self.heard.secret(new);
        self.heard.answer("change_local_password", self.inner.change_local_password(account, old, new).await)
    }

    async fn local_logon(&self, account: &str, secret: &Secret) -> Result<bool, Fault> {
        self.heard.secret(secret);
        self.heard.answer("local_logon", self.inner.local_logon(account, secret).await)
    }

    async fn stop(&self) -> Result<(), Fault> {
        self.heard.answer("stop", self.inner.stop().await)
    }

    async fn start(&self) -> Result<(), Fault> {
        self.heard.answer("start", self.inner.start().await)
    }

    async fn restart(&self) -> Result<(), Fault> {
        self.heard.answer("restart", self.inner.restart().await)
    }

    async fn stored_logon(&self, connector: &str) -> Result<Option<bool>, Fault> {
        self.heard.answer("stored_logon", self.inner.stored_logon(connector).await)
    }

    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault> {
        self.heard.answer("prove", self.inner.prove(connector).await)
    }

    async fn reset_entra_account(&self, user: &str, secret: &Secret) -> Result<(), Fault> {
        self.heard.secret(secret);
        self.heard.answer("reset_entra_account", self.inner.reset_entra_account(user, secret).await)
    }

    async fn events(&self, since: Timestamp) -> Result<Vec<String>, Fault> {
        let answer = self.inner.events(since).await;
        // Megabytes of the suite's own making; the faults alone are of interest.
        if let Err(fault) = &answer {
            self.heard.word("events", format!("{fault} {fault:?}"));
        }
        answer
    }

    async fn runs(&self, connector: &str) -> Result<Vec<ProofFacts>, Fault> {
        self.heard.answer("runs", self.inner.runs(connector).await)
    }
}
