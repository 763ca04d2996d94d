use jiff::Timestamp;
use providers::port::QuiesceMode;

use super::told::busy;
use super::{Came, Context, Exit, holder, journal_failed, leases, sentence, stopped};
use crate::engine::{Rotation, Wish, late_proof_due};
use crate::journal::{Journal, JournalError, Query, State};
use crate::rotation::{LateProof, Outcome, Procedure};

/// How many rotations back one is looked for that set a password.
const NEWEST_MAX: u32 = 50;

/// Makes the late proof of an account's newest rotation, if it is due.
pub async fn prove_late(context: Context<'_>, wish: &Wish) -> Option<Came> {
    let Context { world, journal, .. } = context;
    let account = &wish.account;
    let fail = |(message, exit): (String, Exit)| Some(Came::without_rotation(account, exit, message));
    let newest = match newest_finished(journal, account).await {
        Ok(newest) => newest?,
        Err(error) => return fail(journal_failed(&error)),
    };
    let due = late_proof_due(&newest)?;
    if world.ports().clock.now() < due {
        return None;
    }
    // A proof pauses nothing.
    let leases = match leases(journal, &Wish { quiesce: QuiesceMode::Gap, ..wish.clone() }).await {
        Ok(leases) => leases,
        Err(taken) => return fail(busy(&taken)),
    };
    let mut rotation = newest;
    Some(match leases.during(rotation.prove_late(journal, world.ports(), &holder())).await {
        Ok(LateProof::Proven { .. }) => Came::told(
            &rotation,
            "proven-late",
            Exit::Done,
            "still syncs with the new password, 70 minutes after the seal".to_owned(),
        ),
        Ok(LateProof::Failed { server, connector, fault }) => Came::told(
            &rotation,
            "late-proof-failed",
            Exit::Failed,
            format!("ALARM: {connector} on {server} no longer syncs: {}", sentence(&fault)),
        ),
        Err(why) => Came::stopped(&rotation, (stopped(&why, rotation.id()).0, Exit::Later)),
    })
}

/// The account's newest rotation, if it is finished: a later one makes the late proof of an earlier one moot.
pub async fn newest_finished(journal: &dyn Journal, account: &str) -> Result<Option<Rotation>, JournalError> {
    for newest in journal.list(&Query { newest: Some(NEWEST_MAX), ..Query::of(account) }).await?.iter().rev() {
        if newest.state != State::Closed {
            return Ok(None);
        }
        let rotation = Rotation::read(journal, &newest.id).await?;
        // Neither sets a password, so what was rotated before still waits for its late proof.
        if matches!(rotation.plan().inventory.procedure, Procedure::Adoption | Procedure::Rehearsal) {
            continue;
        }
        return Ok((rotation.progress().ended == Some(Outcome::Finished)).then_some(rotation));
    }
    Ok(None)
}

/// Since when a late proof is overdue, if it is: more than a day.
pub fn overdue(rotation: &Rotation, now: Timestamp) -> bool {
    late_proof_due(rotation).is_some_and(|due| now.duration_since(due).as_hours() >= 24)
}
