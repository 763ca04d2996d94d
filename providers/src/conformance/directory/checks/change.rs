//! Changing a password as the account itself.

use super::{Verdict, done, ensure, fault, home, separated, start};
use crate::conformance::directory::Bench;
use crate::port::{Directory, Meaning};

/// `change_password` that is done has happened, once, and to nobody else.
pub(super) async fn change_done_is_live(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, new, other) = (start(bench).await?, bench.fresh(), bench.bystander().dn);
    let before = bench.truth(&other, &start.dc).await?;
    let answer = directory.change_password(&start.dn, &start.dc, &start.secret, &new).await;
    done(answer, "the change")?;
    start.set_once(bench, &new, "the change is done").await?;
    let after = bench.truth(&other, &start.dc).await?;
    ensure!(after == before, "{other} was not named, and {before:?} became {after:?}");
    Ok(())
}

/// `change_password` needs no right: it is the account's own act.
pub(super) async fn change_needs_no_right(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (dn, dc) = (bench.without_right().await?.dn, home(bench));
    let (old, new) = (bench.fresh(), bench.fresh());
    bench.person_sets(&dn, &dc, &old).await?;
    done(directory.change_password(&dn, &dc, &old, &new).await, "the change where there is no right to reset")?;
    ensure!(bench.is_current(&dn, &dc, &new).await?, "the change is done and its password is not the one in use");
    Ok(())
}

/// `change_password` shows the old password: a wrong one is refused, nothing changes, and it is tried once.
pub(super) async fn change_with_a_wrong_old_password_is_refused(
    directory: &dyn Directory,
    bench: &dyn Bench,
) -> Verdict {
    let (start, call) = (start(bench).await?, "a change with a wrong old password");
    let answer = directory.change_password(&start.dn, &start.dc, &bench.fresh(), &bench.fresh()).await;
    fault(answer, Meaning::Refused, call)?;
    let (before, after) = (start.before, bench.truth(&start.dn, &start.dc).await?);
    let same = (after.key_version, after.password_last_set) == (before.key_version, before.password_last_set);
    ensure!(same, "{call}: {before:?} became {after:?}");
    ensure!(after.wrong <= before.wrong + 1, "{call} is tried more than once: {before:?} became {after:?}");
    start.in_use(bench, &start.secret, call).await
}

/// `change_password` obeys the policy, and nothing changes.
pub(super) async fn change_against_policy_is_refused(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, call) = (start(bench).await?, "a change against the policy");
    let answer = directory.change_password(&start.dn, &start.dc, &start.secret, &bench.against_policy()).await;
    fault(answer, Meaning::Refused, call)?;
    start.unchanged(bench, call).await
}

/// `change_password` obeys history, unlike a reset, and nothing changes.
pub(super) async fn change_obeys_history(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    bench.keeps_history()?;
    let previous = start(bench).await?.secret;
    let (start, call) = (start(bench).await?, "a change to the previous password");
    let answer = directory.change_password(&start.dn, &start.dc, &start.secret, &previous).await;
    fault(answer, Meaning::Refused, call)?;
    start.unchanged(bench, call).await
}

/// `change_password` obeys minimum age, unlike a reset, and nothing changes.
pub(super) async fn change_obeys_minimum_age(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    bench.demand_age().await?;
    let (start, call) = (start(bench).await?, "a change of a young password");
    let answer = directory.change_password(&start.dn, &start.dc, &start.secret, &bench.fresh()).await;
    fault(answer, Meaning::Refused, call)?;
    start.unchanged(bench, call).await?;
    let new = bench.fresh();
    done(directory.set_password(&start.dn, &start.dc, &new).await, "a reset of a young password")?;
    start.set_once(bench, &new, "a reset of a young password").await
}

/// `change_password` happens on the domain controller named.
pub(super) async fn change_happens_at_the_controller_named(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (home, other) = separated(bench).await?;
    let (dn, old, new) = (bench.subject().dn, bench.fresh(), bench.fresh());
    for dc in [&home, &other] {
        bench.person_sets(&dn, dc, &old).await?;
    }
    let before = (bench.truth(&dn, &home).await?, bench.truth(&dn, &other).await?);
    done(directory.change_password(&dn, &other, &old, &new).await, &format!("the change at {other}"))?;
    let after = (bench.truth(&dn, &home).await?, bench.truth(&dn, &other).await?);
    ensure!(after.0 == before.0, "changed at {other}, and at {home} {:?} became {:?}", before.0, after.0);
    let moved = after.1.key_version - before.1.key_version;
    ensure!(moved == 1, "changed at {other}, and there {:?} became {:?}", before.1, after.1);
    Ok(())
}
