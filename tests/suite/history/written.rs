//! Small histories, signed by keys of our own, and hands that tamper with them.

use entra_rotator::history::{
    Gap, Given, Line, SentHead, Verified, Verifier, head, introduction, tombstone, write_entry, write_gap,
};
use entra_rotator::journal::{Chain, FORMAT, NOTES, Note, Noted, Range, Row, Stored};
use entra_rotator::signing::SigningKey;
use jiff::{SignedDuration, Timestamp};
use providers::port::Secret;

/// A key of PKCS #8, made of one byte.
pub(super) fn key(seed: u8) -> SigningKey {
    // RFC 8410, section 7: 16 bytes before the seed.
    let mut bytes = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    bytes.extend([seed; 32]);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text: String = bytes
        .chunks(3)
        .flat_map(|three| {
            let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
            (0..4).rev().map(move |six| char::from(alphabet[(word >> (6 * six) & 63) as usize]))
        })
        .collect();
    SigningKey::read(&Secret::from(format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----")))
        .expect("a key")
}

/// A history, as rows.
#[derive(Clone, Default)]
pub(super) struct Written {
    pub(super) rows: Vec<Stored>,
    pub(super) gaps: Vec<Gap>,
    pub(super) sent: Vec<SentHead>,
    clock: i64,
}

impl Written {
    /// A key's entry, then rotations of three entries each, and a head after each that is sent out.
    pub(super) fn signed(rotations: usize) -> Self {
        let mut written = Self::default();
        written.introduce(&key(1), None, None);
        for number in 0..rotations {
            written.rotation(number);
            written.head(&key(1));
        }
        written
    }

    pub(super) fn rotation(&mut self, number: usize) {
        for (seq, event) in
            [r#"{"event":"begun"}"#, r#"{"event":"intent"}"#, r#"{"event":"finished"}"#].iter().enumerate()
        {
            let at = self.tick();
            self.push(&format!("r{number}"), i64::try_from(seq).expect("few"), at, (*event).to_owned());
        }
    }

    fn tick(&mut self) -> Timestamp {
        self.clock += 1;
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(self.clock)
    }

    fn last(&self) -> (i64, String) {
        self.rows.last().map_or_else(|| (0, Chain::NONE.to_owned()), |row| (row.position, row.hash.clone()))
    }

    pub(super) fn push(&mut self, rotation: &str, seq: i64, at: Timestamp, event: String) {
        let (position, hash) = self.last();
        let at = at.to_string();
        let row = Row { rotation, seq, epoch: 1, at: &at, format: FORMAT, event: &event };
        let (position, hash) = Chain::after(position, hash).next(row);
        self.rows.push(Stored {
            position,
            rotation: rotation.to_owned(),
            seq,
            epoch: 1,
            at,
            format: FORMAT,
            event,
            hash,
        });
    }

    pub(super) fn note(&mut self, make: impl FnOnce(i64, &str, Timestamp) -> Note) {
        let (at, (position, hash)) = (self.tick(), self.last());
        let note = make(position, &hash, at);
        let seq = self.rows.iter().filter(|row| row.rotation == NOTES).count();
        let json = serde_json::to_string(&note).expect("JSON");
        self.push(NOTES, i64::try_from(seq).expect("few"), at, json);
        let noted = Noted { position, at, note, hash };
        self.sent.extend(SentHead::of(&noted));
    }

    pub(super) fn head(&mut self, by: &SigningKey) {
        self.note(|position, hash, at| head(position, hash, at, by));
    }

    pub(super) fn introduce(&mut self, new: &SigningKey, replaced: Option<&SigningKey>, old: Option<&SigningKey>) {
        let replaced = replaced.map(|key| key.public().to_string());
        self.note(|position, hash, at| introduction(position, hash, at, new, replaced.as_deref(), old));
    }

    /// Removes entries, with a tombstone.
    pub(super) fn prune(&mut self, by: &SigningKey, ranges: &[(i64, i64)]) {
        let hash = |to: i64| {
            let row = self.rows.iter().find(|row| row.position == to).map(|row| row.hash.clone());
            row.or_else(|| self.gaps.iter().find(|gap| gap.to == to).map(|gap| gap.hash.clone())).expect("it is there")
        };
        let ranges: Vec<Range> =
            ranges.iter().map(|(from, to)| Range { from: *from, to: *to, hash: hash(*to) }).collect();
        self.note(|position, hash, at| {
            tombstone(position, hash, at, by, (at, "me@host", "a test \"ü\""), ranges.clone())
        });
        for Range { from, to, hash } in ranges {
            self.rows.retain(|row| !(from..=to).contains(&row.position));
            self.gaps.retain(|gap| !(from..=to).contains(&gap.from));
            self.gaps.push(Gap { from, to, hash });
        }
    }

    /// The lines in the order of the rows, with those of the gaps before the entries after them.
    pub(super) fn lines(&self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for row in &self.rows {
            let mut line = Vec::new();
            if let Some(gap) = self.gaps.iter().find(|gap| gap.to + 1 == row.position) {
                write_gap(gap, &mut line);
                lines.push(std::mem::take(&mut line));
            }
            write_entry(row, &mut line).expect("a line");
            lines.push(line);
        }
        lines
    }

    pub(super) fn verified(&self) -> Verified {
        self.verified_with(&[], &[])
    }

    pub(super) fn verified_with(&self, keys: &[&SigningKey], sent: &[SentHead]) -> Verified {
        verified(&self.lines(), keys, sent)
    }

    /// Computes every hash anew from a row on, as somebody does who knows how.
    pub(super) fn rechain(&mut self, from: usize) {
        let (mut position, mut hash) = match from.checked_sub(1) {
            Some(before) => (self.rows[before].position, self.rows[before].hash.clone()),
            None => (0, Chain::NONE.to_owned()),
        };
        for row in &mut self.rows[from..] {
            (position, hash) = Chain::after(position, hash).next(row.row());
            row.position = position;
            row.hash.clone_from(&hash);
        }
    }
}

pub(super) fn verified(lines: &[Vec<u8>], keys: &[&SigningKey], sent: &[SentHead]) -> Verified {
    let given = Given::new(&keys.iter().map(|key| key.public()).collect::<Vec<_>>());
    let mut verifier = Verifier::new(given, sent.to_vec());
    lines.iter().for_each(|line| verifier.line(line));
    verifier.end()
}

/// The word and the place of what was found.
pub(super) fn named(verified: &Verified) -> Option<(&'static str, i64)> {
    verified.finding.as_ref().map(|finding| (finding.word.text(), finding.position))
}

/// Reads rows back out of lines.
pub(super) fn rows(lines: &[Vec<u8>]) -> Vec<Stored> {
    let read = |line: &Vec<u8>| match Line::read(line) {
        Ok(Line::Entry(entry)) => Some(entry.stored()),
        _ => None,
    };
    lines.iter().filter_map(read).collect()
}
