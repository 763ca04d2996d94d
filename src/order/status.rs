use jiff::Timestamp;
use serde::Serialize;

use super::{Account, Ledger, Post, Raised, Roster, newest_finished, overdue, state_word, still_paused};
use crate::engine::{Rotation, late_proof_due};
use crate::journal::{Became, Journal, JournalError, Listed, Query};
use crate::rotation::Event;
use crate::schedule::{AgeState, Blocked, Due, Policy, age, due};

/// How many finished rotations are read at a time, until one is found that set a password.
const FINISHED_PAGE: u32 = 8;

/// How every account stands, as a person is shown it.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The accounts.
    pub accounts: Vec<AccountStatus>,
    /// What the unattended service found and has not cleared.
    pub conditions: Vec<ConditionStatus>,
}

/// A condition that holds.
#[derive(Debug, Serialize)]
pub struct ConditionStatus {
    /// Its kind.
    pub kind: String,
    /// `info`, `warning` or `alarm`.
    pub severity: String,
    /// Since when.
    pub since: Timestamp,
    /// The account, where it is about one.
    pub account: Option<String>,
    /// One line.
    pub title: String,
}

/// How an account stands.
#[derive(Debug, Serialize)]
pub struct AccountStatus {
    /// Its name.
    pub account: String,
    /// `never-rotated`, `rotated`, `rolled-back`, `held`, `interrupted`, `repaired`.
    pub state: &'static str,
    /// The rotation that this tells of.
    pub rotation: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When a rotation of it last ended with a new password.
    pub last_rotated: Option<Timestamp>,
    /// Why it is held.
    pub why: Option<String>,
    /// The last failure before that.
    pub cause: Option<String>,
    /// What a person does first.
    pub next_step: Option<String>,
    /// What is still disabled, and how it is turned on.
    pub paused: Option<&'static str>,
    /// The ways out of a hold, in order.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub runbook: &'static [&'static str],
    /// The age of the password in use in whole days, as far as it is known.
    pub age_days: Option<i64>,
    /// `unlimited`, `fresh`, `near`, `urgent`, `overdue` or `unknown`, by the configured maximum age.
    pub age: AgeState,
    /// When the schedule rotates it next.
    pub next: Option<Timestamp>,
    /// `due` with its time, `overdue`, `proven` or `failed`; none where there is nothing to prove late.
    pub late_proof: Option<LateProofStatus>,
    /// When the password in use was set, as far as that is known.
    #[serde(skip)]
    pub set_at: Option<Timestamp>,
    /// When it reaches its maximum age.
    #[serde(skip)]
    pub over_at: Option<Timestamp>,
    /// Failed attempts since the last success.
    #[serde(skip)]
    pub failures: u32,
    /// Why the last of them failed.
    #[serde(skip)]
    pub failure: Option<String>,
    /// When it is due by its schedule, or what keeps it from that.
    #[serde(skip)]
    pub due: Due,
}

/// How the late proof stands.
#[derive(Debug, Serialize)]
pub struct LateProofStatus {
    /// `due`, `overdue`, `proven` or `failed`.
    pub state: &'static str,
    /// When it is due.
    pub due: Option<Timestamp>,
}

impl Status {
    /// Reads it from the journal; in the order of the names.
    pub async fn read(
        journal: &dyn Journal,
        names: &[String],
        roster: &Roster,
        now: Timestamp,
    ) -> Result<Self, JournalError> {
        let mut ledger = Ledger::default();
        ledger.read_on(journal).await?;
        let mut accounts = Vec::new();
        for name in names {
            accounts.push(AccountStatus::read(journal, &ledger, name, roster.posts.get(name), now).await?);
        }
        Ok(Self { accounts, conditions: ledger.raised().map(|(_, raised)| raised.into()).collect() })
    }
}

impl From<&Raised> for ConditionStatus {
    fn from(raised: &Raised) -> Self {
        Self {
            kind: raised.kind.clone(),
            severity: raised.severity.clone(),
            since: raised.at,
            account: raised.account.clone(),
            title: raised.title.clone(),
        }
    }
}

