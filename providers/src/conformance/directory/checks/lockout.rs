//! How near the account is to being locked.

use super::{Start, Verdict, done, ensure, separated, start};
use crate::conformance::Able;
use crate::conformance::directory::Bench;
use crate::port::Directory;

/// `Lockout` has the threshold that holds for the account and the wrong passwords that count.
pub(super) async fn lockout_counts_as_the_controller_does(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, threshold) = (start(bench).await?, bench.rules().lockout_threshold);
    for wrong in 0..=2 {
        if wrong > 0 {
            bench.somebody_tries(&start.dn, &start.dc, &bench.fresh()).await?;
        }
        let truth = bench.truth(&start.dn, &start.dc).await?;
        ensure!(truth.wrong == wrong && !truth.locked, "the bench does not count: {truth:?} after {wrong}");
        let lockout = done(directory.lockout(&start.dn, &start.dc).await, "the lockout")?;
        ensure!(lockout.threshold == Some(threshold), "{lockout:?}, the threshold is {threshold}");
        ensure!(lockout.wrong == Some(wrong), "{lockout:?}, {wrong} wrong passwords count");
        ensure!(!lockout.locked, "{lockout:?} after {wrong} wrong passwords");
    }
    Ok(())
}

/// `lockout` is that of the domain controller asked: each counts for itself.
pub(super) async fn lockout_is_of_the_controller_asked(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (home, other) = separated(bench).await?;
    let dn = bench.subject().dn;
    // Where none was ever wrong the count may be absent, and nobody can tell that from one that can't be read.
    for dc in [&home, &other, &other] {
        bench.somebody_tries(&dn, dc, &bench.fresh()).await?;
    }
    let counts = (bench.truth(&dn, &home).await?.wrong, bench.truth(&dn, &other).await?.wrong);
    ensure!(counts.0 != counts.1, "the bench counts the same everywhere: {counts:?}");
    for (dc, count) in [(&home, counts.0), (&other, counts.1)] {
        let lockout = done(directory.lockout(&dn, dc).await, "the lockout")?;
        ensure!(lockout.wrong == Some(count), "{dc}: {lockout:?}, {count} wrong passwords count there");
    }
    Ok(())
}

/// `Lockout::locked` says so when the account is locked.
pub(super) async fn lockout_says_locked(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    lock(bench, &start).await?;
    let lockout = done(directory.lockout(&start.dn, &start.dc).await, "the lockout")?;
    ensure!(lockout.locked, "the account is locked out, and the answer is {lockout:?}");
    Ok(())
}

/// Somebody locks the subject out.
pub(super) async fn lock(bench: &dyn Bench, start: &Start) -> Able<()> {
    for _ in 0..bench.rules().lockout_threshold {
        bench.somebody_tries(&start.dn, &start.dc, &bench.fresh()).await?;
    }
    let truth = bench.truth(&start.dn, &start.dc).await?;
    ensure!(truth.locked, "the bench does not lock the account: {truth:?}");
    Ok(())
}
