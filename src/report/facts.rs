use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{At, Length, Period, Text};

/// Version of the report's JSON form.
pub const REPORT_SCHEMA: u32 = 1;

/// Everything that the report says; every form of it is made from this alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// Version of this form.
    pub schema: u32,
    /// The period, in UTC.
    pub period: Period,
    /// What it was made from, and how that can be checked.
    pub evidence: Evidence,
    /// How many accounts are within policy at the period's end.
    pub coverage: Coverage,
    /// What happened in the period, counted.
    pub counts: Counts,
    /// The accounts at the period's end.
    pub population: Population,
    /// Ages of the population's passwords at the period's end.
    pub ages: Vec<Bucket>,
    /// How old a password became in the period.
    pub exposure: Exposure,
    /// How long it took until an account was rotated after a rotation of it had gone wrong.
    pub repairs: Repairs,
    /// Conditions of the kinds that begin with `drift-`.
    pub drift: Tally,
    /// All conditions by kind.
    pub kinds: Vec<KindCount>,
    /// The conditions that held at some time of the period.
    pub conditions: Vec<Condition>,
    /// What ended in each month of the period.
    pub months: Vec<Month>,
    /// The rotations with an entry in the period, and those that were open all through it, by their begin.
    pub rotations: Vec<RotationFacts>,
    /// Rotations that were wanted in the period and not begun.
    pub not_begun: Vec<NotBegun>,
    /// When the unattended service ran.
    pub running: Vec<RunningPeriod>,
    /// What the report does not show.
    pub not_shown: Vec<String>,
}

/// What the report was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// Whether the journal's hash chain was intact, over all of it, when the report was made.
    pub intact: bool,
    /// The first entry that does not fit, where it was not.
    pub first_bad_entry: Option<i64>,
    /// Why it does not fit.
    pub cause: Option<Text>,
    /// How many entries the journal had at the period's end: the position of the last one before it.
    pub entries: i64,
    /// How many of them are of the period.
    pub entries_in_period: u64,
    /// When the journal's first entry was written.
    pub first_at: Option<At>,
    /// When the last one before the period's end was written.
    pub last_at: Option<At>,
    /// That entry's hash.
    pub last_hash: Option<String>,
    /// How often an entry bears an earlier time than the one before it, by a second or more: a clock was set back, or two
    /// machines differ.
    pub steps_back: u64,
}

/// Accounts within policy, of those that have one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Coverage {
    /// Accounts whose password is younger than its maximum age.
    pub in_policy: u64,
    /// Accounts with a maximum age, neither exempt nor managed by Windows.
    pub of: u64,
    /// The one of the other, rounded down; absent where there is no such account.
    pub percent: Option<String>,
    /// Those among them that come near their maximum age.
    pub near: u64,
    /// Those at their maximum age or over it.
    pub overdue: u64,
    /// Those with a maximum age whose password's age the journal does not know.
    pub unknown: u64,
    /// Accounts with an exemption in force.
    pub exempt: u64,
    /// Accounts whose password Windows itself changes.
    pub managed: u64,
    /// Accounts for which nobody set a maximum age.
    pub no_policy: u64,
    /// Accounts that were rotated at some time and are not in the population at the period's end.
    pub not_in_population: u64,
}

