//! Where the work is done, and as whom.

use super::{Verdict, done, ensure, home};
use crate::conformance::directory::Bench;
use crate::port::Directory;

/// `working_dc` is the domain controller that `account` names.
pub(super) async fn working_dc_is_the_accounts(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let subject = bench.subject();
    let facts = done(directory.account(&subject.sam_account_name).await, "the account")?;
    let working = done(directory.working_dc(&subject.dn).await, "the working domain controller")?;
    ensure!(working == facts.dc, "the account names {}, the working domain controller is {working}", facts.dc);
    ensure!(working.eq_ignore_ascii_case(&home(bench)), "{working} is not the PDC emulator");
    Ok(())
}

/// `working_dc` is asked anew each time: roles move.
pub(super) async fn working_dc_follows_the_role(directory: &dyn Directory, bench: &dyn Bench) -> Verdict {
    let subject = bench.subject();
    done(directory.working_dc(&subject.dn).await, "the working domain controller")?;
    let now = bench.move_role().await?;
    let working = done(directory.working_dc(&subject.dn).await, "the working domain controller")?;
    ensure!(working.eq_ignore_ascii_case(&now), "the role moved to {now}, the answer is {working}");
    let facts = done(directory.account(&subject.sam_account_name).await, "the account")?;
    ensure!(facts.dc.eq_ignore_ascii_case(&now), "the role moved to {now}, the account names {}", facts.dc);
    Ok(())
}

/// `own_credential` says whose and what it is, and why an age is missing.
pub(super) async fn own_credential_is_named(directory: &dyn Directory, _: &dyn Bench) -> Verdict {
    let own = done(directory.own_credential().await, "the tool's own credential")?;
    ensure!(own.holder == "directory", "it is held for {:?}", own.holder);
    ensure!(!own.name.is_empty() && !own.kind.is_empty(), "whose it is, or what, is missing: {own:?}");
    ensure!(own.set_at.is_some() || !own.note.is_empty(), "no age, and no reason: {own:?}");
    Ok(())
}
