//! What stands inside the file: one JSON object, followed by blanks.
//!
//! ```json
//! {"format": 1, "generation": 7, "sealed_for": ["age1…", "age1…"], "accounts": {"NAME": {
//!     "current": {"secret": "…", "rotation": "…", "version": 4},
//!     "pending": {"secret": "…", "rotation": "…", "version": 5},
//!     "previous": null, "announced": "…", "kept": [], "last_version": 5}}}
//! ```
//!
//! `generation` grows by one with each change. `announced` is the rotation whose candidate readers may try when the
//! directory refuses current; it is missing when there is none. `rotation` is null where a person adopted the password.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::vault_book::{Places, VaultBook};

/// The form that this program writes. A file of a newer form is refused.
pub(super) const FORMAT: u32 = 1;
/// The most that the JSON may take: some thousand accounts.
pub(super) const PLAIN_MAX: usize = 1 << 20;
/// age works in pieces of this size. The last one is all blanks, so that age's own buffer, which nobody wipes, ends
/// with blanks in it; and the size of the file does not tell how long a password is.
const PIECE: usize = 1 << 16;
/// The most that JSON and blanks may take.
pub(super) const PADDED_MAX: usize = PLAIN_MAX + 2 * PIECE;
/// The most that a sealed file may take: the blanks included, the header, and 16 bytes for each piece.
pub(super) const SEALED_MAX: usize = PADDED_MAX + PIECE;

/// The file's content.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// 0 = there is no file yet.
    pub(super) generation: u64,
    pub(super) sealed_for: Vec<String>,
    pub(super) book: VaultBook,
}

/// Why plain text is no content. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// A form that this program does not know.
    Format(u32),
    /// No JSON of this form: where it stops being one.
    Form { line: usize, column: usize },
    /// Longer than any that this program writes.
    TooLong,
}

#[derive(Deserialize)]
struct Form {
    format: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(rename = "format")]
    _format: u32,
    generation: u64,
    sealed_for: Vec<String>,
    accounts: BTreeMap<String, Places>,
}

#[derive(Serialize)]
struct Storing<'a> {
    format: u32,
    generation: u64,
    sealed_for: &'a [String],
    accounts: &'a BTreeMap<String, Places>,
}

impl Content {
    /// Out of plain text, blanks included.
    pub(super) fn parse(plain: &[u8]) -> Result<Self, Unfit> {
        if plain.len() > PADDED_MAX {
            return Err(Unfit::TooLong);
        }
        // The parser's own message could quote a piece of the file; where it stands is enough.
        let at = |error: serde_json::Error| Unfit::Form { line: error.line(), column: error.column() };
        let form: Form = serde_json::from_slice(plain).map_err(at)?;
        if form.format != FORMAT {
            return Err(Unfit::Format(form.format));
        }
        let stored: Stored = serde_json::from_slice(plain).map_err(at)?;
        let book = VaultBook { accounts: stored.accounts, ..VaultBook::default() };
        Ok(Self { generation: stored.generation, sealed_for: stored.sealed_for, book })
    }

    /// As plain text, blanks included; an error when it is longer than [`PLAIN_MAX`].
    pub(super) fn print(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut plain = Zeroizing::new(Vec::with_capacity(PADDED_MAX));
        let storing = Storing {
            format: FORMAT,
            generation: self.generation,
            sealed_for: &self.sealed_for,
            accounts: &self.book.accounts,
        };
        serde_json::to_writer(Bounded(&mut plain), &storing).map_err(io::Error::from)?;
        let padded = plain.len().next_multiple_of(PIECE) + PIECE;
        plain.resize(padded, b' ');
        Ok(plain)
    }
}

/// A buffer that refuses to grow: a longer copy would leave the shorter one behind, unwiped.
struct Bounded<'a>(&'a mut Vec<u8>);

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > PLAIN_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than the file may be"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
