use serde::{Deserialize, Serialize};

use super::line::{NUMBER_MAX, is_hex};
use super::statement::head_text;
use crate::journal::{Note, Noted};
use crate::signing::{PublicKey, Unusable};

/// Version of the form.
const VERSION: u32 = 1;

/// A head as it leaves the machine: one line of JSON. It can be checked by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentHead {
    /// Version of this form.
    #[serde(rename = "entra-rotator-head")]
    version: u32,
    /// The entry.
    pub position: i64,
    /// Its hash.
    pub hash: String,
    /// When that was signed, as signed.
    pub at: String,
    /// By which key.
    pub key: String,
    /// The signature.
    pub signature: String,
}

/// Why a line is no head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no head as the program sends it: {0}")]
pub struct NotAHead(String);

impl SentHead {
    /// The head that a note is.
    pub fn of(noted: &Noted) -> Option<Self> {
        let Note::Head { position, hash, key, signature } = &noted.note else { return None };
        Some(Self {
            version: VERSION,
            position: *position,
            hash: hash.clone(),
            at: noted.at.to_string(),
            key: key.clone(),
            signature: signature.clone(),
        })
    }

    /// Whether a line among heads is whole: one pair of braces, and all between them. Whoever dies while he writes leaves half a
    /// line, which says nothing.
    pub fn is_whole(line: &[u8]) -> bool {
        let inner = line.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
        inner.is_some_and(|inner| !inner.iter().any(|byte| matches!(byte, b'{' | b'}')))
    }

    /// Reads a line. There is one way to write a head.
    pub fn read(line: &str) -> Result<Self, NotAHead> {
        let head: Self = serde_json::from_str(line).map_err(|cause| NotAHead(cause.to_string()))?;
        if head.version != VERSION {
            return Err(NotAHead(format!("it has version {}, this program knows version {VERSION}", head.version)));
        }
        let is_time =
            |at: &str| !at.is_empty() && at.bytes().all(|byte| b"+-.:TZ".contains(&byte) || byte.is_ascii_digit());
        let is_form = (1..=NUMBER_MAX).contains(&head.position)
            && is_hex(head.hash.as_bytes(), 64)
            && is_time(&head.at)
            && is_hex(head.key.as_bytes(), 64)
            && is_hex(head.signature.as_bytes(), 128)
            && head.line() == line;
        if !is_form {
            return Err(NotAHead("it is not written as the program writes it".to_owned()));
        }
        Ok(head)
    }

    /// The line, without a line feed.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether its signature is of it and by its key.
    pub fn check(&self) -> Result<(), Unusable> {
        let text = head_text(self.position, &self.hash, &self.at, &self.key);
        PublicKey::of_hex(&self.key)?.verify(&text, &self.signature)
    }
}
