use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entra_rotator::journal::{Password, PostgresJournal, PostgresPlace};
use providers::port::Secret;

/// Longer than any test takes that does not mean to lose it.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

const TESTBED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/postgres");

/// A port that nobody uses now.
pub(crate) fn port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Asks the script of the test bed.
pub(crate) fn testbed(arguments: &[&str]) -> String {
    let done = Command::new(TESTBED).args(arguments).output().expect("the script runs");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text").trim().to_owned()
}

/// What runs until it is closed, as it is when this process ends.
pub(crate) type Kept = (Child, ChildStdin);

fn kept(word: &str, folder: &Path, port: u16) -> Kept {
    let mut child = Command::new(TESTBED)
        .args([word, &folder.display().to_string(), &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the script runs");
    let mut said = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut said).expect("it says something");
    assert_eq!(said.trim(), "ready");
    let stdin = child.stdin.take().expect("piped");
    (child, stdin)
}

/// A cluster of its own, gone with the process.
pub(crate) struct Cluster {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    _kept: Kept,
}

impl Cluster {
    pub(crate) fn new(name: &str) -> Self {
        // Not below a folder of ours alone: the server runs as somebody else.
        let folder = std::env::temp_dir().join(format!("replicas-{}-{name}", std::process::id()));
        let port = port();
        let kept = kept("until-closed", &folder, port);
        Self { folder, port, _kept: kept }
    }

    /// A pooler before it: the port, and what it must be kept with.
    pub(crate) fn pooled(&self) -> (u16, Kept) {
        let port = port();
        (port, kept("pool", &self.folder, port))
    }

    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::new("shared"))
    }

    pub(crate) fn place(&self, database: &str) -> PostgresPlace {
        let password = std::fs::read_to_string(self.folder.join("password")).expect("a password");
        PostgresPlace {
            hosts: vec![("127.0.0.1".to_owned(), self.port)],
            database: database.to_owned(),
            user: "rotator".to_owned(),
            password: Some(Password::new(move || Ok(Secret::from(password.clone())))),
            tls: false,
            ca_file: None,
            client: None,
            lease: LEASE,
        }
    }
}

/// A database of its own.
pub(crate) struct Database {
    pub(crate) place: PostgresPlace,
    folder: PathBuf,
}

impl Database {
    pub(crate) async fn fresh() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        tokio::task::spawn_blocking(|| {
            let cluster = Cluster::shared();
            let name = format!("fresh{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            let of = |folder: &Path| folder.display().to_string();
            testbed(&["ask", &of(&cluster.folder), &format!("CREATE DATABASE {name} OWNER rotator")]);
            Self { place: cluster.place(&name), folder: cluster.folder.clone() }
        })
        .await
        .expect("made")
    }

    pub(crate) async fn journal(&self) -> PostgresJournal {
        PostgresJournal::open(self.place.clone()).await.expect("a journal")
    }

    /// As the superuser, on this database.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        let (folder, sql) = (self.folder.display().to_string(), sql.to_owned());
        let database = self.place.database.clone();
        tokio::task::spawn_blocking(move || testbed(&["ask", &folder, &sql, &database])).await.expect("asked")
    }
}
