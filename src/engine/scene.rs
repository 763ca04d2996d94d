use std::future::Future;

use jiff::Timestamp;
use providers::port::{Attempt, Fault, Fingerprint, LocalUserFacts, Meaning, Secret, Slot, step_scope};

use super::Ports;
use crate::journal::Entry;
use crate::rotation::{Direction, Event, Method, Plan, Procedure, Progress, Seen, Side, Standing, Step, TurnedBy};

/// What an action may know: the world, the plan, and what has happened so far.
pub(super) struct Scene<'s> {
    pub(super) ports: &'s Ports,
    pub(super) rotation: &'s str,
    pub(super) plan: &'s Plan,
    pub(super) progress: &'s Progress,
    pub(super) log: &'s [Entry],
}

/// What applying a step came to, when it did not fail.
pub(super) enum Acted {
    /// It took effect.
    Done(Seen),
    /// Somebody else was here; nothing was applied after that was seen.
    Foreign(Seen),
}

/// What is seen before a step is applied.
pub(super) enum Before {
    /// The world is as it should be.
    Clear(Seen),
    /// There is nothing to apply: it has happened meanwhile, or somebody else was here.
    Found(Side, Seen),
}

/// How far two readings of one set of a local user's password may lie apart, in 100-nanosecond intervals: 3 s.
const LOCAL_TOLERANCE: u64 = 30_000_000;
/// 100-nanosecond intervals from 1601 to 1970.
const UNIX_EPOCH_AS_FILETIME: i64 = 116_444_736_000_000_000;

/// What is known of the sets of a local user, in the form of a directory's. There is no key version.
pub(super) fn local_fingerprint(server: &str, user: &LocalUserFacts) -> Fingerprint {
    let filetime = |at: Timestamp| at.as_microsecond().saturating_mul(10).saturating_add(UNIX_EPOCH_AS_FILETIME);
    Fingerprint {
        dc: server.to_owned(),
        key_version: 0,
        password_last_set: filetime(user.password_set_at),
        dc_time: filetime(user.at),
    }
}

/// Whether both show the same set of a local user's password.
pub(super) fn same_local_set(one: &Fingerprint, other: &Fingerprint) -> bool {
    one.password_last_set.abs_diff(other.password_last_set) <= LOCAL_TOLERANCE
}

