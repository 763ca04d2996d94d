//! The LDAPS adapter against the lab's LDAPS, held to every promise of the port. The bench below is the lab's own; what
//! is added is the wire.

use std::sync::Arc;

use async_trait::async_trait;
use providers::active_directory::{ActiveDirectory, DomainControllers, Identity, Settings};
use providers::conformance::Able;
use providers::conformance::directory::broken::{Broken, Defect};
use providers::conformance::directory::{Account, Bench, Rules, Truth, names, run, run_some};
use providers::lab::ldaps::{Options, Serving, serve};
use providers::port::Secret;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::NEEDS_TWO;
use crate::bench::{LabBench, ROTATOR, ROTATOR_PASSWORD};

const ONE: &[&str] = &["127.0.0.2"];
const TWO: &[&str] = &["127.0.0.2", "127.0.0.3"];
const SILENT: &str = "127.0.0.9";
/// The adapter's own limits for a connection and a handshake are 15 s together.
const CALL_LIMIT: Duration = Duration::from_secs(25);

/// How long the adapter waits for the answer to its logon.
const DELAY: Duration = Duration::from_secs(1);

struct WireBench {
    lab: LabBench,
    serving: Serving,
    silent: JoinHandle<()>,
}

impl Drop for WireBench {
    fn drop(&mut self) {
        self.silent.abort();
    }
}

impl WireBench {
    async fn new(controllers: &[&str]) -> Self {
        let lab = LabBench::new(controllers);
        let serving = serve(&lab.lab(), &Options::default()).await.expect("loopback addresses");
        let listener = TcpListener::bind((SILENT, serving.port())).await.expect("another loopback address");
        let silent = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                held.push(connection);
            }
        });
        Self { lab, serving, silent }
    }

    fn adapter(&self) -> Arc<ActiveDirectory> {
        let mut urls = self.serving.urls();
        urls.push(format!("ldaps://{SILENT}:{}", self.serving.port()));
        let settings = Settings {
            controllers: DomainControllers::Listed(urls),
            ca_file: Some(self.serving.ca_file().to_owned()),
            identity: Identity::password(format!("{ROTATOR}@contoso.test"), Secret::new(ROTATOR_PASSWORD)),
        };
        Arc::new(ActiveDirectory::new(settings).expect("good settings"))
    }
}

#[async_trait]
impl Bench for WireBench {
    fn subject(&self) -> Account {
        self.lab.subject()
    }

    fn bystander(&self) -> Account {
        self.lab.bystander()
    }

    fn controllers(&self) -> Vec<String> {
        self.lab.controllers()
    }

    fn rules(&self) -> Rules {
        self.lab.rules()
    }

    fn fresh(&self) -> Secret {
        self.lab.fresh()
    }

    fn against_policy(&self) -> Secret {
        self.lab.against_policy()
    }

    async fn truth(&self, dn: &str, dc: &str) -> Able<Truth> {
        self.lab.truth(dn, dc).await
    }

    async fn clock(&self, dc: &str) -> Able<i64> {
        self.lab.clock(dc).await
    }

    async fn is_current(&self, dn: &str, dc: &str, secret: &Secret) -> Able<bool> {
        self.lab.is_current(dn, dc, secret).await
    }

    async fn person_sets(&self, dn: &str, dc: &str, secret: &Secret) -> Able<()> {
        self.lab.person_sets(dn, dc, secret).await
    }

    async fn somebody_tries(&self, dn: &str, dc: &str, secret: &Secret) -> Able<()> {
        self.lab.somebody_tries(dn, dc, secret).await
    }

    async fn settle(&self) -> Able<()> {
        self.lab.settle().await
    }

    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    fn own_secrets(&self) -> Vec<Secret> {
        vec![Secret::new(ROTATOR_PASSWORD)]
    }

    fn shown(&self) -> Vec<String> {
        vec![format!("{:?}", self.adapter())]
    }

    fn ambiguous_locator(&self) -> Able<String> {
        self.lab.ambiguous_locator()
    }

    fn barred(&self) -> Able<Vec<(String, String)>> {
        self.lab.barred()
    }

    async fn without_right(&self) -> Able<Account> {
        self.lab.without_right().await
    }

    async fn hold_replication(&self) -> Able<()> {
        self.lab.hold_replication().await
    }

    fn may_replicate(&self) -> Able<bool> {
        self.lab.may_replicate()
    }

    async fn lose_the_next_reply(&self) -> Able<()> {
        self.lab.arm("ldaps:modify:cut-after", Some(1))
    }

    async fn delay_the_next_set(&self) -> Able<Duration> {
        self.lab.arm(&format!("ldaps:bind:late:{}", DELAY.as_millis()), Some(1))?;
        Ok(DELAY)
    }

    async fn demand_age(&self) -> Able<()> {
        self.lab.demand_age().await
    }

    fn keeps_history(&self) -> Able<()> {
        self.lab.keeps_history()
    }

    async fn move_role(&self) -> Able<String> {
        self.lab.move_role().await
    }

    async fn silent_controller(&self) -> Able<String> {
        Ok(SILENT.to_owned())
    }
}

#[tokio::test]
async fn the_adapter_keeps_every_promise_and_broken_ones_are_caught() {
    let bench = Arc::new(WireBench::new(TWO).await);
    let good = run(bench.adapter(), Arc::clone(&bench) as Arc<dyn Bench>).await;
    println!("{good}");
    assert_eq!(good.passed(), names(), "{good}");
    drop(bench);

    let mut wrong = Vec::new();
    for &defect in Defect::WRITING.iter().chain(&[Defect::WaitsForEver]) {
        let bench = Arc::new(WireBench::new(TWO).await);
        let broken = Arc::new(Broken::new(bench.adapter(), defect, bench.bystander()));
        // It takes its quarter of a minute each time: once is enough.
        let slow = |check: &str| check == "controller_silent_is_later_and_soon" && defect != Defect::WaitsForEver;
        let report = run_some(broken, bench, |check| !slow(check)).await;
        assert!(!report.failed().is_empty(), "{defect:?} is caught by nothing");
        if let Err(how) = defect.judge(&good, &report) {
            println!("{report}");
            wrong.push(how);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_adapter_keeps_every_promise_at_one_controller() {
    let bench = Arc::new(WireBench::new(ONE).await);
    let report = run(bench.adapter(), bench).await;
    println!("{report}");
    assert_eq!(report.failed(), Vec::<&str>::new(), "{report}");
    let mut absent = report.not_applicable();
    absent.retain(|check| *check != "working_dc_follows_the_role");
    assert_eq!(absent, NEEDS_TWO);
}
