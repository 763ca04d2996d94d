//! The lab's folder: the files, the lock around them, and how one request reads and writes them.
//!
//! Every file is written beside its place and renamed into it, so that a process that dies leaves the old
//! or the new one. Nothing is flushed to the disk: a lab outlives its processes, not a power cut.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::faults::FaultList;
use super::world::{SCHEMA, World};
use crate::port::{Fault, Meaning, Slot};
use crate::vault_book::VaultBook;

const WORLD: &str = "world.json";
const VAULT: &str = "vault.json";
const FAULTS: &str = "faults.json";
const REQUESTS: &str = "requests.log";
const LOCK: &str = "lock";

/// How often the lock is asked for before giving up, and the pause between: ten seconds in all. Whoever
/// holds it does so for the few milliseconds of one request.
const LOCK_TRIES_MAX: u32 = 2_000;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A lab's folder.
#[derive(Clone, Debug)]
pub(super) struct Store {
    dir: PathBuf,
}

/// Everything in the folder, while one request holds the lock.
pub(super) struct Books {
    pub(super) world: World,
    pub(super) vault: VaultBook,
    pub(super) faults: FaultList,
    pub(super) now: Timestamp,
}

/// One line of `requests.log`. Holds no secret: the texts are built from names, codes and answers.
#[derive(Serialize)]
pub(super) struct RequestLine<'a> {
    pub(super) time: Timestamp,
    pub(super) holder: &'a str,
    pub(super) operation: &'a str,
    pub(super) step: &'a str,
    pub(super) answer: &'a str,
}

impl Store {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn exists(&self) -> bool {
        self.dir.join(WORLD).is_file()
    }

    /// Without that file no fault can strike.
    pub(super) fn may_have_faults(&self) -> bool {
        self.dir.join(FAULTS).is_file()
    }

    /// Makes the folder's first files. The world's own file comes last: with it the lab exists.
    pub(super) fn create(&self, world: &World, vault: &VaultBook) -> Result<(), Fault> {
        fs::create_dir_all(&self.dir).map_err(|error| self.trouble("making the lab's folder", &error))?;
        let _lock = self.lock()?;
        if self.exists() {
            return Err(Fault::refused(
                format!("making a lab in {}", self.dir.display()),
                "there is a lab in this folder already",
            )
            .hint("choose another folder, or remove that one"));
        }
        // What a lab that was removed by hand may have left.
        for name in [FAULTS, REQUESTS] {
            match fs::remove_file(self.dir.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.trouble("clearing the lab's folder", &error));
                }
                _ => {}
            }
        }
        self.write(VAULT, vault)?;
        self.write(WORLD, world)
    }

    /// Runs one request on the whole of the folder under the exclusive lock. What changed is written even
    /// if the request is refused: a wrong password counts.
    ///
    /// `clock` is asked once the lock is held, so that times follow the order of the requests; without a
    /// clock the time is that of the last request.
    pub(super) fn with<T>(
        &self,
        clock: Option<&dyn Fn() -> Timestamp>,
        request: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if !self.exists() {
            return Err(Fault::refused(format!("opening the lab in {}", self.dir.display()), "there is no lab")
                .hint("make one first, or name the folder of one that is there"));
        }
        let lock = self.lock()?;
        self.with_lock(&lock, clock, request)
    }

    /// The same under a lock that is held already.
    pub(super) fn with_lock<T>(
        &self,
        _lock: &File,
        clock: Option<&dyn Fn() -> Timestamp>,
        request: impl FnOnce(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let world: World = self.read(WORLD)?.ok_or_else(|| self.missing(WORLD))?;
        if world.schema != SCHEMA {
            return Err(Fault::broken(
                format!("reading the lab in {}", self.dir.display()),
                format!("its world has form {}, this program knows form {SCHEMA}", world.schema),
            )
            .hint("make a new lab with this program"));
        }
        let vault = self.read(VAULT)?.ok_or_else(|| self.missing(VAULT))?;
        let faults = self.read(FAULTS)?.unwrap_or_default();
        let now = clock.map_or_else(|| world.last_at.unwrap_or(Timestamp::UNIX_EPOCH), |clock| clock());
        let before = world.clone();
        let mut books = Books { world, vault, faults, now };
        books.label_vault();
        if clock.is_some() {
            books.world.run_due_tasks(now);
        }
        let answer = request(&mut books);
        if clock.is_some() {
            books.world.last_at = Some(now);
        }
        books.label_vault();
        if books.faults.changed {
            self.write(FAULTS, &books.faults)?;
        }
        if books.vault.changed() {
            self.write(VAULT, &books.vault)?;
        }
        if books.world != before {
            self.write(WORLD, &books.world)?;
        }
        answer
    }

    /// Adds a line to the requests' log. Called under the lock.
    pub(super) fn log(&self, line: &RequestLine<'_>) -> Result<(), Fault> {
        let mut text = serde_json::to_string(line)
            .map_err(|error| Fault::broken("writing the lab's requests.log", error.to_string()))?;
        text.push('\n');
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join(REQUESTS))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| self.half_written("writing requests.log", &error))
    }

    /// The exclusive lock, until it is dropped. Waits for it, with a bound.
    pub(super) fn lock(&self) -> Result<File, Fault> {
        let doing = "locking";
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.dir.join(LOCK))
            .map_err(|error| self.trouble(doing, &error))?;
        for _ in 0..LOCK_TRIES_MAX {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(self.trouble(doing, &error)),
            }
        }
        Err(Fault::later(format!("locking the lab in {}", self.dir.display()), "another process holds it")
            .hint("look for a program that was stopped while it used this lab"))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Fault> {
        let bytes = match fs::read(self.dir.join(name)) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.trouble(&format!("reading {name}"), &error)),
        };
        // The parser's own message could quote a piece of the file; where it stands is enough.
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            Fault::broken(
                format!("reading {name} of the lab in {}", self.dir.display()),
                format!("it is damaged at line {}, column {}", error.line(), error.column()),
            )
            .hint("it was changed by hand; make a new lab")
        })
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Fault> {
        let bytes = serde_json::to_vec_pretty(value)
            .map(Zeroizing::new)
            .map_err(|error| Fault::broken(format!("writing {name} of the lab"), error.to_string()))?;
        let fresh = self.dir.join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        if name == VAULT {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        options
            .open(&fresh)
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&fresh, self.dir.join(name)))
            .map_err(|error| self.half_written(&format!("writing {name}"), &error))
    }

    fn trouble(&self, doing: &str, error: &io::Error) -> Fault {
        Fault::broken(format!("{doing} in the lab's folder {}", self.dir.display()), error.to_string())
            .hint("look at the folder's owner, its rights and the space left")
    }

    /// Of a request's files some may have been written.
    fn half_written(&self, doing: &str, error: &io::Error) -> Fault {
        Fault { meaning: Meaning::Unclear, ..self.trouble(doing, error) }
    }

    fn missing(&self, name: &str) -> Fault {
        Fault::broken(format!("reading the lab in {}", self.dir.display()), format!("{name} is missing"))
            .hint("make a new lab")
    }
}

impl Books {
    /// Gives every secret in the vault its label. Done around every request, so that a process that died
    /// between two files loses no label.
    pub(super) fn label_vault(&mut self) {
        for (name, places) in &self.vault.accounts {
            for secret in places.secrets() {
                self.world.labels.see(name, secret);
            }
        }
    }

    /// The label of what lies in one of an account's places.
    pub(super) fn vault_label(&self, account: &str, slot: Slot) -> Option<String> {
        let secret = self.vault.accounts.get(account)?.secret(slot)?;
        self.world.labels.of(account, secret)
    }
}
