//! OpenSSH's server on loopback, for the account that runs the tests: with a host key, a user key and a file of known
//! hosts of its own, ended when dropped. Other test targets may include this file: `#[path = "../ssh/sshd.rs"] mod sshd;`

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise, and so may what helps it")]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use providers::entra_connect::ssh::{Logon, Settings};
use tempfile::TempDir;

/// Where the server's program is; it wants to be called by its whole path.
const PROGRAMS: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
/// A port that was free may be taken by the time the server binds it.
const PORT_TRIES: usize = 5;
const START_TRIES: usize = 500;
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct Sshd {
    folder: TempDir,
    child: Child,
    pub(crate) port: u16,
}

impl Sshd {
    /// A server with one ed25519 host key that lets its own user key in.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same with more lines of configuration before the usual ones: the first one counts.
    pub(crate) fn with(lines: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("ssh").tempdir().unwrap();
        make_key(&folder.path().join("host"), &["-t", "ed25519"], "");
        make_key(&folder.path().join("user"), &["-t", "ed25519"], "");
        fs::copy(folder.path().join("user.pub"), folder.path().join("authorized_keys")).unwrap();
        // Wanted when the server runs as root; anybody else can't make it and needs none.
        let _ = fs::create_dir_all("/run/sshd");
        for _ in 0..PORT_TRIES {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            if let Some(child) = started(folder.path(), port, lines) {
                let host = fs::read_to_string(folder.path().join("host.pub")).unwrap();
                fs::write(folder.path().join("known_hosts"), format!("[127.0.0.1]:{port} {host}")).unwrap();
                return Self { folder, child, port };
            }
        }
        panic!("no sshd: {}", fs::read_to_string(folder.path().join("log")).unwrap_or_default());
    }

    /// What lets the user in and runs this command.
    pub(crate) fn settings(&self, command: &str) -> Settings {
        Settings {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: me(),
            known_hosts_file: self.path("known_hosts"),
            logon: Logon::KeyFile { file: self.path("user"), passphrase: None },
            command: command.to_owned(),
        }
    }

    /// A file in the server's folder: `host.pub`, `user`, `user.pub`, `known_hosts`, `authorized_keys`, `log`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a key that the server lets in: the private one is in `name`.
    pub(crate) fn add_user_key(&self, name: &str, kind: &[&str], passphrase: &str) -> PathBuf {
        let file = self.path(name);
        make_key(&file, kind, passphrase);
        let public = fs::read(file.with_extension("pub")).unwrap();
        OpenOptions::new().append(true).open(self.path("authorized_keys")).unwrap().write_all(&public).unwrap();
        file
    }

    /// What the server has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The account that runs the tests.
pub(crate) fn me() -> String {
    let said = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8(said).unwrap().trim().to_owned()
}

/// Makes a key pair: `file` and `file.pub`.
pub(crate) fn make_key(file: &Path, kind: &[&str], passphrase: &str) {
    let said = Command::new("ssh-keygen")
        // Few rounds of stretching: nobody is kept out here.
        .args(["-q", "-a", "2", "-C", "made for a test", "-N", passphrase, "-f"])
        .arg(file)
        .args(kind)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
}

fn started(folder: &Path, port: u16, lines: &[&str]) -> Option<Child> {
    // A shell that is not the first reads no ~/.bashrc, which is somebody else's.
    let config = format!(
        "{}\nListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n\
         PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nMaxStartups 100\nLogLevel VERBOSE\nSetEnv SHLVL=1\n",
        lines.join("\n"),
        folder = folder.display()
    );
    fs::write(folder.join("config"), config).unwrap();
    let program = PROGRAMS.iter().find(|program| Path::new(program).exists()).expect("no sshd is installed");
    let log = File::create(folder.join("log")).unwrap();
    let mut child = Command::new(program)
        .args(["-D", "-e", "-f"])
        .arg(folder.join("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    for _ in 0..START_TRIES {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Some(child);
        }
        sleep(PAUSE);
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}
