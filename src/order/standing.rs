use jiff::{SignedDuration, Timestamp};

use super::Ledger;
use super::came::only_waited;
use crate::engine::{Rotation, late_proof_due};
use crate::journal::{Journal, JournalError, Query, State};
use crate::rotation::{Direction, Event, Outcome, Procedure, Progress, Side, Step, Trigger, TurnedBy};
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
    /// Whether a rotation of its schedule was left before it touched anything: nothing waits for its rest.
    pub resting: bool,
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
    /// Which of a person's words to try again is counted in.
    pub renewed: Option<i64>,
    /// Until when "Windows manages it" is believed.
    pub managed_until: Option<Timestamp>,
    /// The last time that a rotation of it was begun without the approval that it needed: when, which one, and why.
    pub without_approval: Option<(Timestamp, String, String)>,
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
            resting: false,
            late_proof_due: None,
            late_proof: None,
            set_by: None,
            succeeded: None,
            held: None,
            failure: None,
            unreached: 0,
            renewed: ledger.renewed(account),
            managed_until: None,
            without_approval: None,
        };
        let mut failed: Vec<Failed> = Vec::new();
        let renewed = ledger.renewed(account);
        let listed = journal.list(&Query { newest: Some(NEWEST_MAX), ..Query::of(account) }).await?;
        let (mut blocked, mut attempted, mut succeeded) = (None, false, None);
        // Whether a person's word to try again was about failures.
        let mut forgiven = false;
        for listed in listed.iter().rev() {
            let rotation = Rotation::read(journal, &listed.id).await?;
            let last = rotation.log().last().map_or(now, |entry| entry.at);
            let position = rotation.log().last().map_or(0, |entry| entry.position);
            let began = rotation.log().first().map_or(last, |entry| entry.at);
            if read.newest.is_none() {
                read.newest = Some(listed.id.clone());
            }
            if read.without_approval.is_none()
                && let Some(Event::Begun { without_approval: Some(why), .. }) =
                    rotation.log().first().map(|entry| &entry.event)
            {
                read.without_approval = Some((began, listed.id.clone(), why.clone()));
            }
            read.standing.last_attempt = read.standing.last_attempt.max(Some(began));
            let has_a_later = attempted;
            attempted |= sets_a_password(&rotation);
            match listed.state {
                State::Held => {
                    // A repair that is under way goes before the hold that it mends: it must be recovered.
                    blocked = blocked.or(Some(Blocked::Held { rotation: listed.id.clone() }));
                    read.held = rotation.progress().held.clone().map(|why| (last, why));
                }
                State::Running => {
                    blocked = blocked.or(Some(Blocked::Running { rotation: listed.id.clone() }));
                    read.resting = may_rest(&rotation);
                }
                State::Closed if rotation.progress().superseded => {}
                State::Closed if rotation.progress().ended == Some(Outcome::RolledBack) => {
                    let ordered = rotation.progress().turned_by == Some(TurnedBy::Operator);
                    let counts = sets_a_password(&rotation) && !ordered;
                    forgiven |= counts && Some(position) < renewed;
                    if counts && Some(position) > renewed {
                        let why =
                            rotation.last_fault().map_or_else(String::new, |(step, fault)| format!("{step}: {fault}"));
                        let outcome = if only_waited(&rotation) { "later" } else { "rolled-back" };
                        failed.push(Failed { position, at: last, outcome: outcome.to_owned(), why });
                    }
                }
                State::Closed if sets_a_password(&rotation) => {
                    let ended = ended_at(&rotation).unwrap_or((position, last));
                    read.standing.set_at = Some(set_at(&rotation).unwrap_or(ended.1));
                    read.succeeded = Some(ended.1);
                    succeeded = Some(ended.0);
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
        let since = succeeded.max(renewed);
        let mut managed = None;
        for attempt in ledger.attempts(account).rev() {
            read.standing.last_attempt = read.standing.last_attempt.max(Some(attempt.at));
            if Some(attempt.position) < since {
                forgiven |= Some(attempt.position) > succeeded && attempt.outcome != "managed-by-windows";
                break;
            }
            match attempt.outcome.as_str() {
                "managed-by-windows" => managed = managed.or(Some(attempt.at)),
                "busy" => {}
                outcome => failed.push(Failed {
                    position: attempt.position,
                    at: attempt.at,
                    outcome: outcome.to_owned(),
                    why: attempt.why.clone(),
                }),
            }
        }
        read.standing.renewed_at = ledger
            .renewed_at(account)
            .filter(|at| forgiven && read.standing.last_attempt.is_none_or(|attempt| attempt < *at));
        read.count(failed, budget);
        // Whether an exemption has run out is the schedule's to judge, at every look.
        read.standing.blocked = blocked.or_else(|| exempt.map(|until| Blocked::Exempt { until }));
        read.managed_until = managed.and_then(|at: Timestamp| at.checked_add(MANAGED_FOR).ok());
        if read.standing.blocked.is_none() && read.managed_until.is_some_and(|until| now < until) {
            read.standing.blocked = Some(Blocked::Managed);
        }
        Ok(read)
    }

    /// What could not be reached backs off, and never spends the budget: it needs no person, only time.
    fn count(&mut self, mut failed: Vec<Failed>, budget: u32) {
        failed.sort_by_key(|failure| failure.position);
        let later = |failure: &&Failed| failure.outcome == "later";
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.unreached = number(failed.iter().rev().take_while(later).count());
        let real = number(failed.iter().filter(|failure| !later(failure)).count());
        let all = number(failed.len());
        self.standing.failures = if real >= budget { real } else { all.min(budget.saturating_sub(1)) };
        if let Some(last) = failed.pop() {
            self.standing.last_failure = Some(last.at);
            self.failure = Some((last.outcome, last.why));
        }
    }

    /// Forgets that Windows manages the password, when that was said too long ago.
    pub fn heed_time(&mut self, now: Timestamp) {
        if self.standing.blocked == Some(Blocked::Managed) && self.managed_until.is_none_or(|until| until <= now) {
            self.standing.blocked = None;
        }
    }
}

/// An attempt that came to nothing.
struct Failed {
    position: i64,
    at: Timestamp,
    outcome: String,
    why: String,
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
    let sets = |step: &Step| matches!(step, Step::Directory | Step::Seal | Step::EntraReset { .. });
    rotation.log().iter().rev().find_map(|entry| match &entry.event {
        Event::Done { step, .. } | Event::Looked { step, side: Side::New, .. } if sets(step) => Some(entry.at),
        _ => None,
    })
}

fn ended_at(rotation: &Rotation) -> Option<(i64, Timestamp)> {
    let end = rotation.log().iter().rev().find(|entry| matches!(entry.event, Event::Finished))?;
    Some((end.position, end.at))
}

/// Of a person's rotation the rest is done at once, whatever the window.
fn may_rest(rotation: &Rotation) -> bool {
    let begun = rotation.log().first().map(|entry| &entry.event);
    matches!(begun, Some(Event::Begun { trigger: Trigger::Schedule { .. }, .. }))
        && rotation.plan().may_rest(rotation.progress())
}
