use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::super::arguments::{Global, VerifyOptions};
use super::super::output::{say, show};
use super::super::session;
use super::{Stop, refuse, told};
use crate::clock::{Clock, SystemClock};
use crate::config::SendKind;
use crate::history::{
    Checked, Finding, Given, HEADER, Said, SentHead, Trust, Verdict, Verified, Vouched, Walk, conclude,
};
use crate::order::{self, Exit};
use crate::signing::{PublicKey, SigningKey};

/// What is read of a file at a time.
const READ_BYTES: usize = 1 << 20;

/// The longest line: an entry of the program's own is far below it.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// The largest file of a key.
const KEY_BYTES_MAX: u64 = 64 * 1024;

/// Signatures that a thread is given at a time, how many such piles may wait for it, and how many threads there are at most.
const PILE: usize = 64;
const PILES: usize = 16;
const THREADS_MAX: usize = 8;

#[derive(Serialize)]
struct Document<'v> {
    intact: bool,
    first_bad_entry: Option<i64>,
    finding: Option<&'static str>,
    cause: Option<&'v str>,
    #[serde(flatten)]
    verdict: &'v Verdict,
    /// Whether the keys come from outside the history.
    key_given: bool,
    speed: Speed,
}

#[derive(Clone, Copy, Serialize)]
struct Speed {
    bytes: u64,
    seconds: f64,
    entries_per_second: u64,
}

pub(super) async fn run(global: &Global, options: &VerifyOptions) -> Exit {
    told(verify(global, options).await)
}

async fn verify(global: &Global, options: &VerifyOptions) -> Result<Exit, Stop> {
    let own = if options.export.is_none() { own(global)? } else { Own::default() };
    let given = if options.key.is_empty() { Given::new(&own.keys) } else { keys(&options.key)? };
    let heads = match options.heads.iter().chain(&own.heads).next() {
        Some(file) => heads(file)?,
        None => Vec::new(),
    };
    let key_given = !given.is_empty();
    let begun = SystemClock.monotonic();
    let (what, verified, bytes) = match &options.export {
        Some(file) => {
            let (verified, bytes) = of_export(file, given, heads)?;
            ("history", verified, bytes)
        }
        None => {
            let journal = session::records(global)?.journal().await?;
            ("journal", order::verify(&*journal, &given, &heads).await?, 0)
        }
    };
    let took = SystemClock.monotonic().saturating_sub(begun);
    let Verified { verdict, finding } = &verified;
    let document = Document {
        intact: finding.is_none(),
        first_bad_entry: finding.as_ref().map(|finding| finding.position),
        finding: finding.as_ref().map(|finding| finding.word.text()),
        cause: finding.as_ref().map(|finding| finding.cause.as_str()),
        verdict,
        key_given,
        speed: Speed { bytes, seconds: took.as_secs_f64(), entries_per_second: per_second(verdict.entries, took) },
    };
    show(global.format, &document, |document| text(what, document, finding.as_ref()));
    Ok(if finding.is_none() { Exit::Done } else { Exit::Failed })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a figure for people"
)]
fn per_second(entries: u64, took: Duration) -> u64 {
    (entries as f64 / took.as_secs_f64().max(1e-9)) as u64
}

/// Verifies a file of lines: the chain here, the signatures beside it, whose checks take as long where there is one for each
/// rotation. The piles go round the threads, and are put together in the same order.
pub(super) fn of_export(file: &Path, given: Given, heads: Vec<SentHead>) -> Result<(Verified, u64), Stop> {
    let mut lines = ExportLines::open(file)?;
    let mut walk = Walk::new(heads);
    let (walked, trust) = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let (piles, checked): (Vec<_>, Vec<_>) = (0..threads)
            .map(|_| {
                let (piles, taken) = sync_channel::<Vec<Said>>(PILES);
                let (put, checked) = sync_channel::<Vec<Checked>>(PILES);
                scope.spawn(move || {
                    for pile in taken {
                        if put.send(pile.into_iter().map(Said::check).collect()).is_err() {
                            break;
                        }
                    }
                });
                (piles, checked)
            })
            .unzip();
        let trust = scope.spawn(move || {
            let mut trust = Trust::new(given);
            // The first that has no more is the one whose turn it would be: those after it have none either.
            for pile in checked.iter().cycle().map_while(|checked| checked.recv().ok()) {
                pile.into_iter().for_each(|said| trust.take(said));
            }
            trust
        });
        let mut turns = piles.iter().cycle();
        let mut pile = Vec::with_capacity(PILE);
        let mut hand_over = |pile: Vec<Said>| {
            if let Some(thread) = turns.next() {
                // Nobody who takes them ends before the last pile.
                let _ = thread.send(pile);
            }
        };
        let read = lines.each(|line| match line {
            Some(line) => {
                pile.extend(walk.line(line));
                if pile.len() == PILE {
                    hand_over(std::mem::replace(&mut pile, Vec::with_capacity(PILE)));
                }
            }
            None => walk.half_a_line(),
        });
        hand_over(pile);
        drop(piles);
        (read.map(|()| walk.end()), trust.join())
    });
    let trust = trust
        .map_err(|_| refuse("the signatures could not be checked", "tell the makers of this program", Exit::Usage))?;
    Ok((conclude(walked?, trust), lines.bytes))
}

