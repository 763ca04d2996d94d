//! One call: the lock, the file read, the book asked, and, when it changed, the whole file written anew.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::content::{Content, PLAIN_MAX, SEALED_MAX, Unfit};
use super::disk::Disk;
use super::guard;
use super::keys::{Closed, Keys, stanzas};
use crate::port::{Fault, Meaning};
use crate::vault_book::VaultBook;

/// How long the lock is waited for, and the pause between two tries. Whoever holds it does so for a few flushes.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The file and what lies beside it.
pub(super) struct Store {
    folder: PathBuf,
    file: PathBuf,
    backup: PathBuf,
    fresh: PathBuf,
    fresh_backup: PathBuf,
    lock: PathBuf,
    keys: Keys,
    disk: Disk,
    lock_wait_max: Duration,
}

/// A file that was read.
pub(super) struct Loaded {
    pub(super) content: Content,
    pub(super) sealed: Vec<u8>,
}

/// Why a file does not open, as far as the way on depends on it.
#[derive(Clone, Copy)]
enum Why {
    Damaged,
    NotForUs,
    OtherProgram,
}

/// Whether others may hold the lock at the same time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Reading,
    Writing,
}

impl Store {
    pub(super) fn new(file: PathBuf, keys: Keys, disk: Disk, doing: &str) -> Result<Self, Fault> {
        let parts = file.is_absolute().then(|| file.parent().zip(file.file_name())).flatten();
        let Some((folder, name)) = parts else {
            return Err(Fault::broken(doing, "it is no absolute path of a file").hint("name it from the root down"));
        };
        let beside = |ending: &str| {
            let mut beside: OsString = name.to_owned();
            beside.push(ending);
            folder.join(beside)
        };
        let (backup, lock) = (beside(".bak"), beside(".lock"));
        let (fresh, fresh_backup) = (beside(".new"), beside(".bak.new"));
        let folder = folder.to_owned();
        Ok(Self { folder, file, backup, fresh, fresh_backup, lock, keys, disk, lock_wait_max: LOCK_WAIT_MAX })
    }

    #[cfg(test)]
    pub(super) fn wait_for_lock(&mut self, wait_max: Duration) {
        self.lock_wait_max = wait_max;
    }

    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Asks the book as it stands.
    pub(super) fn look<T>(&self, doing: &str, ask: impl FnOnce(&VaultBook) -> Result<T, Fault>) -> Result<T, Fault> {
        let _lock = self.lock(Hold::Reading, doing)?;
        let loaded = self.load(doing)?;
        ask(&loaded.map(|loaded| loaded.content).unwrap_or_default().book)
    }

    /// Asks the book for a change, and writes it if there is one. A refused change writes nothing. `held` is asked right
    /// before the file is replaced, under the lock.
    pub(super) fn change<T>(
        &self,
        doing: &str,
        held: &dyn Fn() -> Result<(), Fault>,
        ask: impl FnOnce(&mut VaultBook) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let _lock = self.lock(Hold::Writing, doing)?;
        let (mut content, before) = match self.load(doing)? {
            Some(loaded) => (loaded.content, Some(loaded.sealed)),
            None => (Content::default(), None),
        };
        let answer = ask(&mut content.book)?;
        if content.book.changed() {
            self.write(content, before.as_deref(), held, doing)?;
        }
        Ok(answer)
    }

