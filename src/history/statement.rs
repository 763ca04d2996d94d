//! What is signed: notes of the chain that say of the entry right before their own that it has that hash, and so of
//! everything before it. Each is made under the journal's lock, of the entry that is the last one then.

use jiff::Timestamp;

use super::line::{Hash, NUMBER_MAX, is_hex};
use crate::journal::{Note, Noted, Range};
use crate::signing::{PublicKey, SigningKey};

/// How the events of statements begin.
const BEGINNINGS: [&[u8]; 3] = [b"{\"note\":\"signing-key\",", b"{\"note\":\"head\",", b"{\"note\":\"pruned\","];

/// The text that a head's signature is of.
pub(super) fn head_text(position: i64, hash: &str, at: &str, key: &str) -> String {
    format!("entra-rotator head 1\n{position}\n{hash}\n{at}\n{key}\n")
}

fn key_text(position: i64, hash: &str, at: &str, key: &str, replaces: Option<&str>) -> String {
    let replaces = replaces.unwrap_or("-");
    format!("entra-rotator signing-key 1\n{position}\n{hash}\n{at}\n{key}\n{replaces}\n")
}

fn pruned_text(position: i64, hash: &str, at: &str, key: &str, why: &Why<'_>) -> String {
    let Why { before, by, reason, ranges } = why;
    let mut text = format!("entra-rotator pruned 1\n{position}\n{hash}\n{at}\n{key}\n{before}\n{by}\n{reason}\n");
    for Range { from, to, hash } in *ranges {
        text.push_str(&format!("{from}\t{to}\t{hash}\n"));
    }
    text
}

struct Why<'w> {
    before: &'w str,
    by: &'w str,
    reason: &'w str,
    ranges: &'w [Range],
}

/// A head: the entry at `position` has that hash.
pub fn head(position: i64, hash: &str, at: Timestamp, key: &SigningKey) -> Note {
    let public = key.public().to_string();
    let signature = key.sign(&head_text(position, hash, &at.to_string(), &public));
    Note::Head { position, hash: hash.to_owned(), key: public, signature }
}

/// The first entry of a key; `replaced` is the one that signed before it, `old` the same where it is at hand.
pub fn introduction(
    position: i64,
    hash: &str,
    at: Timestamp,
    key: &SigningKey,
    replaced: Option<&str>,
    old: Option<&SigningKey>,
) -> Note {
    let public = key.public().to_string();
    let text = key_text(position, hash, &at.to_string(), &public, replaced);
    Note::SigningKey {
        position,
        hash: hash.to_owned(),
        replaces: replaced.map(str::to_owned),
        signature: key.sign(&text),
        by_old: old.map(|old| old.sign(&text)),
        key: public,
    }
}

/// The tombstone of pruned entries. `by` and `reason` are one line each.
pub fn tombstone(
    position: i64,
    hash: &str,
    at: Timestamp,
    key: &SigningKey,
    (before, by, reason): (Timestamp, &str, &str),
    ranges: Vec<Range>,
) -> Note {
    let public = key.public().to_string();
    let stamp = before.to_string();
    let why = Why { before: &stamp, by, reason, ranges: &ranges };
    let signature = key.sign(&pruned_text(position, hash, &at.to_string(), &public, &why));
    Note::Pruned {
        position,
        hash: hash.to_owned(),
        ranges,
        before,
        by: by.to_owned(),
        reason: reason.to_owned(),
        key: public,
        signature,
    }
}

/// A statement as it stands in the chain, not yet looked at.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its position.
    pub position: i64,
    /// Its time, as stored.
    pub at: String,
    pub(super) event: Vec<u8>,
    /// The hash of the entry before.
    pub(super) before: Hash,
}

/// A statement that was looked at by itself: whether it fits its place and its signature.
#[derive(Debug)]
pub struct Checked {
    pub(super) position: i64,
    pub(super) at: String,
    /// By which key, and what; `Err` = why it can't be what the program wrote.
    pub(super) read: Result<(String, Says), String>,
}

impl Checked {
    /// Whether it fits its place and its signature; whose that is, is another question.
    pub fn fits(&self) -> bool {
        self.read.is_ok()
    }
}

