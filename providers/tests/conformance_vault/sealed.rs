//! The sealed file: two adapters on one path, as two processes have it. What lies in it is read with age itself and the
//! form that docs/consumers.md describes.

use std::fs;
use std::io::Read as _;
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use async_trait::async_trait;
use providers::conformance::vault::Subject;
use providers::conformance::{Able, Stop};
use providers::port::{Secret, Vault};
use providers::sealed_file::{SealedFile, Settings};
use serde_json::Value;
use tempfile::TempDir;

use crate::Started;

/// A call waits for the lock, and flushes a file and its folder.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long another process holds the lock.
const DELAY: Duration = Duration::from_secs(1);

struct Sealed {
    folder: TempDir,
    offline: Identity,
    settings: Settings,
    adapters: [SealedFile; 2],
    number: AtomicU32,
}

/// A folder with no file in it yet, and two keys.
pub(crate) fn start() -> Started {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (ours, offline) = (Identity::generate(), Identity::generate());
    let settings = Settings {
        path: folder.path().join("vault.age"),
        recipients: [&ours, &offline].map(|key| key.to_public().to_string()).into(),
        identity: Secret::new(ours.to_string().expose_secret()),
    };
    let adapter = || SealedFile::open(settings.clone()).map_err(|fault| fault.to_string());
    let adapters = [adapter()?, adapter()?];
    Ok(Arc::new(Sealed { folder, offline, settings, adapters, number: AtomicU32::new(0) }))
}

fn trouble(error: impl ToString) -> Stop {
    Stop::Failed(format!("a reader can't open the file: {}", error.to_string()))
}

impl Sealed {
    /// The account, by the key that lies offline; null where there is no file or no such account.
    fn account(&self, name: &str) -> Able<Value> {
        if !self.settings.path.exists() {
            return Ok(Value::Null);
        }
        let sealed = fs::read(&self.settings.path).map_err(trouble)?;
        let identity: &dyn age::Identity = &self.offline;
        let opened = age::Decryptor::new_buffered(&*sealed).map_err(trouble)?;
        let mut plain = Vec::new();
        opened.decrypt(iter::once(identity)).map_err(trouble)?.read_to_end(&mut plain).map_err(trouble)?;
        let mut content: Value = serde_json::from_slice(&plain).map_err(trouble)?;
        match content["format"].as_u64() {
            Some(1) => Ok(content["accounts"][name].take()),
            other => Err(trouble(format!("its format is {other:?}"))),
        }
    }

    fn number(&self) -> u32 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }
}

#[async_trait]
impl Subject for Sealed {
    fn vault(&self) -> Arc<dyn Vault> {
        Arc::new(self.adapters[0].clone())
    }

    fn other(&self) -> Arc<dyn Vault> {
        Arc::new(self.adapters[1].clone())
    }

    async fn fresh_name(&self) -> Able<String> {
        Ok(format!("account{}", self.number()))
    }

    async fn announced(&self, name: &str) -> Able<Option<String>> {
        let account = self.account(name)?;
        let Some(rotation) = account["announced"].as_str() else { return Ok(None) };
        // A mark that can't be followed is no mark: nobody is told anything by it. A candidate that was taken over lies
        // beside the one that did, as docs/consumers.md has it.
        let mut held = account["kept"].as_array().into_iter().flatten().chain([&account["pending"]]);
        if held.any(|one| one["rotation"] == rotation && one["secret"].is_string()) {
            Ok(Some(rotation.to_owned()))
        } else {
            Err(Stop::Failed(format!("readers are told of {rotation}, whose candidate is not there")))
        }
    }

    async fn seen_by_readers(&self, name: &str) -> Able<Option<Secret>> {
        Ok(self.account(name)?["current"]["secret"].as_str().map(Secret::new))
    }

    async fn fresh_names(&self) -> Able<Vec<String>> {
        let forms = ["MSOL_1a2b3c4d5e6f-", "ADSyncMSA$", "entra/eu/ümlaut name "];
        Ok(forms.map(|form| format!("{form}{}", self.number())).into())
    }

    async fn delay_the_next_write(&self) -> Able<Duration> {
        let mut beside = self.settings.path.clone().into_os_string();
        beside.push(".lock");
        let lock = fs::File::open(beside).map_err(trouble)?;
        lock.lock().map_err(trouble)?;
        std::thread::spawn(move || {
            std::thread::sleep(DELAY);
            drop(lock);
        });
        Ok(DELAY)
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    fn own_secrets(&self) -> Vec<Secret> {
        vec![self.settings.identity.clone()]
    }

    fn shown(&self) -> Vec<String> {
        // Whatever lies in the folder, too: the file, the generation before, the lock.
        let files: Vec<PathBuf> = fs::read_dir(self.folder.path())
            .map(|files| files.filter_map(|file| Some(file.ok()?.path())).collect())
            .unwrap_or_default();
        let texts = files.iter().filter_map(|file| fs::read(file).ok());
        let texts = texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        texts.chain([format!("{:?}", self.settings)]).collect()
    }

    fn log_of(&self) -> &'static [&'static str] {
        &["providers"]
    }
}
