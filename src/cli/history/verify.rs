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
use crate::config::{HistoryConfig, SendKind};
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
    /// Lines of the files of heads that are not whole.
    heads_left_out: u64,
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
    let own = match (&options.export, global.lab) {
        (None, false) => Some(session::configuration(global)?.history),
        _ => None,
    };
    let given = match &own {
        Some(own) if options.key.is_empty() => Given::new(&own_keys(own)?),
        _ => Given::new(&keys(&options.key)?),
    };
    let (heads, absent) = match (&options.heads, &own) {
        (Some(file), _) => (heads(file)?, Vec::new()),
        (None, Some(own)) => own_heads(own),
        (None, None) => (Heads::default(), Vec::new()),
    };
    let Heads { heads, left_out } = heads;
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
    if verdict.signed_heads > 0 && !absent.is_empty() {
        for why in &absent {
            say(why);
        }
        if finding.is_none() {
            return Err(refuse(
                "the journal has signed heads, and these are not there to hold it against: nothing shows whether its end was cut off",
                "find that file, or name a copy of it, or an empty file where there never was one, with --heads FILE",
                Exit::Usage,
            ));
        }
    }
    let document = Document {
        intact: finding.is_none(),
        first_bad_entry: finding.as_ref().map(|finding| finding.position),
        finding: finding.as_ref().map(|finding| finding.word.text()),
        cause: finding.as_ref().map(|finding| finding.cause.as_str()),
        verdict,
        key_given,
        heads_left_out: left_out,
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

/// The key that signs and the one before it, as the configuration has them. Whoever named one must not be told what the history
/// says of itself.
fn own_keys(history: &HistoryConfig) -> Result<Vec<PublicKey>, Stop> {
    let named = [
        ("signing_key", history.signing_key.as_ref()),
        ("previous_signing_key", history.previous_signing_key.as_ref()),
    ];
    let mut keys = Vec::new();
    for (name, reference) in named {
        let Some(reference) = reference else { continue };
        let what = format!("{name} of [history]");
        let read = match &reference.vault {
            Some(_) => Err("it lies in the vault, which this command does not open".to_owned()),
            None => reference.outside_the_vault().read(&what).map_err(|fault| order::sentence(&fault)),
        };
        let key = read.and_then(|pem| SigningKey::read(&pem).map_err(|cause| cause.to_string())).map_err(|why| {
            refuse(
                &format!("nothing was verified: {what} can't be read here: {why}"),
                "name the public key with --key FILE (`history key --out FILE` writes it), or run this as whoever can read it",
                Exit::Usage,
            )
        })?;
        keys.push(key.public());
    }
    Ok(keys)
}

/// The heads in all files of the configuration, and why some of those have none.
fn own_heads(history: &HistoryConfig) -> (Heads, Vec<String>) {
    let (mut all, mut absent) = (Heads::default(), Vec::new());
    for file in history.send.iter().filter(|send| send.kind == SendKind::File).filter_map(|send| send.file.as_ref()) {
        match read_heads(file) {
            Ok(Heads { heads, left_out }) => {
                if heads.is_empty() {
                    absent.push(format!("{} holds no head", file.display()));
                }
                all.heads.extend(heads);
                all.left_out += left_out;
            }
            Err(why) => absent.push(why),
        }
    }
    (all, absent)
}

/// The public keys that were named.
pub(super) fn keys(files: &[PathBuf]) -> Result<Vec<PublicKey>, Stop> {
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
    Ok(keys)
}

/// Heads that were sent out.
#[derive(Default)]
struct Heads {
    heads: Vec<SentHead>,
    /// Lines that are not whole: whoever wrote them died while writing. What they were to say the next ones say too.
    left_out: u64,
}

fn heads(file: &Path) -> Result<Heads, Stop> {
    read_heads(file).map_err(|why| {
        refuse(&why, "name a file of heads as they were sent out, one JSON document for each line", Exit::Usage)
    })
}

/// The heads in a file, one for each line; `Err` = why they can't be had.
fn read_heads(file: &Path) -> Result<Heads, String> {
    let unreadable = |cause: std::io::Error| format!("{} can't be read: {cause}", file.display());
    let opened = File::open(file).map_err(unreadable)?;
    let (mut reader, mut line) = (BufReader::with_capacity(READ_BYTES, opened), Vec::new());
    let mut heads = Heads::default();
    for number in 1_u64.. {
        line.clear();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
            break;
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if !SentHead::is_whole(line) {
            heads.left_out += 1;
            continue;
        }
        let text = str::from_utf8(line).map_err(|cause| format!("{}, line {number}: {cause}", file.display()))?;
        let head = SentHead::read(text).map_err(|cause| format!("{}, line {number}: {cause}", file.display()))?;
        heads.heads.push(head);
    }
    if heads.left_out > 0 {
        say(&format!("{}: {} lines are not whole and are left out", file.display(), heads.left_out));
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
        lines.push(format!("of {} heads that were sent out {} agree", sent.given, sent.agree));
    }
    if document.heads_left_out > 0 {
        lines.push(format!("{} lines among the heads are not whole and were left out", document.heads_left_out));
    }
    let Speed { bytes, seconds, entries_per_second } = document.speed;
    let size = if bytes > 0 { format!(", {bytes} bytes") } else { String::new() };
    lines.push(format!("{} entries{size} in {seconds:.3} s: {entries_per_second} entries a second", verdict.entries));
    lines.join("\n")
}
