use std::path::PathBuf;

use super::*;
use crate::port::Meaning;

fn refused(settings: Settings) -> Fault {
    let fault = SealedFile::open(settings).err().expect("such settings can't work");
    assert_eq!(fault.meaning, Meaning::Broken, "{fault}");
    assert!(!fault.hint.is_empty(), "{fault}");
    fault
}

#[test]
fn fewer_than_two_recipients_are_one_loss_away_from_none() {
    let place = Place::new();
    let one = recipients(&[&place.ours]);
    let twice = recipients(&[&place.ours, &place.ours]);
    for recipients in [Vec::new(), one, twice] {
        let fault = refused(Settings { recipients, ..place.settings() });
        assert!(fault.cause.contains("distinct recipients"), "{fault}");
    }
}

#[test]
fn our_own_key_is_among_the_recipients() {
    let place = Place::new();
    let fault = refused(Settings { identity: text(&Identity::generate()), ..place.settings() });
    assert!(fault.cause.contains("is not among the recipients"), "{fault}");
    assert!(fault.hint.starts_with("the wrong key may be named"), "{fault}");
}

#[test]
fn a_key_comes_as_a_line_or_as_a_file_of_age_keygen() {
    let place = Place::new();
    let line = text(&place.ours);
    let file = format!("# created: 2026-01-01\n# public key: {}\r\n{}\r\n", place.ours.to_public(), line.expose());
    assert!(SealedFile::open(Settings { identity: Secret::new(file), ..place.settings() }).is_ok());
    for text in ["", "# only a comment\n", &format!("{0}\n{0}\n", line.expose()), "AGE-SECRET-KEY-1QQQ", "hunter2"] {
        let fault = refused(Settings { identity: Secret::new(text), ..place.settings() });
        assert!(fault.cause.contains("our own key"), "{fault}");
    }
}

#[test]
fn a_secret_key_among_the_recipients_is_not_quoted() {
    let place = Place::new();
    let pasted = text(&place.offline);
    let mut recipients = recipients(&[&place.ours, &place.offline]);
    recipients[1] = pasted.expose().to_owned();
    let fault = refused(Settings { recipients, ..place.settings() });
    assert!(fault.cause.contains("recipient 2 of 2"), "{fault}");
    let quoted = &pasted.expose()["AGE-SECRET-KEY-1".len()..][..8];
    assert!(!fault.to_string().to_uppercase().contains(quoted), "{fault}");
}

#[test]
fn a_path_begins_at_the_root_and_ends_with_a_name() {
    let place = Place::new();
    for path in ["vault.age", "/", ""] {
        let fault = refused(Settings { path: PathBuf::from(path), ..place.settings() });
        assert!(fault.cause.contains("absolute path"), "{fault}");
    }
}

#[test]
fn settings_show_no_key() {
    let place = Place::new();
    assert!(!format!("{:?}", place.settings()).contains("AGE-SECRET-KEY"));
}
