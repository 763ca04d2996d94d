//! Heads that were sent out, against journals that went another way.

use super::written::{Written, key, named};

/// Two histories that are the same up to entry 13.
fn forked() -> (Written, Written) {
    let common = Written::signed(3);
    let (mut one, mut other) = (common.clone(), common);
    for number in 3..6 {
        one.rotation(number);
        one.head(&key(1));
        other.rotation(number + 10);
        other.head(&key(1));
    }
    (one, other)
}

#[test]
fn a_journal_that_goes_on_from_an_older_state_is_rolled_back() {
    let (one, other) = forked();
    let found = other.verified_with(&[&key(1)], &one.sent);
    assert_eq!(named(&found), Some(("rolled-back", 16)));
    assert_eq!(named(&one.verified_with(&[&key(1)], &other.sent)), Some(("rolled-back", 16)));
    // Without heads from elsewhere both are good.
    assert_eq!((named(&one.verified()), named(&other.verified())), (None, None));
}

#[test]
fn two_signed_ways_are_a_fork() {
    let (one, other) = forked();
    let both: Vec<_> = one.sent.iter().chain(&other.sent).cloned().collect();
    assert_eq!(named(&one.verified_with(&[&key(1)], &both)), Some(("forked", 16)));
    // Also where the two ways have no position in common.
    let mut apart = one.sent[..4].to_vec();
    apart.extend_from_slice(&other.sent[4..]);
    assert_eq!(named(&other.verified_with(&[&key(1)], &apart)), Some(("forked", 16)));
    assert_eq!(named(&one.verified_with(&[&key(1)], &apart)), Some(("rolled-back", 20)));
}

#[test]
fn a_head_that_nobody_signed_neither_convicts_nor_acquits() {
    let (one, other) = forked();
    for index in 0..6 {
        let mut sent = one.sent.clone();
        sent[index].hash = "0".repeat(64);
        let position = sent[index].position;
        assert_eq!(named(&one.verified_with(&[&key(1)], &sent)), Some(("forged", position)), "{position}");
    }
    let mut sent = one.sent.clone();
    sent[0].position += 1;
    assert_eq!(named(&other.verified_with(&[&key(1)], &sent)), Some(("rolled-back", 16)), "what is proven comes first");
    // A stranger's.
    let mut stranger = Written::default();
    stranger.introduce(&key(7), None, None);
    stranger.rotation(0);
    stranger.head(&key(7));
    assert_eq!(named(&one.verified_with(&[&key(1)], &stranger.sent)), Some(("forged", 4)));
    assert_eq!(named(&one.verified_with(&[], &stranger.sent)), Some(("forged", 4)));
}

#[test]
fn a_head_can_be_read_back() {
    use entra_rotator::history::SentHead;
    for head in Written::signed(2).sent {
        assert_eq!(SentHead::read(&head.line()), Ok(head.clone()));
        assert_eq!(head.check(), Ok(()));
        let mut later = head.clone();
        later.at = "2026-01-01T00:00:00Z".into();
        assert!(later.check().is_err());
        let other = head.line().replace("head\":1", "head\":2");
        assert!(SentHead::read(&other).unwrap_err().to_string().contains("version 2"));
        let line = head.line();
        let at = format!("\"at\":\"{}\"", head.at);
        for broken in [
            line.replace('{', "{\"more\":1,"),
            line.replace(',', ", "),
            line.replace("\"position\":", "\"position\":1,\"position\":"),
            line.replace("head\":1", "head\":true"),
            line.replace(&format!("\"position\":{}", head.position), &format!("\"position\":{}.0", head.position)),
            line.replace(&format!("\"position\":{}", head.position), "\"position\":0"),
            line.replace(&format!("\"position\":{}", head.position), "\"position\":9007199254740992"),
            line.replace(&head.signature, &head.signature.to_uppercase()),
            line.replace(&head.hash, &head.hash.to_uppercase()),
            line.replace(&at, "\"at\":null"),
            line.replace(&at, "\"at\":\"\\ud800\""),
            line.replace(&at, ""),
            line.replace(&format!("{at},"), "").replace('}', &format!(",{at}}}")),
        ] {
            assert_ne!(broken, line);
            assert!(SentHead::read(&broken).is_err(), "{broken}");
        }
        assert!(SentHead::is_whole(line.as_bytes()));
        for length in 0..line.len() {
            assert!(!SentHead::is_whole(&line.as_bytes()[..length]));
            assert!(!SentHead::is_whole(format!("{}{line}", &line[..length]).as_bytes()) || length == 0);
        }
    }
}
