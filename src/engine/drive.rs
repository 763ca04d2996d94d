use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use providers::port::{Fault, Fingerprint, Meaning, Slot, step_scope};

use super::scene::{Acted, Before, Scene};
use super::{Ports, actions, late_proof};
use crate::journal::{Entry, Journal, JournalError};
use crate::rotation::{
    Approval, Decision, Direction, Event, LateProof, Outcome, Plan, Progress, Seen, Side, Standing, Step, Trigger,
    TurnedBy, Why, decide,
};

/// More rounds than any plan needs, with every budget spent. Reaching it is a defect of ours.
const ROUNDS_MAX: usize = 20_000;

/// How often a wait looks whether it is to halt.
const HALT_ASKED_EVERY: Duration = Duration::from_secs(1);

/// No step or look takes longer; the adapters' own deadlines come first, a proof's after half an hour.
const REQUEST_LIMIT: Duration = Duration::from_secs(40 * 60);

/// Whether a rotation is to be left to a later process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Halt {
    /// It goes on.
    #[default]
    No,
    /// As soon as nothing that sync depends on is half done; else it goes on to its end.
    WhenSafe,
    /// Before the next request. It is as safe as a power cut, and sync may stand still until it is taken up.
    Now,
}

/// Told of every entry, for the step list that a person watches.
pub trait Watch: Send + Sync {
    /// Asked before every request.
    fn halt(&self) -> Halt {
        Halt::No
    }
    /// An entry was appended; `progress` includes it.
    fn entry(&self, entry: &Entry, progress: &Progress);
    /// Nothing happens before `until`.
    fn waiting(&self, until: Timestamp);
}

/// Who asked for a rotation, and why: as the journal keeps it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Operating system user and host.
    pub initiator: String,
    /// In their words; may be empty.
    pub reason: String,
    /// May be empty.
    pub ticket: String,
    /// A person or the schedule.
    pub trigger: Trigger,
    /// Who approved the plan, where somebody did; verified.
    pub approved: Option<Approval>,
    /// Why it is begun without an approval where one is required.
    pub without_approval: Option<String>,
}

/// Why a rotation stopped without an outcome. It stays in the journal and is taken up by the next start.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The journal did not take an entry.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The world could not be compared with the journal.
    #[error("the world can't be compared with the journal")]
    World(#[source] Fault),
    /// It was told to halt. Everything is in the journal; the next start goes on.
    #[error("rotation {0} is parked")]
    Parked(String),
    /// The request does not fit the rotation's state.
    #[error("{0}")]
    NotNow(String),
    /// A defect of ours.
    #[error("rotation {0} went round {ROUNDS_MAX} times without an end; this is a defect")]
    Endless(String),
}

/// A rotation in this process's hands.
pub struct Rotation {
    id: String,
    epoch: i64,
    plan: Plan,
    progress: Progress,
    log: Vec<Entry>,
}

