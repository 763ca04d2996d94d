//! What holds for every call: it ends, it means what it says, reading is reading, and no secret is shown.

use tokio::time::timeout;

use super::{Start, Verdict, done, ensure, fault, no_controller, nobody, start};
use crate::conformance::Stop;
use crate::conformance::directory::Bench;
use crate::port::{Directory, Fault, Meaning};

/// Calls that read change nothing, for nobody, on no domain controller.
pub(super) async fn reading_changes_nothing(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, subject, other) = (start(bench).await?, bench.subject(), bench.bystander().dn);
    let before = bench.truth(&other, &start.dc).await?;
    done(directory.account(&subject.sam_account_name).await, "the account")?;
    done(directory.fingerprint(&start.dn, &start.dc).await, "the fingerprint")?;
    done(directory.lockout(&start.dn, &start.dc).await, "the lockout")?;
    done(directory.working_dc(&start.dn).await, "the working domain controller")?;
    done(directory.own_credential().await, "the tool's own credential")?;
    start.unchanged(bench, "only read").await?;
    let after = bench.truth(&other, &start.dc).await?;
    ensure!(after == before, "only read, and of {other} {before:?} became {after:?}");
    Ok(())
}

/// A domain controller that is not there is `Later`, for every call that names it, in bounded time: nothing was
/// changed, there or elsewhere.
pub(super) async fn controller_unknown_is_later(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let start = start(bench).await?;
    is_later(directory, bench, &start, &no_controller(bench)).await
}

/// A domain controller that takes the connection and says nothing is `Later`, for every call that names it, in bounded
/// time.
pub(super) async fn controller_silent_is_later_and_soon(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let silent = bench.silent_controller().await?;
    let start = start(bench).await?;
    is_later(directory, bench, &start, &silent).await
}

async fn is_later(directory: &dyn Directory, bench: &dyn Bench, start: &Start, dc: &str) -> Verdict {
    let (dn, home, new) = (start.dn.as_str(), start.dc.as_str(), bench.fresh());
    // All at once: each may use up its time.
    let answers = tokio::join!(
        ends(bench, "fingerprint", directory.fingerprint(dn, dc)),
        ends(bench, "set_password", directory.set_password(dn, dc, &new)),
        ends(bench, "change_password", directory.change_password(dn, dc, &start.secret, &new)),
        ends(bench, "reset_right", directory.reset_right(dn, dc)),
        ends(bench, "lockout", directory.lockout(dn, dc)),
        ends(bench, "accepts", directory.accepts(dn, dc, &start.secret)),
        ends(bench, "replicate from it", directory.replicate(dn, dc, home)),
        ends(bench, "replicate to it", directory.replicate(dn, home, dc)),
    );
    answers.0?;
    answers.1?;
    answers.2?;
    answers.3?;
    answers.4?;
    answers.5?;
    answers.6?;
    answers.7?;
    start.unchanged(bench, &format!("asked {dc}, which does not answer")).await
}

async fn ends<T>(bench: &dyn Bench, call: &str, asked: impl Future<Output = Result<T, Fault>>) -> Verdict {
    let answer = timeout(bench.call_limit(), asked).await;
    let late = |_| Stop::Failed(format!("{call} did not end within {} s", bench.call_limit().as_secs()));
    fault(answer.map_err(late)?, Meaning::Later, call).map(|_| ())
}

/// No secret ever reaches an error, a `Debug` output or a description. Provokes faults; what every other check heard is
/// judged together with it.
pub(super) async fn no_secret_is_shown(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let (start, nobody) = (start(bench).await?, nobody(bench));
    ensure!(!directory.describe().trim().is_empty(), "the directory does not describe itself");
    let short = bench.against_policy();
    fault(directory.set_password(&start.dn, &start.dc, &short).await, Meaning::Refused, "a set against the policy")?;
    fault(directory.set_password(&nobody, &start.dc, &start.secret).await, Meaning::Refused, "a set of nobody")?;
    let wrong = directory.change_password(&start.dn, &start.dc, &bench.fresh(), &bench.fresh()).await;
    fault(wrong, Meaning::Refused, "a change with a wrong old password")?;
    done(directory.accepts(&start.dn, &start.dc, &bench.fresh()).await, "a logon that is refused")?;
    Ok(())
}
