//! The file as a vault, on a real disk: by the book's rules, at every end, damaged, and in the wrong hands.

mod book;
mod damage;
mod ends;
mod failures;
mod hands;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519::Identity;

use super::disk::Disk;
use super::{SealedFile, Settings};
use crate::port::{Attempt, Fault, Secret, Slot, Vault};

/// A folder with two keys in it, ours and the one that lies offline.
struct Place {
    folder: tempfile::TempDir,
    ours: Identity,
    offline: Identity,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), ours: Identity::generate(), offline: Identity::generate() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("vault.age")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("vault.age{ending}"))
    }

    fn settings(&self) -> Settings {
        Settings { path: self.file(), recipients: recipients(&[&self.ours, &self.offline]), identity: text(&self.ours) }
    }

    fn vault(&self) -> SealedFile {
        SealedFile::open(self.settings()).unwrap()
    }

    fn vault_on(&self, disk: Disk) -> SealedFile {
        SealedFile::on(self.settings(), disk).unwrap()
    }

    /// The names in the folder, in order.
    fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn recipients(identities: &[&Identity]) -> Vec<String> {
    identities.iter().map(|identity| identity.to_public().to_string()).collect()
}

fn text(identity: &Identity) -> Secret {
    Secret::new(identity.to_string().expose_secret())
}

fn attempt(rotation: &str) -> Attempt {
    Attempt { rotation: rotation.to_owned(), takes_over: Vec::new() }
}

fn taking_over(rotation: &str, other: &str) -> Attempt {
    Attempt { takes_over: vec![other.to_owned()], ..attempt(rotation) }
}

/// What lies in the three places: rotation and value, as far as there is something.
async fn places(vault: &SealedFile, name: &str) -> Result<[Option<(String, String)>; 3], Fault> {
    let mut seen = [None, None, None];
    for (place, slot) in seen.iter_mut().zip([Slot::Current, Slot::Pending, Slot::Previous]) {
        if let Some(at) = vault.find(name, slot).await? {
            let secret = vault.read(&at).await?;
            *place = Some((at.rotation.unwrap_or_default(), secret.expose().to_owned()));
        }
    }
    Ok(seen)
}

fn place(rotation: &str, secret: &str) -> Option<(String, String)> {
    Some((rotation.to_owned(), secret.to_owned()))
}
