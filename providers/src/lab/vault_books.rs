//! The model of a vault: what `vault.json` holds. The only place in a lab where passwords stand in clear.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::port::{Attempt, Fault, Secret, SecretRef, Slot};

/// All accounts of the vault.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct VaultBooks {
    pub(super) accounts: BTreeMap<String, Places>,
    /// The accounts whose places changed: then the file has to be written again.
    #[serde(skip)]
    changes: Vec<String>,
}

/// One account's places.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Places {
    current: Option<Value>,
    pending: Option<Value>,
    previous: Option<Value>,
    /// The rotation whose candidate readers of current are told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<String>,
    /// Candidates that a repair took over, oldest first.
    kept: Vec<Value>,
    last_version: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Value {
    secret: Clear,
    rotation: Option<String>,
    version: u64,
}

/// A secret that can be written, into the vault's own file and nowhere else.
#[derive(Debug)]
struct Clear(Secret);

impl Serialize for Clear {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Clear {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Ok(Self(Secret::new(text.as_str())))
    }
}

impl Places {
    fn slot(&self, slot: Slot) -> Option<&Value> {
        match slot {
            Slot::Current => self.current.as_ref(),
            Slot::Pending => self.pending.as_ref(),
            Slot::Previous => self.previous.as_ref(),
        }
    }

    fn next(&mut self, secret: &Secret, rotation: Option<String>) -> Value {
        self.last_version += 1;
        Value { secret: Clear(secret.clone()), rotation, version: self.last_version }
    }

    fn carries(&self, slot: Slot, rotation: &str) -> bool {
        self.slot(slot).is_some_and(|value| value.rotation.as_deref() == Some(rotation))
    }

    fn reference(&self, name: &str, slot: Slot) -> Option<SecretRef> {
        self.slot(slot).map(|value| SecretRef {
            name: name.to_owned(),
            slot,
            version: value.version.to_string(),
            rotation: value.rotation.clone(),
        })
    }

    /// Every secret here, candidates that were taken over included, in the order in which they came.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        let mut values: Vec<&Value> =
            [&self.previous, &self.current, &self.pending].into_iter().flatten().chain(&self.kept).collect();
        values.sort_by_key(|value| value.version);
        values.into_iter().map(|value| &value.secret.0).collect()
    }

    /// Candidates that a repair took over, oldest first.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Secret> {
        self.kept.iter().map(|value| &value.secret.0)
    }

    /// The secret in one slot.
    pub(super) fn secret(&self, slot: Slot) -> Option<&Secret> {
        self.slot(slot).map(|value| &value.secret.0)
    }
}

impl VaultBooks {
    /// Whether anything changed since it was read.
    pub(super) fn changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The accounts that changed since it was read, or since they were last asked for.
    pub(super) fn forget_changes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.changes)
    }

    pub(super) fn stage(&mut self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault> {
        let doing = format!("staging a candidate for {name}");
        let places = self.accounts.entry(name.to_owned()).or_default();
        // A write that arrives late, even after the promotion, changes nothing.
        for slot in [Slot::Pending, Slot::Current] {
            if places.carries(slot, &attempt.rotation) {
                return places.reference(name, slot).ok_or_else(|| vanished(&doing));
            }
        }
        if let Some(pending) = places.pending.take() {
            let owner = pending.rotation.clone().unwrap_or_default();
            if !attempt.takes_over.contains(&owner) {
                places.pending = Some(pending);
                return Err(Fault::refused(&doing, format!("the candidate of rotation {owner} is still pending"))
                    .hint("finish or release that rotation first"));
            }
            places.kept.push(pending);
        }
        places.pending = Some(places.next(secret, Some(attempt.rotation.clone())));
        self.changes.push(name.to_owned());
        self.accounts[name].reference(name, Slot::Pending).ok_or_else(|| vanished(&doing))
    }

    pub(super) fn find(&self, name: &str, slot: Slot) -> Option<SecretRef> {
        self.accounts.get(name)?.reference(name, slot)
    }

    pub(super) fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        let slot = slot_word(at.slot);
        let doing = format!("reading the {slot} secret of {}", at.name);
        let value = self.accounts.get(&at.name).and_then(|places| places.slot(at.slot));
        let value = value.ok_or_else(|| Fault::refused(&doing, "nothing lies there now"))?;
        if value.rotation != at.rotation {
            return Err(Fault::refused(&doing, "another rotation's secret lies there now"));
        }
        Ok(value.secret.0.clone())
    }

    pub(super) fn announce(&mut self, at: &SecretRef) -> Result<(), Fault> {
        let doing = format!("marking the candidate of {} for its readers", at.name);
        let places = self
            .accounts
            .get_mut(&at.name)
            .filter(|places| at.rotation.as_ref().is_some_and(|rotation| places.carries(Slot::Pending, rotation)));
        let places = places.ok_or_else(|| Fault::refused(&doing, "it is not pending now"))?;
        if places.current.is_some() && places.announced != at.rotation {
            places.announced.clone_from(&at.rotation);
            self.changes.push(at.name.clone());
        }
        Ok(())
    }

    pub(super) fn promote(&mut self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
        let doing = format!("promoting the candidate of {name}");
        let nothing = || Fault::refused(&doing, format!("no candidate of rotation {} lies there", attempt.rotation));
        let places = self.accounts.get_mut(name).ok_or_else(nothing)?;
        if places.carries(Slot::Pending, &attempt.rotation) {
            places.previous = places.current.take();
            places.current = places.pending.take();
            places.kept.clear();
            places.announced = None;
            self.changes.push(name.to_owned());
        } else if !places.carries(Slot::Current, &attempt.rotation) {
            return Err(nothing());
        }
        self.accounts[name].reference(name, Slot::Current).ok_or_else(|| vanished(&doing))
    }

    pub(super) fn discard(&mut self, name: &str, attempt: &Attempt) {
        let Some(places) = self.accounts.get_mut(name) else { return };
        if places.carries(Slot::Pending, &attempt.rotation) {
            places.pending = places.kept.pop();
            places.announced = None;
            self.changes.push(name.to_owned());
        }
    }

    pub(super) fn adopt(&mut self, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
        let doing = format!("adopting the current password of {name}");
        let places = self.accounts.entry(name.to_owned()).or_default();
        if places.current.is_some() {
            return Err(Fault::refused(&doing, "the vault has a current password for it already")
                .hint("adopt is for an account that the vault does not know yet"));
        }
        places.current = Some(places.next(secret, None));
        self.changes.push(name.to_owned());
        self.accounts[name].reference(name, Slot::Current).ok_or_else(|| vanished(&doing))
    }

    /// A person overwrites current by hand: no rotation, and what was there is gone.
    pub(super) fn overwrite_current(&mut self, name: &str, secret: &Secret) {
        let places = self.accounts.entry(name.to_owned()).or_default();
        places.current = Some(places.next(secret, None));
        self.changes.push(name.to_owned());
    }
}

pub(super) fn slot_word(slot: Slot) -> &'static str {
    match slot {
        Slot::Current => "current",
        Slot::Pending => "pending",
        Slot::Previous => "previous",
    }
}

fn vanished(doing: &str) -> Fault {
    Fault::broken(doing, "the value just written is not there")
}
