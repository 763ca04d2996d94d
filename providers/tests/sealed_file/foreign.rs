//! Somebody else's age client (pyrage) opens the file with either key, and the file that it makes is opened.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use providers::port::{Attempt, Secret, Slot, Vault};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::home::{Home, attempt};

fn pyrage(arguments: &[&str], input: &str) -> Result<Vec<u8>, String> {
    let mut child = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed/pyrage"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the pyrage script does not run: is python3 installed?");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    if done.status.success() { Ok(done.stdout) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

#[tokio::test]
async fn another_client_finds_the_content_as_documented() {
    let folder = TempDir::new().unwrap();
    let home = Home::make(folder.path());
    let (vault, path) = (home.vault(), home.file().into_os_string().into_string().unwrap());
    vault.adopt("sync", &Secret::new("o\"ld\\ä")).await.unwrap();
    let at = vault.stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
    let read = |name: &str| -> Value {
        serde_json::from_slice(&pyrage(&["read", &path, name], &home.key("ours")).unwrap()).unwrap()
    };
    assert_eq!(read("sync"), json!({"current": "o\"ld\\ä", "named": null, "candidates": []}));
    vault.announce(&at).await.unwrap();
    assert_eq!(read("sync"), json!({"current": "o\"ld\\ä", "named": "r1", "candidates": ["new"]}));
    let expected = json!({
        "format": 1, "generation": 3, "sealed_for": home.recipients(), "accounts": {"sync": {
            "current": {"secret": "o\"ld\\ä", "rotation": null, "version": 1},
            "pending": {"secret": "new", "rotation": "r1", "version": 2},
            "previous": null, "announced": "r1", "kept": [], "last_version": 2}}
    });
    for key in ["ours", "offline"] {
        let plain = pyrage(&["open", &path], &home.key(key)).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&plain).unwrap(), expected);
        assert_eq!(plain.len() % (1 << 16), 0, "the length tells nothing of a password's");
    }
    // A repair that takes it over: both are found, the older one first.
    let repair = Attempt { takes_over: vec!["r1".to_owned()], ..attempt("r2") };
    let newer = vault.stage("sync", &repair, &Secret::new("newer")).await.unwrap();
    assert_eq!(read("sync"), json!({"current": "o\"ld\\ä", "named": "r1", "candidates": ["new"]}));
    vault.announce(&newer).await.unwrap();
    assert_eq!(read("sync"), json!({"current": "o\"ld\\ä", "named": "r2", "candidates": ["new", "newer"]}));
    vault.discard("sync", &repair).await.unwrap();
    assert_eq!(read("sync"), json!({"current": "o\"ld\\ä", "named": "r1", "candidates": ["new"]}));
    vault.promote("sync", &attempt("r1")).await.unwrap();
    assert_eq!(read("sync"), json!({"current": "new", "named": null, "candidates": []}));
    let other = TempDir::new().unwrap();
    let said = pyrage(&["open", &path], &Home::make(other.path()).key("ours")).unwrap_err();
    assert!(said.contains("No matching keys"), "{said}");
}

#[tokio::test]
async fn what_another_client_sealed_is_opened_and_goes_on() {
    let folder = TempDir::new().unwrap();
    let home = Home::make(folder.path());
    let path = home.file().into_os_string().into_string().unwrap();
    let content = json!({
        "format": 1, "generation": 7, "sealed_for": [], "accounts": {"sync": {
            "current": {"secret": "by hand", "rotation": null, "version": 4},
            "pending": null, "previous": null, "kept": [], "last_version": 4}}
    });
    let recipients = home.recipients();
    pyrage(&["seal", &path, &recipients[0], &recipients[1]], &content.to_string()).unwrap();
    let vault = home.vault();
    let at = vault.find("sync", Slot::Current).await.unwrap().unwrap();
    assert_eq!((at.version.as_str(), vault.read(&at).await.unwrap()), ("4", Secret::new("by hand")));
    assert_eq!(vault.stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap().version, "5");
    let plain = pyrage(&["open", &path], &home.key("offline")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&plain).unwrap()["generation"], 8);
}
