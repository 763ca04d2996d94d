//! The one integration-test binary. `explorer` holds the pure heart to its promises, exhaustively; `lab` runs
//! the built program against the embedded lab, `daemon` its unattended service; `journal` looks at what is stored, `history` at who tampered with it,
//! `report` at what is made of it; `soak` lets years go by.

#[cfg(unix)]
mod daemon;
mod explorer;
mod history;
mod journal;
mod lab;
mod report;
mod silent;
mod soak;
