//! The history as evidence: the form in which it is exported, what is signed of it, and who finds out that somebody changed it.
//!
//! Pure: lines go in, a verdict comes out. Whoever reads a file, a database or a clock stands outside. The form and the rules
//! are written down in docs/history.md, from which others write verifiers of their own; what stands there is what counts.
//!
//! `line` is the export's form; `statement` what is signed; `sent` a head as it leaves the machine. `walk` goes along the
//! chain, `tampering` says what was done where it breaks, `trust` who signed; `verify` puts it together.

mod finding;
mod line;
mod sent;
mod statement;
mod tampering;
mod trust;
mod verify;
mod walk;

pub use finding::{Finding, Word};
pub use line::{EntryLine, Gap, HEADER, Line, NUMBER_MAX, NotALine, write_entry, write_gap};
pub use sent::{NotAHead, SentHead};
pub use statement::{Checked, Said, head, introduction, tombstone};
pub use trust::{Given, Key, Signed, Trust, Vouched};
pub use verify::{Verdict, Verified, Verifier, conclude};
pub use walk::{Walk, Walked};
