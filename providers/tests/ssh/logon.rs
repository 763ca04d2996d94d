//! Who is let in, by which key, and what is said when nobody is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use providers::entra_connect::Reached;
use providers::entra_connect::ssh::{Logon, Settings};
use providers::port::Secret;

use crate::sshd::{Sshd, make_key};
use crate::{LIMIT, broken, echoed};

fn by_file(settings: Settings, file: impl Into<PathBuf>, passphrase: Option<&str>) -> Settings {
    Settings { logon: Logon::KeyFile { file: file.into(), passphrase: passphrase.map(Secret::new) }, ..settings }
}

async fn let_in_by(kind: &[&str], passphrase: &str) {
    let server = Sshd::start();
    let file = server.add_user_key("other", kind, passphrase);
    let passphrase = Some(passphrase).filter(|text| !text.is_empty());
    echoed(by_file(server.settings("cat"), file, passphrase)).await;
}

#[tokio::test]
async fn by_an_ed25519_key() {
    let server = Sshd::start();
    echoed(server.settings("cat")).await;
    assert!(server.log().contains("Accepted publickey"), "{}", server.log());
}

#[tokio::test]
async fn by_an_rsa_key() {
    let_in_by(&["-t", "rsa", "-b", "3072"], "").await;
}

#[tokio::test]
async fn by_an_rsa_key_where_the_server_takes_sha256_alone() {
    let server = Sshd::with(&["PubkeyAcceptedAlgorithms rsa-sha2-256"]);
    let file = server.add_user_key("other", &["-t", "rsa", "-b", "2048"], "");
    echoed(by_file(server.settings("cat"), file, None)).await;
}

#[tokio::test]
async fn no_rsa_key_with_sha1() {
    let server = Sshd::with(&["PubkeyAcceptedAlgorithms ssh-rsa"]);
    let file = server.add_user_key("other", &["-t", "rsa", "-b", "2048"], "");
    let broken = broken(by_file(server.settings("cat"), file, None), LIMIT).await;
    assert_eq!(broken.reached, Reached::Refused, "{broken:?}");
    assert!(server.log().contains("rsa-sha2-256 not in PubkeyAcceptedAlgorithms"), "{}", server.log());
}

#[tokio::test]
async fn by_an_ecdsa_key() {
    for bits in ["256", "384", "521"] {
        let_in_by(&["-t", "ecdsa", "-b", bits], "").await;
    }
}

#[tokio::test]
async fn by_an_encrypted_key() {
    let_in_by(&["-t", "ed25519"], "ein Käfer, the battery & a staple").await;
}

