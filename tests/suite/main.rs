//! The one integration-test binary. `explorer` holds the pure heart to its promises, exhaustively; `lab` runs
//! the built program against the embedded lab; `journal` looks at what is stored, `report` at what is made of it;
//! `soak` lets years go by.

mod explorer;
mod journal;
mod lab;
mod report;
mod soak;
