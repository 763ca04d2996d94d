//! Acts that fail, one at a time: what the failure means, and what is in the file afterwards.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::port::Meaning;
use crate::sealed_file::disk::Act;

async fn kept() -> Place {
    let home = Place::new();
    home.vault().adopt("sync", &Secret::new("old")).await.unwrap();
    home.vault().stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
    home
}

/// Fails one act, the `nth` of all; tells which one it was.
fn failing(nth: usize, kind: io::ErrorKind) -> (Disk, Arc<std::sync::Mutex<Vec<Act>>>) {
    let acts = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (seen, count) = (Arc::clone(&acts), AtomicUsize::new(0));
    let disk = Disk::asking(move |act| {
        seen.lock().unwrap().push(act);
        if count.fetch_add(1, Ordering::Relaxed) == nth { Err(kind.into()) } else { Ok(()) }
    });
    (disk, acts)
}

#[tokio::test]
async fn a_failure_before_the_rename_changed_nothing_and_one_after_it_is_unclear() {
    let kinds = [
        (io::ErrorKind::StorageFull, Meaning::Later),
        (io::ErrorKind::QuotaExceeded, Meaning::Later),
        (io::ErrorKind::ReadOnlyFilesystem, Meaning::Broken),
        (io::ErrorKind::PermissionDenied, Meaning::Broken),
        (io::ErrorKind::Other, Meaning::Broken),
    ];
    for (kind, before_rename) in kinds {
        for nth in 0.. {
            let home = kept().await;
            let old = places(&home.vault(), "sync").await.unwrap();
            let (disk, acts) = failing(nth, kind);
            let answer = home.vault_on(disk).promote("sync", &attempt("r1")).await;
            let acts = acts.lock().unwrap().clone();
            let Err(fault) = answer else {
                assert_eq!(nth, acts.len(), "every act was made to fail");
                break;
            };
            let now = places(&home.vault(), "sync").await.unwrap();
            let renames = acts[..=nth].iter().filter(|act| **act == Act::Rename).count();
            let expected = match acts[nth] {
                Act::FlushFolder => Meaning::Unclear,
                Act::Rename if renames == 2 && kind == io::ErrorKind::Other => Meaning::Unclear,
                _ => before_rename,
            };
            assert_eq!(fault.meaning, expected, "{:?} {kind:?}: {fault}", acts[nth]);
            if acts[nth] == Act::FlushFolder {
                assert_eq!(now[0], place("r1", "new"));
            } else {
                assert_eq!(now, old, "{:?} {kind:?}", acts[nth]);
            }
            assert_eq!(home.names(), ["vault.age", "vault.age.bak", "vault.age.lock"]);
            home.vault().promote("sync", &attempt("r1")).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_does_not_read_back_is_not_put_in_place() {
    // One that does not open, and one that opens and holds something else.
    for damaged in [true, false] {
        let home = kept().await;
        let (fresh, file, count) = (home.beside(".new"), home.file(), AtomicUsize::new(0));
        let disk = Disk::asking(move |act| {
            // The second thing that is read is what was just written.
            if act == Act::Read && count.fetch_add(1, Ordering::Relaxed) == 1 {
                let mut bytes = fs::read(&file)?;
                bytes[1000] ^= u8::from(damaged);
                fs::write(&fresh, bytes)?;
            }
            Ok(())
        });
        let fault = home.vault_on(disk).promote("sync", &attempt("r1")).await.unwrap_err();
        assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
        assert!(fault.cause.contains("does not read back"), "{fault}");
        assert_eq!(places(&home.vault(), "sync").await.unwrap()[1], place("r1", "new"));
    }
}

#[tokio::test]
async fn where_nobody_may_write_it_can_still_be_read() {
    let home = kept().await;
    let (disk, _) = failing(0, io::ErrorKind::ReadOnlyFilesystem);
    assert!(home.vault_on(disk).find("sync", Slot::Current).await.unwrap().is_some());
}
