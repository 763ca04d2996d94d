//! Drives rotations: asks the heart what comes next, writes it down, does it, writes down what happened.
//!
//! `preflight` looks at the world and says whether and what to rotate; `drive` is the only loop; `scene` is what an action
//! may know; `actions` has one file for each step; `logon` keeps the lockout's budget; `operator` is the person at the
//! terminal; `late_proof` looks once more after 70 minutes; `examine` looks without a plan, for `doctor`;
//! `drift` holds such a look against the journal.

mod actions;
mod connectors;
mod credentials;
mod drift;
mod drive;
mod examine;
mod late_proof;
mod logon;
mod operator;
mod ports;
mod preflight;
mod scene;

pub use actions::STOP_PLANNED_S;
pub use drift::{Drift, DriftKind, Expected, Found, Looked, drift, look};
pub use drive::{Asked, Halt, Rotation, Stopped, Watch};
pub use examine::{Examination, ExaminedAccount, ExaminedServer, examine, own_changes, own_changes_of};
pub use late_proof::late_proof_due;
pub use operator::{Nobody, Operator, Question};
pub use ports::Ports;
pub use preflight::{
    AccountKind, CHECKS, Check, CheckKind, Escrow, Prepared, Purpose, Refusal, Rehearsed, Verdict, Wish, prepare,
};
