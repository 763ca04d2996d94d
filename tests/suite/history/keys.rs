//! Who signed, and who vouches for him.

use entra_rotator::history::Vouched;

use super::written::{Written, key, named};

/// Key 1, a rotation and a head; then key 2 takes over, signed by key 1 too where `vouched`.
fn handed_over(vouched: bool) -> Written {
    let mut written = Written::signed(2);
    let old = key(1);
    written.introduce(&key(2), Some(&old), vouched.then_some(&old));
    written.rotation(5);
    written.head(&key(2));
    written
}

fn vouched(written: &Written, keys: &[u8]) -> Vec<Vouched> {
    let keys: Vec<_> = keys.iter().map(|seed| key(*seed)).collect();
    let found = written.verified_with(&keys.iter().collect::<Vec<_>>(), &[]);
    found.verdict.keys.iter().map(|key| key.vouched).collect()
}

#[test]
fn an_unsigned_history_is_unsigned() {
    let mut written = Written::default();
    written.rotation(1);
    let found = written.verified();
    assert_eq!((named(&found), found.verdict.signed, found.verdict.unsigned), (None, None, 3));
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), Some(("unsigned", 1)));
    assert_eq!(named(&Written::default().verified()), None);
}

#[test]
fn a_key_that_the_old_one_signed_is_believed() {
    let written = handed_over(true);
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), None);
    assert_eq!(vouched(&written, &[1]), [Vouched::Given, Vouched::ByOld]);
    assert_eq!(vouched(&written, &[]), [Vouched::First, Vouched::ByOld]);
    // Whoever knows the new one alone believes what it signed, and with it all that is below.
    assert_eq!(named(&written.verified_with(&[&key(2)], &[])), None);
    assert_eq!(vouched(&written, &[2]), [Vouched::Later, Vouched::Given]);
}

#[test]
fn one_that_it_did_not_sign_only_when_it_is_given() {
    let written = handed_over(false);
    let its_entry = 10;
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), Some(("unknown-key", its_entry)));
    // Where no key was given there is nothing to hold it against.
    assert_eq!((named(&written.verified()), vouched(&written, &[])), (None, vec![Vouched::First, Vouched::Believed]));
    for keys in [&[2][..], &[1, 2]] {
        let keys: Vec<_> = keys.iter().map(|seed| key(*seed)).collect();
        assert_eq!(named(&written.verified_with(&keys.iter().collect::<Vec<_>>(), &[])), None);
    }
    assert_eq!(vouched(&written, &[1]), [Vouched::Given, Vouched::Nobody]);
}

#[test]
fn a_history_that_another_key_signed_from_its_beginning_is_nobodys() {
    assert_eq!(named(&Written::signed(3).verified_with(&[&key(9)], &[])), Some(("unknown-key", 1)));
}

#[test]
fn a_replaced_key_signs_nothing_more() {
    let mut written = handed_over(true);
    written.rotation(6);
    written.head(&key(1));
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), Some(("unknown-key", 18)));
    // Overtaken by a head of the new one it was a process that did not know yet.
    written.head(&key(2));
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), None);
    // Nor can it vouch for another one.
    let mut thief = handed_over(true);
    thief.introduce(&key(3), Some(&key(1)), Some(&key(1)));
    thief.head(&key(3));
    assert_eq!(named(&thief.verified_with(&[&key(1)], &[])), Some(("unknown-key", 15)));
}

#[test]
fn nobody_is_replaced_on_a_strangers_word() {
    let mut written = Written::signed(1);
    written.introduce(&key(6), Some(&key(1)), None);
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), Some(("unknown-key", 6)));
    written.head(&key(1));
    let found = written.verified_with(&[&key(1)], &written.sent);
    assert_eq!((named(&found), found.verdict.keys[0].replaced), (None, None));
    let found = written.verified();
    assert_eq!((named(&found), found.verdict.keys[0].replaced), (None, None), "nor where no key is known");
    // By one that is known he is: there the old one was lost.
    let found = written.verified_with(&[&key(1), &key(6)], &[]);
    assert_eq!((named(&found), found.verdict.keys[0].replaced), (Some(("unknown-key", 7)), Some(6)));
}

#[test]
fn nor_on_that_of_one_who_was_replaced() {
    let mut written = handed_over(true);
    // Somebody has the old key still.
    written.introduce(&key(1), Some(&key(2)), None);
    written.head(&key(2));
    for keys in [&[1][..], &[2], &[1, 2]] {
        let keys: Vec<_> = keys.iter().map(|seed| key(*seed)).collect();
        assert_eq!(named(&written.verified_with(&keys.iter().collect::<Vec<_>>(), &[])), None);
    }
}

