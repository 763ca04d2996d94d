use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use providers::active_directory::{ActiveDirectory, DomainControllers, Identity, Settings};
use providers::port::{Directory, Fault, Fingerprint, Secret};

pub(crate) const ADDRESS: &str = "127.0.0.2";
pub(crate) const HOST: &str = "dc1.contoso.test";
/// The second domain controller, where there are two.
pub(crate) const SECOND_ADDRESS: &str = "127.0.0.3";
pub(crate) const SECOND_HOST: &str = "dc2.contoso.test";
/// Leads to the same server, and is not in its certificate.
pub(crate) const OTHER_NAME: &str = "other.contoso.test";
pub(crate) const CONNECTOR: &str = "MSOL_1a2b3c4d5e6f";

/// The test bed's script.
pub(crate) fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed/samba")
}

/// How many domain controllers there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bed {
    /// One, whose name the machine itself knows.
    One,
    /// Two that replicate, found by their own DNS.
    Pair,
}

/// The domain controllers with their seeded accounts.
pub(crate) struct World {
    folder: PathBuf,
    bed: Bed,
    accounts: BTreeMap<String, String>,
}

impl World {
    pub(crate) fn start(folder: PathBuf, bed: Bed) -> Result<Self, String> {
        let world = Self { folder, bed, accounts: BTreeMap::new() };
        let started = match bed {
            Bed::One => world.run("start", &[ADDRESS]),
            Bed::Pair => world.run("start-pair", &[ADDRESS, SECOND_ADDRESS]),
        };
        if !started.status.success() {
            return Err(String::from_utf8_lossy(&started.stderr).into_owned());
        }
        let seed: serde_json::Value =
            serde_json::from_str(&world.text("seed.json")).map_err(|e| format!("seed.json: {e}"))?;
        let accounts = serde_json::from_value(seed["accounts"].clone()).map_err(|e| format!("seed.json: {e}"))?;
        Ok(Self { accounts, ..world })
    }

    pub(crate) fn stop(&self) {
        let stopped = self.run(if self.bed == Bed::One { "stop" } else { "stop-pair" }, &[]);
        assert!(stopped.status.success(), "{stopped:?}");
    }

    /// The script's verb on one of two domain controllers, `dc1` or `dc2`.
    pub(crate) fn run_on(&self, verb: &str, dc: &str) {
        let done = Command::new(script()).arg(verb).arg(self.folder.join(dc)).output().expect("the script runs");
        assert!(done.status.success(), "{done:?}");
    }

    /// The script's verb on both.
    pub(crate) fn run_on_pair(&self, verb: &str, arguments: &[&str]) {
        let done = self.run(verb, arguments);
        assert!(done.status.success(), "{done:?}");
    }

    pub(crate) fn run(&self, verb: &str, arguments: &[&str]) -> Output {
        Command::new(script()).arg(verb).arg(&self.folder).args(arguments).output().expect("the script runs")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the test bed writes it")
    }

    pub(crate) fn dn(&self, sam: &str) -> &str {
        &self.accounts[sam]
    }

    /// The password that the account was seeded with.
    pub(crate) fn password(&self, sam: &str) -> Secret {
        Secret::new(self.text(&format!("secrets/{sam}")))
    }

    pub(crate) fn settings(&self, sam: &str, urls: &[&str]) -> Settings {
        Settings {
            controllers: DomainControllers::Listed(urls.iter().map(|&url| url.to_owned()).collect()),
            ca_file: Some(self.path("tls/ca.pem")),
            identity: Identity::password(self.dn(sam), self.password(sam)),
        }
    }

    /// The directory as the delegated rotator sees it, under its usual name.
    pub(crate) fn directory(&self) -> ActiveDirectory {
        self.at(&[&format!("ldaps://{HOST}")])
    }

    pub(crate) fn at(&self, urls: &[&str]) -> ActiveDirectory {
        ActiveDirectory::new(self.settings("rotator", urls)).expect("the settings are good")
    }

    pub(crate) async fn fingerprint(&self, sam: &str) -> Fingerprint {
        self.directory().fingerprint(self.dn(sam), HOST).await.expect("the rotator may read it")
    }

    /// The key version as the database on disk has it, read without LDAP.
    pub(crate) fn key_version_on_disk(&self, sam: &str) -> i64 {
        let output = self.run("key-version", &[sam]);
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("the script prints a number")
    }

