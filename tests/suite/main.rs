//! The one integration-test binary. `explorer` holds the pure heart to its promises, exhaustively; `lab` runs
//! the built program against the embedded lab, `daemon` its unattended service; `journal` looks at what is stored.

#[cfg(unix)]
mod daemon;
mod explorer;
mod journal;
mod lab;