#[tokio::test]
async fn an_encrypted_key_needs_its_passphrase() {
    let server = Sshd::start();
    let file = server.add_user_key("other", &["-t", "ed25519"], "right");
    let none = broken(by_file(server.settings("cat"), &file, None), LIMIT).await;
    assert_eq!(none.reached, Reached::Settings);
    assert!(none.cause.contains("is encrypted, and no passphrase"), "{none:?}");
    let wrong = broken(by_file(server.settings("cat"), &file, Some("wr0ng-phrase")), LIMIT).await;
    assert_eq!(wrong.reached, Reached::Settings);
    assert!(wrong.cause.contains("not opened by the passphrase"), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("wr0ng-phrase"));
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know() {
    let server = Sshd::start();
    let file = server.path("stranger");
    make_key(&file, &["-t", "ed25519"], "");
    let broken = broken(by_file(server.settings("cat"), file, None), LIMIT).await;
    assert_eq!(broken.reached, Reached::Refused, "{broken:?}");
    assert!(broken.cause.contains("SHA256:") && broken.hint.contains("authorized keys"), "{broken:?}");
}

#[tokio::test]
async fn a_user_that_the_server_does_not_know() {
    let server = Sshd::start();
    let settings = Settings { user: "nobody-by-this-name".to_owned(), ..server.settings("cat") };
    let broken = broken(settings, LIMIT).await;
    assert_eq!(broken.reached, Reached::Refused, "{broken:?}");
    assert!(broken.cause.contains("nobody-by-this-name"), "{broken:?}");
}

#[tokio::test]
async fn a_key_is_not_enough() {
    let server = Sshd::with(&["AuthenticationMethods publickey,publickey"]);
    let broken = broken(server.settings("cat"), LIMIT).await;
    assert_eq!(broken.reached, Reached::Refused, "{broken:?}");
    assert!(broken.cause.contains("wants more"), "{broken:?}");
}

#[tokio::test]
async fn the_server_ends_it_at_the_first_wrong_key() {
    let server = Sshd::with(&["MaxAuthTries 1"]);
    let file = server.path("stranger");
    make_key(&file, &["-t", "ed25519"], "");
    let broken = broken(by_file(server.settings("cat"), file, None), LIMIT).await;
    assert_eq!(broken.reached, Reached::Refused, "{broken:?}");
}

#[tokio::test]
async fn a_key_file_that_is_none() {
    let server = Sshd::start();
    let missing = server.path("missing");
    let rubbish = server.path("rubbish");
    fs::write(&rubbish, "-----BEGIN RSA PRIVATE KEY-----\nrubbish\n-----END RSA PRIVATE KEY-----\n").unwrap();
    let cut = server.path("cut");
    let whole = fs::read(server.path("user")).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let public = server.path("user.pub");
    let long = server.path("long");
    fs::write(&long, vec![b'-'; 65 * 1024]).unwrap();
    let folder = server.path("folder");
    fs::create_dir(&folder).unwrap();
    for (file, says) in [
        (missing, "can't be read"),
        (rubbish, "OpenSSH's format"),
        (cut, "OpenSSH's format"),
        (public, "OpenSSH's format"),
        (long, "longer than"),
        (folder, "no plain file"),
    ] {
        if file.is_file() {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let broken = broken(by_file(server.settings("cat"), &file, None), LIMIT).await;
        assert_eq!(broken.reached, Reached::Settings, "{broken:?}");
        assert!(broken.cause.contains(says) && broken.cause.contains(file.to_str().unwrap()), "{says}: {broken:?}");
    }
    assert!(!server.log().contains("publickey"), "nobody was asked: {}", server.log());
}

#[tokio::test]
async fn a_key_file_that_others_may_read() {
    let server = Sshd::start();
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(server.path("user"), fs::Permissions::from_mode(mode)).unwrap();
        let broken = broken(server.settings("cat"), LIMIT).await;
        assert_eq!(broken.reached, Reached::Settings);
        assert!(broken.cause.contains(&format!("mode {mode:04o}")) && broken.hint.contains("chmod 600"), "{broken:?}");
    }
    fs::set_permissions(server.path("user"), fs::Permissions::from_mode(0o400)).unwrap();
    echoed(server.settings("cat")).await;
}

/// A real ssh-agent, ended when dropped.
pub(crate) struct Agent {
    child: Child,
    pub(crate) socket: PathBuf,
}

impl Agent {
    pub(crate) fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..500 {
            if UnixStream::connect(&socket).is_ok() {
                break;
            }
            sleep(Duration::from_millis(10));
        }
        Self { child, socket }
    }

    pub(crate) fn add(&self, options: &[&str], key: &Path) {
        let mut add = Command::new("ssh-add");
        let said = add.env("SSH_AUTH_SOCK", &self.socket).arg("-q").args(options).arg(key).output().unwrap();
        assert!(said.status.success(), "{said:?}");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn by_agent(settings: Settings, socket: Option<PathBuf>) -> Settings {
    Settings { logon: Logon::Agent { socket }, ..settings }
}

#[tokio::test]
async fn by_an_agent() {
    let server = Sshd::start();
    let agent = Agent::start(&server.path(""));
    agent.add(&[], &server.path("user"));
    echoed(by_agent(server.settings("cat"), Some(agent.socket.clone()))).await;
}

#[tokio::test]
async fn by_an_agent_with_an_rsa_key() {
    let server = Sshd::start();
    let agent = Agent::start(&server.path(""));
    agent.add(&[], &server.add_user_key("other", &["-t", "rsa", "-b", "2048"], ""));
    echoed(by_agent(server.settings("cat"), Some(agent.socket.clone()))).await;
}

#[tokio::test]
async fn by_the_fifth_key_of_an_agent() {
    let server = Sshd::start();
    let agent = Agent::start(&server.path(""));
    for number in 0..4 {
        let file = server.path(&format!("stranger{number}"));
        make_key(&file, &["-t", "ed25519"], "");
        agent.add(&[], &file);
    }
    agent.add(&[], &server.path("user"));
    echoed(by_agent(server.settings("cat"), Some(agent.socket.clone()))).await;
}

#[tokio::test]
async fn by_an_agent_with_a_key_for_this_server_alone() {
    let server = Sshd::start();
    let agent = Agent::start(&server.path(""));
    // ssh-add knows a port in no other place than the name itself.
    let host = fs::read_to_string(server.path("host.pub")).unwrap();
    fs::write(server.path("for_agent"), format!("somewhere {host}")).unwrap();
    agent.add(&["-h", "somewhere", "-H", server.path("for_agent").to_str().unwrap()], &server.path("user"));
    echoed(by_agent(server.settings("cat"), Some(agent.socket.clone()))).await;
}

#[tokio::test]
async fn by_the_agent_that_the_environment_names() {
    const PUBLIC: &str = "SSH_TEST_PUBLIC_KEY";
    let server = Sshd::start();
    if let Ok(public) = std::env::var(PUBLIC) {
        // The inner one, in whose environment the agent is.
        fs::copy(public, server.path("authorized_keys")).unwrap();
        return echoed(by_agent(server.settings("cat"), None)).await;
    }
    let agent = Agent::start(&server.path(""));
    agent.add(&[], &server.path("user"));
    let inner = |socket: &Path| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "logon::by_the_agent_that_the_environment_names", "--nocapture"])
            .env("SSH_AUTH_SOCK", socket)
            .env(PUBLIC, server.path("user.pub"))
            .output()
            .unwrap()
    };
    let said = inner(&agent.socket);
    assert!(said.status.success(), "{said:?}");
    // Without one it must fail, or the first says nothing.
    let said = String::from_utf8_lossy(&inner(Path::new("")).stderr).into_owned();
    assert!(said.contains("SSH_AUTH_SOCK is not set"), "{said}");
}

