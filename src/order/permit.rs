//! Whether a rotation may begin where plans are to be approved.

use super::{Exit, Wanted, initiator_names, journal_failed};
use crate::approval::Approvers;
use crate::engine::{Purpose, Rotation, Wish};
use crate::journal::{Journal, Query, State};
use crate::rotation::{Approval, Outcome, Plan, Procedure, Trigger};

/// How many rotations back it is looked for whether a plan was carried out already.
const NEWEST_MAX: u32 = 40;

/// What a rotation begins with.
#[derive(Debug, Default)]
pub(super) struct Permit {
    /// Who approved it.
    pub(super) approved: Option<Approval>,
    /// Why it needs nobody's approval although one is required.
    pub(super) without: Option<String>,
}

/// Judges it. What the schedule begins was decided with the configuration; an adoption and a rehearsal set no password; a
/// repair that ends the hold of a rotation can't wait for a second person. `mends`: it does.
pub(super) fn permit(
    approvers: &Approvers,
    wish: &Wish,
    wanted: &Wanted,
    mends: bool,
    now: jiff::Timestamp,
) -> Result<Permit, (String, Exit)> {
    let refused = |why: String| (format!("nothing was changed: {why}"), Exit::Refused);
    let approved = match &wanted.approved {
        Some(plans) => approvers
            .judge(&plans.digest, &plans.approvals, &initiator_names(), now)
            .map_err(|why| refused(why.to_string()))?,
        None => None,
    };
    let sets = matches!(wish.purpose, Purpose::Rotate | Purpose::Repair);
    let by_schedule = matches!(wanted.trigger, Trigger::Schedule { .. });
    if approved.is_some() || !approvers.required || !sets || mends || by_schedule {
        return Ok(Permit { approved, without: None });
    }
    if wanted.without_approval.is_some() {
        return Ok(Permit { approved: None, without: wanted.without_approval.clone() });
    }
    let next = "where it can't wait, `rotate --without-approval REASON` does it and is told as an exception";
    Err(refused(if wanted.approved.is_some() {
        format!(
            "plans must be approved here, and nobody has signed this file\n  next step: somebody else looks at it and signs it with `approve FILE --key KEY --as NAME`; {next}"
        )
    } else {
        format!(
            "a rotation by a person must be approved here\n  next step: `plan --out FILE`, then somebody else `approve FILE --key KEY --as NAME`, then `rotate --plan FILE`; {next}"
        )
    }))
}

/// Whether it is a repair of what began as a rotation. A rehearsal needs nobody's approval, and one that is held has left a password
/// that everybody agrees on: to set another one is a rotation like any.
pub(super) async fn mends(journal: &dyn Journal, wish: &Wish) -> Result<bool, (String, Exit)> {
    if wish.purpose != Purpose::Repair {
        return Ok(false);
    }
    for id in &wish.repairs {
        let rotation = Rotation::read(journal, id).await.map_err(|error| journal_failed(&error))?;
        if !matches!(rotation.plan().inventory.procedure, Procedure::Rehearsal | Procedure::Adoption) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A plan is good for one rotation: refuses one that was carried out.
pub(super) async fn unspent(journal: &dyn Journal, plan: &Plan) -> Result<(), (String, Exit)> {
    let query = Query { newest: Some(NEWEST_MAX), ..Query::of(&plan.inventory.account) };
    let listed = journal.list(&query).await.map_err(|error| journal_failed(&error))?;
    for listed in listed.iter().filter(|listed| listed.state == State::Closed) {
        let rotation = Rotation::read(journal, &listed.id).await.map_err(|error| journal_failed(&error))?;
        let finished = rotation.progress().ended == Some(Outcome::Finished);
        let done = rotation.plan();
        if finished && plan.made_at == done.made_at && plan.differences(done).is_empty() {
            return Err((
                format!(
                    "nothing was changed: this plan was carried out already, by rotation {}: a plan is good for one\n  next step: look at `plan`, and have a new one approved",
                    listed.id
                ),
                Exit::Refused,
            ));
        }
    }
    Ok(())
}