/// What happened in the period. A rotation that changes a password and one that does not (a rehearsal, an adoption) are
/// counted apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Rotations begun.
    pub begun: u64,
    /// Finished: all new, proven, current in the vault.
    pub rotated: u64,
    /// Begun, failed, and put back by the engine.
    pub failed: u64,
    /// Put back because a person said so.
    pub rolled_back_by_order: u64,
    /// Holds that began; one rotation can be held more than once.
    pub held: u64,
    /// Rotations held at the period's end, whenever that began.
    pub held_at_end: u64,
    /// Rotations neither ended nor held at the period's end.
    pub open_at_end: u64,
    /// Held rotations that a repair closed.
    pub repaired: u64,
    /// Wanted and not begun, whatever the reason, without those that Windows manages.
    pub not_begun: u64,
    /// Of these: a precondition was not met.
    pub not_begun_refused: u64,
    /// Of these: something could not be reached.
    pub not_begun_unreachable: u64,
    /// Of these: somebody else was at it.
    pub not_begun_busy: u64,
    /// Proofs made again an hour or more after the end, good.
    pub late_proofs_good: u64,
    /// The same, failed.
    pub late_proofs_failed: u64,
    /// Rehearsals and adoptions finished: no password was changed.
    pub rehearsed_or_adopted: u64,
    /// Rehearsals and adoptions that failed.
    pub rehearsed_or_adopted_failed: u64,
    /// Rotations begun in the period without the approval that they needed, as an exception.
    pub without_approval: u64,
    /// Accounts over their maximum age at some time of the period.
    pub accounts_overdue: u64,
}

/// The accounts at the period's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Population {
    /// The entry that says which they are; absent = the journal never said, and the accounts are those rotated.
    pub recorded_by: Option<i64>,
    /// When that was written.
    pub recorded_at: Option<At>,
    /// The accounts: those that somebody must look at first, each group by name; those not in the population last.
    pub accounts: Vec<AccountFacts>,
}

/// How an account stands at the period's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its password is younger than its maximum age.
    InPolicy,
    /// The same, with less than a tenth of it left, or the service had warned.
    Near,
    /// It reached its maximum age.
    Overdue,
    /// Exempt, and the exemption is in force.
    Exempt,
    /// Windows itself changes the password.
    Managed,
    /// It has a maximum age, and the journal does not know its age.
    Unknown,
    /// Nobody set a maximum age.
    NoPolicy,
    /// It is not in the population at the end of the period.
    NotInPopulation,
}

impl State {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::InPolicy => "in policy",
            Self::Near => "near its limit",
            Self::Overdue => "overdue",
            Self::Exempt => "exempt",
            Self::Managed => "managed by Windows",
            Self::Unknown => "age unknown",
            Self::NoPolicy => "no policy",
            Self::NotInPopulation => "not in the population at the end of the period",
        }
    }

    /// A mark that tells it without colour.
    pub fn mark(self) -> &'static str {
        match self {
            Self::InPolicy => "✓",
            Self::Near => "△",
            Self::Overdue => "✕",
            Self::Unknown => "?",
            Self::Exempt | Self::Managed | Self::NoPolicy | Self::NotInPopulation => "–",
        }
    }

    /// In which order they are told: what somebody must look at comes first.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Overdue => 0,
            Self::Unknown => 1,
            Self::Near => 2,
            Self::InPolicy => 3,
            Self::NoPolicy => 4,
            Self::Exempt => 5,
            Self::Managed => 6,
            Self::NotInPopulation => 7,
        }
    }

    /// The word of it, as stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::InPolicy => "in-policy",
            Self::Near => "near",
            Self::Overdue => "overdue",
            Self::Exempt => "exempt",
            Self::Managed => "managed",
            Self::Unknown => "unknown",
            Self::NoPolicy => "no-policy",
            Self::NotInPopulation => "not-in-population",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountFacts {
    /// Its name in the configuration.
    pub account: Text,
    /// `connector`, `service`, `entra` or `self`; empty when it is not in the population.
    pub kind: Text,
    /// How it stands.
    pub state: State,
    /// How old its password may become.
    pub max_age_days: Option<u32>,
    /// When it is rotated, in words; empty = by hand only.
    pub schedule: Text,
    /// Its exemption, in force or over.
    pub exempt: Option<Exemption>,
    /// When its password was set.
    pub set_at: Option<At>,
    /// How old it is, in whole days.
    pub age_days: Option<i64>,
    /// When it reaches its maximum age.
    pub due_at: Option<At>,
    /// How long in the period it was over its maximum age, without the times of an exemption.
    pub overdue: Length,
    /// The oldest that its password became in the period, in whole days.
    pub oldest_days: Option<i64>,
    /// Rotations of it that finished in the period.
    pub rotated: u64,
}

