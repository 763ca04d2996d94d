use super::*;
use crate::port::{Meaning, Standing};
use crate::sealed_file::content::{Content, PLAIN_MAX};

/// A vault of two generations: adopted, then staged.
async fn kept() -> Place {
    let home = Place::new();
    let vault = home.vault();
    vault.adopt("sync", &Secret::new("old")).await.unwrap();
    vault.stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
    home
}

/// Every call is `Broken`, says `cause`, and overwrites nothing.
async fn refuses_all(vault: &SealedFile, home: &Place, cause: &str) -> Fault {
    let before: Vec<Vec<u8>> = ["", ".bak"].iter().filter_map(|ending| fs::read(home.beside(ending)).ok()).collect();
    let faults = [
        vault.find("sync", Slot::Current).await.unwrap_err(),
        vault.stage("sync", &attempt("r2"), &Secret::new("x")).await.unwrap_err(),
        vault.adopt("fresh", &Secret::new("x")).await.unwrap_err(),
        vault.promote("sync", &attempt("r1")).await.unwrap_err(),
        vault.discard("sync", &attempt("r1")).await.unwrap_err(),
    ];
    for fault in &faults {
        assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
        assert!(fault.cause.contains(cause), "{fault}");
    }
    assert_eq!(vault.examine(&[]).await[0].standing, Standing::Bad);
    let after: Vec<Vec<u8>> = ["", ".bak"].iter().filter_map(|ending| fs::read(home.beside(ending)).ok()).collect();
    assert!(before == after, "something was overwritten");
    let [fault, ..] = faults;
    fault
}

#[tokio::test]
async fn a_damaged_file_is_told_and_never_overwritten() {
    let home = kept().await;
    let good = fs::read(home.file()).unwrap();
    let ours = home.ours.to_public().to_string();
    let header = good.windows(4).position(|bytes| bytes == b"\n---").unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("cut in the last piece", good[..good.len() - 1].to_vec(), &ours),
        ("cut at a piece's end", good[..good.len() / 2].to_vec(), &ours),
        ("cut in the header", good[..header].to_vec(), "no age file"),
        ("a byte of the text", flipped(good.len() - 100), &ours),
        ("a byte of the first piece", flipped(header + 200), &ours),
        ("a byte of the header's check", flipped(header + 10), "damaged"),
        ("something after its end", [&good[..], b"x"].concat(), &ours),
        ("nothing", Vec::new(), "no age file"),
        ("garbage", vec![0xa5; 4096], "no age file"),
    ];
    for (what, bytes, cause) in cases {
        println!("{what}");
        fs::write(home.file(), bytes).unwrap();
        let fault = refuses_all(&home.vault(), &home, cause).await;
        assert!(fault.hint.contains("generation 1") && fault.hint.contains("cp -p"), "{what}: {fault}");
    }
    // The way that the hint names.
    fs::copy(home.beside(".bak"), home.file()).unwrap();
    assert_eq!(places(&home.vault(), "sync").await.unwrap(), [place("", "old"), None, None]);
    home.vault().stage("sync", &attempt("r1"), &Secret::new("new")).await.unwrap();
}

#[tokio::test]
async fn every_byte_of_the_header_counts() {
    let home = kept().await;
    let good = fs::read(home.file()).unwrap();
    let end = good.windows(4).position(|bytes| bytes == b"\n---").unwrap() + 50;
    let vault = home.vault();
    for at in 0..end {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(home.file(), bytes).unwrap();
        let fault = vault.find("sync", Slot::Current).await.expect_err(&format!("byte {at} was changed"));
        assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
    }
}

#[tokio::test]
async fn a_missing_file_is_no_beginning_where_something_of_it_is_left() {
    for ending in [".bak", ".new", ".bak.new"] {
        let home = kept().await;
        if ending != ".bak" {
            fs::rename(home.beside(".bak"), home.beside(ending)).unwrap();
        }
        fs::remove_file(home.file()).unwrap();
        let fault = refuses_all(&home.vault(), &home, "is missing").await;
        assert!(fault.cause.contains(ending) && fault.hint.contains("mv"), "{fault}");
        // Only what is there is offered.
        assert_eq!(fault.hint.contains("cp -p"), ending == ".bak", "{fault}");
    }
}

#[tokio::test]
async fn a_damaged_backup_is_told_and_made_anew() {
    let home = kept().await;
    fs::write(home.beside(".bak"), b"garbage").unwrap();
    let checks = home.vault().examine(&[]).await;
    assert_eq!(checks[0].standing, Standing::Doubtful, "{checks:?}");
    home.vault().discard("sync", &attempt("r1")).await.unwrap();
    assert_eq!(home.vault().examine(&[]).await[0].standing, Standing::Good);
    fs::write(home.beside(".bak"), b"garbage").unwrap();
    fs::write(home.file(), b"garbage").unwrap();
    let fault = refuses_all(&home.vault(), &home, "no age file").await;
    assert!(fault.hint.contains("from a copy"), "{fault}");
}

