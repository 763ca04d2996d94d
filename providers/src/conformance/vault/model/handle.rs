//! The model behind the port. Between a look and a write, and between two writes, others have their turn, and a call may
//! be cut: as with a vault on the other side of a network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::task::yield_now;

use super::defect::Defect;
use super::places::{Move, Places};
use super::store::Store;
use crate::port::{Attempt, Fault, OwnCredential, Secret, SecretRef, Slot, Standing, Vault, VaultCheck, tenure};

/// Each lost round means that somebody else's write came in between.
const ROUNDS_MAX: u32 = 20;

/// One handle on the model.
pub(super) struct Handle {
    store: Arc<Store>,
    defect: Option<Defect>,
    /// What only this handle knows, where the defect is that.
    own: Mutex<BTreeMap<String, Places>>,
}

impl Handle {
    pub(super) fn new(store: Arc<Store>, defect: Option<Defect>) -> Self {
        Self { store, defect, own: Mutex::default() }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn own(&self) -> MutexGuard<'_, BTreeMap<String, Places>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account that a name means.
    fn account<'a>(&self, name: &'a str) -> &'a str {
        if self.has(Defect::TakesNamesAlikeForOne) { name.trim_end_matches("-pending") } else { name }
    }

    async fn look(&self, name: &str) -> (u64, Places) {
        yield_now().await;
        let name = self.account(name);
        let (revision, places) = self.store.look(name);
        if self.has(Defect::ReadsWhatItReadBefore) || self.has(Defect::KeepsItsWritesToItself) {
            if let Some(own) = self.own().get(name) {
                return (revision, own.clone());
            }
            if self.has(Defect::ReadsWhatItReadBefore) {
                self.own().insert(name.to_owned(), places.clone());
            }
        }
        (revision, places)
    }

    /// Writes while nobody wrote since the look; whether it did.
    async fn write(&self, name: &str, seen: u64, places: Places, durable: bool) -> Result<bool, Fault> {
        let doing = format!("writing {name}");
        let early = self.has(Defect::AsksForTheTenureTooEarly);
        if early {
            tenure::held(&doing).await?;
        }
        yield_now().await;
        self.store.way().await;
        if !early && !self.has(Defect::ForgetsTheTenure) {
            tenure::held(&doing).await?;
        }
        let name = self.account(name);
        if self.has(Defect::KeepsItsWritesToItself) {
            self.own().insert(name.to_owned(), places);
            return Ok(true);
        }
        let seen = (!self.has(Defect::IgnoresCompareAndSet)).then_some(seen);
        let written = self.store.write(name, seen, places, durable);
        if self.has(Defect::ReadsWhatItReadBefore) {
            self.own().remove(name);
        }
        yield_now().await;
        Ok(written || self.has(Defect::TakesAConflictForSuccess))
    }

    /// Looks and writes until nobody came in between.
    async fn change<T>(
        &self,
        name: &str,
        doing: &str,
        act: impl Fn(&mut Places) -> Result<T, Fault>,
    ) -> Result<(T, Places), Fault> {
        for _ in 0..ROUNDS_MAX {
            let (seen, before) = self.look(name).await;
            let mut places = before.clone();
            let answer = act(&mut places)?;
            let durable = !self.has(Defect::LosesWhatItDidAtARestart);
            if places == before || self.write(name, seen, places.clone(), durable).await? {
                return Ok((answer, places));
            }
        }
        Err(Fault::later(doing, "the account changed under our hands"))
    }

    fn reference(&self, places: &Places, name: &str, slot: Slot, doing: &str) -> Result<SecretRef, Fault> {
        let mut at =
            places.reference(name, slot).ok_or_else(|| Fault::broken(doing, "what was written is not there"))?;
        if self.has(Defect::NamesOneVersionForAll) {
            at.version = "1".to_owned();
        }
        Ok(at)
    }

    /// The place that a look at `slot` ends in.
    fn shown(&self, places: &Places, slot: Slot) -> Slot {
        match slot {
            Slot::Current if self.has(Defect::ShowsPendingAsCurrent) && places.pending.is_some() => Slot::Pending,
            slot => slot,
        }
    }
}

#[async_trait]
impl Vault for Handle {
    fn describe(&self) -> String {
        "a model of a vault in memory".to_owned()
    }

    async fn stage(&self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault> {
        let doing = format!("staging a candidate for {name}");
        if self.has(Defect::LogsThePassword) {
            tracing::trace!(body = ?secret.expose().as_bytes(), "sending");
        }
        if self.has(Defect::LosesTheWrite) {
            let mut places = self.look(name).await.1;
            let slot = places.stage(attempt, secret, None, &doing)?;
            return self.reference(&places, name, slot, &doing);
        }
        let trimmed = Secret::new(secret.expose().trim());
        let secret = if self.has(Defect::TrimsThePassword) { &trimmed } else { secret };
        let staged = self.change(name, &doing, |places| places.stage(attempt, secret, self.defect, &doing)).await;
        match staged {
            Ok((slot, places)) => self.reference(&places, name, slot, &doing),
            Err(fault) if self.has(Defect::ShowsThePassword) => {
                Err(Fault { cause: format!("{} instead of {}", fault.cause, secret.expose()), ..fault })
            }
            Err(fault) => Err(fault),
        }
    }

    async fn find(&self, name: &str, slot: Slot) -> Result<Option<SecretRef>, Fault> {
        let places = self.look(name).await.1;
        let shown = self.shown(&places, slot);
        if places.slot(shown).is_none() {
            return Ok(None);
        }
        self.reference(&places, name, shown, "looking").map(|at| Some(SecretRef { slot, ..at }))
    }

    async fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        let doing = format!("reading a secret of {}", at.name);
        let places = self.look(&at.name).await.1;
        let value = places.slot(self.shown(&places, at.slot));
        let value = value.ok_or_else(|| Fault::refused(&doing, "nothing lies there now"))?;
        if value.rotation != at.rotation && !self.has(Defect::ReadsWhateverLiesThere) {
            return Err(Fault::refused(&doing, "another rotation's secret lies there now"));
        }
        match (&places.previous, at.slot) {
            (Some(previous), Slot::Current) if self.has(Defect::ReadsTheVersionBefore) => Ok(previous.secret.clone()),
            _ => Ok(value.secret.clone()),
        }
    }

