//! Resetting a password.

use super::{Verdict, done, ensure, fault, home, nobody, separated, start};
use crate::conformance::directory::Bench;
use crate::port::{Directory, Meaning, Secret, step_scope};

/// The step on whose behalf a reply is lost.
const STEP: &str = "directory";

/// `set_password` that is done has happened: the new password is the one in use, the one before is not.
pub(super) async fn set_done_is_live(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, new) = (start(bench).await?, bench.fresh());
    done(directory.set_password(&start.dn, &start.dc, &new).await, "the set")?;
    start.in_use(bench, &new, "the set is done").await?;
    let old = bench.is_current(&start.dn, &start.dc, &start.secret).await?;
    ensure!(!old, "the set is done and the password before is still the one in use");
    Ok(())
}

/// `set_password` sets once: one more key version, a later pwdLastSet, no wrong password.
pub(super) async fn set_is_one_set(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    done(directory.set_password(&start.dn, &start.dc, &bench.fresh()).await, "the set")?;
    let (before, after) = (start.before, bench.truth(&start.dn, &start.dc).await?);
    ensure!(after.key_version == before.key_version + 1, "{before:?} became {after:?}");
    ensure!(after.password_last_set > before.password_last_set, "{before:?} became {after:?}");
    ensure!(after.wrong == before.wrong, "the set tried a wrong password: {before:?} became {after:?}");
    Ok(())
}

/// `set_password` sets the account named and no other.
pub(super) async fn set_touches_nobody_else(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, other) = (start(bench).await?, bench.bystander().dn);
    let before = bench.truth(&other, &start.dc).await?;
    done(directory.set_password(&start.dn, &start.dc, &bench.fresh()).await, "the set")?;
    let after = bench.truth(&other, &start.dc).await?;
    ensure!(after == before, "{other} was not named, and {before:?} became {after:?}");
    Ok(())
}

/// `set_password` sets exactly the secret given, whatever its characters.
pub(super) async fn set_takes_every_character(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    let new = Secret::new(format!("{}\"' \\ <&>;=%$`|^ é漢\u{1d11e}", bench.fresh().expose()));
    done(directory.set_password(&start.dn, &start.dc, &new).await, "the set")?;
    start.in_use(bench, &new, "a password with rare characters is set").await
}

/// `set_password` with the same secret again is a set of its own (after it the password before the first is no longer
/// the previous one).
pub(super) async fn set_again_is_a_set_of_its_own(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    let again = directory.set_password(&start.dn, &start.dc, &start.secret).await;
    done(again, "the set to the password in use")?;
    start.set_once(bench, &start.secret, "set to the password in use").await
}

/// `set_password` to the previous password is a set as any other: that a bind accepts it proves nothing.
pub(super) async fn set_back_to_the_previous_password_is_a_set(
    directory: &dyn Directory,
    bench: &dyn Bench,
) -> Verdict {
    let previous = start(bench).await?.secret;
    let start = start(bench).await?;
    done(directory.set_password(&start.dn, &start.dc, &previous).await, "the set to the previous password")?;
    start.set_once(bench, &previous, "set to the previous password").await
}

/// `set_password` against the policy is refused with 0000052D in its words, and nothing changes: only then may
/// another candidate take its place.
pub(super) async fn set_against_policy_is_refused_with_its_code(
    directory: &dyn Directory,
    bench: &dyn Bench,
) -> Verdict {
    let (start, call) = (start(bench).await?, "a set against the policy");
    let answer = directory.set_password(&start.dn, &start.dc, &bench.against_policy()).await;
    let fault = fault(answer, Meaning::Refused, call)?;
    ensure!(fault.cause.contains("0000052D"), "{call} is refused without its code: {fault}");
    start.unchanged(bench, call).await
}

/// `set_password` without the right is refused, and nothing changes.
pub(super) async fn set_without_right_is_refused(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (dn, dc) = (bench.without_right().await?.dn, home(bench));
    let before = bench.truth(&dn, &dc).await?;
    let answer = directory.set_password(&dn, &dc, &bench.fresh()).await;
    fault(answer, Meaning::Refused, "a set without the right")?;
    let after = bench.truth(&dn, &dc).await?;
    ensure!(after == before, "a set without the right: {before:?} became {after:?}");
    Ok(())
}

/// `set_password` of a name that nobody has is refused.
pub(super) async fn set_of_nobody_is_refused(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    let answer = directory.set_password(&nobody(bench), &start.dc, &bench.fresh()).await;
    fault(answer, Meaning::Refused, "a set of nobody")?;
    start.unchanged(bench, "a set of nobody").await
}

/// `set_password` whose reply is lost is unclear: neither done nor surely undone.
pub(super) async fn set_with_its_reply_lost_is_unclear(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, new) = (start(bench).await?, bench.fresh());
    bench.lose_the_next_reply().await?;
    let answer = step_scope::within(STEP.to_owned(), directory.set_password(&start.dn, &start.dc, &new)).await;
    fault(answer, Meaning::Unclear, "a set whose reply is lost")?;
    start.set_once(bench, &new, "a set whose reply is lost took effect").await
}

/// `set_password` happens on the domain controller named: the one that the journal knows, wherever the role is.
pub(super) async fn set_happens_at_the_controller_named(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (home, other) = separated(bench).await?;
    let dn = bench.subject().dn;
    for (here, there) in [(&other, &home), (&home, &other)] {
        let new = bench.fresh();
        let before = (bench.truth(&dn, here).await?, bench.truth(&dn, there).await?);
        done(directory.set_password(&dn, here, &new).await, &format!("the set at {here}"))?;
        let after = (bench.truth(&dn, here).await?, bench.truth(&dn, there).await?);
        let moved = after.0.key_version - before.0.key_version;
        ensure!(moved == 1, "set at {here}, and there {:?} became {:?}", before.0, after.0);
        ensure!(after.1 == before.1, "set at {here}, and at {there} {:?} became {:?}", before.1, after.1);
        ensure!(bench.is_current(&dn, here, &new).await?, "set at {here}, and it is not the one in use there");
    }
    Ok(())
}