#[tokio::test]
async fn another_key_opens_nothing() {
    let home = kept().await;
    let stranger = Identity::generate();
    let recipients = recipients(&[&stranger, &home.offline]);
    let settings = Settings { recipients, identity: text(&stranger), ..home.settings() };
    let vault = SealedFile::open(settings).unwrap();
    let fault = refuses_all(&vault, &home, "2 keys").await;
    assert!(fault.cause.contains(&stranger.to_public().to_string()), "{fault}");
    assert!(fault.hint.contains("give the key"), "{fault}");
}

#[tokio::test]
async fn the_offline_key_opens_it_and_a_removed_one_does_not_after_the_next_change() {
    let home = kept().await;
    let rescue = Settings { identity: text(&home.offline), ..home.settings() };
    let rescue = SealedFile::open(rescue).unwrap();
    assert_eq!(places(&rescue, "sync").await.unwrap()[1], place("r1", "new"));

    let third = Identity::generate();
    let recipients = recipients(&[&home.ours, &third]);
    let fewer = SealedFile::open(Settings { recipients, ..home.settings() }).unwrap();
    assert!(rescue.find("sync", Slot::Current).await.is_ok(), "settings alone change no file");
    fewer.promote("sync", &attempt("r1")).await.unwrap();
    let fault = rescue.find("sync", Slot::Current).await.unwrap_err();
    assert!(fault.cause.contains("is none of them"), "{fault}");
    assert!(fault.hint.contains("generation 2"), "the generation before is still sealed for it: {fault}");
}

#[tokio::test]
async fn what_a_newer_program_wrote_is_refused() {
    let home = kept().await;
    let keys = home.vault();
    let keys = keys.store.keys();
    let newer = br#"{"format": 2, "generation": 9, "accounts": {}, "more": 1}"#;
    fs::write(home.file(), keys.seal(newer).unwrap()).unwrap();
    let fault = refuses_all(&home.vault(), &home, "form 2").await;
    assert!(fault.hint.contains("newer program") && !fault.hint.contains("cp -p"), "{fault}");
    for odd in ["", "{}", "[1]", r#"{"format": 1, "generation": 9, "sealed_for": [], "accounts": {}, "more": 1}"#] {
        fs::write(home.file(), keys.seal(odd.as_bytes()).unwrap()).unwrap();
        let fault = refuses_all(&home.vault(), &home, "damaged at line").await;
        assert!(!fault.to_string().contains("more"), "{fault}");
    }
    // A value in the wrong place is not quoted.
    let odd = r#"{"format": 1, "generation": "hunter2", "sealed_for": [], "accounts": {}}"#;
    fs::write(home.file(), keys.seal(odd.as_bytes()).unwrap()).unwrap();
    assert!(!refuses_all(&home.vault(), &home, "damaged at line").await.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_file_has_a_greatest_size() {
    let home = kept().await;
    let vault = home.vault();
    let fault = vault.adopt("fresh", &Secret::new("x".repeat(PLAIN_MAX))).await.unwrap_err();
    assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
    assert!(fault.cause.contains("1048576"), "{fault}");
    assert_eq!(home.names(), ["vault.age", "vault.age.bak", "vault.age.lock"]);
    vault.adopt("fresh", &Secret::new("x".repeat(PLAIN_MAX - 2048))).await.unwrap();
    assert!(vault.find("fresh", Slot::Current).await.unwrap().is_some(), "the longest one that is written is read");
    // Longer than any that is written: not even read.
    let endless = fs::OpenOptions::new().write(true).open(home.file()).unwrap();
    endless.set_len(1 << 33).unwrap();
    refuses_all(&vault, &home_without_bytes(&home), "longer than").await;
}

/// The sparse file is too long to be compared byte by byte.
fn home_without_bytes(home: &Place) -> Place {
    Place { folder: tempfile::tempdir().unwrap(), ours: home.ours.clone(), offline: home.offline.clone() }
}

#[test]
fn the_text_ends_with_a_piece_of_blanks() {
    let plain = Content::default().print().unwrap();
    assert_eq!(plain.len(), 2 << 16);
    assert!(plain[1 << 16..].iter().all(|byte| *byte == b' '));
    assert_eq!(Content::parse(&plain).unwrap().generation, 0);
}