#[test]
fn a_key_can_not_vouch_for_itself() {
    let mut written = Written::signed(1);
    written.introduce(&key(5), Some(&key(5)), Some(&key(5)));
    written.head(&key(5));
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), Some(("unknown-key", 6)));
}

#[test]
fn a_key_without_an_entry_of_its_own_counts_for_nothing() {
    let mut written = Written::signed(1);
    written.head(&key(4));
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), Some(("unknown-key", 6)));
}

#[test]
fn a_statement_is_bound_to_its_place_and_time_and_words() {
    let good = handed_over(true);
    for index in 0..good.rows.len() {
        if !good.rows[index].event.contains("\"signature\"") {
            continue;
        }
        let position = good.rows[index].position;
        let deeds: [fn(&str) -> String; 6] = [
            |event| event.replacen("\"position\":", "\"position\":1", 1),
            |event| event.replacen("\"signature\":\"", "\"signature\":\"00", 1),
            |event| event.replace("}", " }"),
            |event| event.replace("}", ",\"more\":1}"),
            |event| event.replacen("\"hash\":\"", "\"hash\":\"0", 1),
            |event| event.replace("\"key\":\"", "\"key\":\"0"),
        ];
        for (number, deed) in deeds.iter().enumerate() {
            let mut written = good.clone();
            written.rows[index].event = deed(&written.rows[index].event);
            assert_ne!(written.rows[index].event, good.rows[index].event);
            // With a good chain, as somebody writes it who knows how.
            written.rows.truncate(index + 1);
            written.rechain(index);
            assert_eq!(named(&written.verified()), Some(("forged", position)), "deed {number} at {position}");
        }
        // The same statement at another time, or in another place.
        let mut later = good.clone();
        later.rows[index].at = "2031-01-01T00:00:00Z".into();
        later.rows.truncate(index + 1);
        later.rechain(index);
        assert_eq!(named(&later.verified()), Some(("forged", position)));
        let mut again = good.clone();
        again.rows.truncate(index + 1);
        let mut copy = again.rows[index].clone();
        copy.seq += 1;
        again.rows.push(copy);
        again.rechain(index + 1);
        assert_eq!(named(&again.verified()), Some(("forged", position + 1)));
    }
}

#[test]
fn a_statement_is_written_in_one_way() {
    use entra_rotator::signing::SigningKey;
    // As somebody writes it who has the key, so that all but the form fits.
    let good = handed_over(true);
    let introduced = |replaces: &str, by_old: &str| {
        let mut written = Written::signed(1);
        let (row, key) = (written.rows[4].clone(), key(2));
        let public = key.public().to_string();
        let bare = replaces.trim_matches('"');
        let replaced = if replaces == "null" { "-" } else { bare };
        let text = format!("entra-rotator signing-key 1\n5\n{}\n{}\n{public}\n{replaced}\n", row.hash, row.at);
        let sign = |key: &SigningKey| key.sign(&text);
        let by_old = by_old.replace("OLD", &sign(&super::written::key(1)));
        let event = format!(
            r#"{{"note":"signing-key","position":5,"hash":"{}","key":"{public}","replaces":{replaces},"signature":"{}","by_old":{by_old}}}"#,
            row.hash,
            sign(&key)
        );
        written.push("notes", 9, row.at.parse().expect("a time"), event);
        named(&written.verified())
    };
    let old = format!("\"{}\"", key(1).public());
    assert_eq!(introduced("null", "null"), None);
    assert_eq!(introduced(&old, "null"), None);
    assert_eq!(introduced(&old, "\"OLD\""), None);
    for (replaces, by_old) in
        [("\"\"", "null"), ("\"-\"", "null"), ("null", "\"OLD\""), ("null", "\"\""), ("0", "null"), ("false", "null")]
    {
        assert_eq!(introduced(replaces, by_old), Some(("forged", 6)), "{replaces} {by_old}");
    }
    assert_eq!(introduced(&old.to_uppercase(), "null"), Some(("forged", 6)));
    // Hex in upper case says the same, and is another line.
    for index in 0..good.rows.len() {
        for member in ["key", "signature", "by_old"] {
            let row = &good.rows[index];
            let Some((_, rest)) = row.event.split_once(&format!("\"{member}\":\"")) else { continue };
            let text = rest.split('"').next().expect("a text");
            let mut written = good.clone();
            written.rows[index].event = row.event.replace(text, &text.to_uppercase());
            written.rows.truncate(index + 1);
            written.rechain(index);
            assert_eq!(named(&written.verified()), Some(("forged", row.position)), "{member} of {}", row.position);
        }
    }
}
