//! One account of the model, and what each call does to it.

use super::defect::Defect;
use crate::port::{Attempt, Fault, Secret, SecretRef, Slot};

/// A value and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) secret: Secret,
    pub(super) rotation: Option<String>,
    pub(super) version: u64,
}

/// One account's places.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Places {
    pub(super) current: Option<Value>,
    pub(super) pending: Option<Value>,
    pub(super) previous: Option<Value>,
    /// Candidates that were taken over, oldest first.
    pub(super) kept: Vec<Value>,
    pub(super) announced: Option<String>,
    pub(super) last_version: u64,
}

/// How far a promotion is: each is a write of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Move {
    KeepPrevious,
    MakeCurrent,
    EmptyPending,
}

impl Places {
    pub(super) fn slot(&self, slot: Slot) -> Option<&Value> {
        match slot {
            Slot::Current => self.current.as_ref(),
            Slot::Pending => self.pending.as_ref(),
            Slot::Previous => self.previous.as_ref(),
        }
    }

    pub(super) fn carries(&self, slot: Slot, rotation: &str) -> bool {
        self.slot(slot).is_some_and(|value| value.rotation.as_deref() == Some(rotation))
    }

    pub(super) fn reference(&self, name: &str, slot: Slot) -> Option<SecretRef> {
        let value = self.slot(slot)?;
        let (name, version, rotation) = (name.to_owned(), value.version.to_string(), value.rotation.clone());
        Some(SecretRef { name, slot, version, rotation })
    }

    pub(super) fn next(&mut self, secret: &Secret, rotation: Option<&str>) -> Value {
        self.last_version += 1;
        Value { secret: secret.clone(), rotation: rotation.map(str::to_owned), version: self.last_version }
    }

    /// The place in which the attempt's value lies afterwards.
    pub(super) fn stage(
        &mut self,
        attempt: &Attempt,
        secret: &Secret,
        defect: Option<Defect>,
        doing: &str,
    ) -> Result<Slot, Fault> {
        let own = self.carries(Slot::Pending, &attempt.rotation);
        if own && defect != Some(Defect::LastWriteWins) {
            return Ok(Slot::Pending);
        }
        if self.carries(Slot::Current, &attempt.rotation) && defect != Some(Defect::ForgetsThatItPromoted) {
            return Ok(Slot::Current);
        }
        if let Some(pending) = self.pending.take_if(|_| !own) {
            let owner = pending.rotation.clone().unwrap_or_default();
            let leave = attempt.takes_over.contains(&owner)
                || defect == Some(Defect::TakesOverAnything)
                || (defect == Some(Defect::AnyLeaveIsLeave) && !attempt.takes_over.is_empty());
            if !leave {
                self.pending = Some(pending);
                return Err(Fault::refused(doing, format!("the candidate of {owner} is pending")));
            }
            if defect != Some(Defect::ForgetsTheTakenOver) {
                self.kept.push(pending);
            }
        }
        self.pending = Some(self.next(secret, Some(&attempt.rotation)));
        if defect == Some(Defect::StagesOnTopOfCurrent) {
            self.current.clone_from(&self.pending);
        }
        Ok(Slot::Pending)
    }

    /// The next move of a promotion; `None` when it is done.
    pub(super) fn next_move(
        &self,
        attempt: &Attempt,
        defect: Option<Defect>,
        doing: &str,
    ) -> Result<Option<Move>, Fault> {
        let refused = || Fault::refused(doing, format!("no candidate of {} lies there", attempt.rotation));
        let done = self.carries(Slot::Current, &attempt.rotation);
        if self.carries(Slot::Pending, &attempt.rotation) || defect == Some(Defect::PromotesWhateverIsThere) {
            if self.pending.is_none() {
                return if done { Ok(None) } else { Err(refused()) };
            }
            let kept = self.previous == self.current || defect == Some(Defect::ForgetsPrevious);
            let same = |one: &Value, two: &Value| one.rotation == two.rotation && one.secret == two.secret;
            let current = matches!((&self.current, &self.pending), (Some(one), Some(two)) if same(one, two));
            return Ok(Some(match (current, kept || self.current.is_none()) {
                (true, _) => Move::EmptyPending,
                (false, false) => Move::KeepPrevious,
                (false, true) => Move::MakeCurrent,
            }));
        }
        match (done, defect) {
            (true, Some(Defect::RefusesAPromotionThatIsDone)) => Err(refused()),
            (true, _) => Ok(None),
            (false, Some(Defect::CallsNothingPromoted)) if self.current.is_some() => Ok(None),
            (false, _) => Err(refused()),
        }
    }

    pub(super) fn step(&mut self, step: Move, defect: Option<Defect>) {
        match step {
            Move::KeepPrevious => self.previous.clone_from(&self.current),
            Move::MakeCurrent => self.current.clone_from(&self.pending),
            Move::EmptyPending => {
                self.pending = None;
                self.kept.clear();
                if defect != Some(Defect::NeverTakesTheMarkAway) {
                    self.announced = None;
                }
            }
        }
    }

    /// Whether anything was to be done.
    pub(super) fn discard(&mut self, attempt: &Attempt, defect: Option<Defect>) -> bool {
        let strangers = defect == Some(Defect::DiscardsAStrangers) && self.pending.is_some();
        if defect == Some(Defect::TakesAStrangersMarkAway) {
            self.announced = None;
        }
        if defect == Some(Defect::DiscardsCurrentToo) && self.carries(Slot::Current, &attempt.rotation) {
            self.current = self.previous.take();
            return true;
        }
        if !self.carries(Slot::Pending, &attempt.rotation) && !strangers {
            return defect == Some(Defect::TakesAStrangersMarkAway);
        }
        self.pending = self.kept.pop();
        if defect != Some(Defect::NeverTakesTheMarkAway) {
            let back = self.pending.as_ref().and_then(|back| back.rotation.clone());
            self.announced =
                back.filter(|_| self.announced.is_some() && defect != Some(Defect::DropsTheMarkOfWhatComesBack));
        }
        true
    }
}
