//! The one integration-test binary. `explorer` holds the pure heart to its promises, exhaustively.

mod explorer;
