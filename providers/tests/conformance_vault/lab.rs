//! The lab's vault, in a folder: two handles on it are as two processes. What lies in it is read from its file.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use providers::conformance::Able;
use providers::conformance::vault::Subject;
use providers::lab::{Lab, LabSetting, WorldPlan};
use providers::port::{Secret, Vault};
use serde_json::Value;
use tempfile::TempDir;

use crate::Started;

/// A call in the lab is a few file accesses.
const CALL_LIMIT: Duration = Duration::from_secs(2);
/// How long a request is delayed.
const DELAY: Duration = Duration::from_millis(400);

struct LabSubject {
    dir: TempDir,
    number: AtomicU32,
    /// How long the next request takes on its way, in milliseconds.
    delay_ms: Arc<AtomicU64>,
}

/// A new lab in a folder of its own.
pub(crate) fn start() -> Started {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    Lab::create(dir.path(), &WorldPlan::default_world()).map_err(|fault| fault.to_string())?;
    Ok(Arc::new(LabSubject { dir, number: AtomicU32::new(0), delay_ms: Arc::default() }))
}

impl LabSubject {
    fn open(&self) -> Arc<dyn Vault> {
        let delay_ms = Arc::clone(&self.delay_ms);
        let latency = move |_: &str, operation: &str| match operation.starts_with("stage") {
            true => Duration::from_millis(delay_ms.swap(0, Ordering::SeqCst)),
            false => Duration::ZERO,
        };
        let setting = LabSetting {
            now: Arc::new(Timestamp::now),
            end_process: Arc::new(|| {}),
            latency: Some(Arc::new(latency)),
        };
        Lab::open(self.dir.path(), setting).expect("a lab that was just made").vault()
    }

    fn account(&self, name: &str) -> Value {
        let file = fs::read(self.dir.path().join("vault.json")).expect("the vault's file");
        let mut vault: Value = serde_json::from_slice(&file).expect("its form");
        vault["accounts"][name].take()
    }

    fn number(&self) -> u32 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }
}

#[async_trait]
impl Subject for LabSubject {
    fn vault(&self) -> Arc<dyn Vault> {
        self.open()
    }

    fn other(&self) -> Arc<dyn Vault> {
        self.open()
    }

    async fn fresh_name(&self) -> Able<String> {
        Ok(format!("account{}", self.number()))
    }

    async fn announced(&self, name: &str) -> Able<Option<String>> {
        Ok(self.account(name)["announced"].as_str().map(str::to_owned))
    }

    async fn seen_by_readers(&self, name: &str) -> Able<Option<Secret>> {
        Ok(self.account(name)["current"]["secret"].as_str().map(Secret::new))
    }

    async fn fresh_names(&self) -> Able<Vec<String>> {
        let forms = ["MSOL_1a2b3c4d5e6f-", "ADSyncMSA$", "entra/eu/ümlaut name "];
        Ok(forms.map(|form| format!("{form}{}", self.number())).into())
    }

    async fn delay_the_next_write(&self) -> Able<Duration> {
        self.delay_ms.store(u64::try_from(DELAY.as_millis()).expect("a moment"), Ordering::SeqCst);
        Ok(DELAY)
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    fn shown(&self) -> Vec<String> {
        // Its log of requests, and everything but the vault's own file.
        let files = ["world.json", "requests.log"];
        files.map(|file| fs::read_to_string(self.dir.path().join(file)).expect("the lab's files")).into()
    }
}
