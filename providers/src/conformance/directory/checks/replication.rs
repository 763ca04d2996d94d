//! Asking for replication.

use super::{Verdict, done, ensure, fault, separated, start};
use crate::conformance::directory::Bench;
use crate::port::{Directory, Meaning};

/// `replicate` from a domain controller to itself has nothing to do, and does nothing.
pub(super) async fn replicate_to_itself_is_done(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    let spelled_otherwise = start.dc.to_uppercase();
    let answer = directory.replicate(&start.dn, &start.dc, &spelled_otherwise).await;
    done(answer, "the replication to the same domain controller")?;
    start.unchanged(bench, "replicated to itself").await
}

/// `replicate` that is done has brought the account there; where it is not permitted it is later.
pub(super) async fn replicate_done_is_there(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (permitted, (home, other)) = (bench.may_replicate()?, separated(bench).await?);
    let (dn, new) = (bench.subject().dn, bench.fresh());
    bench.person_sets(&dn, &home, &new).await?;
    let (there, before) = (bench.truth(&dn, &home).await?, bench.truth(&dn, &other).await?);
    ensure!(there.key_version != before.key_version, "the bench does not hold replication: {there:?} {before:?}");
    let answer = directory.replicate(&dn, &home, &other).await;
    let after = bench.truth(&dn, &other).await?;
    if permitted {
        done(answer, "the replication")?;
        let same = (after.key_version, after.password_last_set) == (there.key_version, there.password_last_set);
        ensure!(same, "replicated, and {home} holds {there:?}, {other} {after:?}");
    } else {
        fault(answer, Meaning::Later, "a replication that is not permitted")?;
        ensure!(after == before, "not replicated, and at {other} {before:?} became {after:?}");
    }
    let source = bench.truth(&dn, &home).await?;
    ensure!(source == there, "replicated from {home}, and there {there:?} became {source:?}");
    Ok(())
}
