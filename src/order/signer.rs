use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use providers::port::{Fault, Secret, Slot, Vault};

use super::{host, sentence};
use crate::config::{HistoryConfig, SendKind, SigningKeyRef};
use crate::engine::Ports;
use crate::history::{Checked, Given, Said, SentHead, Trust, head, introduction};
use crate::journal::{Journal, JournalError, Note};
use crate::notify::{HeadLine, HeadState, Heads, last_line};
use crate::signing::{PublicKey, SigningKey};

/// For reading the key, wherever it lies, and writing the head.
const SIGN_LIMIT: Duration = Duration::from_secs(45);

/// How long a command waits at its end for heads to be delivered.
const SEND_LIMIT: Duration = Duration::from_secs(16);

/// Signs the history and sends its heads out. Whatever fails here fails no rotation.
pub struct Signer {
    keys: Option<Keys>,
    /// Files that heads are appended to: what the journal is held against.
    files: Vec<PathBuf>,
    heads: Heads,
    known: tokio::sync::Mutex<Known>,
    standing: Mutex<SignerStanding>,
}

#[derive(Clone, Debug)]
struct Keys {
    signing: SigningKeyRef,
    previous: Option<SigningKeyRef>,
}

/// What the notes say of keys and of pruned entries, folded, with our own keys as those that are known: others could be of
/// whoever can write to the journal. Read on from where it stopped.
#[derive(Debug, Default)]
struct Known {
    ours: Vec<PublicKey>,
    read_to: i64,
    trust: Trust,
    /// The last key with an entry, whoever vouches for it.
    last: Option<String>,
}

/// How signing stands, for whoever tells people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignerStanding {
    /// When this process signed last.
    pub signed_at: Option<Timestamp>,
    /// Why the last head was not signed.
    pub unsigned: Option<String>,
    /// Why the journal is not the one that heads were sent out of.
    pub behind: Option<String>,
    /// The places that heads are sent to.
    pub places: Vec<HeadState>,
}

/// Why a head was not signed.
#[derive(Debug, thiserror::Error)]
pub enum Unsigned {
    /// The journal is not what was sent out of it.
    #[error(
        "the journal is older than what was sent out of it, or another one: {0}\n  next step: find the journal that was signed, and put it \
         back; where it is lost, keep the file of sent heads as evidence under another name, and the history goes on from here"
    )]
    Behind(String),
    /// The key can't be had.
    #[error("{}", sentence(.0))]
    Key(Fault),
    /// The key was replaced.
    #[error(
        "the signing key {0} was replaced in the history by another one\n  next step: name the newer key in [history], here too; where \
         nobody replaced it, somebody wrote to the journal: `history verify`"
    )]
    Replaced(String),
    /// The journal did not take it.
    #[error("{0}")]
    Journal(JournalError),
    /// Something took too long.
    #[error("no head within {} s\n  next step: look at where the key lies, and at the journal", SIGN_LIMIT.as_secs())]
    TooLong,
}

impl Signer {
    /// As the configuration wants it.
    pub fn new(config: &HistoryConfig) -> Self {
        let keys = config.signing_key.clone();
        let files = config.send.iter().filter(|send| send.kind == SendKind::File).filter_map(|send| send.file.clone());
        Self {
            files: files.collect(),
            heads: Heads::new(if keys.is_some() { &config.send } else { &[] }, host()),
            keys: keys.map(|signing| Keys { signing, previous: config.previous_signing_key.clone() }),
            known: tokio::sync::Mutex::default(),
            standing: Mutex::default(),
        }
    }

    /// Whether there is a key at all.
    pub fn signs(&self) -> bool {
        self.keys.is_some()
    }

    /// How it stands.
    pub fn standing(&self) -> SignerStanding {
        let standing = self.told().clone();
        SignerStanding { places: self.heads.states(), ..standing }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, SignerStanding> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that signs; `None` = the configuration has none.
    pub async fn key(&self, vault: &dyn Vault) -> Result<Option<SigningKey>, Fault> {
        match &self.keys {
            Some(keys) => read(&keys.signing, "the signing key of [history]", vault).await.map(Some),
            None => Ok(None),
        }
    }

    /// Signs a head of the journal as it is now, and sends it out in the background. Without a key it does nothing.
    pub async fn sign(&self, ports: &Ports, journal: &dyn Journal) -> Result<(), Unsigned> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let signing = tokio::time::timeout(SIGN_LIMIT, self.signed(keys, ports, journal));
        let signed = signing.await.unwrap_or(Err(Unsigned::TooLong));
        let mut told = self.told();
        told.unsigned = signed.as_ref().err().map(ToString::to_string);
        told.behind = match &signed {
            Err(Unsigned::Behind(why)) => Some(why.clone()),
            Err(_) => told.behind.take(),
            Ok(_) => None,
        };
        if signed.is_ok() {
            told.signed_at = Some(ports.clock.now());
        }
        drop(told);
        signed.map(|sent| {
            if let Some(sent) = sent {
                self.heads.post(HeadLine { position: sent.position, line: sent.line() });
            }
        })
    }

