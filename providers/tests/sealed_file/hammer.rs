//! Two processes on one file: nothing is lost, and who stages first has the candidate.

use std::path::Path;
use std::process::{Command, Stdio};

use providers::port::{Meaning, Secret, Slot, Vault};
use providers::sealed_file::SealedFile;
use tempfile::TempDir;

use super::home::{Home, attempt};

const FOLDER: &str = "SEALED_FILE_HAMMER_FOLDER";
const WORKER: &str = "SEALED_FILE_HAMMER_WORKER";
const ROTATIONS: usize = 60;

async fn rotate(vault: &SealedFile, name: &str, rotation: &str) {
    let at = vault.stage(name, &attempt(rotation), &Secret::new(format!("{name} by {rotation}"))).await.unwrap();
    vault.announce(&at).await.unwrap();
    vault.promote(name, &attempt(rotation)).await.unwrap();
}

/// Rotates an account of its own, and one that another process rotates as well. How often it got that one.
async fn work(vault: &SealedFile, own: &str, rotations: usize) -> usize {
    let mut got = 0;
    for number in 0..rotations {
        rotate(vault, own, &format!("{own}-{number}")).await;
        let mine = attempt(&format!("shared-{own}-{number}"));
        match vault.stage("shared", &mine, &Secret::new(mine.rotation.clone())).await {
            Ok(at) => {
                // It stays there between two calls, in which the other one may ask for it.
                assert_eq!(vault.read(&at).await.unwrap(), Secret::new(mine.rotation.clone()));
                vault.promote("shared", &mine).await.unwrap();
                got += 1;
            }
            Err(fault) => assert_eq!(fault.meaning, Meaning::Refused, "{fault}"),
        }
    }
    got
}

async fn version(vault: &SealedFile, name: &str) -> usize {
    vault.find(name, Slot::Current).await.unwrap().unwrap().version.parse().unwrap()
}

/// A few rotations; run again by the other test, as two processes on one file.
#[tokio::test]
async fn a_worker_loses_nothing() {
    if let (Ok(folder), Ok(own)) = (std::env::var(FOLDER), std::env::var(WORKER)) {
        let got = work(&Home::at(Path::new(&folder)).vault(), &own, ROTATIONS).await;
        return println!("\ngot {got} of the shared one");
    }
    let folder = TempDir::new().unwrap();
    let vault = Home::make(folder.path()).vault();
    vault.adopt("one", &Secret::new("old")).await.unwrap();
    assert_eq!(work(&vault, "one", 3).await, 3);
    assert_eq!((version(&vault, "one").await, version(&vault, "shared").await), (4, 3));
}

#[tokio::test]
async fn two_processes_on_one_file_lose_nothing() {
    let folder = TempDir::new().unwrap();
    let vault = Home::make(folder.path()).vault();
    for name in ["one", "two", "shared"] {
        vault.adopt(name, &Secret::new("old")).await.unwrap();
    }
    let workers = ["one", "two"].map(|own| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hammer::a_worker_loses_nothing", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(WORKER, own)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let mut got = 0;
    for worker in workers {
        let done = worker.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
        let line = said.lines().find_map(|line| line.strip_prefix("got ")).expect("it says how often");
        let count: usize = line.split(' ').next().unwrap().parse().unwrap();
        println!("one process got the shared account {count} times in {ROTATIONS} tries");
        got += count;
    }
    // Each promoted candidate has a number of its own: a lost write would be a number too few.
    assert_eq!(version(&vault, "one").await, 1 + ROTATIONS);
    assert_eq!(version(&vault, "two").await, 1 + ROTATIONS);
    assert_eq!(version(&vault, "shared").await, 1 + got);
    assert!(got > 0 && got <= 2 * ROTATIONS);
}
