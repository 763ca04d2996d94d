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
    for (position, what) in CHANGES.iter().enumerate() {
        let (mut olds, mut news, mut stopped) = (0, 0, 0);
        for end_before in 0.. {
            let home = with_keys();
            let vault = home.vault();
            for earlier in &CHANGES[..position] {
                change(&vault, earlier).await.unwrap();
            }
            let old = all(&vault).await.unwrap();
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
                break;
            }
            stopped += 1;
            match all(&vault).await {
                Ok(seen) if seen == old => olds += 1,
                Ok(seen) => {
                    news += 1;
                    let next = outcome(&CHANGES[..=position]).await;
                    assert_eq!(seen, next, "{what}, ended before act {end_before}: neither the old nor the new");
                }
                // Only the very first file can be missing, and then a person is told of what is left of it.
                Err(fault) => {
                    assert_eq!(position, 0, "{what}, ended before act {end_before}: {fault}");
                    assert!(fault.cause.contains("vault.age.new is there"), "{fault}");
                    fs::remove_file(home.beside(".new")).unwrap();
                    olds += 1;
                }
            }
            if position > 0 {
                let before = vault.store.backup("looking");
                assert!(position == 1 || matches!(before, Some(Ok(_))), "{what}, act {end_before}: {before:?}");
            }
            // The next process goes on, and nothing is left of the one that ended.
            change(&vault, what).await.unwrap();
            assert_eq!(all(&vault).await.unwrap(), outcome(&CHANGES[..=position]).await, "{what} {end_before}");
        }
        println!("{what}: ended before {stopped} acts, {olds} times the old, {news} times the new");
        assert!(stopped >= 8 && olds >= 7 && news >= 1, "{what}: {stopped} ends, {olds} old, {news} new");
    }
}

/// What these changes lead to where nothing ends.
async fn outcome(changes: &[&str]) -> String {
    let fresh = with_keys();
    let vault = fresh.vault();
    for what in changes {
        change(&vault, what).await.unwrap();
    }
    all(&vault).await.unwrap()
}
