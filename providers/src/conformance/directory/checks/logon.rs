//! Asking by a logon.

use super::lockout::lock;
use super::{Verdict, done, ensure, fault, separated, start};
use crate::conformance::directory::Bench;
use crate::port::{Directory, Meaning};

/// `accepts` is true for the password in use, and leaves no trace that counts.
pub(super) async fn accepts_the_current_password(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    let accepted = done(directory.accepts(&start.dn, &start.dc, &start.secret).await, "the logon")?;
    ensure!(accepted, "the password in use is not accepted");
    start.unchanged(bench, "logged on").await
}

/// `accepts` is false for a wrong password, which is an answer and no fault, and tries it once.
pub(super) async fn accepts_not_a_wrong_password_and_tries_once(
    directory: &dyn Directory,
    bench: &dyn Bench,
) -> Verdict {
    let start = start(bench).await?;
    let accepted = done(directory.accepts(&start.dn, &start.dc, &bench.fresh()).await, "a logon that is refused")?;
    ensure!(!accepted, "a password that the account never had is accepted");
    let (before, after) = (start.before, bench.truth(&start.dn, &start.dc).await?);
    ensure!(after.wrong == before.wrong + 1, "one wrong password, and {before:?} became {after:?}");
    ensure!(after.key_version == before.key_version, "only asked, and {before:?} became {after:?}");
    Ok(())
}

/// `accepts` of a locked account is refused: that answer says nothing about the password.
pub(super) async fn accepts_of_a_locked_account_is_refused(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    lock(bench, &start).await?;
    let answer = directory.accepts(&start.dn, &start.dc, &start.secret).await;
    fault(answer, Meaning::Refused, "a logon to a locked account")?;
    Ok(())
}

/// `accepts` asks the domain controller named.
pub(super) async fn accepts_asks_the_controller_named(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (_, other) = separated(bench).await?;
    let dn = bench.subject().dn;
    let before = bench.truth(&dn, &other).await?;
    done(directory.accepts(&dn, &other, &bench.fresh()).await, "a logon that is refused")?;
    let after = bench.truth(&dn, &other).await?;
    ensure!(after.wrong == before.wrong + 1, "one wrong password at {other}, and there {before:?} became {after:?}");
    Ok(())
}
