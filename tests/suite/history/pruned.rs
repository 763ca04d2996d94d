//! Gaps are good where a signed tombstone says so, and nowhere else.

use entra_rotator::history::Gap;

use super::written::{Written, key, named, verified};

/// Rotations 2-4 and 6-8 are gone, with a tombstone in entry 14.
fn pruned() -> Written {
    let mut written = Written::signed(3);
    written.prune(&key(1), &[(2, 4), (6, 8)]);
    written
}

#[test]
fn pruned_entries_are_told_and_the_rest_is_intact() {
    let written = pruned();
    let found = written.verified_with(&[&key(1)], &written.sent);
    assert_eq!(found.finding, None);
    assert_eq!((found.verdict.entries, found.verdict.last, found.verdict.pruned), (8, 14, 6));
    assert_eq!(found.verdict.sent_heads.agree, 3, "the end of a gap is known");
    assert_eq!(found.verdict.signed.map(|signed| signed.position), Some(13));
}

#[test]
fn a_gap_that_grows_has_a_tombstone_of_its_own() {
    let mut written = Written::signed(0);
    written.rotation(0);
    written.rotation(1);
    written.head(&key(1));
    written.prune(&key(1), &[(2, 4)]);
    written.head(&key(1));
    written.prune(&key(1), &[(2, 7)]);
    let found = written.verified_with(&[&key(1)], &written.sent);
    assert_eq!((named(&found), found.verdict.pruned), (None, 6));
    assert_eq!(found.verdict.sent_heads.agree, 2, "the head of entry 7 ends the gap");
}

#[test]
fn an_entry_whose_head_was_sent_out_is_never_within_a_gap() {
    // A head's own entry stays, and so the one before it ends its gap. Whoever has the key can sign another tombstone, and can't
    // undo the head.
    let mut written = pruned();
    written.rotation(7);
    written.head(&key(1));
    written.prune(&key(1), &[(2, 8)]);
    written.head(&key(1));
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), None);
    assert_eq!(named(&written.verified_with(&[&key(1)], &written.sent)), Some(("removed", 4)));
    assert_eq!(named(&written.verified_with(&[&key(1)], &written.sent[1..])), None, "the end of the gap is known");
    // Also where the walk does not come to the end.
    written.rows.last_mut().expect("a head").event.push(' ');
    assert_eq!(named(&written.verified_with(&[&key(1)], &written.sent)), Some(("removed", 4)));
}

#[test]
fn a_gap_that_nobody_signed_for_is_removed() {
    let mut written = Written::signed(3);
    let hash = written.rows[3].hash.clone();
    written.rows.drain(1..4);
    assert_eq!(named(&written.verified()), Some(("removed", 2)));
    written.gaps.push(Gap { from: 2, to: 4, hash });
    assert_eq!(named(&written.verified()), Some(("removed", 2)), "a line of its own says nothing");
}

#[test]
fn every_part_of_a_tombstone_counts() {
    let tampered = |deed: &dyn Fn(&mut Written)| {
        let mut written = pruned();
        deed(&mut written);
        let last = written.rows.len() - 1;
        written.rechain(last);
        named(&written.verified_with(&[&key(1)], &[]))
    };
    let replaced = |from: &'static str, to: &'static str| {
        move |written: &mut Written| {
            let row = written.rows.last_mut().expect("a tombstone");
            assert!(row.event.contains(from), "{}", row.event);
            row.event = row.event.replacen(from, to, 1);
        }
    };
    assert_eq!(tampered(&|_| {}), None);
    for (from, to) in [
        ("\"from\":2", "\"from\":3"),
        ("\"to\":4", "\"to\":5"),
        ("a test", "no test"),
        ("me@host", "you@host"),
        ("\"before\":\"1970", "\"before\":\"1971"),
        ("\"signature\":\"", "\"signature\":\"a"),
    ] {
        // The gap comes first in the history.
        assert_eq!(tampered(&replaced(from, to)), Some(("removed", 2)), "{from}");
    }
    // A gap more than it says, one with another hash, and another place.
    assert_eq!(
        named(&{
            let mut more = pruned();
            more.rows.retain(|row| row.position != 10);
            more.verified_with(&[&key(1)], &[])
        }),
        Some(("removed", 10))
    );
    let mut wider = pruned();
    wider.rows.retain(|row| row.position != 9);
    wider.gaps[1] = Gap { to: 9, hash: Written::signed(3).rows[8].hash.clone(), ..wider.gaps[1].clone() };
    assert_eq!(named(&wider.verified_with(&[&key(1)], &[])), Some(("removed", 6)));
    let mut other = pruned();
    other.gaps[1].hash = "0".repeat(64);
    assert_eq!(named(&other.verified_with(&[&key(1)], &[])), Some(("changed", 9)));
}

