//! A folder with a vault and its two keys in it, which other processes find by its path.

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use providers::port::{Attempt, Secret};
use providers::sealed_file::{SealedFile, Settings};

pub(crate) struct Home {
    folder: PathBuf,
}

impl Home {
    /// A new one in a folder that is there.
    pub(crate) fn make(folder: &Path) -> Self {
        for name in ["ours.key", "offline.key"] {
            fs::write(folder.join(name), Identity::generate().to_string().expose_secret()).unwrap();
        }
        Self::at(folder)
    }

    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("vault.age")
    }

    pub(crate) fn key(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{name}.key"))).unwrap()
    }

    pub(crate) fn recipients(&self) -> Vec<String> {
        let recipient = |name| self.key(name).parse::<Identity>().unwrap().to_public().to_string();
        vec![recipient("ours"), recipient("offline")]
    }

    pub(crate) fn vault(&self) -> SealedFile {
        self.vault_of("ours")
    }

    pub(crate) fn vault_of(&self, key: &str) -> SealedFile {
        let identity = Secret::new(self.key(key));
        SealedFile::open(Settings { path: self.file(), recipients: self.recipients(), identity }).unwrap()
    }
}

pub(crate) fn attempt(rotation: &str) -> Attempt {
    Attempt { rotation: rotation.to_owned(), takes_over: Vec::new() }
}
