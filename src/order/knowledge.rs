//! What the journal knows that a preflight asks for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use providers::port::Fingerprint;

use crate::diagnosis::OwnChanges;
use crate::engine::{Rehearsed, Rotation, Wish, own_changes_of};
use crate::journal::{Journal, JournalError, Query, State};
use crate::rotation::{Event, Outcome, Procedure, Seen, Step};
use crate::wiring::World;

/// How many of the newest rehearsals are read, and how far back an account's last record is looked for.
const NEWEST_MAX: u32 = 100;

/// How far back our own changes are told apart from somebody else's.
const CHANGES_SINCE: SignedDuration = SignedDuration::from_hours(72);

/// What is known of an account, and of the servers that it shares with others.
pub(super) struct Knowledge {
    /// The account's distinguished name, and its metadata after our last write.
    pub(super) last_known: Option<(String, Fingerprint)>,
    scheduler_owed: Option<bool>,
    /// The same by rotation.
    owed_by: Vec<(String, bool)>,
    rehearsed: Vec<Rehearsed>,
    own_changes: BTreeMap<String, OwnChanges>,
}

impl Knowledge {
    pub(super) async fn of(journal: &dyn Journal, world: &World, wish: &Wish) -> Result<Self, JournalError> {
        let (ports, account) = (world.ports(), wish.account.as_str());
        let since = ports.clock.now() - CHANGES_SINCE;
        let own_changes = own_changes_of(journal, &sharing(world, wish), since).await?;
        let mut known =
            Self { last_known: None, scheduler_owed: None, owed_by: Vec::new(), rehearsed: Vec::new(), own_changes };
        let open = Query { open: true, pausing: true, ..Query::default() };
        let rehearsals = Query { procedure: Some(Procedure::Rehearsal), newest: Some(NEWEST_MAX), ..Query::default() };
        for query in [open, rehearsals] {
            for listed in journal.list(&query).await?.iter().rev() {
                known.add_of_all(&Rotation::read(journal, &listed.id).await?);
            }
        }
        let of_account = journal.list(&Query { newest: Some(NEWEST_MAX), ..Query::of(account) }).await?;
        for last in of_account.iter().rev().filter(|listed| listed.state == State::Closed) {
            let rotation = Rotation::read(journal, &last.id).await?;
            // A password that was given and refused says nothing about the one in use.
            let refused = rotation.plan().inventory.procedure == Procedure::Adoption
                && rotation.progress().ended != Some(Outcome::Finished);
            if !refused {
                known.last_known = rotation.last_known(ports);
                break;
            }
        }
        Ok(known)
    }

    fn add_of_all(&mut self, rotation: &Rotation) {
        let inventory = &rotation.plan().inventory;
        if inventory.procedure == Procedure::Rehearsal && rotation.progress().ended == Some(Outcome::Finished) {
            self.rehearsed.extend(inventory.servers.iter().map(|server| Rehearsed {
                build: server.build.clone(),
                module: server.module.clone(),
                method: inventory.engine_method,
            }));
        }
        if let Some(owed) = owed(rotation) {
            // The oldest one saw the value before anybody paused it.
            self.scheduler_owed = Some(owed);
            self.owed_by.push((rotation.id().to_owned(), owed));
        }
    }

    /// The wish with what is known.
    pub(super) fn inform(&self, wish: &Wish) -> Wish {
        Wish {
            scheduler_owed: self.scheduler_owed,
            owed_by_repaired: self.owed_by.iter().find(|(id, _)| wish.repairs.contains(id)).map(|(_, owed)| *owed),
            rehearsed: self.rehearsed.clone(),
            own_changes: self.own_changes.clone(),
            ..wish.clone()
        }
    }
}

/// The accounts whose rotations work on a server of this one's: itself, and those that share a server with it.
pub fn sharing<'w>(world: &'w World, wish: &'w Wish) -> BTreeSet<&'w str> {
    let works_there =
        |other: &&Wish| other.servers.iter().any(|(server, _)| wish.servers.iter().any(|(ours, _)| ours == server));
    let others = world.wishes.iter().filter(works_there).map(|other| other.account.as_str());
    others.chain([wish.account.as_str()]).collect()
}

/// The scheduler's value before the rotation paused it, if it never released it.
fn owed(rotation: &Rotation) -> Option<bool> {
    // One that has ended released what it paused, or never paused it; a repair has released it before it closed it.
    let ended = rotation.progress().is_closed();
    if rotation.plan().inventory.quiesce != providers::port::QuiesceMode::Disable || ended {
        return None;
    }
    let mut owed = None;
    for entry in rotation.log() {
        match &entry.event {
            Event::Intent { step: Step::Quiesce { .. }, before: Seen::Scheduler { enabled } } => {
                owed = owed.or(Some(*enabled));
            }
            Event::Done { step: Step::Release { .. }, .. } => owed = None,
            _ => {}
        }
    }
    owed
}
