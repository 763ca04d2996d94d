use super::*;
use crate::port::{Meaning, Standing};

#[tokio::test]
async fn a_rotation_from_its_candidate_to_its_promotion() {
    let home = Place::new();
    let vault = home.vault();
    assert_eq!(vault.find("sync", Slot::Current).await.unwrap(), None);
    assert_eq!(home.names(), ["vault.age.lock"], "a look makes no vault");

    vault.adopt("sync", &Secret::new("old")).await.unwrap();
    let at = vault.stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
    assert_eq!(places(&vault, "sync").await.unwrap(), [place("", "old"), place("r1", "new"), None]);
    vault.announce(&at).await.unwrap();
    assert_eq!(places(&vault, "sync").await.unwrap(), [place("", "old"), place("r1", "new"), None]);

    let current = vault.promote("sync", &attempt("r1")).await.unwrap();
    assert_eq!((current.slot, current.rotation.as_deref()), (Slot::Current, Some("r1")));
    assert_eq!(places(&vault, "sync").await.unwrap(), [place("r1", "new"), None, place("", "old")]);
    assert_eq!(home.names(), ["vault.age", "vault.age.bak", "vault.age.lock"]);
}

#[tokio::test]
async fn what_is_repeated_has_the_same_effect_and_writes_nothing() {
    let home = Place::new();
    let vault = home.vault();
    vault.adopt("sync", &Secret::new("old")).await.unwrap();
    let first = vault.stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
    let before = fs::read(home.file()).unwrap();
    assert_eq!(vault.stage("sync", &attempt("r1"), &Secret::new("late")).await.unwrap(), first);
    assert_eq!(fs::read(home.file()).unwrap(), before);
    vault.announce(&first).await.unwrap();
    let before = fs::read(home.file()).unwrap();
    vault.announce(&first).await.unwrap();
    assert_eq!(fs::read(home.file()).unwrap(), before);
    let current = vault.promote("sync", &attempt("r1")).await.unwrap();
    assert_eq!(vault.promote("sync", &attempt("r1")).await.unwrap(), current);
    assert_eq!(vault.stage("sync", &attempt("r1"), &Secret::new("late")).await.unwrap(), current);
    vault.discard("sync", &attempt("r1")).await.unwrap();
    assert_eq!(places(&vault, "sync").await.unwrap(), [place("r1", "new"), None, place("", "old")]);
}

#[tokio::test]
async fn another_rotation_is_refused_or_takes_over_and_gives_back() {
    let home = Place::new();
    // Two programs with one file: neither knows of the other.
    let (one, other) = (home.vault(), home.vault());
    one.adopt("sync", &Secret::new("old")).await.unwrap();
    let staged = one.stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
    let before = fs::read(home.file()).unwrap();
    let fault = other.stage("sync", &attempt("r2"), &Secret::new("mine")).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Refused, "{fault}");
    assert_eq!(other.promote("sync", &attempt("r2")).await.unwrap_err().meaning, Meaning::Refused);
    other.discard("sync", &attempt("r2")).await.unwrap();
    assert_eq!(other.adopt("sync", &Secret::new("x")).await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(fs::read(home.file()).unwrap(), before, "what is refused writes nothing");

    let repair = taking_over("r3", "r1");
    other.stage("sync", &repair, &Secret::new("repaired")).await.unwrap();
    assert_eq!(one.read(&staged).await.unwrap_err().meaning, Meaning::Refused);
    assert_eq!(one.announce(&staged).await.unwrap_err().meaning, Meaning::Refused);
    other.discard("sync", &repair).await.unwrap();
    assert_eq!(places(&one, "sync").await.unwrap(), [place("", "old"), place("r1", "new"), None]);
    one.discard("sync", &attempt("r1")).await.unwrap();
    assert_eq!(places(&one, "sync").await.unwrap(), [place("", "old"), None, None]);
}

#[tokio::test]
async fn a_held_lock_is_waited_for_with_a_bound() {
    let home = Place::new();
    let mut vault = home.vault();
    vault.adopt("sync", &Secret::new("old")).await.unwrap();
    let store = std::sync::Arc::get_mut(&mut vault.store).unwrap();
    store.wait_for_lock(std::time::Duration::from_millis(300));
    let lock = fs::File::open(home.beside(".lock")).unwrap();
    lock.lock().unwrap();
    for fault in [
        vault.find("sync", Slot::Current).await.unwrap_err(),
        vault.stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap_err(),
    ] {
        assert_eq!(fault.meaning, Meaning::Later, "{fault}");
        assert!(fault.cause.contains("vault.age.lock"), "{fault}");
    }
    let checks = vault.examine(&[]).await;
    let [check] = &checks[..] else { panic!("{checks:?}") };
    assert_eq!((check.name.as_str(), check.standing), ("reachable", Standing::Unseen));
    lock.unlock().unwrap();
    vault.stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
}

#[tokio::test]
async fn doctor_sees_file_key_right_recipients_and_accounts() {
    let home = Place::new();
    let vault = home.vault();
    let names = ["sync".to_owned(), "other".to_owned()];
    let standings = async |vault: &SealedFile| -> Vec<(String, Standing)> {
        vault.examine(&names).await.into_iter().map(|check| (check.name, check.standing)).collect()
    };
    let check = |name: &str, standing| (name.to_owned(), standing);
    assert_eq!(
        standings(&vault).await,
        [check("file", Standing::Doubtful), check("recovery", Standing::Good), check("right", Standing::Good)]
    );
    vault.adopt("sync", &Secret::new("hunter2")).await.unwrap();
    vault.stage("sync", &attempt("r1"), &Secret::new("hunter3")).await.unwrap();
    let before = home.names();
    let checks = vault.examine(&names).await;
    assert_eq!(home.names(), before);
    let accounts = [check("reachable", Standing::Good), check("reachable", Standing::Doubtful)];
    let good = ["file", "identity", "recovery"].map(|name| check(name, Standing::Good));
    let all: Vec<_> = [&good[..], &accounts[..], &[check("right", Standing::Good)]].concat();
    assert_eq!(standings(&vault).await, all, "{checks:?}");
    assert!(checks[3].seen.contains("version 1") && checks[3].seen.contains("r1"), "{checks:?}");
    assert!(!format!("{checks:?}").contains("hunter"), "{checks:?}");

    // The settings name a third key: the file does not know it yet.
    let third = Identity::generate();
    let recipients = recipients(&[&home.ours, &home.offline, &third]);
    let more = SealedFile::open(Settings { recipients, ..home.settings() }).unwrap();
    assert_eq!(standings(&more).await[1], check("identity", Standing::Doubtful));
    more.adopt("other", &Secret::new("x")).await.unwrap();
    assert_eq!(standings(&more).await[1], check("identity", Standing::Good));
    fs::remove_file(home.beside(".bak")).unwrap();
    assert_eq!(standings(&more).await[0], check("file", Standing::Doubtful));

    let own = vault.own_credential().await.unwrap();
    assert_eq!((own.name, own.set_at), (home.ours.to_public().to_string(), None));
    assert!(vault.describe().contains("vault.age"));
}
