//! Only the server that is known is talked to.

use std::fs;
use std::path::Path;
use std::process::Command;

use providers::entra_connect::ssh::Settings;
use providers::entra_connect::{Broken, Reached};

use crate::sshd::{Sshd, make_key};
use crate::{LIMIT, broken, echoed};

fn fingerprint(public: &Path) -> String {
    let said = Command::new("ssh-keygen").arg("-lf").arg(public).output().unwrap().stdout;
    String::from_utf8(said).unwrap().split(' ').nth(1).unwrap().to_owned()
}

/// Not let in, with the file and the fingerprint that ssh-keygen shows too, and before the user was named to anybody.
async fn stranger(server: &Sshd, settings: Settings, says: &str) -> Broken {
    let file = settings.known_hosts_file.display().to_string();
    let before = server.log().len();
    let broken = broken(settings, LIMIT).await;
    assert_eq!(broken.reached, Reached::Settings, "{broken:?}");
    assert!(broken.cause.contains(says), "{says}: {broken:?}");
    assert!(broken.cause.contains(&fingerprint(&server.path("host.pub"))), "{broken:?}");
    assert!(format!("{} {}", broken.cause, broken.hint).contains(&file), "{broken:?}");
    assert!(!server.log()[before..].contains("publickey"), "{}", server.log());
    broken
}

fn known(server: &Sshd, text: &str) -> Settings {
    fs::write(server.path("known_hosts"), text).unwrap();
    server.settings("cat")
}

fn host_key(server: &Sshd) -> String {
    fs::read_to_string(server.path("host.pub")).unwrap()
}

#[tokio::test]
async fn nobody_is_known() {
    let server = Sshd::start();
    stranger(&server, known(&server, ""), "no key of the server").await;
    // Nothing was learnt from that.
    assert_eq!(fs::read_to_string(server.path("known_hosts")).unwrap(), "");
    stranger(&server, server.settings("cat"), "no key of the server").await;
}

#[tokio::test]
async fn no_file_at_all() {
    let server = Sshd::start();
    fs::remove_file(server.path("known_hosts")).unwrap();
    let broken = broken(server.settings("cat"), LIMIT).await;
    assert_eq!(broken.reached, Reached::Settings, "{broken:?}");
    assert!(broken.cause.contains("can't be read") && broken.hint.contains("ssh-keyscan"), "{broken:?}");
}

#[tokio::test]
async fn the_name_without_the_port_is_another_server() {
    let server = Sshd::start();
    let text = format!("127.0.0.1 {}", host_key(&server));
    stranger(&server, known(&server, &text), "no key of the server").await;
}

#[tokio::test]
async fn another_key_is_known() {
    let server = Sshd::start();
    for kind in ["ed25519", "ecdsa"] {
        let other = server.path(kind);
        make_key(&other, &["-t", kind], "");
        let other = fs::read_to_string(other.with_extension("pub")).unwrap();
        let text = format!("[127.0.0.1]:{} {other}", server.port);
        let broken = stranger(&server, known(&server, &text), "another one than").await;
        assert!(broken.hint.contains("somebody may stand in between"), "{broken:?}");
    }
}

#[tokio::test]
async fn a_hashed_name() {
    let server = Sshd::start();
    let hash = |file: &Path| {
        let said = Command::new("ssh-keygen").args(["-H", "-f"]).arg(file).output().unwrap();
        assert!(said.status.success(), "{said:?}");
    };
    hash(&server.path("known_hosts"));
    assert!(fs::read_to_string(server.path("known_hosts")).unwrap().starts_with("|1|"));
    echoed(server.settings("cat")).await;
    // Another server's name, hashed.
    let settings = known(&server, &format!("[127.0.0.2]:{} {}", server.port, host_key(&server)));
    hash(&server.path("known_hosts"));
    stranger(&server, settings, "no key of the server").await;
}

#[tokio::test]
async fn as_ssh_keyscan_writes_it() {
    let server = Sshd::start();
    let port = server.port.to_string();
    let said = Command::new("ssh-keyscan").args(["-p", &port, "127.0.0.1"]).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("ssh-ed25519"), "{text}");
    echoed(known(&server, &text)).await;
}

#[tokio::test]
async fn among_other_lines() {
    let server = Sshd::start();
    let (port, key) = (server.port, host_key(&server));
    echoed(known(
        &server,
        &format!("# a comment\n\nrubbish\n[*]:1 ssh-ed25519 AAAA\nother ssh-rsa rubbish\n\t[a.example]:1,[127.0.0.?]:{port}\t{key}"),
    ))
    .await;
    let text = format!("[127.0.0.*]:{port},![127.0.0.1]:{port} {key}");
    stranger(&server, known(&server, &text), "no key of the server").await;
}

#[tokio::test]
async fn one_of_two_host_keys_is_known() {
    let server = Sshd::start();
    // A second server with two keys: ours would be asked for the other one first.
    let rsa = server.path("host_rsa");
    make_key(&rsa, &["-t", "rsa", "-b", "2048"], "");
    let two = Sshd::with(&[&format!("HostKey {}", rsa.display())]);
    let public = fs::read_to_string(rsa.with_extension("pub")).unwrap();
    echoed(known(&two, &format!("[127.0.0.1]:{} {public}", two.port))).await;
    echoed(known(&two, &format!("[127.0.0.1]:{} {}", two.port, host_key(&two)))).await;
}

#[tokio::test]
async fn a_revoked_key() {
    let server = Sshd::start();
    let (port, key) = (server.port, host_key(&server));
    let revoked = format!("[127.0.0.1]:{port} {key}@revoked * {key}");
    let broken = stranger(&server, known(&server, &revoked), "is revoked").await;
    assert!(!broken.hint.is_empty());
}

#[tokio::test]
async fn a_certificate_authority_is_not_supported() {
    let server = Sshd::start();
    let text = format!("@cert-authority * {}", host_key(&server));
    stranger(&server, known(&server, &text), "certificate authority alone, which is not supported").await;
}

#[tokio::test]
async fn a_server_with_a_certificate_shows_its_key() {
    let server = Sshd::start();
    let authority = server.path("authority");
    make_key(&authority, &["-t", "ed25519"], "");
    let said = Command::new("ssh-keygen")
        .args(["-q", "-h", "-I", "test", "-s"])
        .arg(&authority)
        .arg(server.path("host.pub"))
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    let line = format!("HostKey {0}/host\nHostCertificate {0}/host-cert.pub", server.path("").display());
    let other = Sshd::with(&[&line]);
    echoed(known(&other, &format!("[127.0.0.1]:{} {}", other.port, host_key(&server)))).await;
}