#[test]
fn a_strangers_tombstone_covers_nothing() {
    let mut written = Written::signed(3);
    written.introduce(&key(6), Some(&key(1)), None);
    written.prune(&key(6), &[(2, 4)]);
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), Some(("removed", 2)));
    assert_eq!(named(&written.verified_with(&[&key(1), &key(6)], &[])), None);
}

#[test]
fn a_good_head_after_it_makes_no_strangers_tombstone_good() {
    let mut written = Written::signed(3);
    written.introduce(&key(6), None, None);
    written.prune(&key(6), &[(2, 4)]);
    written.head(&key(1));
    written.rotation(9);
    written.head(&key(1));
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), Some(("removed", 2)));
    assert_eq!(named(&written.verified_with(&[&key(1), &key(6)], &[])), None);
    // Nor one by a key without an entry.
    let mut written = Written::signed(3);
    written.prune(&key(6), &[(2, 4)]);
    written.head(&key(1));
    assert_eq!(named(&written.verified_with(&[&key(1)], &[])), Some(("removed", 2)));
    assert_eq!(named(&written.verified()), Some(("removed", 2)));
}

#[test]
fn tombstones_of_a_key_that_handed_over_count_for_whoever_knows_the_new_one() {
    let handed_over = |vouched: bool, after: bool| {
        let mut written = Written::signed(3);
        if !after {
            written.prune(&key(1), &[(2, 4)]);
        }
        for (old, new) in [(1, 2), (2, 3)] {
            written.introduce(&key(new), Some(&key(old)), vouched.then(|| key(old)).as_ref());
            written.head(&key(new));
        }
        if after {
            written.prune(&key(1), &[(2, 4)]);
            written.head(&key(3));
        }
        written
    };
    for known in 1..=3 {
        assert_eq!(named(&handed_over(true, false).verified_with(&[&key(known)], &[])), None, "{known}");
        // A thief of the first key, after it handed over.
        let thief = handed_over(true, true);
        assert_eq!(named(&thief.verified_with(&[&key(known)], &[])), Some(("removed", 2)), "{known}");
    }
    // The old one was lost: who signed before is known to whoever is told.
    let lost = handed_over(false, false);
    assert_eq!(named(&lost.verified_with(&[&key(3)], &[])), Some(("removed", 2)));
    assert_eq!(named(&lost.verified_with(&[&key(3), &key(1)], &[])), None);
}

#[test]
fn lines_for_pruned_entries_stand_where_they_belong() {
    let written = pruned();
    let lines = written.lines();
    for index in 0..lines.len() {
        let is_gap = lines[index].starts_with(b"pruned");
        let mut without = lines.clone();
        without.remove(index);
        if is_gap {
            let position = if index == 1 { 2 } else { 6 };
            assert_eq!(named(&verified(&without, &[], &[])), Some(("removed", position)));
        }
        if index + 1 < lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(index, index + 1);
            assert!(named(&verified(&swapped, &[], &[])).is_some(), "{index}");
        }
    }
}