/// The lines of an export.
pub(super) struct ExportLines {
    file: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
    /// How many bytes were read.
    pub(super) bytes: u64,
}

impl ExportLines {
    pub(super) fn open(file: &Path) -> Result<Self, Stop> {
        let opened = File::open(file).map_err(|cause| unreadable(file, &cause))?;
        let reader = BufReader::with_capacity(READ_BYTES, opened);
        let mut lines = Self { file: file.to_owned(), reader, line: Vec::new(), bytes: 0 };
        match lines.next()? {
            Some(Some(HEADER_BYTES)) => Ok(lines),
            _ => Err(refuse(
                &format!(
                    "{} is no export of a history: its first line is not `{}`",
                    file.display(),
                    HEADER.replace('\t', "<tab>")
                ),
                "`history export` makes one; a newer version of the program may have written this one",
                Exit::Usage,
            )),
        }
    }

    /// The next line, without its line feed; `Some(None)` = the last one, which is not whole. One that is too long comes in pieces,
    /// the first of which is empty: that is no entry.
    pub(super) fn next(&mut self) -> Result<Option<Option<&[u8]>>, Stop> {
        self.line.clear();
        let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        let read = read.map_err(|cause| unreadable(&self.file, &cause))?;
        self.bytes += read as u64;
        Ok(match self.line.split_last() {
            None => None,
            Some((b'\n', line)) => Some(Some(line)),
            Some(_) if read as u64 == LINE_BYTES_MAX => Some(Some(&[])),
            Some(_) => Some(None),
        })
    }

    /// Every line; `None` = one that is not whole, which is the last.
    fn each(&mut self, mut take: impl FnMut(Option<&[u8]>)) -> Result<(), Stop> {
        while let Some(line) = self.next()? {
            take(line);
            if line.is_none() {
                break;
            }
        }
        Ok(())
    }
}

const HEADER_BYTES: &[u8] = HEADER.as_bytes();

fn unreadable(file: &Path, cause: &std::io::Error) -> Stop {
    refuse(
        &format!("{} can't be read: {cause}", file.display()),
        "name a file that is there and that you may read",
        Exit::Usage,
    )
}

/// What the configuration knows beside the journal.
#[derive(Default)]
struct Own {
    keys: Vec<PublicKey>,
    heads: Option<PathBuf>,
}

/// The key that signs and the one before it, where they can be read without the vault, and the file of sent heads.
fn own(global: &Global) -> Result<Own, Stop> {
    if global.lab {
        return Ok(Own::default());
    }
    let history = session::configuration(global)?.history;
    let mut own = Own::default();
    let named = [("signing_key", history.signing_key), ("previous_signing_key", history.previous_signing_key)];
    for (name, reference) in named {
        let Some(reference) = reference.filter(|reference| reference.vault.is_none()) else { continue };
        let read = reference.outside_the_vault().read(&format!("{name} of [history]"));
        match read
            .map_err(|fault| order::sentence(&fault))
            .and_then(|pem| SigningKey::read(&pem).map_err(|cause| cause.to_string()))
        {
            Ok(key) => own.keys.push(key.public()),
            Err(why) => say(&format!("{name} of [history] can't be read here; --key names a public key: {why}")),
        }
    }
    let files = history.send.into_iter().filter(|send| send.kind == SendKind::File).filter_map(|send| send.file);
    own.heads = files.into_iter().find(|file| file.exists());
    Ok(own)
}

