//! What the checks have in common: two handles on one vault, secrets that are known again, and looks through both.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Semaphore;

use super::subject::Subject;
use crate::conformance::verdict::{done, ensure};
use crate::conformance::{Able, Stop};
use crate::port::{Attempt, Fault, Meaning, Secret, SecretRef, Slot, Vault};

/// Stands in every secret that has room for it, so that it is known again wherever it is shown.
pub(super) const MARK: &str = "qK7vXw2JzR9d";

const SLOTS: [Slot; 3] = [Slot::Current, Slot::Pending, Slot::Previous];

/// Two handles on one vault, and the eyes that see past them. Clones are the same scene.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) vault: Arc<dyn Vault>,
    pub(super) other: Arc<dyn Vault>,
    pub(super) subject: Arc<dyn Subject>,
    number: Arc<AtomicU32>,
    /// For parts of checks that run at once (`together.rs`).
    pub(super) room: Arc<Semaphore>,
}

/// An account with a current value that no rotation wrote.
pub(super) struct Adopted {
    pub(super) name: String,
    pub(super) secret: Secret,
    pub(super) at: SecretRef,
}

/// What an account's three places hold. Shows no value.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Places(Vec<Option<(SecretRef, Secret)>>);

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (slot, place) in SLOTS.iter().zip(&self.0) {
            match place {
                None => write!(f, "{slot:?} empty; ")?,
                Some((at, _)) => {
                    let rotation = at.rotation.as_deref().unwrap_or("no rotation");
                    write!(f, "{slot:?} of {rotation}, version {}; ", at.version)?;
                }
            }
        }
        Ok(())
    }
}

/// The attempt of a rotation that may take over the candidates of others.
pub(super) fn attempt(rotation: &str, takes_over: &[&str]) -> Attempt {
    let takes_over = takes_over.iter().map(|&rotation| rotation.to_owned()).collect();
    Attempt { rotation: rotation.to_owned(), takes_over }
}

/// What lies in a place, by one handle. A value that went away between the look and the reading is no longer there.
pub(super) async fn value(vault: &dyn Vault, name: &str, slot: Slot) -> Able<Option<(SecretRef, Secret)>> {
    let Some(at) = done(vault.find(name, slot).await, &format!("finding {slot:?}"))? else { return Ok(None) };
    match vault.read(&at).await {
        Ok(secret) => Ok(Some((at, secret))),
        Err(Fault { meaning: Meaning::Refused, .. }) => Ok(None),
        Err(fault) => done(Err(fault), &format!("reading {slot:?}")),
    }
}

impl Scene {
    pub(super) fn new(vault: Arc<dyn Vault>, other: Arc<dyn Vault>, subject: Arc<dyn Subject>) -> Self {
        let room = Arc::new(Semaphore::new(subject.checks_at_once().max(1)));
        Self { vault, other, subject, number: Arc::default(), room }
    }

    /// A secret that nobody has, another each time.
    pub(super) fn secret(&self) -> Secret {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        Secret::new(format!("{MARK}-\"\\ü-{number:04}"))
    }

    /// An account that the vault has never heard of.
    pub(super) async fn name(&self) -> Able<String> {
        self.subject.fresh_name().await
    }

    /// An account with a current value.
    pub(super) async fn adopted(&self) -> Able<Adopted> {
        let (name, secret) = (self.name().await?, self.secret());
        let at = done(self.vault.adopt(&name, &secret).await, "the adoption")?;
        Ok(Adopted { name, secret, at })
    }

    /// Stages a new secret for a rotation.
    pub(super) async fn staged(&self, name: &str, rotation: &str, takes_over: &[&str]) -> Able<(SecretRef, Secret)> {
        let secret = self.secret();
        let answer = self.vault.stage(name, &attempt(rotation, takes_over), &secret).await;
        Ok((done(answer, &format!("staging for {rotation}"))?, secret))
    }

    /// Promotes a rotation's candidate.
    pub(super) async fn promoted(&self, name: &str, rotation: &str) -> Able<SecretRef> {
        done(self.vault.promote(name, &attempt(rotation, &[])).await, &format!("promoting {rotation}"))
    }

    /// Discards a rotation's candidate.
    pub(super) async fn discarded(&self, name: &str, rotation: &str) -> Able<()> {
        done(self.vault.discard(name, &attempt(rotation, &[])).await, &format!("discarding {rotation}"))
    }

    /// A place holds this value of this rotation, for both handles.
    pub(super) async fn holds(
        &self,
        name: &str,
        slot: Slot,
        rotation: Option<&str>,
        secret: &Secret,
        when: &str,
    ) -> Able<SecretRef> {
        let mut found = Vec::new();
        for (vault, whose) in [(&self.vault, "the handle that did it"), (&self.other, "another handle")] {
            let seen = value(&**vault, name, slot).await?;
            let Some((at, held)) = seen else {
                return Err(Stop::Failed(format!("{when}: {slot:?} is empty for {whose}")));
            };
            ensure!(at.rotation.as_deref() == rotation, "{when}: {slot:?} is of {:?} for {whose}", at.rotation);
            ensure!(held == *secret, "{when}: {slot:?} holds another value for {whose}");
            ensure!(at.slot == slot && at.name == name, "{when}: {slot:?} of {name} is said to be {at:?}");
            ensure!(!at.version.is_empty(), "{when}: {slot:?} has no version word");
            found.push(at);
        }
        ensure!(found[0] == found[1], "{when}: two handles see {found:?}");
        Ok(found.swap_remove(0))
    }

    /// A place is empty, for both handles.
    pub(super) async fn empty(&self, name: &str, slot: Slot, when: &str) -> Able<()> {
        for (vault, whose) in [(&self.vault, "the handle that did it"), (&self.other, "another handle")] {
            let seen = done(vault.find(name, slot).await, &format!("finding {slot:?}"))?;
            ensure!(seen.is_none(), "{when}: {slot:?} holds {seen:?} for {whose}");
        }
        Ok(())
    }

    /// What all places hold, by the other handle.
    pub(super) async fn places(&self, name: &str) -> Able<Places> {
        let mut places = Vec::new();
        for slot in SLOTS {
            places.push(value(&*self.other, name, slot).await?);
        }
        Ok(Places(places))
    }

    /// Nothing of the account changed since `before`.
    pub(super) async fn unchanged(&self, name: &str, before: &Places, when: &str) -> Able<()> {
        let now = self.places(name).await?;
        ensure!(now == *before, "{when}: {before:?}became {now:?}");
        Ok(())
    }

    /// What readers of current are told, where this can be seen.
    pub(super) async fn told(&self, name: &str, rotation: Option<&str>, when: &str) -> Able<()> {
        let told = self.subject.announced(name).await?;
        ensure!(told.as_deref() == rotation, "{when}: readers are told of {told:?}, not of {rotation:?}");
        Ok(())
    }
}
