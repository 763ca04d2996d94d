//! Nothing secret in any log, of any crate, at any level.

use std::io;
use std::process::Command;
use std::sync::{Arc, Mutex};

use providers::hashicorp_vault::{HashicorpVault, Login, SecretId, Settings};
use providers::port::{Slot, Vault};

use super::bed::Bed;
use super::logins::AppRole;
use super::{attempt, secret};

const INSIDE: &str = "LIVE_VAULT_SILENCE";

#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<u8>>>);

impl io::Write for Everything {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The forms in which a text could lie in a log: as it is, as the bytes of a `Debug`, in hexadecimal.
fn forms(text: &str) -> [String; 4] {
    let bytes = text.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let decimal = format!("{bytes:?}");
    let decimal = decimal.trim_matches(['[', ']']).to_owned();
    [text.to_owned(), text.escape_default().to_string(), hex, decimal]
}

#[test]
fn no_crate_logs_a_token_a_secret_id_or_a_password() {
    // The capture takes all of a process, so this test runs once more in one of its own.
    if std::env::var_os(INSIDE).is_none() {
        let done = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "silence::no_crate_logs_a_token_a_secret_id_or_a_password", "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&done.stderr));
        return;
    }
    let log = Everything::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).init();
    let secrets = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(at_work());
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    // The capture sees what it must: ours, those of `tracing`, and those of `log`.
    for sign in ["vault call", "hyper_util", "rustls::client", "TRACE"] {
        assert!(text.contains(sign), "nothing of {sign} was captured, in {} bytes", text.len());
    }
    for (what, value) in secrets {
        assert!(value.len() >= 12, "{what} is too short to be searched for");
        for form in forms(&value) {
            assert!(!text.contains(&form), "{what} is in the log");
        }
    }
}

/// Logs in each way, rotates, meets faults; gives back everything that nobody may see.
async fn at_work() -> Vec<(String, String)> {
    let bed = Bed::shared();
    let role = AppRole::new(&bed, "silent", &["token_ttl=2s", "token_max_ttl=4s"]);
    let (plain, wrapped) = (role.secret_id(), role.wrapped("auth/silent/role/rotator/secret-id"));
    let file = bed.file("silent.token");
    std::fs::write(&file, bed.token()).expect("this must succeed");
    bed.run("allow", &["silent"]);
    let mut secrets = vec![
        ("the secret id".to_owned(), plain.clone()),
        ("the wrapping token".to_owned(), wrapped.clone()),
        ("the token".to_owned(), bed.token()),
    ];
    let logins = [
        role.login(SecretId::Plain(secret(&plain))),
        role.login(SecretId::Wrapped(secret(&wrapped))),
        Login::Token(secret(&bed.token())),
        Login::TokenFile(file),
        // Used before by now, which is a fault.
        role.login(SecretId::Wrapped(secret(&wrapped))),
    ];
    for (number, login) in logins.into_iter().enumerate() {
        let password = format!("hunter2-of-round-{number}");
        let rotation = format!("r{number}");
        secrets.push((format!("password {number}"), password.clone()));
        tracing::info!(?login, "the login as Debug shows it");
        let settings = Settings { login, client_certificate: Some(bed.certificate("silent")), ..bed.settings() };
        tracing::info!(?settings, "the settings as Debug shows them");
        let vault = HashicorpVault::new(settings).expect("this must succeed");
        let staged = match vault.stage("silent", &attempt(&rotation, &[]), &secret(&password)).await {
            Ok(staged) => staged,
            Err(fault) => {
                assert_eq!(number, 4, "{fault}");
                tracing::info!(%fault, ?fault, "as it must be");
                continue;
            }
        };
        let read = vault.read(&staged).await.expect("this must succeed");
        tracing::info!(?read, ?staged, "as Debug shows them");
        vault.announce(&staged).await.expect("this must succeed");
        // Some tokens end in the meantime: a renewal, or another login.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        vault.promote("silent", &attempt(&rotation, &[])).await.expect("this must succeed");
        tracing::info!(checks = ?vault.examine(&["silent".to_owned()]).await, "the checks");
        tracing::info!(own = ?vault.own_credential().await, "our own");
        let fault = vault.find("somebody-elses", Slot::Current).await.expect_err("this is forbidden");
        tracing::info!(%fault, "as it must be");
    }
    let key = std::fs::read_to_string(bed.file("tls/silent.key")).expect("no key");
    secrets.extend(key.lines().filter(|line| line.len() > 40).map(|line| ("the key".to_owned(), line.to_owned())));
    secrets
}
