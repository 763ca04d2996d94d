//! A vault for people without a vault: one file, encrypted with [age](https://age-encryption.org/v1), all accounts in it.
//!
//! What is promised:
//! - The file is replaced as a whole: written beside its place with mode 0600, flushed, read back, decrypted and compared,
//!   and only then renamed into its place; the folder is flushed as well. A process that dies at any moment leaves the
//!   old generation or the new one. The generation before stays as `FILE.bak`.
//! - One writer: every call holds an advisory lock on `FILE.lock` from reading to writing, and waits for it with a bound.
//!   So two orchestrators may work on one file: who stages first has the candidate, the other is refused.
//! - What can't be decrypted or parsed, or was written by a newer program, is never overwritten. Nothing is repaired by itself.
//! - On Unix, file and folder are judged at each call: a file that others may read, that somebody else owns, or that is a
//!   symbolic link, is refused. Windows has no such check: there the folder's access list must keep others out.
//! - Two recipients at least, and our own key among them: what we write we can read, and so can the key that lies offline.
//!
//! What is not promised:
//! - A vault and a journal on one disk are one failure.
//! - age's recipients are anonymous: of a file that our key does not open, nobody can say whose it is.
//! - A recipient that was removed from the settings still opens what was sealed before: `FILE.bak` until the next
//!   change, and every copy of the file. The passwords in there are renewed by rotating them.
//! - The lock holds on local disks, and on network ones as far as they carry `flock`.
//!
//! Plain text in memory: the whole of it stands in buffers that are wiped and never grow. Copies that are not ours:
//! age's writer gathers 64 KiB in a buffer that it does not wipe, so the plain text ends with more than 64 KiB of blanks,
//! the last thing that lies in there; its reader wipes its buffer. `serde_json` unescapes a password with `"` or `\` in it in
//! a buffer of its own, which it does not wipe. The key's parser (bech32) wipes what it gathers.
//!
//! The format inside is documented in `content`: JSON, for other programs to read (docs/consumers.md).

mod content;
mod disk;
mod examine;
mod guard;
mod keys;
mod store;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;

use self::disk::Disk;
use self::keys::Keys;
use self::store::Store;
use crate::port::{Attempt, Fault, Meaning, OwnCredential, Secret, SecretRef, Slot, Vault, VaultCheck, tenure};
use crate::vault_book::{VaultBook, slot_word};

/// A call that takes longer than this is given up: a disk that does not answer. The lock's own wait is shorter.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Where the file lies, and for whom it is sealed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file, as an absolute path. Its folder belongs to the rotator alone, or to root.
    pub path: PathBuf,
    /// The X25519 recipients (`age1…`) that can open the file: two at least, ours among them, one of them offline.
    pub recipients: Vec<String>,
    /// Our own key: the line `AGE-SECRET-KEY-1…`, or the text of a file that `age-keygen` made.
    pub identity: Secret,
}

/// The file as a vault. Clones are the same vault.
#[derive(Clone)]
pub struct SealedFile {
    store: Arc<Store>,
}

impl SealedFile {
    /// Judges the settings; touches no file. `Broken` when they can't work: fewer than two distinct recipients, or a
    /// key that is not among them.
    pub fn open(settings: Settings) -> Result<Self, Fault> {
        Self::on(settings, Disk::real())
    }

    fn on(settings: Settings, disk: Disk) -> Result<Self, Fault> {
        let doing = format!("opening the sealed file {}", settings.path.display());
        let keys = Keys::new(&settings.recipients, &settings.identity)
            .map_err(|(cause, hint)| Fault::broken(&doing, cause).hint(hint))?;
        Ok(Self { store: Arc::new(Store::new(settings.path, keys, disk, &doing)?) })
    }

    /// Runs what waits for a disk where it may wait. `late` is what it means when no answer came in time.
    async fn away<T: Send + 'static>(
        &self,
        doing: String,
        late: Meaning,
        work: impl FnOnce(&Store, &str) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (store, at_work) = (Arc::clone(&self.store), doing.clone());
        let task = tokio::task::spawn_blocking(move || work(&store, &at_work));
        match tokio::time::timeout(CALL_LIMIT, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Fault::new(late, doing, "the work on the file ended without an answer")),
            Err(_) => {
                Err(Fault::new(late, doing, format!("the disk did not answer within {} s", CALL_LIMIT.as_secs()))
                    .hint("look at the disk that the file lies on"))
            }
        }
    }

    /// Changes the book, under the tenure that the caller has at the moment when the file is replaced.
    async fn change<T: Send + 'static>(
        &self,
        doing: String,
        ask: impl FnOnce(&mut VaultBook) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (tenure, runtime) = (tenure::current(), Handle::current());
        self.away(doing, Meaning::Unclear, move |store, doing| {
            let held = || runtime.block_on(tenure::within(tenure.clone(), tenure::held(doing)));
            store.change(doing, &held, ask)
        })
        .await
    }
}

#[async_trait]
impl Vault for SealedFile {
    fn describe(&self) -> String {
        format!("the sealed file {}", self.store.path().display())
    }

    async fn stage(&self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault> {
        let (name, attempt, secret) = (name.to_owned(), attempt.clone(), secret.clone());
        let doing = format!("staging a candidate for {name}");
        self.change(doing, move |book| book.stage(&name, &attempt, &secret)).await
    }

    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
        let name = name.to_owned();
        let doing = format!("looking for the {} secret of {name}", slot_word(slot));
        self.away(doing, Meaning::Later, move |store, doing| store.look(doing, |book| Ok(book.find(&name, slot)))).await
    }

    async fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        let at = at.clone();
        let doing = format!("reading the {} secret of {}", slot_word(at.slot), at.name);
        self.away(doing, Meaning::Later, move |store, doing| store.look(doing, |book| book.read(&at))).await
    }

    async fn announce(&self, at: &SecretRef) -> Result<(), Fault> {
        let at = at.clone();
        let doing = format!("marking the candidate of {} for its readers", at.name);
        self.change(doing, move |book| book.announce(&at)).await
    }

    async fn promote(&self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
        let (name, attempt) = (name.to_owned(), attempt.clone());
        let doing = format!("promoting the candidate of {name}");
        self.change(doing, move |book| book.promote(&name, &attempt)).await
    }

    async fn discard(&self, name: &str, attempt: &Attempt) -> Result<(), Fault> {
        let (name, attempt) = (name.to_owned(), attempt.clone());
        let doing = format!("discarding the candidate of {name}");
        self.change(doing, move |book| {
            book.discard(&name, &attempt);
            Ok(())
        })
        .await
    }

    async fn adopt(&self, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
        let (name, secret) = (name.to_owned(), secret.clone());
        let doing = format!("adopting the current password of {name}");
        self.change(doing, move |book| book.adopt(&name, &secret)).await
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        Ok(OwnCredential {
            holder: "vault".to_owned(),
            name: self.store.keys().ours().to_owned(),
            kind: "age identity".to_owned(),
            set_at: None,
            expires_at: None,
            note: "never ends by itself; a key does not say how old it is".to_owned(),
        })
    }

    async fn examine(&self, names: &[String]) -> Vec<VaultCheck> {
        let names = names.to_vec();
        let doing = format!("examining the sealed file {}", self.store.path().display());
        let seen =
            self.away(doing, Meaning::Later, move |store, doing| Ok(examine::examine(store, doing, &names))).await;
        seen.unwrap_or_else(|fault| vec![VaultCheck::unreached(&fault)])
    }
}
