//! The adapter's whole work with a keytab and no password anywhere. libkrb5 is told by the environment, which a
//! process can't safely change for itself, so each case runs this test again as a process of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use providers::active_directory::{ActiveDirectory, DomainControllers, Identity, Settings};
use providers::port::{Directory, Fault, Fingerprint, Meaning, OwnCredential, Secret};
use serde::{Deserialize, Serialize};

use crate::checks::{Check, checks};
use crate::identity::{OWN, set_own, wrong_logons};
use crate::world::{ADDRESS, CONNECTOR, HOST, World, fresh};

/// The errand's file; set when we are a process that runs one.
const ERRAND: &str = "ENTRA_ROTATOR_LIVE_ERRAND";
/// A little more than the adapter's own limit for a logon.
const SILENCE_LIMIT: Duration = Duration::from_secs(27);

/// Every check here; none of them bends the world.
pub(crate) fn all() -> Vec<(&'static str, Check)> {
    checks! {
        kerberos_does_the_whole_work_with_a_keytab_alone
        kerberos_without_a_ticket_or_a_keytab_says_so
        kerberos_with_an_old_key_is_ours_and_is_not_offered_again
        kerberos_without_a_kdc_is_later_and_soon
        kerberos_with_a_silent_kdc_is_later_in_bounded_time
        kerberos_for_a_service_that_nobody_knows_is_named
        kerberos_of_a_disabled_account_is_told_apart
    }
}