    /// Whether Kerberos accepts the password: it knows no grace for the previous one.
    pub(crate) fn kinit(&self, sam: &str, secret: &Secret) -> bool {
        let file = self.path("kinit-password");
        fs::write(&file, secret.expose()).expect("the folder is ours");
        let output = self.run("kinit", &[sam, file.to_str().expect("the folder's name is text")]);
        fs::remove_file(&file).expect("it was just written");
        match output.status.code() {
            Some(0) => true,
            Some(1) => false,
            _ => panic!("kinit: {output:?}"),
        }
    }

    /// An attribute as the database on disk has it.
    pub(crate) fn attribute(&self, sam: &str, name: &str) -> String {
        let output = self.ldb("ldbsearch", &[&format!("(sAMAccountName={sam})"), name]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }

    pub(crate) fn ldb(&self, command: &str, arguments: &[&str]) -> Output {
        let server = if self.bed == Bed::One { self.folder.clone() } else { self.path("dc1") };
        let output = Command::new(command)
            .arg("-H")
            .arg(server.join("state/private/sam.ldb"))
            .arg(format!("--configfile={}", server.join("smb.conf").display()))
            .args(arguments)
            .output()
            .expect("ldb-tools are installed");
        assert!(output.status.success(), "{output:?}");
        output
    }

    /// Adds a server of that name to the site, in the database; it stands for the same machine as DC1. Gives
    /// its NTDS settings object.
    pub(crate) fn add_server(&self, host: &str) -> String {
        let base = "DC=contoso,DC=test";
        let server = format!("CN=DC9,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{base}");
        let settings = format!("CN=NTDS Settings,{server}");
        let machine = format!("CN=DC1,OU=Domain Controllers,{base}");
        self.add(&format!(
            "dn: {server}\nobjectClass: server\ndNSHostName: {host}\nserverReference: {machine}\n\n\
             dn: {settings}\nobjectClass: nTDSDSA\n"
        ));
        settings
    }

    /// Adds a server of that name and says that it is the PDC emulator, in the database.
    pub(crate) fn move_pdc_role(&self, host: &str) {
        let settings = self.add_server(host);
        self.change("DC=contoso,DC=test", "fSMORoleOwner", &settings);
    }

    fn add(&self, records: &str) {
        let file = self.path("change.ldif");
        fs::write(&file, records).expect("the folder is ours");
        self.ldb("ldbadd", &["--relax", file.to_str().expect("the folder's name is text")]);
    }

    /// Replaces one value of an object, in the database.
    pub(crate) fn change(&self, dn: &str, attribute: &str, value: &str) {
        let file = self.path("change.ldif");
        let changed = format!("dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n");
        fs::write(&file, changed).expect("the folder is ours");
        self.ldb("ldbmodify", &["--relax", file.to_str().expect("the folder's name is text")]);
    }

    /// Enters a domain into the list of the forest's domains; there is no server for it.
    pub(crate) fn add_domain_to_forest(&self, netbios: &str, dns: &str) {
        let context = dns.split('.').map(|label| format!("DC={label}")).collect::<Vec<_>>().join(",");
        let dn = format!("CN={netbios},CN=Partitions,CN=Configuration,DC=contoso,DC=test");
        self.add(&format!(
            "dn: {dn}\nobjectClass: crossRef\nnCName: {context}\ndnsRoot: {dns}\nnETBIOSName: {netbios}\nsystemFlags: 3\n"
        ));
    }

    /// Locks the account by wrong logons.
    pub(crate) fn lock(&self, sam: &str) {
        let locked = self.run("lock", &[sam]);
        assert!(locked.status.success(), "{locked:?}");
    }

    /// Shows that neither form of a fault has one of the seeded passwords in it.
    pub(crate) fn shows_no_secret(&self, fault: &Fault) {
        for file in fs::read_dir(self.path("secrets")).expect("the test bed makes it") {
            let password = fs::read_to_string(file.expect("it is readable").path()).expect("it is text");
            assert!(!format!("{fault} {fault:?}").contains(&password), "a password in a fault");
        }
    }
}

/// A password that the domain accepts, another each time.
pub(crate) fn fresh() -> Secret {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Secret::new(format!("Fresh-Pässword-\u{1d11e}-{number:04}-{}", "x".repeat(40)))
}
