use sha2::{Digest, Sha256};

use crate::journal::Stored;

/// The first line of an export: what it is, and the version of its form.
pub const HEADER: &str = "entra-rotator-history\t1";

/// The largest number in a history, 2^53 - 1: what every reader of JSON holds exactly.
pub const NUMBER_MAX: i64 = 9_007_199_254_740_991;

/// How a line begins that stands for entries that were pruned.
const GAP: &[u8] = b"pruned\t";

/// An entry's hash, in hex.
pub(super) type Hash = [u8; 64];

/// What the first entry is chained to.
pub(super) const NO_HASH: Hash = [b'0'; 64];

/// Why something is no line of an export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALine {
    /// Another number of fields.
    #[error("it has not the eight fields of an entry, separated by tabs")]
    Fields,
    /// A number that is none.
    #[error("its {0} is no number as the program writes it")]
    Number(&'static str),
    /// A hash that is none.
    #[error("its hash is not 64 digits of lower-case hex")]
    Hash,
    /// A text that can't stand in a line.
    #[error("its {0} is empty, or holds a tab, a line feed or bytes that are no UTF-8")]
    Text(&'static str),
    /// A gap that is none.
    #[error("it is no line for pruned entries")]
    Gap,
}

/// Entries that were pruned, without a hole: the first, the last, and the last one's hash, on which the chain goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The first position.
    pub from: i64,
    /// The last position.
    pub to: i64,
    /// The hash of the last one.
    pub hash: String,
}

/// A line of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'l> {
    /// An entry.
    Entry(EntryLine<'l>),
    /// Pruned entries.
    Gap(Gap),
}

/// An entry's fields, as they stand in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryLine<'l> {
    /// Its place, as a number.
    pub position: i64,
    /// The rotation, or `notes`.
    pub rotation: &'l [u8],
    /// Place in the rotation.
    pub seq: &'l [u8],
    /// The writer's epoch.
    pub epoch: &'l [u8],
    /// The time.
    pub at: &'l [u8],
    /// Version of the stored form.
    pub format: &'l [u8],
    /// Its hash.
    pub hash: &'l Hash,
    /// The event's JSON.
    pub event: &'l [u8],
    /// From rotation to format, with the tabs between them.
    middle: &'l [u8],
}

impl<'l> Line<'l> {
    /// Reads a line, without its line feed.
    pub fn read(line: &'l [u8]) -> Result<Self, NotALine> {
        if let Some(rest) = line.strip_prefix(GAP) {
            return gap(rest).map(Self::Gap);
        }
        // Seven tabs, and none in the event. The first fields are short: this ends soon.
        let mut tabs = [0_usize; 7];
        let mut found = line.iter().enumerate().filter(|(_, byte)| **byte == b'\t').map(|(at, _)| at);
        for tab in &mut tabs {
            *tab = found.next().ok_or(NotALine::Fields)?;
        }
        let event = &line[tabs[6] + 1..];
        if event.contains(&b'\t') {
            return Err(NotALine::Fields);
        }
        let field = |number: usize| &line[tabs[number] + 1..tabs[number + 1]];
        let [rotation, seq, epoch, at, format] = [field(0), field(1), field(2), field(3), field(4)];
        let hash: &Hash = field(5).try_into().map_err(|_| NotALine::Hash)?;
        if !is_hex(hash, 64) {
            return Err(NotALine::Hash);
        }
        for (text, name) in [(rotation, "rotation"), (at, "time"), (event, "event")] {
            if text.is_empty() || std::str::from_utf8(text).is_err() {
                return Err(NotALine::Text(name));
            }
        }
        for (digits, name) in [(seq, "number in the rotation"), (epoch, "epoch"), (format, "format")] {
            number(digits).ok_or(NotALine::Number(name))?;
        }
        let position = number(&line[..tabs[0]]).ok_or(NotALine::Number("position"))?;
        let middle = &line[tabs[0] + 1..tabs[5]];
        Ok(Self::Entry(EntryLine { position, rotation, seq, epoch, at, format, hash, event, middle }))
    }
}

fn gap(rest: &[u8]) -> Result<Gap, NotALine> {
    let mut fields = rest.split(|byte| *byte == b'\t');
    let mut next = || fields.next().ok_or(NotALine::Gap);
    let (from, to, hash) = (next()?, next()?, next()?);
    let (Some(from), Some(to)) = (number(from), number(to)) else { return Err(NotALine::Gap) };
    if !is_hex(hash, 64) || fields.next().is_some() || from < 1 || to < from {
        return Err(NotALine::Gap);
    }
    Ok(Gap { from, to, hash: String::from_utf8_lossy(hash).into_owned() })
}

