use std::collections::BTreeMap;

use crate::history::{Gap, Given, SentHead, Verified, Verifier, write_entry, write_gap};
use crate::journal::{Journal, JournalError, NOTES, Note, Noted, Range};

/// How the event of a tombstone begins.
const TOMBSTONE: &str = "{\"note\":\"pruned\",";

/// What is found stands when it is found again; so often it is looked at most.
const AGAIN: usize = 3;

/// A journal as the lines of an export, in pages.
#[derive(Debug)]
pub struct Lines {
    /// What was pruned, by its first position. Asked for when something is missing.
    gaps: Option<BTreeMap<i64, Gap>>,
    after: i64,
    next: i64,
}

/// Some lines.
#[derive(Debug, Default)]
pub struct Page {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The position of an entry that can't stand in a line, so that it is there as an empty one.
    pub unfit: Option<i64>,
}

impl Page {
    /// Each line, without its line feed.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.text[begin..*end])
    }
}

impl Lines {
    /// From the beginning.
    pub fn new() -> Self {
        Self { gaps: None, after: 0, next: 1 }
    }

    /// The next lines; `None` = there are no more.
    pub async fn page(&mut self, journal: &dyn Journal) -> Result<Option<Page>, JournalError> {
        let rows = journal.stored(self.after).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        let last = last.position;
        let mut page = Page::default();
        for row in rows {
            if row.position > self.next {
                if self.gaps.is_none() {
                    self.gaps = Some(gaps(journal, self.after).await?);
                }
                let known = self.gaps.as_ref().and_then(|gaps| gaps.get(&self.next));
                if let Some(gap) = known.filter(|gap| row.position - 1 == gap.to) {
                    write_gap(gap, &mut page.text);
                    page.ends.push(page.text.len());
                }
            }
            let begin = page.text.len();
            if write_entry(&row, &mut page.text).is_err() {
                page.text.truncate(begin);
                page.unfit.get_or_insert(row.position);
            }
            page.ends.push(page.text.len());
            self.next = row.position.saturating_add(1);
        }
        self.after = last;
        Ok(Some(page))
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

/// What was pruned, as the tombstones after a position say. What can't be read says nothing: the verifier will name it.
async fn gaps(journal: &dyn Journal, after: i64) -> Result<BTreeMap<i64, Gap>, JournalError> {
    let (mut gaps, mut after) = (BTreeMap::new(), after);
    loop {
        let page = journal.stored(after).await?;
        let Some(last) = page.last() else { return Ok(gaps) };
        after = last.position;
        for row in page.into_iter().filter(|row| row.rotation == NOTES && row.event.starts_with(TOMBSTONE)) {
            let Ok(Noted { note: Note::Pruned { ranges, .. }, .. }) = row.noted() else { continue };
            // One that grew since comes later.
            gaps.extend(ranges.into_iter().map(|Range { from, to, hash }| (from, Gap { from, to, hash })));
        }
    }
}

/// Checks a journal: its chain, and what was signed of it.
pub async fn verify(journal: &dyn Journal, given: &Given, sent: &[SentHead]) -> Result<Verified, JournalError> {
    let mut verified = walk(journal, given, sent).await?;
    for _ in 0..AGAIN {
        let Some(found) = &verified.finding else { break };
        // Something may have been pruned while it was read.
        let again = walk(journal, given, sent).await?;
        let stands = again.finding.as_ref() == Some(found);
        verified = again;
        if stands {
            break;
        }
    }
    Ok(verified)
}

async fn walk(journal: &dyn Journal, given: &Given, sent: &[SentHead]) -> Result<Verified, JournalError> {
    let (mut lines, mut verifier) = (Lines::new(), Verifier::new(given.clone(), sent.to_vec()));
    while let Some(page) = lines.page(journal).await? {
        page.lines().for_each(|line| verifier.line(line));
    }
    Ok(verifier.end())
}
