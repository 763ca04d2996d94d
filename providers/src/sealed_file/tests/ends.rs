//! A process that ends before any of its acts on the disk leaves the old generation or the new one, and the next
//! process goes on. The processes are real ones, and end as by `kill -9`: no destructor runs.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const FOLDER: &str = "SEALED_FILE_FOLDER";
const CHANGE: &str = "SEALED_FILE_CHANGE";
const END_BEFORE: &str = "SEALED_FILE_END_BEFORE";

/// The changes, each on top of those before it.
const CHANGES: [&str; 7] = ["adopt", "stage", "announce", "take-over", "discard", "promote", "adopt-another"];

async fn change(vault: &SealedFile, change: &str) -> Result<(), Fault> {
    let done = match change {
        "adopt" => vault.adopt("sync", &Secret::new("old")).await.map(drop),
        "stage" => vault.stage("sync", &attempt("r1"), &Secret::new("new")).await.map(drop),
        "announce" => {
            let at = vault.find("sync", Slot::Pending).await?.expect("staged");
            vault.announce(&at).await
        }
        "take-over" => vault.stage("sync", &taking_over("r2", "r1"), &Secret::new("repaired")).await.map(drop),
        "discard" => vault.discard("sync", &taking_over("r2", "r1")).await,
        "promote" => vault.promote("sync", &attempt("r1")).await.map(drop),
        "adopt-another" => vault.adopt("other", &Secret::new("older")).await.map(drop),
        other => panic!("no such change: {other}"),
    };
    match done {
        // Done by the process that ended, and the reply was lost.
        Err(fault) if fault.cause.contains("has a current password for it already") => Ok(()),
        done => done,
    }
}

/// The keys are those of the folder, so that the other process has the same.
fn settings_in(folder: &Path) -> Settings {
    let key = |name: &str| fs::read_to_string(folder.join(name)).unwrap().parse::<Identity>().unwrap();
    let (ours, offline) = (key("ours.key"), key("offline.key"));
    Settings { path: folder.join("vault.age"), recipients: recipients(&[&ours, &offline]), identity: text(&ours) }
}

fn with_keys() -> Place {
    let home = Place::new();
    for (name, identity) in [("ours.key", &home.ours), ("offline.key", &home.offline)] {
        fs::write(home.folder.path().join(name), text(identity).expose()).unwrap();
    }
    home
}

/// What a reader sees of both accounts, the mark for readers included.
async fn all(vault: &SealedFile) -> Result<String, Fault> {
    let announced = vault.store.look("looking", |book| Ok(format!("{:?}", book.accounts.get("sync"))))?;
    let (sync, other) = (places(vault, "sync").await?, places(vault, "other").await?);
    Ok(format!("{sync:?} {other:?} {announced}"))
}

/// One change in a process; run again by the other test, in a process that ends on the way.
#[tokio::test]
async fn a_change_is_one_generation() {
    if let Ok(folder) = std::env::var(FOLDER) {
        let end_before: usize = std::env::var(END_BEFORE).unwrap().parse().unwrap();
        let acts = AtomicUsize::new(0);
        let disk = Disk::asking(move |_| {
            if acts.fetch_add(1, Ordering::Relaxed) == end_before {
                std::process::abort();
            }
            Ok(())
        });
        let vault = SealedFile::on(settings_in(Path::new(&folder)), disk).unwrap();
        return change(&vault, &std::env::var(CHANGE).unwrap()).await.unwrap();
    }
    let home = with_keys();
    let vault = SealedFile::open(settings_in(home.folder.path())).unwrap();
    for (generation, what) in (1..).zip(CHANGES) {
        change(&vault, what).await.unwrap();
        let lock = vault.store.lock(crate::sealed_file::store::Hold::Reading, "looking").unwrap();
        let loaded = vault.store.load("looking").unwrap().unwrap();
        drop(lock);
        assert_eq!(loaded.content.generation, generation, "{what}");
    }
}

#[tokio::test]
async fn a_process_that_ends_at_any_act_leaves_the_old_or_the_new() {
    // The world before each change, made once, and what the change leads to where nothing ends.
    let template = with_keys();
    let mut old = all(&template.vault()).await.unwrap();
    for (position, what) in CHANGES.iter().enumerate() {
        let before = with_files_of(&template);
        change(&template.vault(), what).await.unwrap();
        let new = all(&template.vault()).await.unwrap();
        let (mut olds, mut news) = (0, 0);
        for end_before in 0.. {
            let home = with_files_of(&before);
            if !ended(&home, what, end_before) {
                break;
            }
            let vault = home.vault();
            match all(&vault).await {
                Ok(seen) if seen == new => news += 1,
                Ok(seen) => {
                    assert_eq!(seen, old, "{what}, ended before act {end_before}: neither the old nor the new");
                    olds += 1;
                }
                // Only the very first file can be missing, and then a person is told of what is left of it.
                Err(fault) => {
                    assert_eq!(position, 0, "{what}, ended before act {end_before}: {fault}");
                    assert!(fault.cause.contains("vault.age.new is there"), "{fault}");
                    fs::remove_file(home.beside(".new")).unwrap();
                    olds += 1;
                }
            }
            if position > 1 {
                let backup = vault.store.backup("looking");
                assert!(matches!(backup, Some(Ok(_))), "{what}, ended before act {end_before}: {backup:?}");
            }
            // The next process goes on, and nothing is left of the one that ended.
            change(&vault, what).await.unwrap();
            assert_eq!(all(&vault).await.unwrap(), new, "{what}, ended before act {end_before}");
        }
        println!("{what}: ended before {} acts, {olds} times the old, {news} times the new", olds + news);
        assert!(olds >= 7 && news >= 1, "{what}: {olds} times the old, {news} times the new");
        old = new;
    }
}

/// Runs the change in a process that ends before its act of that number; `false` when it has no so many.
fn ended(home: &Place, what: &str, end_before: usize) -> bool {
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sealed_file::tests::ends::a_change_is_one_generation"])
        .env(FOLDER, home.folder.path())
        .env(CHANGE, what)
        .env(END_BEFORE, end_before.to_string())
        .output()
        .unwrap();
    if done.status.success() {
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(said.contains("1 passed"), "{said}");
    }
    !done.status.success()
}

/// Another folder with the same files in it.
fn with_files_of(other: &Place) -> Place {
    let home = Place { folder: tempfile::tempdir().unwrap(), ours: other.ours.clone(), offline: other.offline.clone() };
    for name in other.names() {
        fs::copy(other.folder.path().join(&name), home.folder.path().join(&name)).unwrap();
    }
    home
}
