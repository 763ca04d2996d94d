use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use providers::port::{Fault, QuiesceMode};

use super::Ledger;
use crate::config::Config;
use crate::engine::{AccountKind, Wish};
use crate::journal::{Exempt, Journal, JournalError, Member, Note};
use crate::schedule::{Candidate, Limits, Misfire, Policy, Retry, Windows};

/// The accounts of a configuration, each with when it is to be rotated.
#[derive(Clone, Debug)]
pub struct Roster {
    /// By the accounts' names.
    pub posts: BTreeMap<String, Post>,
    /// How much may run at once.
    pub limits: Limits,
}

/// An account and its schedule.
#[derive(Clone, Debug)]
pub struct Post {
    /// What is to be rotated, and how.
    pub wish: Wish,
    /// When; without calendar and maximum age, by hand only.
    pub policy: Policy,
    /// The zone in which times are told.
    pub zone: TimeZone,
    /// As the journal keeps it.
    pub member: Member,
}

impl Post {
    /// An account that no schedule rotates.
    pub fn by_hand(wish: Wish) -> Self {
        let member = Member {
            account: wish.account.clone(),
            kind: word_of(wish.kind).to_owned(),
            vault_name: wish.vault_name.clone(),
            max_age_days: None,
            schedule: String::new(),
            exempt: None,
        };
        Self { wish, policy: by_hand(), zone: TimeZone::UTC, member }
    }

    /// As `schedule::pick` knows it.
    pub fn candidate(&self, at: Timestamp, urgent: bool) -> Candidate {
        Candidate {
            account: self.wish.account.clone(),
            at,
            rank: rank(self.wish.kind),
            servers: self.wish.each_server().into_iter().map(|(server, _)| server.to_owned()).collect(),
            exclusive: self.wish.quiesce == QuiesceMode::Disable,
            urgent,
        }
    }
}

impl Roster {
    /// Of accounts that no schedule rotates.
    pub fn by_hand(wishes: impl IntoIterator<Item = Wish>) -> Self {
        let posts = wishes.into_iter().map(|wish| (wish.account.clone(), Post::by_hand(wish))).collect();
        Self { posts, limits: Limits { in_flight: 1, spacing: SignedDuration::ZERO } }
    }

    /// Of a configuration.
    pub fn of(config: &Config, wishes: &[Wish]) -> Result<Self, Fault> {
        let mut posts = BTreeMap::new();
        for account in &config.account {
            let Some(wish) = wishes.iter().find(|wish| wish.account == account.name) else { continue };
            let mut post = Post::by_hand(wish.clone());
            if let Some(schedule) = config.schedule_of(account) {
                let unusable =
                    |cause: String| Fault::broken(format!("reading the schedule of {}", account.name), cause);
                let joined = |faults: Vec<(String, String)>| {
                    unusable(
                        faults.into_iter().map(|(key, what)| format!("{key}: {what}")).collect::<Vec<_>>().join("; "),
                    )
                };
                post.policy = schedule.policy().map_err(joined)?;
                post.zone = schedule.time_zone().map_err(unusable)?;
                post.member.max_age_days = schedule.max_age_days;
                post.member.schedule = words(&schedule.cron, &schedule.zone, schedule.max_age_days);
            }
            post.member.exempt = account.exempt.as_ref().and_then(|exempt| {
                let until = exempt.until(&post.zone)?;
                Some(Exempt { reason: exempt.reason.clone(), owner: exempt.owner.clone(), until })
            });
            posts.insert(account.name.clone(), post);
        }
        Ok(Self { posts, limits: config.limits.into() })
    }

    /// The same with a schedule for every account that has none: by a maximum age of 90 days. For the lab.
    pub fn demonstration(mut self) -> Self {
        const DAYS: u32 = 90;
        for post in self.posts.values_mut().filter(|post| post.wish.kind != AccountKind::Entra) {
            if post.policy.calendar.is_none() && post.policy.max_age.is_none() {
                post.policy.max_age = Some(SignedDuration::from_hours(i64::from(DAYS) * 24));
                post.member.max_age_days = Some(DAYS);
                post.member.schedule = words(&None, &None, Some(DAYS));
            }
        }
        self
    }

    /// As the journal keeps it.
    pub fn population(&self) -> Vec<Member> {
        self.posts.values().map(|post| post.member.clone()).collect()
    }
}

/// Keeps in the journal which accounts there are and what is asked of each, where that differs from the last record.
pub async fn record_population(journal: &dyn Journal, roster: &Roster, now: Timestamp) -> Result<(), JournalError> {
    let mut ledger = Ledger::default();
    ledger.read_on(journal).await?;
    let accounts = roster.population();
    if ledger.population() != Some(&accounts) {
        journal.note(now, &Note::Population { accounts }).await?;
    }
    Ok(())
}

/// Connectors first: recovery of a service account's lost key needs their passwords in the vault.
pub fn rank(kind: AccountKind) -> u8 {
    match kind {
        AccountKind::Connector => 0,
        AccountKind::Service => 1,
        AccountKind::Entra => 2,
        AccountKind::Own => 3,
    }
}

fn word_of(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Connector => "connector",
        AccountKind::Service => "service",
        AccountKind::Entra => "entra",
        AccountKind::Own => "self",
    }
}

fn by_hand() -> Policy {
    Policy {
        calendar: None,
        windows: Windows::always(TimeZone::UTC),
        jitter: SignedDuration::ZERO,
        minimum_gap: SignedDuration::from_hours(24),
        max_age: None,
        warn_before: SignedDuration::from_hours(14 * 24),
        misfire: Misfire::Once,
        retry: Retry::default(),
    }
}

fn words(cron: &Option<String>, zone: &Option<String>, max_age_days: Option<u32>) -> String {
    let zone = zone.as_deref().unwrap_or("UTC");
    let calendar = cron.as_ref().map(|cron| format!("cron `{cron}` in {zone}"));
    let age = max_age_days.map(|days| format!("before {days} days are over"));
    calendar.into_iter().chain(age).collect::<Vec<_>>().join(", ")
}