/// Whether it is so many digits of lower-case hex.
pub(super) fn is_hex(text: &[u8], digits: usize) -> bool {
    text.len() == digits && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A number as the program writes it: digits, none too many, and not above the largest.
fn number(digits: &[u8]) -> Option<i64> {
    let is_plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
    if !is_plain {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|number| *number <= NUMBER_MAX)
}

impl EntryLine<'_> {
    /// The hash of this entry, were it number `position` after an entry with the hash `before`. `scratch` is used for what is
    /// hashed.
    pub(super) fn hash_after(&self, before: &Hash, position: i64, scratch: &mut Vec<u8>) -> Hash {
        scratch.clear();
        scratch.extend_from_slice(before);
        scratch.push(b'\n');
        push_number(position, scratch);
        scratch.push(b'\n');
        let at = scratch.len();
        scratch.extend_from_slice(self.middle);
        for byte in &mut scratch[at..] {
            if *byte == b'\t' {
                *byte = b'\n';
            }
        }
        scratch.push(b'\n');
        scratch.extend_from_slice(self.event);
        scratch.push(b'\n');
        let mut hash = NO_HASH;
        let digest = Sha256::digest(scratch.as_slice());
        for (pair, byte) in hash.chunks_exact_mut(2).zip(digest) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        hash
    }

    /// The columns as a store keeps them.
    pub fn stored(&self) -> Stored {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let count = |bytes: &[u8]| number(bytes).unwrap_or_default();
        Stored {
            position: self.position,
            rotation: text(self.rotation),
            seq: count(self.seq),
            epoch: count(self.epoch),
            at: text(self.at),
            format: count(self.format),
            event: text(self.event),
            hash: text(self.hash),
        }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn push_number(number: i64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes an entry's line, without a line feed. Refused where a field could be taken for two, or a line for two.
pub fn write_entry(stored: &Stored, out: &mut Vec<u8>) -> Result<(), NotALine> {
    for (text, name) in [(&stored.rotation, "rotation"), (&stored.at, "time"), (&stored.event, "event")] {
        if text.is_empty() || text.contains(['\t', '\n']) {
            return Err(NotALine::Text(name));
        }
    }
    for (number, name) in [
        (stored.position, "position"),
        (stored.seq, "number in the rotation"),
        (stored.epoch, "epoch"),
        (stored.format, "format"),
    ] {
        if !(0..=NUMBER_MAX).contains(&number) {
            return Err(NotALine::Number(name));
        }
    }
    push_number(stored.position, out);
    out.push(b'\t');
    out.extend_from_slice(stored.rotation.as_bytes());
    for number in [stored.seq, stored.epoch] {
        out.push(b'\t');
        push_number(number, out);
    }
    out.push(b'\t');
    out.extend_from_slice(stored.at.as_bytes());
    out.push(b'\t');
    push_number(stored.format, out);
    for text in [&stored.hash, &stored.event] {
        out.push(b'\t');
        out.extend_from_slice(text.as_bytes());
    }
    Ok(())
}

/// Writes the line of pruned entries, without a line feed.
pub fn write_gap(gap: &Gap, out: &mut Vec<u8>) {
    out.extend_from_slice(GAP);
    push_number(gap.from, out);
    out.push(b'\t');
    push_number(gap.to, out);
    out.push(b'\t');
    out.extend_from_slice(gap.hash.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Chain;

    fn stored() -> Stored {
        let mut stored = Stored {
            position: 1,
            rotation: "r1".into(),
            seq: 0,
            epoch: 12,
            at: "2026-11-22T08:00:00.5Z".into(),
            format: 1,
            event: r#"{"event":"finished","ü":"a\tb"}"#.into(),
            hash: String::new(),
        };
        stored.hash = Chain::default().next(stored.row()).1;
        stored
    }

    #[test]
    fn an_entry_goes_there_and_back_and_is_hashed_as_the_journal_hashes_it() {
        let stored = stored();
        let mut line = Vec::new();
        write_entry(&stored, &mut line).unwrap();
        let Line::Entry(entry) = Line::read(&line).unwrap() else { panic!("an entry") };
        assert_eq!(entry.stored(), stored);
        assert_eq!(entry.hash_after(&NO_HASH, 1, &mut Vec::new()).as_slice(), stored.hash.as_bytes());
        let chain = Chain::after(41, "f".repeat(64));
        let (position, hash) = chain.next(stored.row());
        assert_eq!(entry.hash_after(&[b'f'; 64], position, &mut Vec::new()).as_slice(), hash.as_bytes());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_line() {
        let good = stored();
        for broken in [
            Stored { rotation: "r\t1".into(), ..good.clone() },
            Stored { rotation: String::new(), ..good.clone() },
            Stored { at: "2026\n".into(), ..good.clone() },
            Stored { event: "{}\n".into(), ..good.clone() },
            Stored { event: "{\t}".into(), ..good.clone() },
            Stored { seq: -1, ..good.clone() },
            Stored { seq: NUMBER_MAX + 1, ..good.clone() },
            Stored { position: i64::MAX, ..good.clone() },
        ] {
            assert!(write_entry(&broken, &mut Vec::new()).is_err(), "{broken:?}");
        }
        let mut line = Vec::new();
        write_entry(&good, &mut line).unwrap();
        let text = String::from_utf8(line).unwrap();
        for broken in [
            text.replace("\t12\t", "\t012\t"),
            text.replace("\t12\t", "\t+12\t"),
            text.replace("\t12\t", "\t\t"),
            text.replace("\t12\t", "\t99999999999999999999\t"),
            text.replace("\t12\t", "\t9007199254740992\t"),
            text.replace(&good.hash, &good.hash.to_uppercase()),
            text.replace(&good.hash, &good.hash[1..]),
            text.replace("\\t", "\t"),
            text.replacen('\t', " ", 1),
            format!("0{text}"),
            String::new(),
        ] {
            assert!(Line::read(broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(Line::read(&[text.as_bytes(), &[0xff]].concat()).is_err());
    }

    #[test]
    fn a_gap_goes_there_and_back() {
        let gap = Gap { from: 3, to: 17, hash: "ab".repeat(32) };
        let mut line = Vec::new();
        write_gap(&gap, &mut line);
        assert_eq!(Line::read(&line), Ok(Line::Gap(gap)));
        for broken in [
            "pruned\t3\t2\t",
            "pruned\t0\t2\t",
            "pruned\t3\t9007199254740992\t",
            "pruned\t3\t9223372036854775807\t",
            "pruned\t3\t17",
            "pruned\t3\t17\tx",
            "pruned\t",
        ] {
            let text = if broken.len() > "pruned\t".len() && broken.ends_with('\t') {
                format!("{broken}{}", "ab".repeat(32))
            } else {
                broken.to_owned()
            };
            assert!(Line::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
