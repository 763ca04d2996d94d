//! Asking for the right to reset.

use super::{Verdict, done, ensure, home, start};
use crate::conformance::directory::Bench;
use crate::port::{Directory, ResetRight};

/// `reset_right` says that the right is held, and changes nothing: not the password, not its metadata, no count.
pub(super) async fn reset_right_held_is_said_and_nothing_changes(
    directory: &dyn Directory,
    bench: &dyn Bench,
) -> Verdict {
    let start = start(bench).await?;
    let right = done(directory.reset_right(&start.dn, &start.dc).await, "the question for the right")?;
    ensure!(right == ResetRight::Held, "the right is held, the answer is {right:?}");
    start.unchanged(bench, "asked for the right").await
}

/// `reset_right` says that the right is missing, and changes nothing.
pub(super) async fn reset_right_missing_is_said_and_nothing_changes(
    directory: &dyn Directory,
    bench: &dyn Bench,
) -> Verdict {
    let (dn, dc) = (bench.without_right().await?.dn, home(bench));
    let before = bench.truth(&dn, &dc).await?;
    let right = done(directory.reset_right(&dn, &dc).await, "the question for the right")?;
    ensure!(right == ResetRight::Missing, "the right is missing, the answer is {right:?}");
    let after = bench.truth(&dn, &dc).await?;
    ensure!(after == before, "asked for the right, and {before:?} became {after:?}");
    Ok(())
}
