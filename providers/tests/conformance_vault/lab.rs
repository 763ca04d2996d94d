//! The lab's vault, in a folder: two handles on it are as two processes. What lies in it is read from its file.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use providers::conformance::vault::Subject;
use providers::conformance::{Able, Stop};
use providers::lab::{Lab, LabSetting, WorldPlan, faults};
use providers::port::{Secret, Vault};
use serde_json::Value;
use tempfile::TempDir;

use crate::Started;

/// A call in the lab is a few file accesses.
const CALL_LIMIT: Duration = Duration::from_secs(2);
/// How long the lab's fault `slow` lets a request wait.
const SLOW: Duration = Duration::from_secs(3);

struct LabSubject {
    dir: TempDir,
    number: AtomicU32,
}

/// A new lab in a folder of its own.
pub(crate) fn start() -> Started {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    Lab::create(dir.path(), &WorldPlan::default_world()).map_err(|fault| fault.to_string())?;
    Ok(Arc::new(LabSubject { dir, number: AtomicU32::new(0) }))
}

impl LabSubject {
    fn open(&self) -> Arc<dyn Vault> {
        let setting = LabSetting { now: Arc::new(Timestamp::now), end_process: Arc::new(|| {}), latency: None };
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
        faults::add(self.dir.path(), "slow:stage", Some(1)).map_err(|fault| Stop::Failed(fault.to_string()))?;
        Ok(SLOW)
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
