//! Files and folders that others may read, own, or point elsewhere.
#![cfg(unix)]

use std::os::unix::fs::{PermissionsExt, chown, symlink};

use super::*;
use crate::port::{Meaning, Standing};
use crate::sealed_file::guard;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

async fn refused(home: &Place, cause: &str, hint: &str) {
    let vault = home.vault();
    for fault in [
        vault.find("sync", Slot::Current).await.unwrap_err(),
        vault.adopt("other", &Secret::new("x")).await.unwrap_err(),
    ] {
        assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
        assert!(fault.cause.contains(cause) && fault.hint.contains(hint), "{fault}");
    }
    let check = &vault.examine(&[]).await[0];
    assert_eq!(check.standing, Standing::Bad, "{check:?}");
}

async fn kept() -> Place {
    let home = Place::new();
    home.vault().adopt("sync", &Secret::new("old")).await.unwrap();
    home.vault().stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
    home
}

#[tokio::test]
async fn all_that_is_made_is_for_us_alone() {
    let home = kept().await;
    for name in home.names() {
        let mode = fs::metadata(home.folder.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_others_may_open_is_refused_with_the_command() {
    let home = kept().await;
    for ending in ["", ".lock"] {
        let path = home.beside(ending);
        for wrong in [0o644, 0o640, 0o604, 0o660, 0o610] {
            mode(&path, wrong);
            refused(&home, &format!("{wrong:04o}"), &format!("chmod 600 '{}'", path.display())).await;
        }
        mode(&path, 0o600);
    }
    assert!(home.vault().find("sync", Slot::Current).await.unwrap().is_some());
    // The generation before, too, though only doctor reads it.
    mode(&home.beside(".bak"), 0o644);
    let check = &home.vault().examine(&[]).await[0];
    assert!(check.standing == Standing::Doubtful && check.seen.contains("0644"), "{check:?}");
}

#[tokio::test]
async fn a_folder_that_others_may_write_in_is_refused_with_the_command() {
    let home = kept().await;
    for wrong in [0o777, 0o1777, 0o720, 0o702] {
        mode(home.folder.path(), wrong);
        refused(&home, &format!("{wrong:04o}"), "chmod go-w").await;
    }
    mode(home.folder.path(), 0o755);
    assert!(home.vault().find("sync", Slot::Current).await.unwrap().is_some());
    let gone = Settings { path: home.folder.path().join("none/vault.age"), ..home.settings() };
    let fault = SealedFile::open(gone).unwrap().find("sync", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Broken && fault.hint.contains("install -d -m 700"), "{fault}");
}

#[tokio::test]
async fn links_and_pipes_are_refused() {
    let home = kept().await;
    let elsewhere = tempfile::tempdir().unwrap();
    for (ending, expected) in [("", "a symbolic link"), (".lock", "vault.age.lock")] {
        let (path, target) = (home.beside(ending), elsewhere.path().join(format!("target{ending}")));
        fs::rename(&path, &target).unwrap();
        symlink(&target, &path).unwrap();
        refused(&home, expected, "").await;
        fs::remove_file(&path).unwrap();
        fs::rename(&target, &path).unwrap();
    }
    // A fresh file is never written through somebody else's link.
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, home.beside(".new")).unwrap();
    home.vault().promote("sync", &attempt("r1")).await.unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    // The folder itself as a link.
    let link = elsewhere.path().join("folder");
    symlink(home.folder.path(), &link).unwrap();
    let settings = Settings { path: link.join("vault.age"), ..home.settings() };
    let fault = SealedFile::open(settings).unwrap().find("sync", Slot::Current).await.unwrap_err();
    assert!(fault.meaning == Meaning::Broken && fault.cause.contains("a symbolic link"), "{fault}");
    // A folder where the file should be.
    fs::remove_file(home.file()).unwrap();
    fs::create_dir(home.file()).unwrap();
    refused(&home, "a folder", "").await;
}

#[tokio::test]
async fn what_somebody_else_owns_is_refused() {
    let us = rustix::process::geteuid().as_raw();
    if us != 0 {
        // Only root can give a file away; what is root's own serves as well.
        let seen = fs::metadata("/etc/passwd").unwrap();
        let fault = guard::file(&seen, Path::new("/etc/passwd"), "looking").unwrap_err();
        assert!(fault.cause.contains("belongs to user 0"), "{fault}");
        return;
    }
    let home = kept().await;
    chown(home.file(), Some(65534), None).unwrap();
    refused(&home, "belongs to user 65534, and we are user 0", "chown 0").await;
    chown(home.file(), Some(0), None).unwrap();
    chown(home.folder.path(), Some(65534), None).unwrap();
    refused(&home, "belongs to user 65534", "chown 0").await;
}
