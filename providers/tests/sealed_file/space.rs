//! A disk that is full, has room for a part of what is written, or is read-only: a small one, in mounts of its own.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use providers::port::{Meaning, Secret, Slot, Vault};
use tempfile::TempDir;

use super::home::{Home, attempt};

const DISK: &str = "SEALED_FILE_DISK";
const DISK_KIB: usize = 800;

/// Takes what is free but for `left_kib`.
fn fill(disk: &Path, left_kib: usize) {
    let mut filler = fs::File::create(disk.join("filler")).unwrap();
    let mut taken_kib: u64 = 0;
    while filler.write_all(&[1; 1024]).is_ok() {
        taken_kib += 1;
    }
    filler.set_len((taken_kib - left_kib as u64) * 1024).unwrap();
}

#[test]
fn a_full_or_read_only_disk_leaves_what_was_there() {
    if let Ok(disk) = std::env::var(DISK) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(inside(Path::new(&disk)));
    }
    let disk = TempDir::new().unwrap();
    let mount = format!("mount -t tmpfs -o mode=700,size={DISK_KIB}k tmpfs \"$0\" && exec \"$@\"");
    let done = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "space::a_full_or_read_only_disk_leaves_what_was_there", "--nocapture"])
        .env(DISK, disk.path())
        .output()
        .expect("this test needs unshare (util-linux)");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("1 passed"), "in mounts of its own: {said}");
    assert!(said.contains("read-only: told"), "{said}");
}

async fn inside(disk: &Path) {
    let home = Home::make(disk);
    let vault = home.vault();
    vault.adopt("sync", &Secret::new("old")).await.unwrap();
    vault.stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
    let before = fs::read(home.file()).unwrap();
    // Nothing fits; half of the new file; the new file, but not the copy of the one before.
    for left_kib in [0, 64, 200] {
        fill(disk, left_kib);
        let fault = vault.promote("sync", &attempt("r1")).await.unwrap_err();
        println!("{left_kib} KiB left: {fault}");
        assert_eq!(fault.meaning, Meaning::Later, "{fault}");
        assert!(fault.hint.contains("free space"), "{fault}");
        assert_eq!(fs::read(home.file()).unwrap(), before);
        let at = vault.find("sync", Slot::Pending).await.unwrap().unwrap();
        assert_eq!(vault.read(&at).await.unwrap(), Secret::new("new"));
        for left in ["vault.age.new", "vault.age.bak.new"] {
            assert!(!disk.join(left).exists(), "{left} takes space for nothing");
        }
        fs::remove_file(disk.join("filler")).unwrap();
    }
    vault.announce(&vault.find("sync", Slot::Pending).await.unwrap().unwrap()).await.unwrap();

    let remount = |how: &str| assert!(Command::new("mount").args(["-o", how]).arg(disk).status().unwrap().success());
    remount("remount,ro");
    for fault in [
        vault.promote("sync", &attempt("r1")).await.unwrap_err(),
        vault.adopt("other", &Secret::new("x")).await.unwrap_err(),
    ] {
        assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
        assert!(fault.hint.contains("read-only"), "{fault}");
        println!("read-only: told: {fault}");
    }
    assert!(vault.find("sync", Slot::Pending).await.unwrap().is_some(), "what can be read is read");
    remount("remount,rw");
    vault.promote("sync", &attempt("r1")).await.unwrap();
}
