//! The heart, and it is pure: what a rotation is, what comes next, and how it may end.
//!
//! [`plan()`] turns an account and what was seen of the world into an ordered list of steps. Everything that
//! happens becomes an [`Event`] in the journal; [`Progress`] is the fold of those events; [`decide()`] looks
//! at plan and progress and says the one next thing to do. Nothing here knows a clock, a file or a network,
//! so the same code that runs at night is explored exhaustively in `tests/sim`.

mod decide;
mod event;
mod inventory;
mod limits;
mod outcome;
mod plan;
mod procedures;
mod progress;
mod runbook;
mod step;

pub use decide::{Decision, decide};
pub use event::{Approval, Event, LateProof, Seen, Side, Trigger, TurnedBy};
pub use inventory::{
    ConnectorUse, EngineMethod, EntraAdministrator, Inventory, Method, OldPassword, Procedure, ServerUse,
};
pub use limits::Limits;
pub use outcome::{Outcome, Why};
pub use plan::{NoPlan, Plan};
pub use procedures::plan;
pub use progress::{Direction, Mark, Progress, Standing};
pub use runbook::{RUNBOOKS, Runbook};
pub use step::{Change, Step};
