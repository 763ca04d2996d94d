//! When an account is due, and why: calendars, maintenance windows, maximum age, retries, and which of those that are due
//! may start. Pure: the time is an argument, so every answer can be asked for again.
//!
//! `calendar` and `windows` know wall clocks, `policy` what is wished, `standing` what has happened; `due` puts them
//! together, `age` watches the limit, `pick` keeps the limits of what runs, `explain` says it in words.

mod ageing;
mod calendar;
mod civil;
mod clock_step;
mod due;
mod explain;
mod fire;
mod pick;
mod policy;
#[cfg(test)]
mod properties;
mod standing;
#[cfg(test)]
mod tests;
mod upcoming;
mod windows;

pub use ageing::{Age, AgeState, age};
pub use calendar::{Calendar, CronFault};
pub use clock_step::{CLOCK_STEP_LEAST, clock_step};
pub use due::due;
pub use explain::{explain, local};
pub use fire::{By, Due, Fire, PutOff, Reason};
pub use pick::{Candidate, Limits, Running, pick};
pub use policy::{Misfire, Policy, Retry};
pub use standing::{Blocked, Standing};
pub use upcoming::{UPCOMING_MAX, upcoming};
pub use windows::{Blackout, OPEN_SEARCH_DAYS, Window, Windows};
