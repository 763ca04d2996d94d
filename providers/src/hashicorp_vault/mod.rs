//! HashiCorp Vault and OpenBao: a KV version 2 mount, spoken to over HTTPS.
//!
//! An account has three entries beside each other: `NAME` (current), `NAME-pending` and `NAME-previous`.
//! Each entry's data is `{"password": …, "rotation": …}` in one write with check-and-set, so a value and
//! the rotation it belongs to can't come apart. Pending may also carry `kept`: the candidates it took over, and
//! `since-version`: the version that the row of candidates began with. Other keys that people keep in current (a user
//! name, say) go along when current changes.
//!
//! Emptying pending destroys versions by number instead of deleting the entry: those of the row of candidates, no other
//! ones. The entry's version goes on counting, so a request that arrives late (a write after its deadline, a removal sent
//! twice) names a version that is past and changes nothing. Deleting the entry would start again at version 0, and a late
//! write would leave a candidate that nobody owns. For the same reason a discard that finds pending empty moves its
//! version: a stage that still hangs on its way can't succeed any more.
//!
//! Where another rotation's candidate lies in pending, discard leaves it and its version alone. So one thing can still
//! arrive late: the stage of an attempt that was to take that candidate over. What it leaves is pending with the attempt's
//! value, and the one taken over in `kept`; a discard of the attempt brings that back. The marks of current know no
//! check-and-set either: a late one may take the next one's place until that is set again.
//!
//! While a candidate may be the live password, current's custom metadata names it (`announcement`), for readers whom
//! the directory refuses.
//!
//! There is no client crate here: `vaultrs` and `vault-client-rs` both bring a second crypto provider.
//!
//! Our own copies of a password are wiped: the value, the JSON around it, the body that is sent. Copies in
//! the buffers of the HTTP and TLS libraries are not ours to wipe.

mod announcement;
mod authentication;
mod client_certificate;
mod document;
mod entries;
mod examination;
mod life;
mod login;
mod own_secret_id;
mod own_token;
mod paths;
mod reply;
mod rounds;
mod session;
mod wiped;
mod wire;

use std::path::PathBuf;

use async_trait::async_trait;

use crate::port::{Attempt, Fault, OwnCredential, Secret, SecretRef, Slot, Vault, VaultCheck, tenure};
use entries::Entries;
pub use login::{ClientCertificate, Login, SecretId};

/// How to reach the vault, and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://…`, with a path in front of `/v1` where a reverse proxy adds one.
    pub url: String,
    /// The CA that issued the vault's certificate; `None` = the machine's trust store.
    pub ca_file: Option<PathBuf>,
    /// The KV version 2 mount: `secret`.
    pub mount: String,
    /// The namespace (Vault Enterprise, OpenBao).
    pub namespace: Option<String>,
    /// The namespace of the login; `None` = the same as `namespace`, an empty text = the topmost.
    pub login_namespace: Option<String>,
    /// What the connection shows the vault, where its listener asks for it or the login is by certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// How we come by a token.
    pub login: Login,
}

/// The vault adapter for HashiCorp Vault and OpenBao.
pub struct HashicorpVault {
    entries: Entries,
}

impl HashicorpVault {
    /// Checks the settings and reads the CA and the client certificate. Nothing is sent yet: the first call logs in.
    pub fn new(settings: Settings) -> Result<Self, Fault> {
        Ok(Self { entries: Entries::new(settings)? })
    }
}

#[async_trait]
impl Vault for HashicorpVault {
    fn describe(&self) -> String {
        self.entries.describe()
    }

    async fn stage(&self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault> {
        tenure::several(rounds::stage(&self.entries, name, attempt, secret)).await
    }

    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
        let seen = self.entries.look(name, slot, "looking into the vault").await?;
        Ok(seen.document.as_ref().map(|document| document.at(name, slot, seen.version)))
    }

    async fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        rounds::read(&self.entries, at).await
    }

    async fn announce(&self, at: &SecretRef) -> Result<(), Fault> {
        tenure::several(announcement::announce(&self.entries, at)).await
    }

    async fn promote(&self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
        tenure::several(rounds::promote(&self.entries, name, attempt)).await
    }

    async fn discard(&self, name: &str, attempt: &Attempt) -> Result<(), Fault> {
        tenure::several(rounds::discard(&self.entries, name, attempt)).await
    }

    async fn adopt(&self, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
        tenure::several(rounds::adopt(&self.entries, name, secret)).await
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        self.entries.own_credential().await
    }

    async fn examine(&self, names: &[String]) -> Vec<VaultCheck> {
        examination::examine(&self.entries, names).await
    }
}