impl AccountStatus {
    /// Reads it from the journal: as many rotations as are told of, however many there are.
    pub async fn read(
        journal: &dyn Journal,
        ledger: &Ledger,
        name: &str,
        post: Option<&Post>,
        now: Timestamp,
    ) -> Result<Self, JournalError> {
        let mut shown = Self {
            account: name.to_owned(),
            state: "never-rotated",
            rotation: None,
            since: None,
            last_rotated: last_rotated(journal, name).await?,
            why: None,
            cause: None,
            next_step: None,
            paused: None,
            runbook: &[],
            age_days: None,
            age: AgeState::Unlimited,
            next: None,
            late_proof: None,
            set_at: None,
            over_at: None,
            failures: 0,
            failure: None,
            due: Due::Never { why: "it is not in the configuration" },
        };
        // An open rotation matters more than a later one: there is none, but a repair's own.
        let newest = Query { newest: Some(1), ..Query::of(name) };
        let mut told = journal.list(&Query { open: true, ..newest.clone() }).await?;
        if told.is_empty() {
            told = journal.list(&newest).await?;
        }
        if let Some(told) = told.last() {
            shown.tell(&Rotation::read(journal, &told.id).await?);
        }
        shown.late_proof(journal, now).await?;
        if let Some(post) = post {
            shown.schedule(journal, ledger, post, now).await?;
        }
        Ok(shown)
    }

    fn tell(&mut self, rotation: &Rotation) {
        self.state = state_word(rotation);
        self.rotation = Some(rotation.id().to_owned());
        self.since = moved_at(rotation);
        if let Some(why) = &rotation.progress().held {
            self.why = Some(why.to_string());
            self.cause = rotation.last_fault().map(|(step, fault)| format!("{step}: {fault}"));
            self.runbook = why.runbook().steps;
            self.paused = still_paused(rotation);
            self.next_step = self.runbook.first().map(|step| (*step).to_owned());
        } else if self.state == "interrupted" {
            self.next_step = Some("`resume` carries it on; so does the next `rotate`".to_owned());
        }
    }

    async fn late_proof(&mut self, journal: &dyn Journal, now: Timestamp) -> Result<(), JournalError> {
        let Some(newest) = newest_finished(journal, &self.account).await? else { return Ok(()) };
        let due = late_proof_due(&newest);
        let state = match (newest.progress().late_proof, due) {
            (Some(true), _) => "proven",
            (Some(false), _) => "failed",
            (None, Some(_)) if overdue(&newest, now) => "overdue",
            (None, Some(_)) => "due",
            (None, None) => return Ok(()),
        };
        self.late_proof = Some(LateProofStatus { state, due });
        let told = match state {
            "failed" => "`doctor`: the late proof failed",
            "overdue" => "`rotate --due` makes the late proof",
            _ => return Ok(()),
        };
        self.next_step.get_or_insert_with(|| told.to_owned());
        Ok(())
    }

    /// Age and next rotation, by the account's schedule.
    async fn schedule(
        &mut self,
        journal: &dyn Journal,
        ledger: &Ledger,
        post: &Post,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let (policy, name): (&Policy, _) = (&post.policy, &post.wish.account);
        let exempt = post.member.exempt.as_ref().map(|exempt| exempt.until);
        let read = Account::read(journal, ledger, name, exempt, policy.retry.budget, now).await?;
        let age = age(policy, &read.standing, now);
        self.age_days = age.age.map(|age| age.as_hours() / 24);
        (self.set_at, self.over_at) = (read.standing.set_at, age.over_at);
        (self.failures, self.failure) = (read.standing.failures, read.failure.map(|(_, why)| why));
        let is_out = match read.standing.blocked {
            Some(Blocked::Exempt { until }) => until > now,
            Some(Blocked::Managed) => true,
            _ => false,
        };
        if !is_out {
            self.age = age.state;
        }
        self.due = due(policy, name, &read.standing, now, now);
        if let Due::At(fire) = &self.due {
            self.next = Some(fire.at);
        }
        Ok(())
    }
}

/// When a rotation last changed its state. A late proof comes after the end, and is no change of it.
fn moved_at(rotation: &Rotation) -> Option<Timestamp> {
    let moves = |event: &Event| !matches!(event, Event::Claimed { .. } | Event::LateProof { .. });
    rotation.log().iter().rev().find(|entry| moves(&entry.event)).map(|entry| entry.at)
}

async fn last_rotated(journal: &dyn Journal, name: &str) -> Result<Option<Timestamp>, JournalError> {
    let mut before = None;
    loop {
        let query = Query { became: Some(Became::Finished), newest: Some(FINISHED_PAGE), before, ..Query::of(name) };
        let page: Vec<Listed> = journal.list(&query).await?;
        for listed in page.iter().rev() {
            let rotation = Rotation::read(journal, &listed.id).await?;
            if state_word(&rotation) == "rotated" {
                return Ok(moved_at(&rotation));
            }
        }
        // Positions fall, so that this ends with the first one.
        let Some(oldest) = page.first() else { return Ok(None) };
        before = Some(oldest.begun);
    }
}
