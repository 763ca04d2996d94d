//! The right to act: whoever lost it sends nothing that may change something.

use super::{Start, Verdict, done, ensure, fault, start};
use crate::conformance::directory::Bench;
use crate::conformance::tenures::{AFTERWARDS, lost, lost_after};
use crate::port::{Directory, Fault, Meaning};

async fn refused<T>(bench: &dyn Bench, start: &Start, call: &str, answer: Result<T, Fault>) -> Verdict {
    fault(answer, Meaning::Refused, &format!("{call} without the tenure"))?;
    start.unchanged(bench, &format!("{call} without the tenure")).await
}

/// Whatever writes is refused, and does not come later either.
pub(super) async fn without_tenure_nothing_is_sent(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, new) = (start(bench).await?, bench.fresh());
    let (dn, dc, old) = (&start.dn, &start.dc, &start.secret);
    refused(bench, &start, "a set", lost(directory.set_password(dn, dc, &new)).await).await?;
    refused(bench, &start, "a change", lost(directory.change_password(dn, dc, old, &new)).await).await?;
    // It is asked by a change of the password to itself.
    refused(bench, &start, "the question for what is in use", lost(directory.in_use(dn, dc, old)).await).await?;
    if let [_, other, ..] = bench.controllers().as_slice() {
        refused(bench, &start, "a replication", lost(directory.replicate(dn, dc, other)).await).await?;
    }
    tokio::time::sleep(AFTERWARDS).await;
    start.unchanged(bench, "some time after calls without the tenure").await
}

/// Reading needs none, and neither do a logon and the question for the right.
pub(super) async fn without_tenure_reading_goes_on(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, subject) = (start(bench).await?, bench.subject());
    let (dn, dc) = (&start.dn, &start.dc);
    done(lost(directory.account(&subject.sam_account_name)).await, "the account, without the tenure")?;
    done(lost(directory.fingerprint(dn, dc)).await, "the fingerprint, without the tenure")?;
    done(lost(directory.lockout(dn, dc)).await, "the lockout, without the tenure")?;
    done(lost(directory.working_dc(dn)).await, "the working domain controller, without the tenure")?;
    done(lost(directory.reset_right(dn, dc)).await, "the question for the right, without the tenure")?;
    done(lost(directory.accepts(dn, dc, &start.secret)).await, "a logon, without the tenure")?;
    start.unchanged(bench, "only read, without the tenure").await
}

/// A tenure that ends while the adapter waits on its way is missed: what was asked before the wait does not count.
pub(super) async fn the_tenure_is_asked_last(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, new) = (start(bench).await?, bench.fresh());
    let wait = bench.delay_the_next_set().await?;
    let set = directory.set_password(&start.dn, &start.dc, &new);
    let begun = std::time::Instant::now();
    let answer = lost_after(wait / 2, set).await;
    ensure!(begun.elapsed() >= wait / 2, "the set was not delayed: {:?}", begun.elapsed());
    refused(bench, &start, "a set that was delayed until it was", answer).await?;
    tokio::time::sleep(AFTERWARDS).await;
    start.unchanged(bench, "some time after the delayed set").await
}
