//! What current's own metadata tells its readers while a candidate may be the live password. It is custom metadata
//! of the path: no version of the entry, and other keys that people keep there stay.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::entries::Entries;
use super::paths;
use crate::port::{Fault, SecretRef, Slot};

const PATH: &str = "pending-path";
const VERSION: &str = "pending-version";
const ROTATION: &str = "pending-rotation";

/// The three keys as they are.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Mark {
    path: Option<String>,
    version: Option<String>,
    rotation: Option<String>,
}

impl Mark {
    /// The mark in an entry's custom metadata; `None` when none of its keys is there.
    pub(super) fn of(metadata: &BTreeMap<String, Value>) -> Option<Self> {
        let text = |key| metadata.get(key).map(|value| value.as_str().unwrap_or_default().to_owned());
        let mark = Self { path: text(PATH), version: text(VERSION), rotation: text(ROTATION) };
        (mark != Self::default()).then_some(mark)
    }

    pub(super) fn naming(entry: String, version: u64, rotation: &str) -> Self {
        Self { path: Some(entry), version: Some(version.to_string()), rotation: Some(rotation.to_owned()) }
    }

    pub(super) fn names(&self, rotation: &str) -> bool {
        self.rotation.as_deref() == Some(rotation)
    }

    /// The merge patch that makes an entry's custom metadata carry this mark, and nothing where it says nothing.
    pub(super) fn patch(&self) -> Bytes {
        json!({ "custom_metadata": { PATH: self.path, VERSION: self.version, ROTATION: self.rotation } })
            .to_string()
            .into()
    }
}

/// Makes current name the pending candidate at `at`.
pub(super) async fn announce(entries: &Entries, at: &SecretRef) -> Result<(), Fault> {
    let name = &at.name;
    let purpose = format!("marking the candidate of {name} for its readers");
    let pending = entries.look(name, Slot::Pending, &purpose).await?;
    let ours = at.rotation.as_deref().filter(|rotation| {
        at.slot == Slot::Pending && pending.document.as_ref().is_some_and(|document| document.belongs_to(rotation))
    });
    let Some(rotation) = ours else {
        let of = at.rotation.as_deref().unwrap_or("that no rotation wrote");
        return Err(Fault::refused(&purpose, format!("pending no longer holds the candidate {of}")));
    };
    let current = entries.look(name, Slot::Current, &purpose).await?;
    let mark = Mark::naming(paths::entry(name, Slot::Pending)?, pending.version, rotation);
    if current.document.is_none() || current.mark.as_ref() == Some(&mark) {
        return Ok(());
    }
    entries.mark(name, &mark, &purpose).await
}

/// Takes `mark` away from current.
pub(super) async fn withdraw(entries: &Entries, name: &str, mark: Option<&Mark>, purpose: &str) -> Result<(), Fault> {
    match mark {
        Some(_) => entries.mark(name, &Mark::default(), purpose).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_taken_away_key_by_key() {
        let mark = Mark::naming("svc-pending".into(), 7, "r1");
        let patch: Value = serde_json::from_slice(&mark.patch()).unwrap();
        let expected = json!({"pending-path": "svc-pending", "pending-version": "7", "pending-rotation": "r1"});
        assert_eq!(patch, json!({ "custom_metadata": expected }));
        let stored: BTreeMap<String, Value> = serde_json::from_value(expected).unwrap();
        assert_eq!(Mark::of(&stored), Some(mark));
        let owner = BTreeMap::from([("owner".to_owned(), json!("ops"))]);
        assert_eq!(Mark::of(&owner), None);
        // Half a mark is a mark: it is to be taken away.
        assert!(Mark::of(&BTreeMap::from([(PATH.to_owned(), json!("x"))])).is_some());
        let away: Value = serde_json::from_slice(&Mark::default().patch()).unwrap();
        let none = json!({"pending-path": null, "pending-version": null, "pending-rotation": null});
        assert_eq!(away, json!({ "custom_metadata": none }));
    }
}
