//! Reading the metadata.

use super::{Verdict, done, ensure, fault, home, nobody, separated, start};
use crate::conformance::Stop;
use crate::conformance::directory::Bench;
use crate::port::{Directory, Fingerprint, Meaning};

/// One second, as AD counts.
const SECOND: i64 = 10_000_000;
/// How far two readings of one clock may lie apart: a slow machine is between them.
const CLOCK_TOLERANCE: i64 = 60 * SECOND;
/// The rootDSE tells the time in whole seconds.
const CLOCK_STEP: i64 = SECOND;

async fn is_truth(directory: &dyn Directory, bench: &dyn Bench, dn: &str, dc: &str) -> Result<Fingerprint, Stop> {
    let print = done(directory.fingerprint(dn, dc).await, "the fingerprint")?;
    let truth = bench.truth(dn, dc).await?;
    ensure!(print.dc.eq_ignore_ascii_case(dc), "{} was asked, {} answered", dc, print.dc);
    let read = (print.key_version, print.password_last_set);
    ensure!(read == (truth.key_version, truth.password_last_set), "{print:?}, but {dc} holds {truth:?}");
    Ok(print)
}

/// `fingerprint` is the account's metadata on the domain controller asked.
pub(super) async fn fingerprint_is_the_truth(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    is_truth(directory, bench, &start.dn, &start.dc).await.map(|_| ())
}

/// `Fingerprint::key_version` is one more per set, and the same while nothing is set.
pub(super) async fn fingerprint_moves_by_one_with_each_set(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    let read = || directory.fingerprint(&start.dn, &start.dc);
    let (first, again) = (done(read().await, "the fingerprint")?, done(read().await, "the fingerprint")?);
    ensure!(first.same_set(&again), "nothing was set, and {first:?} became {again:?}");
    bench.person_sets(&start.dn, &start.dc, &bench.fresh()).await?;
    let next = done(read().await, "the fingerprint")?;
    ensure!(next.key_version == first.key_version + 1, "set once, and {first:?} became {next:?}");
    ensure!(next.password_last_set > first.password_last_set, "set later, and {first:?} became {next:?}");
    Ok(())
}

/// `Fingerprint::dc_time` is the domain controller's own clock, the one that pwdLastSet is written by.
pub(super) async fn fingerprint_has_the_controllers_clock(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (dn, dc) = (bench.subject().dn, home(bench));
    let before = done(directory.fingerprint(&dn, &dc).await, "the fingerprint")?;
    let apart = before.dc_time.abs_diff(bench.clock(&dc).await?);
    ensure!(apart <= CLOCK_TOLERANCE.unsigned_abs(), "the clock read is {} s wrong", apart / SECOND.unsigned_abs());
    bench.person_sets(&dn, &dc, &bench.fresh()).await?;
    let after = done(directory.fingerprint(&dn, &dc).await, "the fingerprint")?;
    let set = after.password_last_set;
    ensure!(before.dc_time <= set && set <= after.dc_time + CLOCK_STEP, "not set between {before:?} and {after:?}");
    Ok(())
}

/// `fingerprint` is read on the domain controller asked and nowhere else.
pub(super) async fn fingerprint_is_of_the_controller_asked(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (home, other) = separated(bench).await?;
    let dn = bench.subject().dn;
    bench.person_sets(&dn, &home, &bench.fresh()).await?;
    bench.person_sets(&dn, &home, &bench.fresh()).await?;
    bench.person_sets(&dn, &other, &bench.fresh()).await?;
    let (one, two) = (is_truth(directory, bench, &dn, &home).await?, is_truth(directory, bench, &dn, &other).await?);
    ensure!(!one.same_set(&two), "the bench does not hold replication: {one:?} {two:?}");
    Ok(())
}

/// `fingerprint` refuses a name that nobody has.
pub(super) async fn fingerprint_of_nobody_is_refused(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    fault(directory.fingerprint(&nobody(bench), &home(bench)).await, Meaning::Refused, "the fingerprint of nobody")?;
    Ok(())
}