/// An exemption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exemption {
    /// Why.
    pub reason: Text,
    /// Who answers for it.
    pub owner: Text,
    /// The first instant at which it no longer holds.
    pub until: At,
    /// Whether it is in force at the period's end.
    pub in_force: bool,
}

/// Accounts of a range of ages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bucket {
    /// Whole days, in words.
    pub days: String,
    /// How many accounts of the population.
    pub accounts: u64,
}

/// How old a password became in the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exposure {
    /// The largest age reached by an account of the population that Windows does not manage, in whole days.
    pub oldest_days: Option<i64>,
    /// Whose.
    pub account: Option<Text>,
    /// The times over their maximum age, of all accounts together.
    pub overdue: Length,
}

/// From a rotation that went wrong to the next that finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Repairs {
    /// How many ended in the period.
    pub ended: u64,
    /// How long half of these took at most.
    pub median: Option<Length>,
    /// How long the longest took.
    pub longest: Option<Length>,
    /// How many had not ended when the period did.
    pub open_at_end: u64,
    /// Each of them.
    pub incidents: Vec<Incident>,
}

/// A rotation went wrong, until the account was rotated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Incident {
    /// The account.
    pub account: Text,
    /// The rotation that went wrong first.
    pub rotation: Text,
    /// `held` or `failed`.
    pub began_as: &'static str,
    /// When.
    pub began: At,
    /// When the next rotation finished, before the period's end.
    pub ended: Option<At>,
    /// How long, to the period's end where it did not end.
    pub length: Length,
}

/// Conditions of a sort.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tally {
    /// Raised in the period.
    pub raised: u64,
    /// Cleared in the period.
    pub cleared: u64,
    /// Not cleared at its end.
    pub open_at_end: u64,
    /// The longest that one lasted which was cleared in the period, or was open at its end (then to there).
    pub longest: Option<Length>,
}

/// Conditions of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KindCount {
    /// The kind.
    pub kind: Text,
    /// Their number.
    #[serde(flatten)]
    pub tally: Tally,
}

/// One condition, from when it was raised to when it was cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Condition {
    /// Its kind.
    pub kind: Text,
    /// `info`, `warning` or `alarm`.
    pub severity: Text,
    /// The account, where it is about one.
    pub account: Option<Text>,
    /// One line.
    pub title: Text,
    /// What was seen.
    pub text: Text,
    /// When it was raised.
    pub raised: At,
    /// When it was cleared, before the period's end.
    pub cleared: Option<At>,
    /// How long it held, to the period's end where it was not cleared.
    pub length: Length,
    /// The entry that raised it.
    pub position: i64,
}

/// What ended in a month, as far as the month is in the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Month {
    /// As `2026-07`.
    pub month: String,
    /// Rotations finished.
    pub rotated: u64,
    /// Rotations put back, by the engine or a person.
    pub put_back: u64,
    /// Holds begun.
    pub held: u64,
}

/// What wanted a rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TriggerFacts {
    /// `person` or `schedule`.
    pub by: &'static str,
    /// The fire of the schedule.
    pub due: Option<At>,
    /// Why then.
    pub why: Option<Text>,
}

