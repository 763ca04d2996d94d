use super::Word;
use super::line::{EntryLine, Hash, Line};

/// Up to so many removed entries are found where the others were numbered anew.
const REMOVED_MAX: i64 = 1_000;

/// Finds out what was done at the entry that does not fit, by looking at those after it. Names the deed; that something is
/// wrong, and where, is known already.
#[derive(Debug)]
pub(super) struct Tampering {
    position: i64,
    before: Hash,
    /// The line that does not fit, if it is an entry's.
    misfit: Option<Vec<u8>>,
    /// The hash in the line before.
    last: Option<Hash>,
    word: Word,
    is_sure: bool,
    scratch: Vec<u8>,
}

impl Tampering {
    /// `line` stands where entry `position` should, after an entry with the hash `before`.
    pub(super) fn new(position: i64, before: Hash, line: &[u8]) -> Self {
        let read = Line::read(line).ok();
        let (word, is_sure) = match &read {
            Some(Line::Entry(entry)) if entry.position > position => (Word::Removed, false),
            Some(Line::Entry(entry)) if entry.position < position => (Word::Inserted, true),
            Some(Line::Entry(_)) => (Word::Changed, false),
            Some(Line::Gap(gap)) if gap.from > position => (Word::Removed, true),
            Some(Line::Gap(_)) => (Word::Changed, true),
            None => (Word::Changed, false),
        };
        let (misfit, last) = match read {
            Some(Line::Entry(entry)) => (Some(line.to_vec()), Some(*entry.hash)),
            _ => (None, None),
        };
        Self { position, before, misfit, last, word, is_sure, scratch: Vec::new() }
    }

    /// Nothing more is to be found out.
    pub(super) fn sure(word: Word) -> Self {
        let before = super::line::NO_HASH;
        Self { position: 0, before, misfit: None, last: None, word, is_sure: true, scratch: Vec::new() }
    }

    /// Another line after it.
    pub(super) fn line(&mut self, line: &[u8]) {
        if self.is_sure {
            return;
        }
        let Ok(Line::Entry(entry)) = Line::read(line) else { return };
        let misfit = self.misfit.take();
        let read = misfit.as_deref().map(Line::read);
        let there = match &read {
            Some(Ok(Line::Entry(there))) => Some(there),
            _ => None,
        };
        if let Some(word) = self.seen(there, &entry) {
            self.word = word;
            self.is_sure = true;
        }
        self.last = Some(*entry.hash);
        self.misfit = misfit;
    }

    /// What an entry after the misfit, `there`, tells.
    fn seen(&mut self, there: Option<&EntryLine<'_>>, entry: &EntryLine<'_>) -> Option<Word> {
        let position = self.position;
        let here = entry.hash_after(&self.before, position, &mut self.scratch);
        let belongs_here = here == *entry.hash || there.is_some_and(|there| here == *there.hash);
        let Some(there) = there else { return belongs_here.then_some(Word::Inserted) };
        if belongs_here {
            if entry.position == position && there.position == position {
                return Some(Word::Inserted);
            }
            if there.position > position || here != *entry.hash {
                return Some(Word::Swapped);
            }
            // Exchanged: then the misfit belongs where this one stands. Else it pushed the others back.
            let is_next = self.last == Some(*there.hash);
            let before = if is_next { here } else { self.last.unwrap_or(here) };
            let exchanged = there.hash_after(&before, entry.position, &mut self.scratch) == *there.hash;
            return Some(if exchanged { Word::Swapped } else { Word::Inserted });
        }
        let is_first = self.last == Some(*there.hash);
        if self.word == Word::Changed && is_first && entry.position == position + 1 {
            // The next one fits the misfit's hash under a higher number: both were numbered anew.
            for removed in 1..=REMOVED_MAX {
                if entry.hash_after(there.hash, entry.position + removed, &mut self.scratch) == *entry.hash {
                    return Some(Word::Removed);
                }
            }
        }
        None
    }

    /// What was done, as far as that could be seen.
    pub(super) fn word(&self) -> Word {
        self.word
    }
}
