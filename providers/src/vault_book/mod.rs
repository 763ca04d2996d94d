//! A vault as a book: all accounts with their places, and what each of the port's calls does to them. No input or
//! output. The lab keeps one in `vault.json`, the sealed file has one inside; both write it with serde, in this form:
//!
//! ```json
//! {"accounts": {"NAME": {
//!     "current": {"secret": "…", "rotation": "…", "version": 4},
//!     "pending": {"secret": "…", "rotation": "…", "version": 5},
//!     "previous": null, "announced": "…", "kept": [], "last_version": 5}}}
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::port::{Attempt, Fault, Secret, SecretRef, Slot};

/// All accounts of the vault.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct VaultBook {
    pub(crate) accounts: BTreeMap<String, Places>,
    /// The accounts whose places changed: then the file has to be written again.
    #[serde(skip)]
    pub(crate) changes: Vec<String>,
}

/// One account's places.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Places {
    pub(crate) current: Option<Value>,
    pub(crate) pending: Option<Value>,
    pub(crate) previous: Option<Value>,
    /// The rotation whose candidate readers of current are told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<String>,
    /// Candidates that a repair took over, oldest first.
    pub(crate) kept: Vec<Value>,
    last_version: u64,
}

/// One secret, the rotation that wrote it, and its number among the account's secrets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Value {
    pub(crate) secret: Clear,
    rotation: Option<String>,
    pub(crate) version: u64,
}

/// A secret that can be written, into the vault's own file and nowhere else.
#[derive(Debug)]
pub(crate) struct Clear(pub(crate) Secret);

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
    pub(crate) fn slot(&self, slot: Slot) -> Option<&Value> {
        match slot {
            Slot::Current => self.current.as_ref(),
            Slot::Pending => self.pending.as_ref(),
            Slot::Previous => self.previous.as_ref(),
        }
    }

    pub(crate) fn next(&mut self, secret: &Secret, rotation: Option<String>) -> Value {
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
}

impl VaultBook {
    /// Whether anything changed since it was read.
    pub(crate) fn changed(&self) -> bool {
        !self.changes.is_empty()
    }

    pub(crate) fn stage(&mut self, name: &str, attempt: &Attempt, secret: &Secret) -> Result<SecretRef, Fault> {
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

    pub(crate) fn find(&self, name: &str, slot: Slot) -> Option<SecretRef> {
        self.accounts.get(name)?.reference(name, slot)
    }

    pub(crate) fn read(&self, at: &SecretRef) -> Result<Secret, Fault> {
        let slot = slot_word(at.slot);
        let doing = format!("reading the {slot} secret of {}", at.name);
        let value = self.accounts.get(&at.name).and_then(|places| places.slot(at.slot));
        let value = value.ok_or_else(|| Fault::refused(&doing, "nothing lies there now"))?;
        if value.rotation != at.rotation {
            return Err(Fault::refused(&doing, "another rotation's secret lies there now"));
        }
        Ok(value.secret.0.clone())
    }

    pub(crate) fn announce(&mut self, at: &SecretRef) -> Result<(), Fault> {
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

    pub(crate) fn promote(&mut self, name: &str, attempt: &Attempt) -> Result<SecretRef, Fault> {
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

    pub(crate) fn discard(&mut self, name: &str, attempt: &Attempt) {
        let Some(places) = self.accounts.get_mut(name) else { return };
        if places.carries(Slot::Pending, &attempt.rotation) {
            places.pending = places.kept.pop();
            // What comes back may be the live password, so the mark goes over to it in the same write.
            let back = places.pending.as_ref().and_then(|back| back.rotation.clone());
            places.announced = back.filter(|_| places.current.is_some());
            self.changes.push(name.to_owned());
        }
    }

    pub(crate) fn adopt(&mut self, name: &str, secret: &Secret) -> Result<SecretRef, Fault> {
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
}

/// A place, as messages name it.
pub(crate) fn slot_word(slot: Slot) -> &'static str {
    match slot {
        Slot::Current => "current",
        Slot::Pending => "pending",
        Slot::Previous => "previous",
    }
}

fn vanished(doing: &str) -> Fault {
    Fault::broken(doing, "the value just written is not there")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At no moment are readers left without the name of a candidate that may be live.
    #[test]
    fn the_mark_stays_on_a_candidate_that_was_taken_over_and_comes_back() {
        let attempt = |rotation: &str, takes_over: &[&str]| Attempt {
            rotation: rotation.to_owned(),
            takes_over: takes_over.iter().map(|&of| of.to_owned()).collect(),
        };
        for announced in [false, true] {
            let mut book = VaultBook::default();
            book.adopt("sync", &Secret::new("old")).unwrap();
            let held = book.stage("sync", &attempt("r1", &[]), &Secret::new("held")).unwrap();
            book.announce(&held).unwrap();
            let repair = book.stage("sync", &attempt("r2", &["r1"]), &Secret::new("repair")).unwrap();
            assert_eq!(book.accounts["sync"].announced.as_deref(), Some("r1"));
            if announced {
                book.announce(&repair).unwrap();
            }
            book.discard("sync", &attempt("r2", &["r1"]));
            assert_eq!(book.accounts["sync"].announced.as_deref(), Some("r1"), "announced before: {announced}");
            book.discard("sync", &attempt("r1", &[]));
            assert_eq!(book.accounts["sync"].announced, None);
        }
        // Without a current value there is nothing to mark.
        let mut book = VaultBook::default();
        book.stage("sync", &attempt("r1", &[]), &Secret::new("held")).unwrap();
        book.stage("sync", &attempt("r2", &["r1"]), &Secret::new("repair")).unwrap();
        book.discard("sync", &attempt("r2", &["r1"]));
        assert_eq!(book.accounts["sync"].announced, None);
    }

    /// Books that are kept somewhere are read for years: what was written once stays readable, and is written the same.
    #[test]
    fn the_stored_form_stays() {
        let stored = concat!(
            r#"{"accounts":{"sync":{"current":{"secret":"old","rotation":null,"version":1},"#,
            r#""pending":{"secret":"new","rotation":"r2","version":3},"previous":null,"announced":"r2","#,
            r#""kept":[{"secret":"kept","rotation":"r1","version":2}],"last_version":3}}}"#
        );
        let book: VaultBook = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&book).unwrap(), stored);
        // Before candidates were announced.
        let older = stored.replace(r#""announced":"r2","#, "");
        let book: VaultBook = serde_json::from_str(&older).unwrap();
        assert_eq!(serde_json::to_string(&book).unwrap(), older);
        assert!(!format!("{book:?}").contains("old") && format!("{book:?}").contains("redacted"));
    }
}
