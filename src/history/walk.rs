use super::line::{Hash, Line, NO_HASH};
use super::statement::is_statement;
use super::tampering::Tampering;
use super::{Finding, Gap, Said, SentHead, Word};
use crate::journal::NOTES;

/// Goes along the chain, line by line. After the first line that does not fit it only looks at what was done.
#[derive(Debug)]
pub struct Walk {
    position: i64,
    hash: Hash,
    entries: u64,
    gaps: Vec<Gap>,
    broken: Option<(Finding, Tampering)>,
    heads: Heads,
    scratch: Vec<u8>,
}

/// Where a walk ended.
#[derive(Debug)]
pub struct Walked {
    /// Entries that fit.
    pub entries: u64,
    /// The last position that fits.
    pub position: i64,
    /// Its hash.
    pub hash: String,
    /// What was pruned, as far as it was not looked at who says so.
    pub gaps: Vec<Gap>,
    pub(super) broken: Option<Finding>,
    pub(super) heads: Heads,
}

/// Heads that were sent out, by position, held against the entries.
#[derive(Debug, Default)]
pub(super) struct Heads {
    sent: Vec<SentHead>,
    met: Vec<Met>,
}

/// What a head that was sent out met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// An entry with its hash.
    Same,
    /// An entry with another one.
    Other,
    /// No entry: it lies within a gap.
    Missing,
}

impl Heads {
    fn new(mut sent: Vec<SentHead>) -> Self {
        let order = |head: &SentHead| (head.position, head.hash.clone(), head.at.clone(), head.signature.clone());
        sent.sort_by_cached_key(order);
        // Sent to several places.
        sent.dedup();
        Self { sent, met: Vec::new() }
    }

    /// The chain has come to an entry.
    fn at(&mut self, position: i64, hash: &Hash) {
        while let Some(head) = self.sent.get(self.met.len()).filter(|head| head.position <= position) {
            self.met.push(match (head.position, head.hash.as_bytes() == hash) {
                (at, _) if at < position => Met::Missing,
                (_, true) => Met::Same,
                (_, false) => Met::Other,
            });
        }
    }

    /// Each with what it met; `None` = the chain ended before.
    pub(super) fn all(&self) -> impl Iterator<Item = (&SentHead, Option<Met>)> {
        self.sent.iter().enumerate().map(|(index, head)| (head, self.met.get(index).copied()))
    }
}

impl Walk {
    /// At the beginning. `heads` were sent out.
    pub fn new(heads: Vec<SentHead>) -> Self {
        Self {
            position: 0,
            hash: NO_HASH,
            entries: 0,
            gaps: Vec::new(),
            broken: None,
            heads: Heads::new(heads),
            scratch: Vec::new(),
        }
    }

    /// The next line, without its line feed. Returns the statement that it is, if it is one.
    pub fn line(&mut self, line: &[u8]) -> Option<Said> {
        if let Some((_, tampering)) = &mut self.broken {
            tampering.line(line);
            return None;
        }
        let next = self.position + 1;
        match Line::read(line) {
            Ok(Line::Entry(entry)) if entry.position == next => {
                if entry.hash_after(&self.hash, next, &mut self.scratch) != *entry.hash {
                    self.broken(line, "its hash differs from its content and the entry before");
                    return None;
                }
                let is_statement = entry.rotation == NOTES.as_bytes() && is_statement(entry.event);
                let said = is_statement.then(|| Said {
                    position: next,
                    at: String::from_utf8_lossy(entry.at).into_owned(),
                    event: entry.event.to_vec(),
                    before: self.hash,
                });
                self.position = next;
                self.hash = *entry.hash;
                self.entries += 1;
                self.heads.at(next, &self.hash);
                said
            }
            Ok(Line::Gap(gap)) if gap.from == next => {
                self.hash.copy_from_slice(gap.hash.as_bytes());
                self.position = gap.to;
                self.heads.at(gap.to, &self.hash);
                self.gaps.push(gap);
                None
            }
            Ok(Line::Entry(entry)) => {
                self.broken(line, &format!("the next entry there is {}", entry.position));
                None
            }
            Ok(Line::Gap(gap)) => {
                self.broken(line, &format!("the next line is for pruned entries from {}", gap.from));
                None
            }
            Err(cause) => {
                self.broken(line, &cause.to_string());
                None
            }
        }
    }

    fn broken(&mut self, line: &[u8], cause: &str) {
        let finding = Finding::new(self.position + 1, Word::Changed, cause);
        self.broken = Some((finding, Tampering::new(self.position + 1, self.hash, line)));
    }

    /// The last line has no line feed: it is not whole.
    pub fn half_a_line(&mut self) {
        if self.broken.is_none() {
            let finding = Finding::new(self.position + 1, Word::CutOff, "the last line is not whole");
            self.broken = Some((finding, Tampering::sure(Word::CutOff)));
        }
    }

    /// The position that comes next.
    pub fn next(&self) -> i64 {
        self.position + 1
    }

    /// There are no more lines.
    pub fn end(self) -> Walked {
        Walked {
            entries: self.entries,
            position: self.position,
            hash: String::from_utf8_lossy(&self.hash).into_owned(),
            gaps: self.gaps,
            broken: self.broken.map(|(finding, tampering)| Finding { word: tampering.word(), ..finding }),
            heads: self.heads,
        }
    }
}