/// The public keys that were named.
pub(super) fn keys(files: &[PathBuf]) -> Result<Given, Stop> {
    let mut keys = Vec::new();
    for file in files {
        let mut text = String::new();
        let read = File::open(file).and_then(|opened| opened.take(KEY_BYTES_MAX).read_to_string(&mut text));
        read.map_err(|cause| unreadable(file, &cause))?;
        let key = PublicKey::read(&text).map_err(|cause| {
            let todo = "`history key` prints the one that signs";
            refuse(&format!("{}: {cause}", file.display()), todo, Exit::Usage)
        })?;
        keys.push(key);
    }
    Ok(Given::new(&keys))
}

/// The heads that were sent out, one for each line.
pub(super) fn heads(file: &Path) -> Result<Vec<SentHead>, Stop> {
    let opened = File::open(file).map_err(|cause| unreadable(file, &cause))?;
    let (mut reader, mut heads, mut line) = (BufReader::with_capacity(READ_BYTES, opened), Vec::new(), String::new());
    for number in 1_u64.. {
        line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut line);
        if read.map_err(|cause| unreadable(file, &cause))? == 0 {
            break;
        }
        match SentHead::read(line.trim_end()) {
            Ok(head) => heads.push(head),
            Err(_) if line.trim().is_empty() => {}
            // Whoever wrote it died while writing: what it was to say the next one says too.
            Err(_) if !line.ends_with('\n') => {
                say(&format!("{}: the last line is not whole and is left out", file.display()))
            }
            Err(cause) => {
                let what = format!("{}, line {number}: {cause}", file.display());
                return Err(refuse(
                    &what,
                    "name a file of heads as they were sent out, one JSON document for each line",
                    Exit::Usage,
                ));
            }
        }
    }
    Ok(heads)
}

fn text(what: &str, document: &Document<'_>, finding: Option<&Finding>) -> String {
    let verdict = document.verdict;
    let mut lines = Vec::new();
    match finding {
        Some(finding) => {
            let done = if finding.word.is_of_keys() { "is not signed by a key that counts" } else { "was changed" };
            lines.push(format!("the {what} {done}: {finding}"));
            lines.push(format!("{} entries fit the chain, up to entry {}", verdict.entries, verdict.last));
        }
        None => lines.push(format!("the {what} is intact: {} entries", verdict.entries)),
    }
    match &verdict.signed {
        None => lines.push("unsigned: nothing here shows whether somebody wrote all of it anew".to_owned()),
        Some(signed) => {
            lines.push(format!(
                "signed up to entry {}, at {}; {} after that are not signed yet",
                signed.position, signed.at, verdict.unsigned
            ));
            if !document.key_given {
                lines.push(
                    "by a key that only the history itself names: name one that you know with --key, else this shows nothing \
                     against somebody who wrote all of it anew"
                        .to_owned(),
                );
            }
        }
    }
    for key in &verdict.keys {
        let vouched = match key.vouched {
            Vouched::Given => "given",
            Vouched::ByOld => "signed by the key before it",
            Vouched::First => "the first one in the history",
            Vouched::Believed => "not signed by the key before it; believed, as no key was given",
            Vouched::Later => "a later one that counts signed after it",
            Vouched::Nobody => "nobody vouches for it",
        };
        lines.push(format!("key {} since entry {}, {}: {vouched}", key.key, key.entry, key.at));
    }
    if verdict.pruned > 0 {
        lines.push(format!("{} entries were pruned, with a signed tombstone", verdict.pruned));
    }
    let sent = verdict.sent_heads;
    if sent.given > 0 {
        lines.push(format!(
            "of {} heads that were sent out {} agree, {} are of pruned entries",
            sent.given, sent.agree, sent.pruned
        ));
    }
    let Speed { bytes, seconds, entries_per_second } = document.speed;
    let size = if bytes > 0 { format!(", {bytes} bytes") } else { String::new() };
    lines.push(format!("{} entries{size} in {seconds:.3} s: {entries_per_second} entries a second", verdict.entries));
    lines.join("\n")
}
