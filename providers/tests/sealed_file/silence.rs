//! Nothing that is logged at trace level, by us or by age, and no fault, carries a password or a key.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

use providers::port::{Secret, Slot, Vault};
use tempfile::TempDir;

use super::home::{Home, attempt};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_logged_or_told() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .try_init()
        .unwrap();

    let folder = TempDir::new().unwrap();
    let home = Home::make(folder.path());
    let (vault, rescue) = (home.vault(), home.vault_of("offline"));
    let (old, new) = ("zH7!old-Vq2", "zH7!new-Vq2");
    let mut told = String::new();
    vault.adopt("sync", &Secret::new(old)).await.unwrap();
    let at = vault.stage("sync", &attempt("r1"), &Secret::new(new)).await.unwrap();
    told += &format!("{at:?} {:?}", vault.read(&at).await.unwrap());
    vault.announce(&at).await.unwrap();
    told += &format!("{}", vault.adopt("sync", &Secret::new(new)).await.unwrap_err());
    told += &format!("{}", vault.stage("sync", &attempt("r2"), &Secret::new(new)).await.unwrap_err());
    vault.promote("sync", &attempt("r1")).await.unwrap();
    told += &format!("{:?} {:?}", vault.examine(&["sync".into()]).await, vault.own_credential().await);
    let good = fs::read(home.file()).unwrap();
    for bytes in [&good[..good.len() - 9], &good[..40], b"garbage"] {
        fs::write(home.file(), bytes).unwrap();
        for vault in [&vault, &rescue] {
            told += &format!("{:?}", vault.find("sync", Slot::Current).await.unwrap_err());
            told += &format!("{:?}", vault.examine(&["sync".into()]).await);
        }
    }

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    println!("{} bytes were logged, {} bytes told", logged.len(), told.len());
    assert!(logged.contains("replaced") && logged.contains("generation=4"), "the log was not seen: {logged}");
    for secret in [old, new, home.key("ours").trim(), home.key("offline").trim()] {
        for text in [&logged, &told] {
            assert!(!text.contains(secret), "a secret was told");
        }
        // Nor does it lie in any file but inside the sealed ones.
        for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            let bytes = fs::read(entry.path()).unwrap();
            let name = entry.file_name().into_string().unwrap();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found || name.ends_with(".key"), "{name} holds a secret in clear");
        }
    }
}
