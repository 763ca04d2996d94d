//! Tampering with the rows, at every position.

use entra_rotator::history::SentHead;
use entra_rotator::journal::Stored;
use jiff::Timestamp;

use super::written::{Written, key, named, rows, verified};

/// Key, then six rotations with a head each: 25 entries.
fn written() -> Written {
    Written::signed(6)
}

fn last() -> i64 {
    25
}

/// Position of a row, by its index.
fn at(index: usize) -> i64 {
    i64::try_from(index).expect("few") + 1
}

#[test]
fn what_was_written_is_intact_and_signed() {
    let written = written();
    let found = written.verified_with(&[&key(1)], &written.sent);
    assert_eq!(found.finding, None);
    assert_eq!((found.verdict.entries, found.verdict.last), (25, 25));
    assert_eq!(found.verdict.signed.map(|signed| signed.position), Some(24));
    assert_eq!((found.verdict.unsigned, found.verdict.signed_heads), (0, 6));
    assert_eq!((found.verdict.sent_heads.given, found.verdict.sent_heads.agree), (6, 6));
    assert_eq!(rows(&written.lines()), written.rows);
    let mut more = written;
    more.rotation(9);
    assert_eq!(more.verified().verdict.unsigned, 3);
}

#[test]
fn a_changed_field_is_named_at_every_position() {
    type Deed = (&'static str, fn(&mut Stored));
    let deeds: [Deed; 7] = [
        ("rotation", |row| row.rotation.push('x')),
        ("seq", |row| row.seq += 1),
        ("epoch", |row| row.epoch += 1),
        ("at", |row| row.at = Timestamp::MAX.to_string()),
        ("format", |row| row.format += 1),
        ("event", |row| row.event.push(' ')),
        ("hash", |row| {
            let other = if row.hash.starts_with('0') { "1" } else { "0" };
            row.hash.replace_range(..1, other);
        }),
    ];
    for index in 0..25 {
        for (what, deed) in deeds {
            let mut written = written();
            deed(&mut written.rows[index]);
            assert_eq!(named(&written.verified()), Some(("changed", at(index))), "{what} of {}", at(index));
        }
    }
}

#[test]
fn one_whose_hash_was_made_to_fit_is_named_by_the_next_one() {
    for index in 0..25 {
        let mut written = written();
        let is_statement = written.rows[index].event.contains("signature");
        written.rows[index].event =
            written.rows[index].event.replace("\"event\":\"", "\"event\":\"un").replace("\"hash\":\"", "\"hash\":\"0");
        let tail = written.rows.split_off(index + 1);
        written.rechain(index);
        written.rows.extend(tail);
        // What a head says is not what the chain says; an entry has nothing but its place in the chain.
        let first = if is_statement { at(index) } else { at(index) + 1 };
        assert_eq!(named(&written.verified()).map(|(_, position)| position), Some(first), "{}", at(index));
    }
}

#[test]
fn who_writes_every_hash_anew_can_not_sign() {
    for index in 1..24 {
        let mut written = written();
        let Some(event) =
            written.rows[index].event.strip_prefix(r#"{"event""#).map(|rest| format!(r#"{{"deed"{rest}"#))
        else {
            continue;
        };
        written.rows[index].event = event;
        written.rechain(index);
        let head = written.rows[index..].iter().find(|row| row.event.contains("signature")).expect("a head").position;
        assert_eq!(named(&written.verified()), Some(("forged", head)), "{}", at(index));
        // The head that was sent out is of the entry before.
        let found = written.verified_with(&[&key(1)], &written.sent);
        assert_eq!(named(&found), Some(("rolled-back", head - 1)), "{}", at(index));
    }
}

#[test]
fn a_removed_entry_is_named_at_every_position() {
    for count in 1..4 {
        for index in 0..25 - count {
            let mut written = written();
            written.rows.drain(index..index + count);
            assert_eq!(named(&written.verified()), Some(("removed", at(index))), "{count} at {}", at(index));
        }
    }
}

#[test]
fn removed_and_numbered_anew() {
    for count in 1..4 {
        for index in 0..25 - count {
            let mut written = written();
            written.rows.drain(index..index + count);
            for row in &mut written.rows[index..] {
                row.position -= i64::try_from(count).expect("few");
            }
            // The last one alone has no neighbour that tells.
            let word = if index + count == 24 { "changed" } else { "removed" };
            assert_eq!(named(&written.verified()), Some((word, at(index))), "{count} at {}", at(index));
        }
    }
}

#[test]
fn two_swapped_lines_are_named_at_every_position() {
    for first in 0..25 {
        for second in first + 1..25 {
            let written = written();
            let mut lines = written.lines();
            lines.swap(first, second);
            assert_eq!(named(&verified(&lines, &[], &[])), Some(("swapped", at(first))), "{first} {second}");
        }
    }
}

#[test]
fn two_entries_that_exchanged_their_positions_are_named() {
    for first in 0..25 {
        for second in first + 1..25 {
            let mut written = written();
            let (one, two) = (written.rows[first].position, written.rows[second].position);
            written.rows.swap(first, second);
            (written.rows[first].position, written.rows[second].position) = (one, two);
            assert_eq!(named(&written.verified()), Some(("swapped", at(first))), "{first} {second}");
            // The same with the hashes left in their places.
            let hash = written.rows[first].hash.clone();
            written.rows[first].hash = std::mem::replace(&mut written.rows[second].hash, hash);
            assert_eq!(named(&written.verified()), Some(("swapped", at(first))), "{first} {second}");
        }
    }
}

#[test]
fn an_inserted_entry_is_named_at_every_position() {
    for index in 0..25 {
        let foreign = |written: &mut Written| {
            let mut row = written.rows[index].clone();
            row.event = r#"{"event":"intent","foreign":true}"#.to_owned();
            row.rotation = "r9".to_owned();
            written.rows.insert(index, row);
        };
        // With a hash that is none of it.
        let mut beside = written();
        foreign(&mut beside);
        assert_eq!(named(&beside.verified()), Some(("inserted", at(index))), "{}", at(index));
        // With one that fits: then the one after it is the second of its number.
        let tail = beside.rows.split_off(index + 1);
        beside.rechain(index);
        beside.rows.extend(tail);
        assert_eq!(named(&beside.verified()), Some(("inserted", at(index) + 1)), "{}", at(index));
        // Those after it numbered anew.
        let mut between = written();
        foreign(&mut between);
        between.rows[index + 1..].iter_mut().for_each(|row| row.position += 1);
        assert_eq!(named(&between.verified()), Some(("inserted", at(index))), "{}", at(index));
    }
}

#[test]
fn a_cut_tail_is_named_by_the_heads_that_were_sent_out() {
    let heads =
        |up_to: i64| -> Vec<SentHead> { written().sent.into_iter().filter(|head| head.position <= up_to).collect() };
    for left in 0..25 {
        let mut cut = written();
        cut.rows.truncate(left);
        assert_eq!(named(&cut.verified()), None, "nothing in it shows it");
        let found = cut.verified_with(&[], &heads(last()));
        // The last head's own entry is not covered by anything that was sent out.
        let expected = (left < 24).then_some(("cut-off", at(left)));
        assert_eq!(named(&found), expected, "{left}");
        let covered = cut.verified_with(&[], &heads(at(left) - 1));
        assert_eq!(named(&covered), None, "{left}: they say nothing of what comes after");
    }
}

#[test]
fn a_line_that_is_none_is_named() {
    for index in 0..25 {
        // The last ones are beyond every number, or near to where numbers end.
        let beyond = [i64::MAX.to_string(), "9007199254740992".into(), "9".repeat(20)];
        let gaps = beyond.map(|to| format!("pruned\t{}\t{to}\t{}", at(index), "0".repeat(64)));
        let broken = ["", "nonsense", "1\t2\t3", "pruned\t1"].map(str::to_owned);
        for text in broken.iter().chain(&gaps) {
            let mut lines = written().lines();
            lines[index] = text.as_bytes().to_vec();
            assert_eq!(named(&verified(&lines, &[], &[])), Some(("changed", at(index))), "{text:?} at {index}");
        }
        let mut last = written().lines();
        last.truncate(index);
        last.push(format!("pruned\t{}\t9007199254740991\t{}", at(index), "0".repeat(64)).into_bytes());
        last.push(written().lines()[0].clone());
        assert_eq!(verified(&last, &[], &[]).finding.map(|finding| finding.position), Some(9_007_199_254_740_992));
    }
}
