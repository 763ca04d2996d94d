//! Which procedure Microsoft documents for which account, and which builds of Entra Connect it holds for: one
//! readable, dated table, and the forms in which a service names its account. Pure.
//!
//! `docs/procedures.md` is this table as a page.

mod build;
mod gate;
mod page;
mod start_name;
mod table;

pub use build::{Build, NotABuild};
pub use gate::{About, Builds, Effect, GATES, Gate, OVERRIDE, judge};
pub use page::procedures_page;
pub use start_name::StartName;
pub use table::{Kind, Order, PROCEDURES, Procedure};

use jiff::civil::Date;

/// When the rows of both tables were last held against the documents that they name.
pub(crate) const SEEN_ON: Date = jiff::civil::date(2026, 11, 21);
