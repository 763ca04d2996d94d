//! A lab in a folder of its own, served on loopback addresses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use providers::active_directory::{ActiveDirectory, DomainControllers, Identity, Settings};
use providers::lab::ldaps::{Options, Serving, serve};
use providers::lab::{AccountPlan, Lab, LabSetting, Rights, WorldPlan, faults};
use providers::port::{AccountFacts, Directory, Fingerprint, Secret};
use tempfile::TempDir;

pub(crate) const ACCOUNT: &str = "MSOL_1a2b3c4d5e6f";
pub(crate) const DN: &str = "CN=MSOL_1a2b3c4d5e6f,OU=Entra Connect,DC=contoso,DC=test";
pub(crate) const FIRST: &str = "First-Password-of-the-connector-1";
pub(crate) const ROTATOR_PASSWORD: &str = "Rotator-Password-7-in-the-lab";
pub(crate) const DC1: &str = "127.0.0.2";
pub(crate) const DC2: &str = "127.0.0.3";

pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) lab: Lab,
    pub(crate) serving: Serving,
    clock: Arc<AtomicI64>,
}

/// Two controllers named by addresses, a rotator, an administrator, and somebody without rights.
pub(crate) fn plan() -> WorldPlan {
    let more = |name: &str, password: &str, rights| AccountPlan {
        name: name.to_owned(),
        password: Secret::new(password),
        rights,
    };
    WorldPlan {
        controller_hosts: vec![DC1.to_owned(), DC2.to_owned()],
        first_password: Some(Secret::new(FIRST)),
        more_accounts: vec![
            more("rotator", ROTATOR_PASSWORD, Rights::rotator(&[ACCOUNT])),
            more("administrator", "Administrator-Password-8", Rights::administrator()),
            more("somebody", "Somebody-Password-9", Rights::default()),
        ],
        ..WorldPlan::default_world()
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(&plan(), &Options::default()).await
    }

    pub(crate) async fn with(plan: &WorldPlan, options: &Options) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(AtomicI64::new(Timestamp::now().as_microsecond()));
        let hands = Arc::clone(&clock);
        Lab::create(dir.path(), plan).expect("a lab is made");
        let setting = LabSetting {
            now: Arc::new(move || Timestamp::from_microsecond(hands.load(Ordering::SeqCst)).expect("a time")),
            end_process: Arc::new(|| {}),
            latency: None,
        };
        let lab = Lab::open(dir.path(), setting).expect("it opens");
        let serving = serve(&lab, options).await.expect("it is served");
        Self { dir, lab, serving, clock }
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.clock.fetch_add(i64::try_from(time.as_micros()).expect("it fits"), Ordering::SeqCst);
    }

    pub(crate) fn fault(&self, name: &str) {
        faults::add(self.dir.path(), name, None).expect("there is such a fault");
    }

    pub(crate) fn settings(&self, name: &str, password: &str) -> Settings {
        Settings {
            controllers: DomainControllers::Listed(self.serving.urls()),
            ca_file: Some(self.serving.ca_file().to_owned()),
            identity: Identity::password(name, Secret::new(password)),
        }
    }

    /// The adapter, logged on as the rotator.
    pub(crate) fn rotator(&self) -> ActiveDirectory {
        ActiveDirectory::new(self.settings("rotator@contoso.test", ROTATOR_PASSWORD)).expect("settings")
    }

    pub(crate) fn somebody(&self) -> ActiveDirectory {
        ActiveDirectory::new(self.settings("CONTOSO\\somebody", "Somebody-Password-9")).expect("settings")
    }

    pub(crate) async fn facts(&self) -> AccountFacts {
        self.rotator().account(ACCOUNT).await.expect("it is found")
    }

    pub(crate) async fn print(&self, dc: &str) -> Fingerprint {
        self.rotator().fingerprint(DN, dc).await.expect("it is looked at")
    }

    pub(crate) async fn accepted(&self, dc: &str, password: &str) -> bool {
        self.rotator().accepts(DN, dc, &Secret::new(password)).await.expect("an answer")
    }
}
