use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::journal::{Journal, JournalError, Member, Note, Noted};

/// Refused attempts that are kept for each account: more than any budget.
const ATTEMPTS_MAX: usize = 128;

/// What the notes of a journal say, folded. Read on from where it stopped.
#[derive(Debug, Default)]
pub struct Ledger {
    read_to: i64,
    population: Option<Vec<Member>>,
    known_since: BTreeMap<String, Timestamp>,
    ages: BTreeMap<String, Timestamp>,
    attempts: BTreeMap<String, VecDeque<Attempt>>,
    renewed: BTreeMap<String, (i64, Timestamp)>,
    raised: BTreeMap<String, Raised>,
    ordered: BTreeMap<String, Ordered>,
    newest: Option<Timestamp>,
}

/// A condition that holds as far as the journal knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// Since when.
    pub at: Timestamp,
    /// Its kind.
    pub kind: String,
    /// `info`, `warning` or `alarm`.
    pub severity: String,
    /// The account, where it is about one.
    pub account: Option<String>,
    /// One line.
    pub title: String,
}

/// A rotation that was wanted and not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its place in the journal: what came first is told by it, whatever the clocks said.
    pub position: i64,
    /// When.
    pub at: Timestamp,
    /// The word of the exit.
    pub outcome: String,
    /// Why.
    pub why: String,
}

/// The last order of a person for an account, on the service's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// When the service took it.
    pub at: Timestamp,
    /// `rotate`, `resume` or `rollback`.
    pub what: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The ticket.
    pub ticket: String,
    /// What came of it; none yet while it is under way, or when the process ended meanwhile.
    pub answers: Vec<Answer>,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// The rotation, where there is one.
    pub rotation: Option<String>,
    /// The word of the outcome.
    pub outcome: String,
    /// What holds now, why, and the next step.
    pub message: String,
}

/// Answers that are kept of one order: it is about the open rotations of an account, of which there are hardly ever two.
const ANSWERS_MAX: usize = 16;

impl Ledger {
    /// Reads what was written since.
    pub async fn read_on(&mut self, journal: &dyn Journal) -> Result<(), JournalError> {
        loop {
            let page = journal.notes(self.read_to).await?;
            if page.is_empty() {
                return Ok(());
            }
            page.iter().for_each(|noted| self.apply(noted));
        }
    }

    fn apply(&mut self, noted: &Noted) {
        self.read_to = self.read_to.max(noted.position);
        // Once a clock was behind, its own notes say nothing of it; a person's word does.
        let is_believed = matches!(noted.note, Note::Renewed { .. });
        self.newest = if is_believed { Some(noted.at) } else { self.newest.max(Some(noted.at)) };
        match &noted.note {
            Note::Population { accounts } => {
                for member in accounts {
                    self.known_since.entry(member.account.clone()).or_insert(noted.at);
                }
                self.population = Some(accounts.clone());
            }
            Note::NotBegun { account, outcome, why, .. } => {
                let attempts = self.attempts.entry(account.clone()).or_default();
                attempts.push_back(Attempt {
                    position: noted.position,
                    at: noted.at,
                    outcome: outcome.clone(),
                    why: why.clone(),
                });
                if attempts.len() > ATTEMPTS_MAX {
                    attempts.pop_front();
                }
            }
            Note::Age { account, set_at } => {
                self.ages.insert(account.clone(), *set_at);
            }
            Note::Renewed { account, .. } => {
                self.renewed.insert(account.clone(), (noted.position, noted.at));
            }
            Note::Raised { key, kind, severity, account, title, .. } => {
                let raised = Raised {
                    at: noted.at,
                    kind: kind.clone(),
                    severity: severity.clone(),
                    account: account.clone(),
                    title: title.clone(),
                };
                self.raised.insert(key.clone(), raised);
            }
            Note::Cleared { key, .. } => {
                self.raised.remove(key);
            }
            Note::Ordered { account, what, by, reason, ticket } => {
                let ordered = Ordered {
                    at: noted.at,
                    what: what.clone(),
                    by: by.clone(),
                    reason: reason.clone(),
                    ticket: ticket.clone(),
                    answers: Vec::new(),
                };
                self.ordered.insert(account.clone(), ordered);
            }
            Note::Answered { account, rotation, outcome, message, .. } => {
                let answers = self.ordered.get_mut(account).map(|ordered| &mut ordered.answers);
                if let Some(answers) = answers.filter(|answers| answers.len() < ANSWERS_MAX) {
                    answers.push(Answer {
                        at: noted.at,
                        rotation: rotation.clone(),
                        outcome: outcome.clone(),
                        message: message.clone(),
                    });
                }
            }
            // Who signed is read where it is signed (`vouch`).
            Note::Started { .. }
            | Note::Stopped { .. }
            | Note::SigningKey { .. }
            | Note::Head { .. }
            | Note::Pruned { .. } => {}
        }
    }

    /// Since when this journal knows the account.
    pub fn known_since(&self, account: &str) -> Option<Timestamp> {
        self.known_since.get(account).copied()
    }

    /// The population as it was written last.
    pub fn population(&self) -> Option<&[Member]> {
        self.population.as_deref()
    }

    /// When the directory says that the account's password was set, where that was asked.
    pub fn age(&self, account: &str) -> Option<Timestamp> {
        self.ages.get(account).copied()
    }

    /// What was wanted and not begun, oldest first.
    pub fn attempts(&self, account: &str) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.attempts.get(account).into_iter().flatten()
    }

    /// The place in the journal where a person last let the schedule try again.
    pub fn renewed(&self, account: &str) -> Option<i64> {
        self.renewed.get(account).map(|(position, _)| *position)
    }

    /// When that was.
    pub fn renewed_at(&self, account: &str) -> Option<Timestamp> {
        self.renewed.get(account).map(|(_, at)| *at)
    }

    /// The conditions that hold as far as the journal knows, by key.
    pub fn raised(&self) -> impl Iterator<Item = (&String, &Raised)> {
        self.raised.iter()
    }

    /// The last order of a person for an account.
    pub fn ordered(&self, account: &str) -> Option<&Ordered> {
        self.ordered.get(account)
    }

    /// The latest time of a note; after a person let the schedule try again, of those since.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }
}