impl Scene<'_> {
    /// The key under which the vault knows this rotation's candidate.
    pub(super) fn attempt(&self) -> Attempt {
        Attempt { rotation: self.rotation.to_owned(), takes_over: self.plan.inventory.takes_over.clone() }
    }

    pub(super) fn vault_name(&self) -> &str {
        &self.plan.inventory.vault_name
    }

    pub(super) fn dn(&self) -> &str {
        &self.plan.inventory.dn
    }

    /// The domain controller where the resets happen, from the first to the last.
    pub(super) fn dc(&self) -> &str {
        &self.plan.inventory.fingerprint.dc
    }

    /// The password that the current direction works towards, read from the vault each time: what lies
    /// there is what counts, and nothing secret outlives the call that needs it.
    pub(super) async fn target(&self) -> Result<Secret, Fault> {
        match self.progress.direction {
            _ if self.plan.inventory.procedure == Procedure::Rehearsal => self.old().await,
            Direction::Forward => self.candidate().await,
            Direction::Back => self.old().await,
        }
    }

    /// Whether the target lies in the vault as pending: a candidate does until its promotion.
    pub(super) fn target_is_pending(&self) -> bool {
        let forward = self.progress.direction == Direction::Forward;
        let promoted = self.progress.mark(&Step::Promote).is_some_and(|mark| mark.standing == Standing::Done);
        forward && !promoted && self.plan.inventory.procedure != Procedure::Rehearsal
    }

    /// This rotation's candidate.
    pub(super) async fn candidate(&self) -> Result<Secret, Fault> {
        self.aside(async {
            for slot in [Slot::Pending, Slot::Current] {
                if let Some(found) = self.ports.vault.find(self.vault_name(), slot).await?
                    && found.rotation.as_deref() == Some(self.rotation)
                {
                    return self.ports.vault.read(&found).await;
                }
            }
            Err(Fault::broken(
                format!("reading the candidate of rotation {}", self.rotation),
                "the vault has it neither as pending nor as current",
            )
            .hint("find out who removed it; older versions in the vault's history may still hold it"))
        })
        .await
    }

    /// The vault's current value, as long as it is not this rotation's own.
    pub(super) async fn old(&self) -> Result<Secret, Fault> {
        self.aside(async {
            match self.ports.vault.find(self.vault_name(), Slot::Current).await? {
                Some(found) if found.rotation.as_deref() == Some(self.rotation) => Err(Fault::broken(
                    format!("reading the old password of {}", self.vault_name()),
                    "what the vault has as current is this rotation's own candidate: it was promoted",
                )
                .hint("there is nothing to go back to; `rotate --repair` sets a fresh one everywhere")),
                Some(found) => self.ports.vault.read(&found).await,
                None => Err(Fault::broken(
                    format!("reading the current password of {}", self.vault_name()),
                    "the vault has none",
                )),
            }
        })
        .await
    }

    /// A read beside the step itself. Named as a look, so that a fault meant for the step's own request does
    /// not hit this one.
    pub(super) async fn aside<F: Future>(&self, read: F) -> F::Output {
        let name = step_scope::current();
        let name = if name.starts_with("look:") { name } else { format!("look:{name}") };
        step_scope::within(name, read).await
    }

    /// Tells readers of current of the candidate, before it may become the live password: from then until its promotion
    /// the directory refuses them with what current holds.
    pub(super) async fn announce(&self) -> Result<(), Fault> {
        if !self.target_is_pending() {
            return Ok(());
        }
        match self.ports.vault.find(self.vault_name(), Slot::Pending).await? {
            Some(pending) if pending.rotation.as_deref() == Some(self.rotation) => {
                self.ports.vault.announce(&pending).await
            }
            // Whoever reads the target next says what lies there instead.
            _ => Ok(()),
        }
    }

    /// The account's metadata now, where the resets happen.
    pub(super) async fn fingerprint(&self) -> Result<Fingerprint, Fault> {
        if self.plan.inventory.method == Method::LocalChange {
            let user = self.aside(self.ports.server(self.dc())?.local_user(self.dn())).await?;
            return Ok(local_fingerprint(self.dc(), &user));
        }
        let answer = self.aside(self.ports.directory.fingerprint(self.dn(), self.dc())).await;
        match answer {
            Err(fault) if fault.meaning == Meaning::Later => Err(self.where_the_role_went(fault).await),
            answer => answer,
        }
    }

    /// A domain controller that does not answer any more may have lost its role to another: a person wants to know.
    async fn where_the_role_went(&self, fault: Fault) -> Fault {
        let asked = step_scope::within("role".to_owned(), self.ports.directory.working_dc(self.dn())).await;
        match asked {
            Ok(now) if !now.eq_ignore_ascii_case(self.dc()) => fault.hint(format!(
                "{planned} held the PDC emulator's role when the plan was made, {now} holds it now; make {planned} reachable \
                 again and `resume`, or, when it is gone for good, `rotate --repair`",
                planned = self.dc()
            )),
            _ => fault,
        }
    }

    /// What was seen before the last application of `step` in the current direction.
    pub(super) fn before(&self, step: &Step) -> Option<&Seen> {
        let events = self.log.iter().rev().map(|entry| &entry.event);
        let this_direction = events.take_while(|event| !matches!(event, Event::Turned { .. }));
        this_direction.into_iter().find_map(|event| match event {
            Event::Intent { step: of, before } if of == step => Some(before),
            _ => None,
        })
    }

    /// The same before its first application in the current direction.
    pub(super) fn before_first(&self, step: &Step) -> Option<&Seen> {
        let turned = self.log.iter().rposition(|entry| matches!(entry.event, Event::Turned { .. }));
        intent_in(&self.log[turned.map_or(0, |at| at + 1)..], step)
    }

    /// The same before this rotation applied it at all.
    pub(super) fn before_ever(&self, step: &Step) -> Option<&Seen> {
        intent_in(self.log, step)
    }

    /// The account's metadata after our last write, or as the plan found it. `None` while it is open whether
    /// a write of ours happened.
    pub(super) fn last_known(&self) -> Option<&Fingerprint> {
        for entry in self.log.iter().rev() {
            match &entry.event {
                Event::Done { step: Step::Directory | Step::Seal, proof: Seen::Directory(print) }
                | Event::Looked { step: Step::Directory | Step::Seal, side: Side::New, seen: Seen::Directory(print) } =>
                {
                    return Some(print);
                }
                // One that surely had no effect leaves what was known before it.
                Event::Intent { step: step @ (Step::Directory | Step::Seal), .. }
                    if !self.came_to_nothing(entry.seq, step) =>
                {
                    return None;
                }
                _ => {}
            }
        }
        Some(&self.plan.inventory.fingerprint)
    }

    /// Whether the attempt whose intent is entry `seq` surely had no effect.
    fn came_to_nothing(&self, seq: i64, step: &Step) -> bool {
        self.log.iter().filter(|entry| entry.seq > seq).find_map(|entry| match &entry.event {
            Event::Failed { step: of, fault } if of == step => Some(fault.meaning != Meaning::Unclear),
            Event::Looked { step: of, side, .. } if of == step => Some(*side == Side::Old),
            Event::Done { step: of, .. } if of == step => Some(false),
            _ => None,
        }) == Some(true)
    }

    /// Whether somebody else set the password since our last write. `Some` shows what was seen instead. A
    /// person who turned the rotation back by order has the last word over what was there.
    pub(super) async fn overtaken(&self) -> Result<Option<Fingerprint>, Fault> {
        if !self.plan.inventory.has_metadata() {
            return Ok(None);
        }
        if self.progress.turned_by == Some(TurnedBy::Operator) && !self.wrote_since_turn() {
            return Ok(None);
        }
        let Some(known) = self.last_known() else { return Ok(None) };
        let now = self.fingerprint().await?;
        Ok((!self.same_set(&now, known)).then_some(now))
    }

    /// Whether both show the same set. Of a local user only an age in seconds is known, so two readings of one set may
    /// differ a little.
    pub(super) fn same_set(&self, one: &Fingerprint, other: &Fingerprint) -> bool {
        match self.plan.inventory.method {
            Method::LocalChange => same_local_set(one, other),
            Method::Reset | Method::Change => one.same_set(other),
        }
    }

    /// When the step was begun last.
    pub(super) fn begun_at(&self, step: &Step) -> Option<Timestamp> {
        self.log.iter().rev().find_map(|entry| match &entry.event {
            Event::Intent { step: of, .. } if of == step => Some(entry.at),
            _ => None,
        })
    }

    fn wrote_since_turn(&self) -> bool {
        let events = self.log.iter().rev().map(|entry| &entry.event);
        events.take_while(|event| !matches!(event, Event::Turned { .. })).any(|event| {
            matches!(
                event,
                Event::Done { step: Step::Directory | Step::Seal, .. }
                    | Event::Looked { step: Step::Directory | Step::Seal, side: Side::New, .. }
            )
        })
    }
}

/// What was seen before the first application of `step` among these entries.
fn intent_in<'e>(entries: &'e [Entry], step: &Step) -> Option<&'e Seen> {
    entries.iter().find_map(|entry| match &entry.event {
        Event::Intent { step: of, before } if of == step => Some(before),
        _ => None,
    })
}
