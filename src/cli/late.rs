//! `rotate --due`: the late proofs whose time has come.

use jiff::Timestamp;

use super::arguments::{Format, Global};
use super::exit::Exit;
use super::outcome::{Result as Came, Results};
use super::output::{say, show};
use super::session;
use crate::engine::{Rotation, Wish, late_proof_due};
use crate::journal::{Journal, State};
use crate::rotation::{LateProof, Outcome, Procedure};
use crate::wiring::World;

pub(super) async fn run(global: &Global) -> Exit {
    let world = match session::open(global) {
        Ok(world) => world,
        Err(exit) => return exit,
    };
    let journal = match session::usable(world.journal_as_it_is().await) {
        Ok(journal) => journal,
        Err(exit) => return exit,
    };
    let mut results = Vec::new();
    for wish in &world.wishes {
        results.extend(of(&world, &*journal, wish).await);
    }
    if results.is_empty() {
        say("no late proof is due");
        if global.format == Format::Table {
            return Exit::Done;
        }
    }
    let exit = results.iter().fold(Exit::Done, |worst, came: &Came| worst.worse(came.exits));
    show(global.format, &Results { results, exit: exit.code() }, Results::table);
    exit
}

async fn of(world: &World, journal: &dyn Journal, wish: &Wish) -> Option<Came> {
    let account = &wish.account;
    let fail = |(message, exit): (String, Exit)| Some(Came::without_rotation(account, exit, message));
    let newest = match newest_finished(journal, account).await {
        Ok(newest) => newest?,
        Err(error) => return fail(session::journal_failed(&error)),
    };
    let due = late_proof_due(&newest)?;
    if world.ports().clock.now() < due {
        return None;
    }
    let _leases = match session::leases(world, wish) {
        Ok(leases) => leases,
        Err(busy) => return fail(session::busy(&busy)),
    };
    let mut rotation = match Rotation::claim(journal, world.ports(), newest.id(), &session::holder()).await {
        Ok(rotation) => rotation,
        Err(stopped) => return fail(session::stopped(&stopped, newest.id())),
    };
    Some(match rotation.prove_late(journal, world.ports()).await {
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
            format!("ALARM: {connector} on {server} no longer syncs: {}", session::sentence(&fault)),
        ),
        Err(stopped) => Came::stopped(&rotation, (session::stopped(&stopped, rotation.id()).0, Exit::Later)),
    })
}

/// The account's newest rotation, if it is finished: a later one makes the late proof of an earlier one moot.
pub(super) async fn newest_finished(
    journal: &dyn Journal,
    account: &str,
) -> Result<Option<Rotation>, crate::journal::JournalError> {
    let listed = journal.list().await?;
    for newest in listed.iter().rev().filter(|listed| listed.account == *account) {
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
pub(super) fn overdue(rotation: &Rotation, now: Timestamp) -> bool {
    late_proof_due(rotation).is_some_and(|due| now.duration_since(due).as_hours() >= 24)
}
