//! Azure Key Vault, through Microsoft's own crates (`azure_security_keyvault_secrets`, `azure_identity`, `azure_core`).
//!
//! An account has two secrets: `NAME` (current) and `NAME-pending`. Their values are the bare password; whose it is stands
//! in the tags of the same request that sets it: `rotation`, `sequence`, on current `previous` (the version that was
//! current before), on a candidate `took-over`. Tags and content type that people gave current go along when it changes.
//! Nothing is ever deleted: a candidate that is discarded or promoted is disabled, and what somebody deleted is recovered
//! by whoever misses it (`deleted.rs`), never taken for "nothing there". `examine` alone only tells of it.
//!
//! # Who holds pending
//!
//! Key Vault has no compare-and-set, and a new version is the latest at once. So "the latest version of pending" means
//! nothing here. A version is *alive* while it is enabled, its rotation has no disabled version (that rotation is over, and
//! a write of it that arrives late is dead) and neither became current nor was taken over by one that did. The candidate is
//! the oldest that is alive and not taken over by a living one (`version.rs`, pure and tested). Whoever stages writes,
//! waits two seconds (`created` has whole ones), looks again, and takes its own back if another was first. Only what was
//! written a moment ago is taken back: a candidate found there may be in use.
//!
//! What remains: if the service's clock goes back between two writes, or a list lags behind by more than the two seconds,
//! two orchestrators can both find themselves first; the one whose candidate the list shows later finds out at `promote`,
//! which is `Refused`. And a set of current that the network holds back for longer than a whole later rotation would bring
//! an old value back; the deadline of 15 s and the closed connection make that a matter of the service's own queues.
//!
//! # What was found out about the crates
//!
//! - `azure_core` without default features brings no HTTP client and panics when it is asked for one: ours is always given
//!   (`transport.rs`), with our TLS, deadlines, no redirect, no proxy, no idle connection. Its retries are switched off.
//! - `azure_identity` 1.0 says "not supported" to Azure Arc (`arc.rs` speaks with the agent) and signs with OpenSSL for a
//!   client certificate (`assertion.rs` signs with rustls's ring, through the crate's assertion credential).
//! - Its reader of Entra ID's errors fails on every description with a line break, which they all have: the transport
//!   reads them first (`token_answer.rs`).
//! - The address of a list's next page comes from the vault's answer, and the crate sends the token wherever it points:
//!   the transport refuses every host but the vault's.
//! - The crates log at debug and trace level: addresses, statuses, a few harmless headers; no body, no token. A test holds
//!   everything they and the HTTP and TLS libraries log against the secrets.
//! - Our own copies of a password are wiped: the value, the request's body, the reply as it came. The copy that azure_core
//!   makes of a reply, the crate's token cache and the buffers of HTTP and TLS are not ours to wipe.

mod answer;
mod arc;
mod assertion;
mod certificate;
mod credential;
mod deleted;
mod examine;
mod names;
mod rounds;
mod secrets;
mod settings;
mod token_answer;
mod transport;
mod version;

use async_trait::async_trait;

use crate::port::{Attempt, Fault, OwnCredential, Secret, SecretRef, Slot, Vault, VaultCheck, tenure};
use secrets::Secrets;
pub use settings::{CONTENT_TYPE, Cloud, Identity, Settings};

/// The vault adapter for Azure Key Vault.
pub struct AzureKeyVault {
    secrets: Secrets,
}

impl AzureKeyVault {
    /// Checks the settings and reads the CA. Nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, Fault> {
        Ok(Self { secrets: Secrets::new(settings)? })
    }
}

#[async_trait]
impl Vault for AzureKeyVault {
    fn describe(&self) -> String {
        let address = self.secrets.vault.as_str().trim_end_matches('/');
        format!("Azure Key Vault at {address}, as {}", self.secrets.settings.identity.kind())
    }

    async fn stage(&self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault> {
        tenure::several(rounds::stage(&self.secrets, name, attempt, secret)).await
    }

    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
        rounds::find(&self.secrets, name, slot).await
    }

    async fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        rounds::read(&self.secrets, at).await
    }

    async fn announce(&self, at: &SecretRef) -> Result<(), Fault> {
        tenure::several(rounds::announce(&self.secrets, at)).await
    }

    async fn promote(&self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
        tenure::several(rounds::promote(&self.secrets, name, attempt)).await
    }

    async fn discard(&self, name: &str, attempt: &Attempt) -> Result<(), Fault> {
        tenure::several(rounds::discard(&self.secrets, name, attempt)).await
    }

    async fn adopt(&self, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
        tenure::several(rounds::adopt(&self.secrets, name, secret)).await
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        examine::own_credential(&self.secrets.settings)
    }

    async fn examine(&self, names: &[String]) -> Vec<VaultCheck> {
        examine::examine(&self.secrets, names).await
    }
}