/// What the process is to do, as the holder of its ticket.
#[derive(Serialize, Deserialize)]
struct Errand {
    url: String,
    ca_file: PathBuf,
    account: String,
    /// The file with the new password.
    secret: PathBuf,
    /// How often to try when it does not work.
    tries: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Report {
    own: OwnCredential,
    before: Fingerprint,
    after: Fingerprint,
}

/// The errand of this process, if it has one.
pub(crate) fn errand() -> Option<ExitCode> {
    let file = PathBuf::from(std::env::var_os(ERRAND)?);
    let errand: Errand = serde_json::from_str(&fs::read_to_string(file).expect("it was written")).expect("it is JSON");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let settings = Settings {
        controllers: DomainControllers::Listed(vec![errand.url.clone()]),
        ca_file: Some(errand.ca_file.clone()),
        identity: Identity::Kerberos,
    };
    let directory = ActiveDirectory::new(settings).expect("good settings");
    let mut outcomes = Vec::new();
    for _ in 0..errand.tries {
        outcomes.push(runtime.block_on(work(&directory, &errand)));
        if outcomes.last().is_some_and(Result::is_ok) {
            break;
        }
    }
    println!("{}", serde_json::to_string(&outcomes).expect("it is plain data"));
    Some(ExitCode::SUCCESS)
}

async fn work(directory: &ActiveDirectory, errand: &Errand) -> Result<Report, Fault> {
    let facts = directory.account(&errand.account).await?;
    let own = directory.own_credential().await?;
    let before = directory.fingerprint(&facts.dn, &facts.dc).await?;
    let secret = Secret::new(fs::read_to_string(&errand.secret).expect("it was written"));
    directory.set_password(&facts.dn, &facts.dc, &secret).await?;
    let after = directory.fingerprint(&facts.dn, &facts.dc).await?;
    Ok(Report { own, before, after })
}

impl World {
    /// A keytab with the account's keys as they are now.
    fn keytab(&self, sam: &str) -> PathBuf {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let file = self.path(&format!("keytab-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let output = self.run("keytab", &[sam, file.to_str().expect("the folder's name is text")]);
        assert!(output.status.success(), "{output:?}");
        file
    }

    /// Lets the domain know, or not, the service that an LDAP logon by Kerberos asks for.
    fn name_the_service(&self, known: bool) {
        let service = format!("ldap/{HOST}");
        let filter = format!("(servicePrincipalName={service})");
        let found = self.ldb("ldbsearch", &[&filter, "dn"]);
        if String::from_utf8_lossy(&found.stdout).contains("dn: ") == known {
            return;
        }
        let verb = if known { "add" } else { "delete" };
        let controller = "CN=DC1,OU=Domain Controllers,DC=contoso,DC=test";
        let change = format!(
            "dn: {controller}\nchangetype: modify\n{verb}: servicePrincipalName\nservicePrincipalName: {service}\n"
        );
        let file = self.path("change.ldif");
        fs::write(&file, change).expect("the folder is ours");
        self.ldb("ldbmodify", &[file.to_str().expect("the folder's name is text")]);
    }
}

/// What libkrb5 is told.
struct Setting {
    folder: PathBuf,
    krb5_conf: PathBuf,
    keytab: PathBuf,
    secret: Secret,
}

impl Setting {
    fn new(world: &World, keytab: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = world.path(&format!("kerberos-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&folder).expect("the folder is ours");
        Self { krb5_conf: world.path("krb5.conf"), keytab: keytab.to_owned(), secret: fresh(), folder }
    }

    /// As `new`, with a KDC at another port.
    fn with_kdc(world: &World, keytab: &Path, port: u16) -> Self {
        let setting = Self::new(world, keytab);
        let krb5_conf = setting.folder.join("krb5.conf");
        let text = fs::read_to_string(&setting.krb5_conf).expect("the test bed writes it");
        let other = text.replace(&format!("{ADDRESS}:88"), &format!("{ADDRESS}:{port}"));
        assert_ne!(text, other);
        fs::write(&krb5_conf, other).expect("the folder is ours");
        Self { krb5_conf, ..setting }
    }

    /// What became of the errand, try by try.
    fn run(&self, world: &World, tries: u32) -> Vec<Result<Report, Fault>> {
        let secret = self.folder.join("secret");
        fs::write(&secret, self.secret.expose()).expect("the folder is ours");
        let (url, ca_file) = (format!("ldaps://{HOST}"), world.path("tls/ca.pem"));
        let errand = Errand { url, ca_file, account: CONNECTOR.to_owned(), secret, tries };
        let file = self.folder.join("errand");
        fs::write(&file, serde_json::to_string(&errand).expect("it is plain data")).expect("the folder is ours");
        let output = Command::new(std::env::current_exe().expect("a running program has a path"))
            .env(ERRAND, file)
            .env("KRB5_CONFIG", &self.krb5_conf)
            .env("KRB5_CLIENT_KTNAME", &self.keytab)
            .env("KRB5CCNAME", format!("FILE:{}", self.folder.join("tickets").display()))
            .output()
            .expect("the test runs again");
        assert!(output.status.success(), "{output:?}");
        let outcomes: Vec<Result<Report, Fault>> =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
        for outcome in &outcomes {
            match outcome {
                Ok(_) => println!("      it works"),
                Err(fault) => {
                    println!("      {}: {fault}", fault.meaning);
                    world.shows_no_secret(fault);
                }
            }
        }
        outcomes
    }

    fn fails(&self, world: &World, tries: u32, meaning: Meaning) -> Vec<Fault> {
        let faults: Vec<Fault> =
            self.run(world, tries).into_iter().map(|outcome| outcome.expect_err("it fails")).collect();
        for fault in &faults {
            assert_eq!(fault.meaning, meaning, "{fault}");
            assert!(!fault.hint.is_empty(), "{fault}");
        }
        faults
    }
}

async fn kerberos_does_the_whole_work_with_a_keytab_alone(world: Arc<World>) {
    world.name_the_service(true);
    let setting = Setting::new(&world, &world.keytab("rotator"));
    let outcomes = setting.run(&world, 1);
    let [Ok(report)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!((report.own.kind.as_str(), report.own.name.as_str()), ("Kerberos key", world.dn("rotator")));
    assert_eq!(report.own.set_at, world.fingerprint("rotator").await.password_last_set_at());
    assert_eq!(report.after.key_version, report.before.key_version + 1);
    assert!(world.kinit(CONNECTOR, &setting.secret), "the new password is not in force");
    // As the other checks expect it.
    let seeded = world.password(CONNECTOR);
    world.directory().set_password(world.dn(CONNECTOR), HOST, &seeded).await.expect("the rotator has the right");
}

async fn kerberos_without_a_ticket_or_a_keytab_says_so(world: Arc<World>) {
    let faults = Setting::new(&world, Path::new("/nonexistent/keytab")).fails(&world, 1, Meaning::Broken);
    assert!(faults[0].cause.contains("no ticket") && faults[0].hint.contains("KRB5_CLIENT_KTNAME"), "{}", faults[0]);
}

async fn kerberos_with_an_old_key_is_ours_and_is_not_offered_again(world: Arc<World>) {
    world.name_the_service(true);
    let keytab = world.keytab(OWN);
    set_own(&world).await;
    let before = wrong_logons(&world);
    let faults = Setting::new(&world, &keytab).fails(&world, 3, Meaning::Broken);
    assert!(faults[0].cause.contains("not the account's") && faults[0].hint.contains("new keytab"), "{}", faults[0]);
    assert!(faults[2].cause.contains("not offered again"), "{}", faults[2]);
    assert!(wrong_logons(&world) <= before + 1, "{} after {before}", wrong_logons(&world));
}

async fn kerberos_without_a_kdc_is_later_and_soon(world: Arc<World>) {
    let begun = Instant::now();
    let faults = Setting::with_kdc(&world, &world.keytab("rotator"), 1).fails(&world, 1, Meaning::Later);
    assert!(faults[0].cause.contains("no KDC"), "{}", faults[0]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

async fn kerberos_with_a_silent_kdc_is_later_in_bounded_time(world: Arc<World>) {
    // It takes every connection and never says a word.
    let kdc = TcpListener::bind((ADDRESS, 0)).expect("an address of our own");
    let port = kdc.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((connection, _)) = kdc.accept() {
            held.push(connection);
        }
    });
    let begun = Instant::now();
    let faults = Setting::with_kdc(&world, &world.keytab("rotator"), port).fails(&world, 1, Meaning::Later);
    // Ours, not libkrb5's own: that comes later, and how much later is a matter of krb5.conf.
    assert!(faults[0].cause.contains("no answer within"), "{}", faults[0]);
    println!("      after {:?}", begun.elapsed());
    assert!(begun.elapsed() < SILENCE_LIMIT, "{:?}", begun.elapsed());
}

async fn kerberos_for_a_service_that_nobody_knows_is_named(world: Arc<World>) {
    world.name_the_service(false);
    let faults = Setting::new(&world, &world.keytab("rotator")).fails(&world, 1, Meaning::Broken);
    world.name_the_service(true);
    assert!(faults[0].cause.contains("no LDAP service") && faults[0].doing.contains(HOST), "{}", faults[0]);
    assert!(faults[0].hint.contains("full host name"), "{}", faults[0]);
}

async fn kerberos_of_a_disabled_account_is_told_apart(world: Arc<World>) {
    let faults = Setting::new(&world, &world.keytab("disabled")).fails(&world, 1, Meaning::Broken);
    assert!(faults[0].cause.contains("disabled, locked out or expired"), "{}", faults[0]);
}
