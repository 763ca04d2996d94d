use serde::Serialize;

use super::walk::{Heads, Met};
use super::{Finding, Given, Key, SentHead, Signed, Trust, Walk, Walked, Word};

/// What a history proves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Entries that fit the chain.
    pub entries: u64,
    /// The last one's position.
    pub last: i64,
    /// Its hash.
    pub hash: String,
    /// Up to where it is signed, by whom and when; `None` = nothing is signed.
    pub signed: Option<Signed>,
    /// Entries after that, the signature's own not counted.
    pub unsigned: u64,
    /// Heads in the history whose signature fits.
    pub signed_heads: u64,
    /// The keys that signed.
    pub keys: Vec<Key>,
    /// Entries that were pruned.
    pub pruned: u64,
    /// Heads from elsewhere.
    pub sent_heads: SentHeads,
}

/// What became of the heads that were sent out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SentHeads {
    /// How many there are.
    pub given: u64,
    /// How many are of this history.
    pub agree: u64,
}

/// A verdict, and the first entry that is not what was written, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What is proven.
    pub verdict: Verdict,
    /// What was done to it.
    pub finding: Option<Finding>,
}

/// Walk and trust in one thread: for what is not a million entries.
#[derive(Debug)]
pub struct Verifier {
    walk: Walk,
    trust: Trust,
}

impl Verifier {
    /// With the keys that are known and the heads that were sent out.
    pub fn new(given: Given, heads: Vec<SentHead>) -> Self {
        Self { walk: Walk::new(heads), trust: Trust::new(given) }
    }

    /// The next line after the first, without its line feed.
    pub fn line(&mut self, line: &[u8]) {
        if let Some(said) = self.walk.line(line) {
            self.trust.take(said.check());
        }
    }

    /// The last line is not whole.
    pub fn half_a_line(&mut self) {
        self.walk.half_a_line();
    }

    /// The position that comes next.
    pub fn next(&self) -> i64 {
        self.walk.next()
    }

    /// There are no more lines.
    pub fn end(self) -> Verified {
        conclude(self.walk.end(), self.trust)
    }
}

/// Puts together what was found. Of several findings the one that comes first in the history counts.
pub fn conclude(walked: Walked, mut trust: Trust) -> Verified {
    let Walked { entries, position, hash, gaps, broken, heads } = walked;
    let is_whole = broken.is_none();
    let mut findings: Vec<Finding> = broken.into_iter().collect();
    let of_trust = trust.findings(is_whole.then_some(&gaps));
    let (sent_heads, of_heads, unusable) = held_against(&heads, &trust, is_whole.then_some(position));
    // Of two at one position the first here counts: heads from elsewhere say more closely what was done.
    findings.extend(of_heads);
    findings.extend(of_trust);
    findings.sort_by_key(|finding| finding.position);
    // What nobody signed can neither convict nor acquit.
    let finding = findings.into_iter().next().or(unusable);
    let signed = trust.signed.clone();
    let signed_to = signed.as_ref().map_or(0, |signed| signed.position + 1);
    Verified {
        verdict: Verdict {
            entries,
            last: position,
            hash,
            unsigned: u64::try_from(position - signed_to).unwrap_or_default(),
            signed,
            signed_heads: trust.heads,
            keys: trust.keys,
            pruned: gaps.iter().map(|gap| (gap.to - gap.from + 1).unsigned_abs()).sum(),
            sent_heads,
        },
        finding,
    }
}

/// What the heads that were sent out tell, and the first of them that tells nothing. `end` is the last entry, where the chain
/// came to its end.
fn held_against(heads: &Heads, trust: &Trust, end: Option<i64>) -> (SentHeads, Vec<Finding>, Option<Finding>) {
    let (mut count, mut findings, mut unusable) = (SentHeads::default(), Vec::new(), None);
    let (mut differing, mut last_agreeing, mut before): (Option<i64>, i64, Option<&SentHead>) = (None, 0, None);
    for (head, met) in heads.all() {
        count.given += 1;
        if let Some(cause) = objection(head, trust) {
            let cause = format!("a head of it among those sent out is none: {cause}");
            unusable.get_or_insert_with(|| Finding::new(head.position, Word::Forged, cause));
            continue;
        }
        if before.is_some_and(|before| before.position == head.position && before.hash != head.hash) {
            let cause = "two heads of it were sent out, with different hashes";
            findings.push(Finding::new(head.position, Word::Forked, cause));
        }
        before = Some(head);
        match (met, end) {
            (Some(Met::Same), _) => {
                count.agree += 1;
                last_agreeing = head.position;
            }
            (Some(Met::Other), _) => drop(differing.get_or_insert(head.position)),
            (Some(Met::Missing), _) => {
                // The head itself is the entry right after it, and is never pruned: such an entry ends its gap.
                let cause =
                    "a head of it was sent out, and it is not there: what stands before a head ends what is pruned";
                findings.push(Finding::new(head.position, Word::Removed, cause));
            }
            (None, Some(end)) => {
                let cause = format!(
                    "a head of entry {} was sent out, and the last one here is {end}: the end was cut off, or an older copy put back",
                    head.position
                );
                findings.push(Finding::new(end + 1, Word::CutOff, cause));
            }
            (None, None) => {}
        }
    }
    if let Some(at) = differing {
        let (word, cause) = if last_agreeing > at {
            let cause = "a head of it was sent out with another hash, and one of entry";
            (Word::Forked, format!("{cause} {last_agreeing} agrees: both can't be of one history"))
        } else {
            let cause =
                "a head of it was sent out with another hash: the journal went another way after an older state";
            (Word::RolledBack, cause.to_owned())
        };
        findings.push(Finding::new(at, word, cause));
    }
    (count, findings, unusable)
}

/// Why a head from elsewhere says nothing here.
fn objection(head: &SentHead, trust: &Trust) -> Option<String> {
    match head.check() {
        Err(cause) => Some(cause.to_string()),
        Ok(()) if !trust.is_ours(&head.key) => Some(format!("nobody vouches for its key {}", head.key)),
        Ok(()) => None,
    }
}
