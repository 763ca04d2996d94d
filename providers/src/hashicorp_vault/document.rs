use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wiped::{self, Incoming};
use crate::port::{Secret, SecretRef, Slot};

const SINCE_VERSION: &str = "since-version";

/// A candidate that a later one took over. It may be the live password: it stays until one is proven.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    pub(super) rotation: String,
    pub(super) password: Secret,
}

/// What one entry holds.
#[derive(Clone, PartialEq, Default)]
pub(super) struct Document {
    /// `None` when a person made the entry without the key `password`.
    pub(super) password: Option<Secret>,
    /// `None` when no rotation wrote the value.
    pub(super) rotation: Option<String>,
    /// Taken-over candidates, the latest last.
    pub(super) kept: Vec<Kept>,
    /// In pending: the version that this row of candidates began with, of which each took over the one before.
    pub(super) since_version: Option<u64>,
    /// Keys that are not ours, as they were.
    pub(super) others: BTreeMap<String, Value>,
}

impl Document {
    pub(super) fn candidate(password: Secret, rotation: &str, kept: Vec<Kept>, since_version: u64) -> Self {
        let (password, rotation) = (Some(password), Some(rotation.to_owned()));
        Self { password, rotation, kept, since_version: Some(since_version), others: BTreeMap::new() }
    }

    /// Nothing is in it. So a call leaves pending that was cut while it moved the version of an empty one.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The version that the row of candidates began with whose last one this is, at `version`. Where it does not say:
    /// each that it took over was a version of its own, right below.
    pub(super) fn began(&self, version: u64) -> u64 {
        let at_least = version.saturating_sub(self.kept.len() as u64);
        self.since_version.unwrap_or(at_least).min(version).max(1)
    }

    pub(super) fn belongs_to(&self, rotation: &str) -> bool {
        self.rotation.as_deref() == Some(rotation)
    }

    pub(super) fn same_value(&self, other: &Self) -> bool {
        self.password == other.password && self.rotation == other.rotation
    }

    pub(super) fn at(&self, name: &str, slot: Slot, version: u64) -> SecretRef {
        SecretRef { name: name.to_owned(), slot, version: version.to_string(), rotation: self.rotation.clone() }
    }

    /// The body of a KV version 2 write that succeeds only while the entry is at version `cas`.
    pub(super) fn body(&self, cas: u64) -> Result<Bytes, serde_json::Error> {
        wiped::body(&Write { cas, document: self })
    }
}

/// Without values: those of others' keys may be secrets, too.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("password", &self.password)
            .field("rotation", &self.rotation)
            .field("kept", &self.kept)
            .field("since_version", &self.since_version)
            .field("others", &self.others.len())
            .finish()
    }
}

/// The one place where a document becomes text. `Document` itself has no `Serialize`, so that it can't be
/// written anywhere else by accident.
struct Write<'a> {
    cas: u64,
    document: &'a Document,
}

struct Options(u64);
struct Data<'a>(&'a Document);
struct KeptData<'a>(&'a Kept);

impl Serialize for Write<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_struct("Write", 2)?;
        body.serialize_field("options", &Options(self.cas))?;
        body.serialize_field("data", &Data(self.document))?;
        body.end()
    }
}

impl Serialize for Options {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut options = serializer.serialize_struct("Options", 1)?;
        options.serialize_field("cas", &self.0)?;
        options.end()
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut data = serializer.serialize_map(None)?;
        if let Some(password) = &self.0.password {
            data.serialize_entry("password", password.expose())?;
        }
        if let Some(rotation) = &self.0.rotation {
            data.serialize_entry("rotation", rotation)?;
        }
        if !self.0.kept.is_empty() {
            let kept: Vec<_> = self.0.kept.iter().map(KeptData).collect();
            data.serialize_entry("kept", &kept)?;
        }
        if let Some(since_version) = self.0.since_version {
            data.serialize_entry(SINCE_VERSION, &since_version)?;
        }
        for (key, value) in &self.0.others {
            data.serialize_entry(key, value)?;
        }
        data.end()
    }
}

impl Serialize for KeptData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut kept = serializer.serialize_struct("Kept", 2)?;
        kept.serialize_field("rotation", &self.0.rotation)?;
        kept.serialize_field("password", self.0.password.expose())?;
        kept.end()
    }
}

/// Read key by key, without serde's `flatten`: that one collects everything in buffers that nobody wipes.
impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry's data")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
                let mut document = Document::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "password" => document.password = map.next_value::<Option<Incoming>>()?.map(|text| text.0),
                        "rotation" => document.rotation = map.next_value()?,
                        "kept" => document.kept = map.next_value()?,
                        SINCE_VERSION => document.since_version = map.next_value::<Value>()?.as_u64(),
                        _ => {
                            document.others.insert(key, map.next_value()?);
                        }
                    }
                }
                Ok(document)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            rotation: String,
            password: Incoming,
        }
        Raw::deserialize(deserializer).map(|raw| Self { rotation: raw.rotation, password: raw.password.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_equal() {
        let odd = "quote \" backslash \\ nul \u{0} umlaut \u{fc}";
        let mut document = Document::candidate(
            Secret::new(odd),
            "r2",
            vec![Kept { rotation: "r1".into(), password: Secret::new("taken over") }],
            6,
        );
        document.others.insert("username".into(), Value::from("svc"));
        let body = document.body(7).unwrap();
        let sent: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(sent["options"]["cas"], 7);
        let back: Document = serde_json::from_str(&sent["data"].to_string()).unwrap();
        assert_eq!(back, document);
    }

    #[test]
    fn an_entry_made_by_a_person_is_understood_and_debug_hides_it() {
        let plain: Document = serde_json::from_str(r#"{"password":"hunter2","pin":"hunter3"}"#).unwrap();
        assert_eq!((plain.rotation.as_deref(), plain.kept.len()), (None, 0));
        assert!(!format!("{plain:?}").contains("hunter"), "{plain:?}");
        let without: Document = serde_json::from_str(r#"{"value":1,"password":null}"#).unwrap();
        assert_eq!(without.password, None);
        assert_eq!(without.others["value"], 1);
        assert!(!without.is_empty());
        assert!(serde_json::from_str::<Document>("{}").unwrap().is_empty());
    }

    #[test]
    fn a_row_of_candidates_begins_where_it_says_and_never_below_what_is_known() {
        let of = |kept: usize, since_version| {
            let kept = vec![Kept { rotation: "r1".into(), password: Secret::new("one") }; kept];
            Document { kept, since_version, ..Document::default() }
        };
        assert_eq!([of(0, Some(4)).began(7), of(2, None).began(7), of(0, None).began(7)], [4, 5, 7]);
        // Written by hand.
        assert_eq!([of(0, Some(9)).began(7), of(0, Some(0)).began(7), of(9, None).began(7)], [7, 1, 1]);
        let odd: Document = serde_json::from_str(r#"{"since-version":"x"}"#).unwrap();
        assert_eq!(odd.began(3), 3);
    }
}