/// One rotation, as of the period's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RotationFacts {
    /// Its id.
    pub rotation: Text,
    /// The account.
    pub account: Text,
    /// The directory's name of it.
    pub name: Text,
    /// `connector`, `service`, `service-key-lost`, `entra`, `own`, `rehearsal` or `adoption`.
    pub procedure: &'static str,
    /// Whether it repairs: a fresh password whatever is in use.
    pub repair: bool,
    /// `finished`, `failed`, `rolled-back-by-order`, `held`, `repaired` or `open`.
    pub outcome: &'static str,
    /// Why it is held or was put back; empty otherwise.
    pub outcome_why: Text,
    /// What wanted it.
    pub trigger: TriggerFacts,
    /// Why, in the operator's words.
    pub reason: Text,
    /// The ticket.
    pub ticket: Text,
    /// Who asked: user and host, or the service.
    pub initiator: Text,
    /// Who approved its plan; absent = nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<ApprovalFacts>,
    /// Why it was begun without an approval where one was required; absent = it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_approval: Option<Text>,
    /// When it began.
    pub began: At,
    /// When it ended.
    pub ended: Option<At>,
    /// From begin to end.
    pub length: Option<Length>,
    /// Its steps.
    pub steps: Vec<StepFacts>,
    /// Its test syncs.
    pub proofs: Vec<Proof>,
    /// `good` or `failed`; absent = not made before the period's end.
    pub late_proof: Option<&'static str>,
    /// The vault's last word of where the password is.
    pub vault: Option<VaultFacts>,
    /// What the directory said of the password before.
    pub before: Option<Print>,
    /// And after the last set.
    pub after: Option<Print>,
    /// When the password that it set reaches the account's maximum age.
    pub due_at: Option<At>,
    /// Its entries in the journal.
    pub entries: Places,
}

/// An approval, as it was verified when the rotation began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApprovalFacts {
    /// Who approved.
    pub by: Text,
    /// When.
    pub at: At,
    /// Until when the plan could be begun.
    pub until: At,
    /// SHA-256 of the plans as they were stored.
    pub plans: Text,
    /// The public key (Ed25519), in hex.
    pub key: Text,
    /// The signature, in hex.
    pub signature: Text,
}

/// Where a rotation stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Places {
    /// Position of its first entry.
    pub first: i64,
    /// Position of its last entry before the period's end.
    pub last: i64,
    /// How many.
    pub count: u64,
    /// The hash of the last one.
    pub last_hash: String,
}

/// One step of a rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepFacts {
    /// As `plan` prints it.
    pub step: Text,
    /// Whether it belongs to the way back.
    pub back: bool,
    /// `done`, `done-seen` (a look shows it), `failed`, `no-effect`, `foreign`, `not-seen`, `open` or `not-begun`.
    pub result: &'static str,
    /// How often it was applied.
    pub tries: u64,
    /// When it was first tried.
    pub began: Option<At>,
    /// From there to its last entry.
    pub length: Option<Length>,
    /// The last fault, where it had one.
    pub fault: Option<Text>,
}

/// A test sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Proof {
    /// `before` (with the password in use), `after` (with the one set), `back` (with the old one, put back) or `late`.
    pub phase: &'static str,
    /// The server; empty where the journal doesn't name it (late proofs).
    pub server: Text,
    /// The connector.
    pub connector: Text,
    /// The run's result, as the sync engine words it.
    pub result: Text,
    /// When the run ended.
    pub at: At,
}

/// Where the vault has a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VaultFacts {
    /// The account's name there.
    pub name: Text,
    /// `current`, `pending` or `previous`.
    pub slot: &'static str,
    /// The vault's word for the version.
    pub version: Text,
}

/// What the directory says of a password: never the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Print {
    /// The domain controller that was asked.
    pub dc: Text,
    /// msDS-KeyVersionNumber.
    pub key_version: i64,
    /// pwdLastSet, where there is one.
    pub set_at: Option<At>,
}

/// A rotation that was wanted and not begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotBegun {
    /// The account.
    pub account: Text,
    /// When.
    pub at: At,
    /// What wanted it.
    pub trigger: TriggerFacts,
    /// The word of the exit.
    pub outcome: Text,
    /// Why.
    pub why: Text,
    /// The entry.
    pub position: i64,
}

/// A run of the unattended service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunningPeriod {
    /// Host and process.
    pub by: Text,
    /// The program's version.
    pub version: Text,
    /// When it began.
    pub started: At,
    /// When it ended in order.
    pub stopped: Option<At>,
    /// Why it ended; `no stop is recorded` where another run began after it; empty while it runs at the period's end.
    pub why: Text,
}