    /// Waits for the lock, with a bound. `None`: nobody can write there, so reading needs none.
    pub(super) fn lock(&self, hold: Hold, doing: &str) -> Result<Option<File>, Fault> {
        guard::folder(&self.folder, doing)?;
        let end = Instant::now() + self.lock_wait_max;
        loop {
            let file = match self.disk.open_lock(&self.lock) {
                Ok(file) => file,
                Err(error) if hold == Hold::Reading && is_closed(&error) => return Ok(None),
                Err(error) => return Err(trouble(&format!("opening {}", self.lock.display()), &error, doing)),
            };
            let seen = file.metadata().map_err(|error| trouble("looking at the lock's file", &error, doing))?;
            guard::file(&seen, &self.lock, doing)?;
            let tried = if hold == Hold::Writing { file.try_lock() } else { file.try_lock_shared() };
            match tried {
                Ok(()) if guard::is_still(&seen, &self.lock) => return Ok(Some(file)),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(trouble(&format!("locking {}", self.lock.display()), &error, doing));
                }
            }
            if Instant::now() >= end {
                let waited = self.lock_wait_max.as_secs();
                return Err(Fault::later(
                    doing,
                    format!("another process has held {} for {waited} s", self.lock.display()),
                )
                .hint("look for a program that was stopped while it worked on the file"));
            }
            std::thread::sleep(LOCK_PAUSE);
        }
    }

    /// The file's content; `None` when there is none yet, and never was. Called under the lock.
    pub(super) fn load(&self, doing: &str) -> Result<Option<Loaded>, Fault> {
        let Some(sealed) = self.bytes(&self.file, doing)? else {
            return self.never_was(doing).map(|()| None);
        };
        match self.content(&sealed) {
            Ok(content) => Ok(Some(Loaded { content, sealed })),
            Err((cause, why)) => {
                Err(Fault::broken(doing, format!("{} {cause}", self.file.display())).hint(self.way_on(why, doing)))
            }
        }
    }

    /// The generation in `FILE.bak`: `None` when there is no such file, an error text when it can't be used.
    pub(super) fn backup(&self, doing: &str) -> Option<Result<u64, String>> {
        match self.bytes(&self.backup, doing) {
            Ok(None) => None,
            Ok(Some(sealed)) => {
                Some(self.content(&sealed).map(|content| content.generation).map_err(|(cause, _)| cause))
            }
            Err(fault) => Some(Err(fault.cause)),
        }
    }

    /// Makes a file in the folder and removes it, to see that we may. Called under the lock.
    pub(super) fn probe(&self, doing: &str) -> Result<(), Fault> {
        let tried = self.disk.remove(&self.fresh_backup).and_then(|()| self.disk.create(&self.fresh_backup));
        tried
            .and_then(|_| self.disk.remove(&self.fresh_backup))
            .map_err(|error| trouble(&format!("making a file in {}", self.folder.display()), &error, doing))
    }

    /// One of our files whole, judged before it is read; `None` when there is none.
    fn bytes(&self, path: &Path, doing: &str) -> Result<Option<Vec<u8>>, Fault> {
        match std::fs::symlink_metadata(path) {
            Ok(seen) => guard::file(&seen, path, doing)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(trouble(&format!("looking at {}", path.display()), &error, doing)),
        }
        let reading = |error: io::Error| trouble(&format!("reading {}", path.display()), &error, doing);
        let file = self.disk.open(path).map_err(reading)?;
        guard::file(&file.metadata().map_err(reading)?, path, doing)?;
        self.disk.read(file, SEALED_MAX).map(Some).map_err(reading)
    }

    fn content(&self, sealed: &[u8]) -> Result<Content, (String, Why)> {
        let ours = self.keys.ours();
        let plain = self.keys.open(sealed).map_err(|closed| match closed {
            Closed::Header => ("is no age file: it is empty, or its header is damaged".to_owned(), Why::Damaged),
            Closed::NotForUs => {
                let count = stanzas(sealed).unwrap_or_default();
                let cause =
                    format!("was sealed for {count} keys, and ours ({ours}) is none of them, or its header is damaged");
                (cause, Why::NotForUs)
            }
            Closed::Damaged => (format!("was sealed for our key ({ours}) and is damaged"), Why::Damaged),
        })?;
        Content::parse(&plain).map_err(|unfit| match unfit {
            Unfit::Format(format) => (
                format!("opens with our key and has form {format}, which this program does not know"),
                Why::OtherProgram,
            ),
            Unfit::Form { line, column } => (
                format!("opens with our key ({ours}), and its content is damaged at line {line}, column {column}"),
                Why::Damaged,
            ),
            Unfit::TooLong => {
                (format!("opens with our key ({ours}), and its content is longer than it may be"), Why::Damaged)
            }
        })
    }

    /// What a person can do with a file that does not open.
    fn way_on(&self, why: Why, doing: &str) -> String {
        let (file, backup) = (self.file.display(), self.backup.display());
        let first = match why {
            Why::OtherProgram => return "nothing was overwritten: use the newer program that wrote it".to_owned(),
            Why::NotForUs => "nothing was overwritten; give the key that it was sealed for, if there is another; else",
            Why::Damaged => "nothing was overwritten;",
        };
        match self.backup(doing) {
            Some(Ok(generation)) => format!(
                "{first} {backup} opens and holds generation {generation}, without the last change: keep the damaged \
                 file (mv '{file}' '{file}.damaged'), go on from that one (cp -p '{backup}' '{file}'), and run doctor"
            ),
            Some(Err(cause)) => format!("{first} bring the file back from a copy, for {backup} {cause}"),
            None => format!("{first} bring the file back from a copy, for there is no {backup}"),
        }
    }

    /// There is no file. That is a beginning only if nothing of it is left.
    fn never_was(&self, doing: &str) -> Result<(), Fault> {
        for left in [&self.backup, &self.fresh, &self.fresh_backup] {
            if std::fs::symlink_metadata(left).is_ok() {
                let (what, back) = if *left == self.backup {
                    let backup = left.display();
                    ("", format!("bring it back (cp -p '{backup}' '{}' if that is the newest)", self.file.display()))
                } else {
                    (", or the first change was killed", "bring it back from a copy".to_owned())
                };
                let (file, left) = (self.file.display(), left.display());
                let cause = format!("{file} is missing, and {left} is there: it was removed or moved{what}");
                return Err(Fault::broken(doing, cause).hint(format!(
                    "{back}, or, if no password was ever kept in it, move what is left away (mv '{left}' '{left}.old')"
                )));
            }
        }
        Ok(())
    }

    /// Writes the next generation. Until the rename nothing has happened; after it, only its lasting can be unclear.
    fn write(
        &self,
        mut content: Content,
        before: Option<&[u8]>,
        held: &dyn Fn() -> Result<(), Fault>,
        doing: &str,
    ) -> Result<(), Fault> {
        content.generation += 1;
        content.sealed_for = self.keys.recipients();
        let plain = content.print().map_err(|_| {
            Fault::broken(doing, format!("{} would be longer than {PLAIN_MAX} bytes", self.file.display()))
                .hint("use one file for fewer accounts")
        })?;
        let sealed = self
            .keys
            .seal(&plain)
            .map_err(|error| Fault::broken(doing, format!("encrypting for the recipients: {error}")))?;
        let ready = self.prepare(&sealed, &plain, before, doing).and_then(|()| held()).and_then(|()| {
            self.disk.rename(&self.fresh, &self.file).map_err(|error| {
                let fault = trouble(&format!("renaming {} into its place", self.fresh.display()), &error, doing);
                // A rename that was refused did not happen. Of any other failure nobody can say.
                if is_closed(&error) || is_full(&error) { fault } else { Fault { meaning: Meaning::Unclear, ..fault } }
            })
        });
        if let Err(fault) = ready {
            // What is left of it is of no use to anybody, and the next writer would remove it.
            let _ = self.disk.remove(&self.fresh);
            let _ = self.disk.remove(&self.fresh_backup);
            return Err(fault);
        }
        tracing::debug!(file = %self.file.display(), generation = content.generation, "the sealed file was replaced");
        self.disk.flush_folder(&self.folder).map_err(|error| Fault {
            meaning: Meaning::Unclear,
            ..trouble(&format!("flushing {}, after the file was replaced,", self.folder.display()), &error, doing)
        })
    }

    /// The new file beside its place, proven to open, and the generation before as `FILE.bak`.
    fn prepare(&self, sealed: &[u8], plain: &[u8], before: Option<&[u8]>, doing: &str) -> Result<(), Fault> {
        let fresh = self.fresh.display();
        self.put(&self.fresh, sealed).map_err(|error| trouble(&format!("writing {fresh}"), &error, doing))?;
        let stored = self.bytes(&self.fresh, doing)?.unwrap_or_default();
        if self.keys.open(&stored).map(|back| *back == plain) != Ok(true) {
            return Err(Fault::broken(doing, format!("{fresh} does not read back as it was written"))
                .hint("look at the disk and the memory of this machine"));
        }
        let Some(before) = before else { return Ok(()) };
        self.put(&self.fresh_backup, before)
            .and_then(|()| self.disk.rename(&self.fresh_backup, &self.backup))
            .map_err(|error| trouble(&format!("writing {}", self.backup.display()), &error, doing))
    }

    /// A file of ours, flushed; what a process that died left in its place is removed.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk.remove(path)?;
        let mut file = self.disk.create(path)?;
        self.disk.write(&mut file, bytes)?;
        self.disk.flush(&file)
    }
}

/// A disk's error before anything changed.
fn trouble(at: &str, error: &io::Error, doing: &str) -> Fault {
    let cause = format!("{at}: {error}");
    if is_full(error) {
        return Fault::later(doing, cause).hint("free space on that disk, or raise the quota");
    }
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::TimedOut | io::ErrorKind::ResourceBusy => {
            Fault::later(doing, cause)
        }
        io::ErrorKind::ReadOnlyFilesystem => Fault::broken(doing, cause)
            .hint("the file system is mounted read-only: mount it for writing, or look why it was remounted so"),
        io::ErrorKind::PermissionDenied => {
            Fault::broken(doing, cause).hint("the rotator's user must own the folder and the files in it")
        }
        _ => Fault::broken(doing, cause).hint("look at that disk"),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether nobody, or not we, may write there.
fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}
