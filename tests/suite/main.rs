//! The one integration-test binary. `explorer` holds the pure heart to its promises, exhaustively; `lab` runs
//! the built program against the embedded lab; `journal` looks at what is stored, `report` at what is made of it.

mod explorer;
mod journal;
mod lab;
mod report;