/// Whether a note is a statement.
pub(super) fn is_statement(event: &[u8]) -> bool {
    BEGINNINGS.iter().any(|beginning| event.starts_with(beginning))
}

/// A statement that was read and fits its place and its signature.
#[derive(Debug)]
pub(super) enum Says {
    Head,
    /// `by_old`: the key that it replaces signed it too.
    Key {
        replaces: Option<String>,
        by_old: bool,
    },
    Pruned(Vec<Range>),
}

/// Times that can be written in one way in every language: four digits for the year, and room for a clock that differs.
const YEARS: std::ops::RangeInclusive<&str> = "0001"..="9998";

/// Whether a range is one: positions that there can be, and a hash.
fn is_range(range: &Range) -> bool {
    let Range { from, to, hash } = range;
    *from >= 1 && from <= to && *to <= NUMBER_MAX && is_hex(hash.as_bytes(), 64)
}

impl Said {
    /// A note that is one, by itself: what stands before it in the chain is not known, and is believed.
    pub fn of(noted: &Noted) -> Option<Self> {
        let (Note::SigningKey { hash, .. } | Note::Head { hash, .. } | Note::Pruned { hash, .. }) = &noted.note else {
            return None;
        };
        let before = hash.as_bytes().try_into().ok()?;
        let event = serde_json::to_vec(&noted.note).ok()?;
        Some(Self { position: noted.position, at: noted.at.to_string(), event, before })
    }

    /// Checks its signature, which takes longer than all else, and can be done for many at once.
    pub fn check(self) -> Checked {
        let read = self.read();
        Checked { position: self.position, at: self.at, read }
    }

    /// What it says, and by which key. `Err` = why it can't be what the program wrote.
    fn read(&self) -> Result<(String, Says), String> {
        let note: Note = serde_json::from_slice(&self.event).map_err(|cause| format!("it can't be read: {cause}"))?;
        // Read in one way alone: no member twice, none that is not known, none in another place.
        if serde_json::to_vec(&note).ok().as_deref() != Some(&self.event) {
            return Err("it is not written as the program writes it".to_owned());
        }
        let at = &self.at;
        let (position, hash, key, signature, text, old, says) = match &note {
            Note::Head { position, hash, key, signature } => {
                (*position, hash, key, signature, head_text(*position, hash, at, key), None, Says::Head)
            }
            Note::SigningKey { position, hash, key, replaces, signature, by_old } => {
                let is_form = replaces.as_ref().is_none_or(|old| is_hex(old.as_bytes(), 64))
                    && (by_old.is_none() || replaces.is_some());
                if !is_form {
                    return Err("it does not say which key it replaces as the program says it".to_owned());
                }
                let text = key_text(*position, hash, at, key, replaces.as_deref());
                let says = Says::Key { replaces: replaces.clone(), by_old: by_old.is_some() };
                (*position, hash, key, signature, text, replaces.as_ref().zip(by_old.as_ref()), says)
            }
            Note::Pruned { position, hash, ranges, before, by, reason, key, signature } => {
                let stamp = before.to_string();
                if !stamp.get(..4).is_some_and(|year| YEARS.contains(&year)) || !ranges.iter().all(is_range) {
                    return Err("it speaks of a time or of entries that there can't be".to_owned());
                }
                let why = Why { before: &stamp, by, reason, ranges };
                if [by, reason].iter().any(|text| text.contains(char::is_control)) {
                    return Err("it has a control character in who pruned or why".to_owned());
                }
                let text = pruned_text(*position, hash, at, key, &why);
                (*position, hash, key, signature, text, None, Says::Pruned(ranges.clone()))
            }
            _ => return Err("it is no statement".to_owned()),
        };
        if position != self.position - 1 || hash.as_bytes() != self.before {
            return Err(format!("it speaks of entry {position} with another hash than that of the entry before it"));
        }
        let signed = |key: &str, signature: &str| PublicKey::of_hex(key)?.verify(&text, signature);
        signed(key, signature).map_err(|cause| cause.to_string())?;
        if let Some((key, signature)) = old {
            signed(key, signature).map_err(|cause| format!("as the key before it: {cause}"))?;
        }
        Ok((key.clone(), says))
    }
}
