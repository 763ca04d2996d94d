//! A forest of two domains, each with a controller of its own: the lab's model on a real wire, because two Samba
//! domains can't make one forest. Its domains know nothing of each other's accounts, so the rotator has an
//! account in both; both are called FABRIKAM in short, so that one logon name will do.

use std::fs;
use std::sync::Arc;

use jiff::Timestamp;
use providers::active_directory::{ActiveDirectory, DomainControllers, Identity, Settings};
use providers::lab::ldaps::{Options, Serving, serve};
use providers::lab::{AccountPlan, Lab, LabSetting, Rights, WorldPlan};
use providers::port::{Directory, Meaning, Secret};

use crate::checks::{Check, checks, fault};
use crate::world::{World, fresh};

const PARENT: &str = "fabrikam.test";
const CHILD: &str = "fabrikam.fabrikam.test";
/// Hosts and addresses; they resolve where the checks run.
pub(crate) const PARENT_DC: (&str, &str) = ("dc1.fabrikam.test", "127.0.0.6");
pub(crate) const CHILD_DC: (&str, &str) = ("dc1.fabrikam.fabrikam.test", "127.0.0.7");
const ROTATOR_PASSWORD: &str = "Rotator-Password-7-in-the-lab";
const ACCOUNT: &str = "MSOL_in_the_child";
const DN: &str = "CN=MSOL_in_the_child,OU=Entra Connect,DC=fabrikam,DC=fabrikam,DC=test";

/// Every check here.
pub(crate) fn all() -> Vec<(&'static str, Check)> {
    checks! {
        forest_account_of_another_domain_is_worked_on_there
        forest_rotator_named_by_its_dn_stays_in_its_domain
        forest_failover_never_changes_the_domain
        forest_referral_is_not_followed
    }
}

struct Forest {
    _folders: [tempfile::TempDir; 2],
    serving: [Serving; 2],
    ca_file: std::path::PathBuf,
}

impl Forest {
    async fn new() -> Self {
        let (parent, parent_serving) = domain(PARENT, PARENT_DC.0, "MSOL_in_the_parent", Some("fabrikam")).await;
        let (child, child_serving) = domain(CHILD, CHILD_DC.0, ACCOUNT, None).await;
        let ca_file = parent.path().join("both.pem");
        let both =
            [&parent_serving, &child_serving].map(|serving| fs::read_to_string(serving.ca_file()).expect("a CA"));
        fs::write(&ca_file, both.concat()).expect("the folder is ours");
        Self { _folders: [parent, child], serving: [parent_serving, child_serving], ca_file }
    }

    /// The rotator of the parent domain. What it knows of the child is in `urls` or nowhere.
    fn at(&self, urls: &[&str]) -> ActiveDirectory {
        self.as_whom(r"FABRIKAM\rotator", urls)
    }

    fn as_whom(&self, name: &str, urls: &[&str]) -> ActiveDirectory {
        ActiveDirectory::new(Settings {
            controllers: DomainControllers::Listed(urls.iter().map(|&url| url.to_owned()).collect()),
            ca_file: Some(self.ca_file.clone()),
            identity: Identity::password(name, Secret::new(ROTATOR_PASSWORD)),
        })
        .expect("the settings are good")
    }

    fn urls(&self) -> [String; 2] {
        self.serving.each_ref().map(|serving| serving.urls().remove(0))
    }
}

async fn domain(forest: &str, host: &str, account: &str, child: Option<&str>) -> (tempfile::TempDir, Serving) {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = WorldPlan {
        forest: forest.to_owned(),
        account: account.to_owned(),
        engine_user: account.to_owned(),
        single_dc: true,
        controller_hosts: vec![host.to_owned()],
        child_domain: child.map(str::to_owned),
        more_accounts: vec![AccountPlan {
            name: "rotator".to_owned(),
            password: Secret::new(ROTATOR_PASSWORD),
            rights: Rights::rotator(&[account]),
        }],
        ..WorldPlan::default_world()
    };
    Lab::create(folder.path(), &plan).expect("the plan is good");
    let setting = LabSetting { now: Arc::new(Timestamp::now), end_process: Arc::new(|| {}), latency: None };
    let lab = Lab::open(folder.path(), setting).expect("it was just made");
    let serving = serve(&lab, &Options::default()).await.expect("the addresses are ours");
    (folder, serving)
}

async fn forest_account_of_another_domain_is_worked_on_there(_: Arc<World>) {
    let forest = Forest::new().await;
    let [parent, child] = forest.urls();
    let directory = forest.at(&[&parent, &child]);
    let by_name = format!(r"{CHILD}\{ACCOUNT}");
    for locator in [DN, &by_name, &format!("{ACCOUNT}@{CHILD}")] {
        let facts = directory.account(locator).await.unwrap_or_else(|fault| panic!("{locator}: {fault}"));
        assert_eq!((facts.dn.as_str(), facts.dc.as_str()), (DN, CHILD_DC.0));
    }
    assert_eq!(directory.working_dc(DN).await.expect("an answer"), CHILD_DC.0);
    let (before, new) = (directory.fingerprint(DN, CHILD_DC.0).await.expect("it is there"), fresh());
    directory.set_password(DN, CHILD_DC.0, &new).await.expect("the rotator has the right there");
    let after = directory.fingerprint(DN, CHILD_DC.0).await.expect("it is there");
    assert_eq!(after.key_version, before.key_version + 1);
    // A sAMAccountName alone is of the first url's domain.
    assert_eq!(directory.account(ACCOUNT).await.expect_err("not here").meaning, Meaning::Refused);
}

async fn forest_rotator_named_by_its_dn_stays_in_its_domain(world: Arc<World>) {
    let forest = Forest::new().await;
    let [parent, child] = forest.urls();
    let directory = forest.as_whom("CN=rotator,CN=Users,DC=fabrikam,DC=test", &[&parent, &child]);
    assert!(directory.account("MSOL_in_the_parent").await.is_ok());
    // There it would look like a wrong password, which it is not.
    let fault = fault(&world, directory.account(DN).await, Meaning::Broken);
    assert!(fault.cause.contains("distinguished name") && fault.hint.contains(r"DOMAIN\user"), "{fault}");
}

async fn forest_failover_never_changes_the_domain(world: Arc<World>) {
    let forest = Forest::new().await;
    let child = &forest.urls()[1];
    // The first url is dead, and nothing says that the second one is of the same domain: the account that has
    // this name there is not the one that is meant.
    let directory = forest.at(&["ldaps://dc1.fabrikam.test:1", child]);
    let fault = fault(&world, directory.account(ACCOUNT).await, Meaning::Later);
    assert!(fault.cause.contains("dc1.fabrikam.test:1: no connection"), "{fault}");
    assert!(fault.cause.contains("nobody knows whether the first url"), "{fault}");
}

async fn forest_referral_is_not_followed(world: Arc<World>) {
    let forest = Forest::new().await;
    let [parent, child] = forest.urls();
    let directory = forest.at(&[&parent, &child]);
    let before = directory.fingerprint(DN, CHILD_DC.0).await.expect("it is there");
    let read = fault(&world, directory.fingerprint(DN, PARENT_DC.0).await, Meaning::Refused);
    assert!(read.cause.contains("another domain"), "{read}");
    fault(&world, directory.set_password(DN, PARENT_DC.0, &fresh()).await, Meaning::Refused);
    assert!(directory.fingerprint(DN, CHILD_DC.0).await.expect("it is there").same_set(&before));
}