    async fn announce(&self, at: &SecretRef) -> Result<(), Fault> {
        let doing = format!("marking the candidate of {}", at.name);
        let announce = |places: &mut Places| {
            let rotation = at.rotation.as_deref().unwrap_or_default();
            if !places.carries(Slot::Pending, rotation) && !self.has(Defect::AnnouncesWhatIsNotPending) {
                return Err(Fault::refused(&doing, "it is not pending now"));
            }
            if places.current.is_none() && self.has(Defect::CallsNobodyToTellAFault) {
                return Err(Fault::refused(&doing, "there is no current value"));
            }
            if places.current.is_some() && !self.has(Defect::AnnouncesNothing) {
                places.announced.clone_from(&at.rotation);
                if let (Some(current), true) = (&mut places.current, self.has(Defect::MarksByANewVersion)) {
                    places.last_version += 1;
                    current.version = places.last_version;
                }
            }
            Ok(())
        };
        self.change(&at.name, &doing, announce).await.map(|_| ())
    }

    async fn promote(&self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
        let doing = format!("promoting the candidate of {name}");
        if self.has(Defect::EmptiesPendingFirst) {
            return self.promote_emptying_first(name, attempt, &doing).await;
        }
        let steps = self.promote_by_steps(name, attempt, &doing);
        if self.has(Defect::CallsAHalfDonePromotionRefused) { steps.await } else { tenure::several(steps).await }
    }

    async fn discard(&self, name: &str, attempt: &Attempt) -> Result<(), Fault> {
        let doing = format!("discarding the candidate of {name}");
        if self.has(Defect::RefusesToDiscardNothing) && self.look(name).await.1.pending.is_none() {
            return Err(Fault::refused(doing, "nothing is pending"));
        }
        self.change(name, &doing, |places| Ok(places.discard(attempt, self.defect))).await.map(|_| ())
    }

    async fn adopt(&self, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
        let doing = format!("adopting the password of {name}");
        let adopt = |places: &mut Places| {
            if places.current.is_some() && !self.has(Defect::AdoptsOverCurrent) {
                return Err(Fault::refused(&doing, "there is a current password already"));
            }
            places.current = Some(places.next(secret, None));
            Ok(())
        };
        let (_, places) = self.change(name, &doing, adopt).await?;
        self.reference(&places, name, Slot::Current, &doing)
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        if self.has(Defect::WaitsForEver) {
            std::future::pending::<()>().await;
        }
        let note = if self.has(Defect::SaysNothingOfItsAge) { "" } else { "a model has no credential" };
        Ok(OwnCredential {
            holder: "vault".to_owned(),
            name: "the model's rotator".to_owned(),
            kind: "none".to_owned(),
            set_at: None,
            expires_at: None,
            note: note.to_owned(),
        })
    }

    async fn examine(&self, names: &[String]) -> Vec<VaultCheck> {
        if self.has(Defect::ExaminesByWriting) {
            for name in names {
                let (seen, mut places) = self.look(name).await;
                places.pending = Some(places.next(&Secret::new("probe"), Some("probe")));
                let _ = self.write(name, seen, places, true).await;
            }
        }
        if self.has(Defect::ExaminesNothing) {
            return Vec::new();
        }
        vec![VaultCheck::new("reachable", Standing::Good, "the model answers")]
    }
}

impl Handle {
    async fn promote_by_steps(&self, name: &str, attempt: &Attempt, doing: &str) -> Result<SecretRef, Fault> {
        loop {
            let step = |places: &mut Places| {
                let next = places.next_move(attempt, self.defect, doing)?;
                if let Some(step) = next {
                    places.step(step, self.defect);
                }
                Ok(next)
            };
            let (next, places) = self.change(name, doing, step).await?;
            if matches!(next, None | Some(Move::EmptyPending)) {
                return self.reference(&places, name, Slot::Current, doing);
            }
        }
    }

    /// A promotion in the wrong order: for a moment the candidate lies nowhere.
    async fn promote_emptying_first(&self, name: &str, attempt: &Attempt, doing: &str) -> Result<SecretRef, Fault> {
        let take = |places: &mut Places| match places.next_move(attempt, None, doing)? {
            None => Ok(None),
            Some(_) => {
                let candidate = places.pending.take();
                places.kept.clear();
                places.announced = None;
                Ok(candidate)
            }
        };
        let (candidate, places) = self.change(name, doing, take).await?;
        let Some(candidate) = candidate else { return self.reference(&places, name, Slot::Current, doing) };
        let put = |places: &mut Places| {
            if places.current.as_ref() != Some(&candidate) {
                places.previous = places.current.replace(candidate.clone());
            }
            Ok(())
        };
        let (_, places) = self.change(name, doing, put).await?;
        self.reference(&places, name, Slot::Current, doing)
    }
}
