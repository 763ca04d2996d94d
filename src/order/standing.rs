use jiff::{SignedDuration, Timestamp};

use super::Ledger;
use crate::engine::{Rotation, late_proof_due};
use crate::journal::{Journal, JournalError, Query, State};
use crate::rotation::{Direction, Event, Outcome, Procedure, Progress, Seen, Step, TurnedBy};
use crate::schedule::{Blocked, Standing};

/// How many rotations back the last success is looked for.
const NEWEST_MAX: u32 = 40;

/// For so long "Windows manages it" is believed without another look.
const MANAGED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How an account stands, out of the journal alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// What its schedule needs to know.
    pub standing: Standing,
    /// Its newest rotation.
    pub newest: Option<String>,
    /// When the late proof of its last password is due.
    pub late_proof_due: Option<Timestamp>,
    /// Whether that proof was made, and good.
    pub late_proof: Option<bool>,
    /// The rotation that set the password in use.
    pub set_by: Option<String>,
    /// When a rotation of it last succeeded.
    pub succeeded: Option<Timestamp>,
    /// Why it is held.
    pub held: Option<(Timestamp, crate::rotation::Why)>,
    /// Why the last attempts came to nothing; with the word of their outcome.
    pub failure: Option<(String, String)>,
    /// How many attempts in a row could not reach something.
    pub unreached: u32,
}

impl Account {
    /// Folds what the journal has. `exempt` is the end of an exemption; `budget` the tries of its schedule.
    pub async fn read(
        journal: &dyn Journal,
        ledger: &Ledger,
        account: &str,
        exempt: Option<Timestamp>,
        budget: u32,
        now: Timestamp,
    ) -> Result<Self, JournalError> {
        let mut read = Self {
            standing: Standing::new(ledger.known_since(account).unwrap_or(now)),
            newest: None,
            late_proof_due: None,
            late_proof: None,
            set_by: None,
            succeeded: None,
            held: None,
            failure: None,
            unreached: 0,
        };
        let mut failed: Vec<(Timestamp, &str, String)> = Vec::new();
        let renewed = ledger.renewed(account);
        let listed = journal.list(&Query { newest: Some(NEWEST_MAX), ..Query::of(account) }).await?;
        let (mut blocked, mut attempted) = (None, false);
        for listed in listed.iter().rev() {
            let rotation = Rotation::read(journal, &listed.id).await?;
            let last = rotation.log().last().map_or(now, |entry| entry.at);
            let began = rotation.log().first().map_or(last, |entry| entry.at);
            if read.newest.is_none() {
                read.newest = Some(listed.id.clone());
            }
            read.standing.last_attempt = read.standing.last_attempt.max(Some(began));
            let has_a_later = attempted;
            attempted |= sets_a_password(&rotation);
            match listed.state {
                State::Held => {
                    blocked = Some(Blocked::Held { rotation: listed.id.clone() });
                    read.held = rotation.progress().held.clone().map(|why| (last, why));
                }
                State::Running => blocked = blocked.or(Some(Blocked::Running { rotation: listed.id.clone() })),
                State::Closed if rotation.progress().superseded => {}
                State::Closed if rotation.progress().ended == Some(Outcome::RolledBack) => {
                    let ordered = rotation.progress().turned_by == Some(TurnedBy::Operator);
                    if sets_a_password(&rotation) && !ordered && Some(last) > renewed {
                        let why =
                            rotation.last_fault().map_or_else(String::new, |(step, fault)| format!("{step}: {fault}"));
                        failed.push((last, "rolled-back", why));
                    }
                }
                State::Closed if sets_a_password(&rotation) => {
                    read.standing.set_at = Some(set_at(&rotation).unwrap_or(last));
                    read.succeeded = Some(ended_at(&rotation).unwrap_or(last));
                    read.set_by = Some(listed.id.clone());
                    // A later one, however it ended, makes it moot: `newest_finished` has the same rule.
                    read.late_proof_due = late_proof_due(&rotation).filter(|_| !has_a_later);
                    read.late_proof = rotation.progress().late_proof;
                    break;
                }
                // An adoption or a rehearsal: neither sets a password.
                State::Closed => {}
            }
        }
        if read.standing.set_at.is_none() {
            read.standing.set_at = ledger.age(account);
        }
        let since = read.succeeded.max(renewed);
        let mut managed = None;
        for attempt in ledger.attempts(account).rev().take_while(|attempt| Some(attempt.at) > since) {
            read.standing.last_attempt = read.standing.last_attempt.max(Some(attempt.at));
            match attempt.outcome.as_str() {
                "managed-by-windows" => managed = managed.or(Some(attempt.at)),
                "busy" => {}
                outcome => failed.push((attempt.at, outcome, attempt.why.clone())),
            }
        }
        read.count(failed, budget);
        read.standing.blocked =
            blocked.or_else(|| exempt.filter(|until| now < *until).map(|until| Blocked::Exempt { until }));
        if read.standing.blocked.is_none() && managed.is_some_and(|at| now.duration_since(at) < MANAGED_FOR) {
            read.standing.blocked = Some(Blocked::Managed);
        }
        Ok(read)
    }

    /// What could not be reached backs off, and never spends the budget: it needs no person, only time.
    fn count(&mut self, mut failed: Vec<(Timestamp, &str, String)>, budget: u32) {
        failed.sort_by_key(|(at, ..)| *at);
        let all = u32::try_from(failed.len()).unwrap_or(u32::MAX);
        let later = |(_, outcome, _): &&(Timestamp, &str, String)| *outcome == "later";
        self.unreached = u32::try_from(failed.iter().rev().take_while(later).count()).unwrap_or(u32::MAX);
        let real = all - u32::try_from(failed.iter().filter(later).count()).unwrap_or(all);
        self.standing.failures = if real >= budget { real } else { all.min(budget.saturating_sub(1)) };
        if let Some((at, outcome, why)) = failed.pop() {
            self.standing.last_failure = Some(at);
            self.failure = Some((outcome.to_owned(), why));
        }
    }
}

/// Whether its success means that the account has a new password.
fn sets_a_password(rotation: &Rotation) -> bool {
    !matches!(rotation.plan().inventory.procedure, Procedure::Adoption | Procedure::Rehearsal)
}

/// When the password in use was set the last time: by the seal, where there is one.
fn set_at(rotation: &Rotation) -> Option<Timestamp> {
    let progress: &Progress = rotation.progress();
    if progress.direction != Direction::Forward {
        return None;
    }
    rotation.log().iter().rev().find_map(|entry| match &entry.event {
        Event::Done { step: Step::Directory | Step::Seal | Step::EntraReset { .. }, proof }
            if *proof != Seen::Nothing =>
        {
            Some(entry.at)
        }
        _ => None,
    })
}

fn ended_at(rotation: &Rotation) -> Option<Timestamp> {
    rotation.log().iter().rev().find(|entry| matches!(entry.event, Event::Finished)).map(|entry| entry.at)
}