    async fn signed(&self, keys: &Keys, ports: &Ports, journal: &dyn Journal) -> Result<Option<SentHead>, Unsigned> {
        // One at a time: the second has the first one's key entry before it.
        let mut known = self.known.lock().await;
        let mut missing = Vec::new();
        for file in &self.files {
            match compared(file, journal).await.map_err(Unsigned::Journal)? {
                Compared::Fits => {}
                Compared::Behind(why) => return Err(Unsigned::Behind(why)),
                Compared::Missing(sent) => missing.push((file, sent)),
            }
        }
        let vault = &*ports.vault;
        let key = read(&keys.signing, "the signing key of [history]", vault).await.map_err(Unsigned::Key)?;
        let public = key.public().to_string();
        if known.ours.first() != Some(&key.public()) {
            *known = Known::of(vec![key.public()]);
        }
        known.read_on(journal).await.map_err(Unsigned::Journal)?;
        let is_introduced = known.trust.standing(&public).map_err(|_| Unsigned::Replaced(public.clone()))?;
        let mut old = None;
        if !is_introduced && let Some(previous) = &keys.previous {
            let previous =
                read(previous, "the previous signing key of [history]", vault).await.map_err(Unsigned::Key)?;
            *known = Known::of(vec![key.public(), previous.public()]);
            known.read_on(journal).await.map_err(Unsigned::Journal)?;
            old = Some(previous);
        }
        for (file, sent) in missing {
            if !known.trust.has_gap_to(sent.position, &sent.hash) {
                return Err(Unsigned::Behind(format!(
                    "{} has a head of entry {}, signed at {}, which is not there, and no signed tombstone says so",
                    file.display(),
                    sent.position,
                    sent.at
                )));
            }
        }
        if !is_introduced {
            let replaced = known.trust.last_key().map(str::to_owned).or_else(|| known.last.clone());
            let old = old.filter(|old| replaced.as_ref() == Some(&old.public().to_string()));
            let at = ports.clock.now();
            let note =
                |position: i64, hash: &str| introduction(position, hash, at, &key, replaced.as_deref(), old.as_ref());
            journal.vouch(at, &note).await.map_err(Unsigned::Journal)?;
        }
        let at = ports.clock.now();
        let noted = journal.vouch(at, &|position: i64, hash: &str| head(position, hash, at, &key)).await;
        noted.map(|noted| SentHead::of(&noted)).map_err(Unsigned::Journal)
    }

    /// Waits, for a bounded time, for what is being sent; one line for each place that did not get it.
    pub async fn settle(&self) -> Vec<String> {
        let states = self.heads.settle(SEND_LIMIT).await;
        states.iter().filter(|state| state.is_behind()).map(undelivered).collect()
    }
}

/// What is said of a place that lacks a head.
pub fn undelivered(state: &HeadState) -> String {
    let HeadState { name, wanted, failure, .. } = state;
    let cause = failure.as_deref().unwrap_or("no answer yet");
    format!(
        "the head of entry {} was not delivered to {name} of [history]: {cause}; the next head covers it and is sent there too",
        wanted.unwrap_or_default()
    )
}

impl Known {
    fn of(ours: Vec<PublicKey>) -> Self {
        Self { trust: Trust::new(Given::new(&ours)), ours, ..Self::default() }
    }

    async fn read_on(&mut self, journal: &dyn Journal) -> Result<(), JournalError> {
        loop {
            let page = journal.notes(self.read_to).await?;
            let Some(last) = page.last() else { return Ok(()) };
            self.read_to = last.position;
            for noted in &page {
                if !matches!(noted.note, Note::SigningKey { .. } | Note::Pruned { .. }) {
                    continue;
                }
                let Some(said) = Said::of(noted).map(Said::check).filter(Checked::fits) else { continue };
                if let Note::SigningKey { key, .. } = &noted.note {
                    self.last = Some(key.clone());
                }
                self.trust.take(said);
            }
        }
    }
}

/// A journal, held against the last head in a file.
enum Compared {
    /// It was sent out of it.
    Fits,
    /// It was not.
    Behind(String),
    /// The entry is not there, and the next one is: pruned, if somebody signed that.
    Missing(SentHead),
}

async fn compared(file: &Path, journal: &dyn Journal) -> Result<Compared, JournalError> {
    let shown = file.display();
    let read = file.to_owned();
    let line = match tokio::task::spawn_blocking(move || last_line(&read)).await {
        Ok(Ok(Some(line))) => line,
        // Nothing was sent yet, or it can't be read: then nothing can be written either, and that is told.
        _ => return Ok(Compared::Fits),
    };
    let sent = match SentHead::read(&line).map(|sent| (sent.check(), sent)) {
        Ok((Ok(()), sent)) => sent,
        Ok((Err(cause), _)) => return Ok(Compared::Behind(format!("the last line of {shown}: {cause}"))),
        Err(cause) => return Ok(Compared::Behind(format!("the last line of {shown}: {cause}"))),
    };
    let there = journal.stored(sent.position - 1).await?;
    let head = format!("{shown} has a head of entry {}, signed at {}", sent.position, sent.at);
    Ok(match there.first() {
        Some(row) if row.position == sent.position && row.hash == sent.hash => Compared::Fits,
        Some(row) if row.position == sent.position => Compared::Behind(format!("{head}, with another hash")),
        // The head's own entry comes right after it, and stays.
        Some(row) if row.position == sent.position + 1 => Compared::Missing(sent),
        Some(_) => Compared::Behind(format!("{head}, and neither that one nor the head itself is there")),
        None => Compared::Behind(format!("{head}, and the journal ends before")),
    })
}

async fn read(reference: &SigningKeyRef, what: &str, vault: &dyn Vault) -> Result<SigningKey, Fault> {
    let pem = match &reference.vault {
        None => reference.outside_the_vault().read(what)?,
        Some(name) => in_vault(name, what, vault).await?,
    };
    SigningKey::read(&pem).map_err(|cause| Fault::broken(format!("reading {what}"), cause.to_string()))
}

async fn in_vault(name: &str, what: &str, vault: &dyn Vault) -> Result<Secret, Fault> {
    let at = vault.find(name, Slot::Current).await?.ok_or_else(|| {
        Fault::broken(format!("reading {what}"), format!("the vault has nothing current at {name}"))
            .hint("put the key there, as PEM")
    })?;
    vault.read(&at).await
}