impl Rotation {
    /// Begins a rotation: its first entry is durable when this returns.
    pub async fn begin(journal: &dyn Journal, ports: &Ports, plan: Plan, asked: Asked) -> Result<Self, JournalError> {
        let now = ports.clock.now();
        let id = format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), ports.entropy.id_suffix());
        let event = Event::Begun {
            plan: Box::new(plan.clone()),
            initiator: asked.initiator,
            reason: asked.reason,
            ticket: asked.ticket,
            trigger: asked.trigger,
            approved: asked.approved.map(Box::new),
            without_approval: asked.without_approval,
        };
        let entry = journal.begin(&id, &plan.inventory.account, now, &event).await?;
        let progress = Progress::new(&plan, now);
        Ok(Self { id, epoch: 1, plan, progress, log: vec![entry] })
    }

    /// Reads a rotation without taking it up.
    pub async fn read(journal: &dyn Journal, id: &str) -> Result<Self, JournalError> {
        let log = journal.read(id).await?;
        let folded = Progress::of(log.iter().map(|entry| (entry.at, &entry.event)));
        let Some((plan, progress)) = folded.map(|(plan, progress)| (plan.clone(), progress)) else {
            return Err(JournalError::Unreadable {
                position: log[0].position,
                cause: "it does not begin a rotation".into(),
            });
        };
        let epoch = log.iter().map(|entry| entry.epoch).max().unwrap_or(1);
        Ok(Self { id: id.to_owned(), epoch, plan, progress, log })
    }

    /// Takes up a rotation that another process left, and compares the journal with the world first: a
    /// journal that is older than the world must not act on what it believes.
    pub async fn claim(journal: &dyn Journal, ports: &Ports, id: &str, holder: &str) -> Result<Self, Stopped> {
        let epoch = journal.claim(id, holder, ports.clock.now()).await?;
        let mut rotation = Self::read(journal, id).await?;
        // Ours, even when somebody claimed after us: then the next entry is refused.
        rotation.epoch = epoch;
        if rotation.progress.held.is_none()
            && !rotation.progress.is_closed()
            && let Some(seen) = rotation.journal_behind(ports).await.map_err(Stopped::World)?
        {
            rotation.append(journal, ports, Event::Held { why: Why::JournalBehind { seen } }).await?;
        }
        Ok(rotation)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What is known of it.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What happened to it.
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// The account's distinguished name, and its metadata after our last write. `None` while that is open.
    pub fn last_known(&self, ports: &Ports) -> Option<(String, Fingerprint)> {
        Some((self.plan.inventory.dn.clone(), self.scene(ports).last_known()?.clone()))
    }

    /// The last failure, for people.
    pub fn last_fault(&self) -> Option<(&Step, &Fault)> {
        self.log.iter().rev().find_map(|entry| match &entry.event {
            Event::Failed { step, fault } | Event::LookFailed { step, fault } => Some((step, fault)),
            _ => None,
        })
    }

    /// A person says `resume`.
    pub async fn resume(&mut self, journal: &dyn Journal, ports: &Ports, by: &str) -> Result<(), Stopped> {
        if self.progress.held.is_some() {
            self.append(journal, ports, Event::Resumed { by: by.to_owned() }).await?;
        }
        Ok(())
    }

    /// Makes the late proof of a finished rotation and records it. One that can't be made leaves no entry.
    pub async fn prove_late(
        &mut self,
        journal: &dyn Journal,
        ports: &Ports,
        holder: &str,
    ) -> Result<LateProof, Stopped> {
        let outcome = late_proof::prove(ports, self).await.map_err(Stopped::World)?;
        self.epoch = journal.claim(&self.id, holder, ports.clock.now()).await?;
        self.log = journal.read(&self.id).await?;
        self.append(journal, ports, Event::LateProof { outcome: outcome.clone() }).await?;
        Ok(outcome)
    }

    /// For each server, how long it ran on a password that its directory had replaced already: from the set to the end
    /// of its restart.
    pub fn stop_windows(&self) -> Vec<(String, SignedDuration)> {
        let (mut set_at, mut windows) = (None, Vec::new());
        for entry in &self.log {
            match &entry.event {
                Event::Done { step: Step::Directory, .. }
                | Event::Looked { step: Step::Directory, side: Side::New, .. } => set_at = Some(entry.at),
                Event::Done { step: Step::Restart { server } | Step::Start { server }, .. }
                | Event::Looked { step: Step::Restart { server } | Step::Start { server }, side: Side::New, .. } => {
                    windows.extend(set_at.map(|at| (server.clone(), entry.at.duration_since(at))));
                }
                _ => {}
            }
        }
        windows
    }

    /// A person says `rollback`.
    pub async fn roll_back(&mut self, journal: &dyn Journal, ports: &Ports) -> Result<(), Stopped> {
        if let Some(refusal) = self.plan.no_way_back(&self.progress) {
            return Err(Stopped::NotNow(format!("rotation {} can't be rolled back: {refusal}", self.id)));
        }
        if self.progress.direction == Direction::Back {
            return self.resume(journal, ports, "operator").await;
        }
        let event = Event::Turned { by: TurnedBy::Operator, why: "ordered by the operator".into() };
        Ok(self.append(journal, ports, event).await?)
    }

    /// Goes on until nothing more happens by itself. The only loop.
    pub async fn drive(&mut self, journal: &dyn Journal, ports: &Ports, watch: &dyn Watch) -> Result<Outcome, Stopped> {
        let mut waited_until = Timestamp::MIN;
        for _ in 0..ROUNDS_MAX {
            self.halted(watch)?;
            let now = ports.clock.now().max(waited_until);
            let length = self.log.len();
            match decide(&self.plan, &self.progress, now) {
                Decision::Do(step) => self.apply(journal, ports, watch, step).await?,
                Decision::Look(step) => self.look(journal, ports, step).await?,
                Decision::Turn(why) => {
                    self.append(journal, ports, Event::Turned { by: TurnedBy::Engine, why }).await?;
                }
                Decision::Wait(until) => {
                    watch.waiting(until);
                    // The pause is measured from now by a clock that nobody sets, and is never longer than
                    // the plan's own limit, whatever the wall clock does meanwhile.
                    let longest = Duration::from_millis(self.plan.inventory.limits.longest_pause_ms());
                    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                    let mut left = left.min(longest);
                    while !left.is_zero() {
                        self.halted(watch)?;
                        let slice = left.min(HALT_ASKED_EVERY);
                        ports.clock.sleep(slice).await;
                        left -= slice;
                    }
                    waited_until = until;
                }
                Decision::Close(outcome) => {
                    self.close(journal, ports, &outcome).await?;
                    self.tell(watch, length);
                    return Ok(outcome);
                }
            }
            self.tell(watch, length);
        }
        Err(Stopped::Endless(self.id.clone()))
    }

    fn halted(&self, watch: &dyn Watch) -> Result<(), Stopped> {
        match watch.halt() {
            Halt::Now => Err(Stopped::Parked(self.id.clone())),
            Halt::WhenSafe if self.plan.may_rest(&self.progress) => Err(Stopped::Parked(self.id.clone())),
            Halt::WhenSafe | Halt::No => Ok(()),
        }
    }

    fn tell(&self, watch: &dyn Watch, from: usize) {
        for entry in &self.log[from.min(self.log.len())..] {
            watch.entry(entry, &self.progress);
        }
    }

    fn scene<'s>(&'s self, ports: &'s Ports) -> Scene<'s> {
        Scene { ports, rotation: &self.id, plan: &self.plan, progress: &self.progress, log: &self.log }
    }

    fn scope(&self, step: &Step) -> String {
        if self.progress.direction == Direction::Back { format!("back:{step}") } else { step.to_string() }
    }

    async fn apply(
        &mut self,
        journal: &dyn Journal,
        ports: &Ports,
        watch: &dyn Watch,
        step: Step,
    ) -> Result<(), Stopped> {
        let look = step_scope::within(format!("look:{}", self.scope(&step)), async {
            let scene = self.scene(ports);
            limited(&step, actions::before(&scene, &step)).await
        });
        let before = match look.await {
            Ok(Before::Clear(seen)) => seen,
            Ok(Before::Found(side, seen)) => {
                return Ok(self.append(journal, ports, Event::Looked { step, side, seen }).await?);
            }
            Err(fault) if matches!(fault.meaning, Meaning::Later | Meaning::Unclear) => {
                return Ok(self.append(journal, ports, Event::LookFailed { step, fault }).await?);
            }
            Err(fault) => return Ok(self.append(journal, ports, Event::Failed { step, fault }).await?),
        };
        // An intent that can't be written forbids the effect; the ballast then makes room for the ending.
        match self.write(journal, ports, Event::Intent { step: step.clone(), before }).await {
            Ok(()) => watch.entry(&self.log[self.log.len() - 1], &self.progress),
            Err(JournalError::DiskFull { path }) if journal.release_ballast() => {
                let fault =
                    Fault::broken(format!("writing the intent of {step}"), format!("the disk of {path} is full"))
                        .hint("make room on that disk; the ballast was given up to write this ending");
                return Ok(self.append(journal, ports, Event::Failed { step, fault }).await?);
            }
            Err(other) => return Err(other.into()),
        }
        let acted = step_scope::within(self.scope(&step), async {
            let scene = self.scene(ports);
            limited(&step, actions::apply(&scene, &step)).await
        });
        let event = match acted.await {
            Ok(Acted::Done(proof)) => Event::Done { step, proof },
            Ok(Acted::Foreign(seen)) => Event::Looked { step, side: Side::Foreign, seen },
            Err(fault) => Event::Failed { step, fault },
        };
        Ok(self.append(journal, ports, event).await?)
    }

    async fn look(&mut self, journal: &dyn Journal, ports: &Ports, step: Step) -> Result<(), Stopped> {
        let looked = step_scope::within(format!("look:{}", self.scope(&step)), async {
            let scene = self.scene(ports);
            limited(&step, actions::look(&scene, &step)).await
        });
        let event = match looked.await {
            Ok((side, seen)) => Event::Looked { step, side, seen },
            Err(fault) => Event::LookFailed { step, fault },
        };
        Ok(self.append(journal, ports, event).await?)
    }

    async fn close(&mut self, journal: &dyn Journal, ports: &Ports, outcome: &Outcome) -> Result<(), Stopped> {
        let event = match outcome {
            _ if self.progress.ended.is_some() || self.progress.held.is_some() => return Ok(()),
            Outcome::Finished => Event::Finished,
            Outcome::RolledBack => Event::RolledBack,
            Outcome::Held(why) => Event::Held { why: why.clone() },
        };
        // First, so that no end of the process leaves a closed repair beside a rotation that is still held.
        if *outcome == Outcome::Finished {
            self.supersede_repaired(journal, ports).await?;
        }
        Ok(self.append(journal, ports, event).await?)
    }

    /// Closes the held rotations that this repair replaced, by reference.
    async fn supersede_repaired(&self, journal: &dyn Journal, ports: &Ports) -> Result<(), Stopped> {
        for held in &self.plan.inventory.repairs {
            let mut held = Self::read(journal, held).await?;
            if !held.progress.is_closed() {
                let holder = format!("repair {}", self.id);
                held.epoch = journal.claim(&held.id, &holder, ports.clock.now()).await?;
                held.log = journal.read(&held.id).await?;
                held.append(journal, ports, Event::Superseded { by: self.id.clone() }).await?;
            }
        }
        Ok(())
    }

    /// Appends an event about something that has happened: when the disk is full, the ballast makes room.
    async fn append(&mut self, journal: &dyn Journal, ports: &Ports, event: Event) -> Result<(), JournalError> {
        match self.write(journal, ports, event.clone()).await {
            Err(JournalError::DiskFull { .. }) if journal.release_ballast() => self.write(journal, ports, event).await,
            written => written,
        }
    }

    async fn write(&mut self, journal: &dyn Journal, ports: &Ports, event: Event) -> Result<(), JournalError> {
        let at = ports.clock.now();
        let entry = journal.append(&self.id, self.epoch, self.log.len() as i64, at, &event).await?;
        self.progress.apply(&self.plan, at, &event);
        self.log.push(entry);
        Ok(())
    }

    /// What shows that the world went on without this journal: it was restored from a backup, or it is not
    /// the one that this rotation was last driven with.
    async fn journal_behind(&self, ports: &Ports) -> Result<Option<String>, Fault> {
        if !self.plan.steps.contains(&Step::Stage) {
            // Nothing of this rotation lies in the vault.
            return Ok(None);
        }
        let ours = |rotation: &Option<String>| rotation.as_deref() == Some(&self.id);
        let name = &self.plan.inventory.vault_name;
        let begun = |step: &Step| {
            self.log.iter().any(|entry| matches!(&entry.event, Event::Intent { step: of, .. } if of == step))
        };
        step_scope::within("claim".to_owned(), async {
            let pending = ports.vault.find(name, Slot::Pending).await?;
            let current = ports.vault.find(name, Slot::Current).await?;
            if current.is_some_and(|current| ours(&current.rotation)) && !begun(&Step::Promote) {
                return Ok(Some(
                    "the vault's current value is this rotation's, and the journal knows of no promotion".into(),
                ));
            }
            if let Some(pending) = pending {
                let staged_by_us = ours(&pending.rotation);
                if staged_by_us && !begun(&Step::Stage) {
                    return Ok(Some(
                        "the vault holds this rotation's candidate, and the journal knows of no staging".into(),
                    ));
                }
                if !staged_by_us && self.staged() {
                    let whose = pending.rotation.unwrap_or_else(|| "an unknown rotation".into());
                    return Ok(Some(format!("the vault's pending candidate is that of {whose}")));
                }
            }
            let settled = [Step::Directory, Step::Seal].iter().all(|step| {
                let open = |standing| matches!(standing, Standing::Open | Standing::Unsure);
                !self.progress.mark(step).is_some_and(|mark| open(mark.standing))
            });
            let inventory = &self.plan.inventory;
            if settled && !begun(&Step::Directory) && self.staged() && inventory.has_metadata() {
                let scene = self.scene(ports);
                if !scene.same_set(&scene.fingerprint().await?, &inventory.fingerprint) {
                    return Ok(Some("the account's password was set, and the journal knows of no reset".into()));
                }
            }
            Ok(None)
        })
        .await
    }

    fn staged(&self) -> bool {
        let forward_done =
            |entry: &Entry| matches!(&entry.event, Event::Done { step: Step::Stage, proof: Seen::Secret(_) });
        self.log.iter().any(forward_done)
    }
}

async fn limited<T>(step: &Step, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let late = || Err(Fault::unclear(format!("waiting for {step}"), format!("no answer within {REQUEST_LIMIT:?}")));
    tokio::time::timeout(REQUEST_LIMIT, work).await.unwrap_or_else(|_| late())
}
