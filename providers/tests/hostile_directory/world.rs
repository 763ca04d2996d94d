//! A rotator whose one domain controller is a hostile server, and what is asked of every answer.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use providers::active_directory::{ActiveDirectory, DomainControllers, Identity, Settings};
use providers::port::{Directory, Fault, Fingerprint, Meaning, Secret};

/// In every certificate that is right.
pub(crate) const HOST: &str = "localhost";
pub(crate) const ACCOUNT: &str = "CN=svc,DC=contoso,DC=test";
/// What the process may grow by, whatever all the hostile servers of a run send, and they are part of it.
const GROWTH_KIB_MAX: u64 = 64 * 1024;
const ROTATORS_PASSWORD: &str = "Rotators-own-1234";
const NEW_PASSWORD: &str = "New-and-secret-1234";

/// A directory at that port of this machine that trusts the CA in this PEM text.
pub(crate) struct World {
    pub(crate) directory: ActiveDirectory,
    ca_file: PathBuf,
}

impl World {
    pub(crate) fn new(port: u16, ca: &str) -> Self {
        before();
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let ca_file = std::env::temp_dir().join(format!("entra-rotator-hostile-{}-{number}.pem", std::process::id()));
        fs::write(&ca_file, ca).expect("the temporary folder is writable");
        let settings = Settings {
            controllers: DomainControllers::Listed(vec![format!("ldaps://{HOST}:{port}")]),
            ca_file: Some(ca_file.clone()),
            identity: Identity::password("CN=rotator,DC=contoso,DC=test", Secret::new(ROTATORS_PASSWORD)),
        };
        Self { directory: ActiveDirectory::new(settings).expect("the settings are good"), ca_file }
    }

    /// A write: the one thing whose outcome must not be guessed.
    pub(crate) async fn set(&self) -> Result<(), Fault> {
        checked(self.directory.set_password(ACCOUNT, HOST, &Secret::new(NEW_PASSWORD)).await)
    }

    /// A logon of the account and nothing else.
    pub(crate) async fn accepts(&self) -> Result<bool, Fault> {
        checked(self.directory.accepts(ACCOUNT, HOST, &Secret::new(NEW_PASSWORD)).await)
    }

    /// A logon of the rotator, and searches.
    pub(crate) async fn read(&self) -> Result<Fingerprint, Fault> {
        checked(self.directory.fingerprint(ACCOUNT, HOST).await)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        fs::remove_file(&self.ca_file).expect("it was written");
    }
}

/// What every fault must be: a cause and a next step, and no password in either form.
fn checked<T>(result: Result<T, Fault>) -> Result<T, Fault> {
    if let Err(fault) = &result {
        assert!(!fault.cause.is_empty() && !fault.hint.is_empty(), "no cause or no next step: {fault:?}");
        for secret in [ROTATORS_PASSWORD, NEW_PASSWORD] {
            assert!(!format!("{fault} {fault:?}").contains(secret), "a password in a fault");
        }
        assert!(!fault.to_string().chars().any(char::is_control), "{fault:?}");
    }
    let growth = peak_kib().saturating_sub(before());
    assert!(growth < GROWTH_KIB_MAX, "the process grew by {growth} KiB");
    result
}

/// The fault of a call that must fail, in less than that time.
pub(crate) async fn fault<T>(call: impl Future<Output = Result<T, Fault>>, meaning: Meaning, limit: Duration) -> Fault {
    let begun = Instant::now();
    let Err(fault) = tokio::time::timeout(limit, call).await.expect("it ends in time") else {
        panic!("expected a fault that is {meaning}")
    };
    assert_eq!(fault.meaning, meaning, "{fault}");
    println!("{meaning} after {:.1} s: {fault}", begun.elapsed().as_secs_f32());
    fault
}

/// The largest size that the process ever had before the first hostile server.
fn before() -> u64 {
    static BEFORE: OnceLock<u64> = OnceLock::new();
    *BEFORE.get_or_init(peak_kib)
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("every process has it");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("it is a number")
}