#[tokio::test]
async fn an_agent_that_is_not_there() {
    let server = Sshd::start();
    let broken = broken(by_agent(server.settings("cat"), Some(server.path("agent"))), LIMIT).await;
    assert_eq!(broken.reached, Reached::Settings, "{broken:?}");
    assert!(broken.cause.contains("no SSH agent answers at"), "{broken:?}");
}

#[tokio::test]
async fn an_agent_without_keys() {
    let server = Sshd::start();
    let agent = Agent::start(&server.path(""));
    let broken = broken(by_agent(server.settings("cat"), Some(agent.socket.clone())), LIMIT).await;
    assert_eq!(broken.reached, Reached::Settings, "{broken:?}");
    assert!(broken.cause.contains("holds no key") && broken.hint.contains("ssh-add"), "{broken:?}");
}

#[tokio::test]
async fn an_agent_without_a_fitting_key() {
    let server = Sshd::start();
    let agent = Agent::start(&server.path(""));
    for number in 0..7 {
        let file = server.path(&format!("stranger{number}"));
        make_key(&file, &["-t", "ed25519"], "");
        agent.add(&[], &file);
    }
    let broken = broken(by_agent(server.settings("cat"), Some(agent.socket.clone())), LIMIT).await;
    assert_eq!(broken.reached, Reached::Refused, "{broken:?}");
    assert!(broken.cause.contains("any of 5 keys tried, of 7"), "{broken:?}");
}

#[tokio::test]
async fn an_agent_that_does_not_sign() {
    let server = Sshd::start();
    let agent = Agent::start(&server.path(""));
    // It asks a person, and there is none.
    agent.add(&["-c"], &server.path("user"));
    let broken = broken(by_agent(server.settings("cat"), Some(agent.socket.clone())), LIMIT).await;
    assert_eq!(broken.reached, Reached::Settings, "{broken:?}");
    assert!(broken.cause.contains("doesn't sign"), "{broken:?}");
}
