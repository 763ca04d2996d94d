use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::ages::{self, Asked, BUCKETS, Sets};
use super::conditions::Conditions;
use super::past::{Ended, Past, trigger_facts};
use super::running::Running;
use super::time::{month_of, whole_days};
use super::{
    AccountFacts, At, Bucket, Counts, Coverage, Evidence, Exemption, Exposure, Incident, Length, Month, NOT_SHOWN,
    NoReport, NotBegun, Period, Population, REPORT_SCHEMA, Repairs, Report, RotationFacts, State, Text,
};
use crate::history::Finding;
use crate::journal::{Entry, Member, Note, Noted};

/// How many rotations a report tells of, but for one that is made of lines: each takes some 5 KB of memory.
pub const ROTATIONS_MAX: usize = 50_000;

pub(super) const MANAGED: &str = "managed-by-windows";

/// What the check of the journal's chain gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Every entry fits.
    Intact,
    /// One does not, and a person wants the report all the same.
    Broken(Finding),
}

/// Takes the journal's entries in, rotation by rotation and note by note, in any order of rotations; what is after the period
/// is left out.
#[derive(Debug)]
pub struct Gathering {
    period: Period,
    rotations: Vec<Past>,
    /// How many of them are told of.
    shown: usize,
    is_brief: bool,
    notes: Vec<Noted>,
    /// Position and time of every entry that counts.
    places: Vec<(i64, Timestamp)>,
    /// The hash of the last one.
    last_hash: (i64, String),
    /// Up to where the last tombstone that concerns the period reaches, and which entry it is.
    pruned: Option<(Timestamp, i64)>,
}

/// What is known of one account.
#[derive(Debug, Default)]
struct Known {
    sets: Sets,
    /// Whether a rotation touched its password: what the directory says from then on is our doing.
    touched: bool,
    asked: Vec<Asked>,
    /// The last entry that says so, and the last entry of a rotation that finished.
    managed_at: i64,
    finished_at: i64,
    rotated: u64,
}

impl Known {
    fn is_managed(&self) -> bool {
        self.managed_at > self.finished_at
    }
}

/// What an account's incidents are told from.
struct Turn<'p> {
    at: Timestamp,
    /// `None` = a rotation finished.
    trouble: Option<&'static str>,
    past: &'p Past,
}

impl Gathering {
    /// Nothing yet.
    pub fn new(period: Period) -> Self {
        Self {
            period,
            rotations: Vec::new(),
            shown: 0,
            is_brief: false,
            notes: Vec::new(),
            places: Vec::new(),
            last_hash: (0, String::new()),
            pruned: None,
        }
    }

    /// Keeps no rotation's steps, proofs and places, for a form that shows none: they are most of its memory.
    pub fn brief(self) -> Self {
        Self { is_brief: true, ..self }
    }

    /// A rotation, with all its entries. Refused when there are too many to tell of.
    pub fn rotation(&mut self, entries: &[Entry]) -> Result<(), NoReport> {
        for entry in entries {
            self.place(entry.position, entry.at, &entry.hash);
        }
        let mut past = Past::of(entries, &self.period);
        if self.is_brief
            && let Some(facts) = past.as_mut().and_then(|past| past.facts.as_mut())
        {
            (facts.steps, facts.proofs) = (Vec::new(), Vec::new());
            (facts.vault, facts.before, facts.after) = (None, None, None);
            facts.entries.last_hash = String::new();
        }
        self.shown += usize::from(past.as_ref().is_some_and(|past| past.facts.is_some()));
        self.rotations.extend(past);
        if self.shown <= ROTATIONS_MAX {
            return Ok(());
        }
        Err(NoReport::Unfit(format!(
            "more than {ROTATIONS_MAX} rotations are in this period: take a shorter one, or one of the forms jsonl and ocsf, which have no such limit"
        )))
    }

    /// A note.
    pub fn note(&mut self, noted: &Noted) {
        // Also one that was written after the period: what it speaks of is not there to be told.
        if let Note::Pruned { before, .. } = &noted.note
            && *before > self.period.from.0
        {
            self.pruned = self.pruned.max(Some((*before, noted.position)));
        }
        if self.period.reaches(noted.at) {
            self.place(noted.position, noted.at, &noted.hash);
            // One for each rotation, and nothing is told of it.
            if !matches!(noted.note, Note::Head { .. }) {
                self.notes.push(noted.clone());
            }
        }
    }

    fn place(&mut self, position: i64, at: Timestamp, hash: &str) {
        if self.period.reaches(at) {
            self.places.push((position, at));
            if position > self.last_hash.0 {
                self.last_hash = (position, hash.to_owned());
            }
        }
    }

    /// The report.
    pub fn end(mut self, verified: Verified) -> Report {
        self.rotations.sort_by_key(|past| past.first);
        self.notes.sort_by_key(|noted| noted.position);
        let period = self.period;
        let evidence = self.evidence(verified);
        let (mut conditions, mut running, mut not_begun) = (Conditions::default(), Running::default(), Vec::new());
        for noted in &self.notes {
            conditions.take(noted);
            running.take(noted);
            not_begun.extend(not_begun_of(noted).filter(|_| period.has(noted.at)));
        }
        let mut known = self.known();
        self.ask(&mut known);
        let population = self.population(&known, &conditions);
        let (repairs, counts) = (self.repairs(), self.counts(&population, &not_begun));
        let (conditions, kinds, drift) = conditions.end(&period);
        let in_it = |account: &&AccountFacts| account.state != State::NotInPopulation;
        Report {
            schema: REPORT_SCHEMA,
            period,
            evidence,
            coverage: coverage(&population),
            counts,
            ages: ages_of(population.accounts.iter().filter(in_it), &period),
            exposure: exposure(&population),
            repairs,
            drift,
            kinds,
            conditions,
            months: self.months(),
            not_shown: self.pruned_here().into_iter().chain(NOT_SHOWN.map(str::to_owned)).collect(),
            rotations: self.told(&population),
            not_begun,
            running: running.end(&period),
            population,
        }
    }

    /// What is said where rotations of the period are gone.
    fn pruned_here(&self) -> Option<String> {
        self.pruned.map(|(before, position)| {
            format!(
                "Rotations that ended before {} were pruned from the journal, as its entry {position} says, but for those that are \
                 still needed. Of the time before that this report counts only what is left; the export that was made then has the rest.",
                At(before)
            )
        })
    }

    fn evidence(&mut self, verified: Verified) -> Evidence {
        self.places.sort_unstable();
        let back = |pair: &&[(i64, Timestamp)]| pair[1].1.duration_until(pair[0].1) >= SignedDuration::from_secs(1);
        let broken = match verified {
            Verified::Intact => None,
            Verified::Broken(finding) => Some(finding),
        };
        Evidence {
            intact: broken.is_none(),
            first_bad_entry: broken.as_ref().map(|finding| finding.position),
            cause: broken.map(|finding| Text(format!("{}: {}", finding.word, finding.cause))),
            entries: self.last_hash.0,
            entries_in_period: count(self.places.iter().filter(|(_, at)| self.period.has(*at))),
            first_at: self.places.first().map(|(_, at)| At(*at)),
            last_at: self.places.last().map(|(_, at)| At(*at)),
            last_hash: (self.last_hash.0 > 0).then(|| self.last_hash.1.clone()),
            steps_back: count(self.places.windows(2).filter(back)),
        }
    }

    /// What the entries say of each account, in the journal's order.
    fn known(&self) -> BTreeMap<String, Known> {
        enum Word<'s> {
            Past(&'s Past),
            Note(&'s Note),
        }
        let rotations = self.rotations.iter().map(|past| (past.first, Word::Past(past)));
        let notes = self.notes.iter().map(|noted| (noted.position, Word::Note(&noted.note)));
        let mut words: Vec<(i64, Word<'_>)> = rotations.chain(notes).collect();
        words.sort_by_key(|(position, _)| *position);
        let mut known = BTreeMap::<String, Known>::new();
        for (position, word) in words {
            match word {
                Word::Past(past) => known.entry(past.account.0.clone()).or_default().past(past, &self.period),
                Word::Note(Note::Age { account, set_at }) => {
                    let account = known.entry(account.clone()).or_default();
                    if !account.touched {
                        account.sets.found(*set_at);
                    }
                }
                Word::Note(Note::NotBegun { account, outcome, .. }) if outcome == MANAGED => {
                    known.entry(account.clone()).or_default().managed_at = position;
                }
                Word::Note(_) => {}
            }
        }
        known
    }

    /// What was asked of each account, and when.
    fn ask(&self, known: &mut BTreeMap<String, Known>) {
        for noted in &self.notes {
            let Note::Population { accounts } = &noted.note else { continue };
            let members: BTreeMap<&str, &Member> =
                accounts.iter().map(|member| (member.account.as_str(), member)).collect();
            let names: BTreeSet<String> =
                known.keys().cloned().chain(members.keys().map(|name| (*name).into())).collect();
            for name in names {
                let member = members.get(name.as_str()).map(|member| (*member).clone());
                known.entry(name).or_default().asked.push(Asked { from: noted.at, member });
            }
        }
    }

    fn population(&self, known: &BTreeMap<String, Known>, conditions: &Conditions) -> Population {
        let told = self.notes.iter().rev().find(|noted| matches!(noted.note, Note::Population { .. }));
        let rotated: BTreeSet<&str> = self.rotations.iter().map(|past| past.account.0.as_str()).collect();
        let mut accounts: Vec<AccountFacts> = known
            .iter()
            .filter(|(name, known)| known.member().is_some() || rotated.contains(name.as_str()))
            .map(|(name, known)| known.facts(name, &self.period, conditions.warned(name)))
            .collect();
        accounts.sort_by(|a, b| (a.state.rank(), &a.account).cmp(&(b.state.rank(), &b.account)));
        Population {
            recorded_by: told.map(|noted| noted.position),
            recorded_at: told.map(|noted| At(noted.at)),
            accounts,
        }
    }

    fn counts(&self, population: &Population, not_begun: &[NotBegun]) -> Counts {
        let period = &self.period;
        let mut counts = Counts::default();
        for past in &self.rotations {
            counts.begun += u64::from(past.changes && period.has(past.began));
            counts.without_approval += u64::from(past.unapproved && period.has(past.began));
            counts.held += count(past.holds.iter().filter(|at| period.has(**at)));
            counts.held_at_end += u64::from(past.held);
            counts.open_at_end += u64::from(!past.held && past.ended.is_none());
            counts.late_proofs_good += count(past.late.iter().filter(|(at, good)| *good && period.has(*at)));
            counts.late_proofs_failed += count(past.late.iter().filter(|(at, good)| !*good && period.has(*at)));
            match past.ended.filter(|(at, _)| period.has(*at)).map(|(_, ended)| ended) {
                None => {}
                Some(Ended::Repaired) => counts.repaired += 1,
                Some(Ended::Finished) if past.changes => counts.rotated += 1,
                Some(Ended::Finished) => counts.rehearsed_or_adopted += 1,
                Some(_) if !past.changes => counts.rehearsed_or_adopted_failed += 1,
                Some(Ended::Failed) => counts.failed += 1,
                Some(Ended::RolledBackByOrder) => counts.rolled_back_by_order += 1,
            }
        }
        for not in not_begun.iter().filter(|not| not.outcome.0 != MANAGED) {
            counts.not_begun += 1;
            match not.outcome.0.as_str() {
                "refused" => counts.not_begun_refused += 1,
                "later" => counts.not_begun_unreachable += 1,
                "busy" => counts.not_begun_busy += 1,
                _ => {}
            }
        }
        counts.accounts_overdue = count(population.accounts.iter().filter(|account| account.overdue.seconds > 0));
        counts
    }

    fn months(&self) -> Vec<Month> {
        let empty = |month: String| Month { month, rotated: 0, put_back: 0, held: 0 };
        let mut months: Vec<Month> = self.period.months().into_iter().map(empty).collect();
        let mut add = |at: Timestamp, field: fn(&mut Month) -> &mut u64| {
            let name = month_of(at);
            if let Some(month) = months.iter_mut().find(|month| month.month == name).filter(|_| self.period.has(at)) {
                *field(month) += 1;
            }
        };
        for past in &self.rotations {
            past.holds.iter().for_each(|at| add(*at, |month| &mut month.held));
            match past.ended {
                Some((at, Ended::Finished)) if past.changes => add(at, |month| &mut month.rotated),
                Some((at, Ended::Failed | Ended::RolledBackByOrder)) if past.changes => {
                    add(at, |month| &mut month.put_back);
                }
                _ => {}
            }
        }
        months
    }

    fn repairs(&self) -> Repairs {
        let mut by_account = BTreeMap::<&Text, Vec<Turn<'_>>>::new();
        for past in &self.rotations {
            let turns = by_account.entry(&past.account).or_default();
            turns.extend(past.holds.iter().map(|at| Turn { at: *at, trouble: Some("held"), past }));
            turns.extend(past.turned.filter(|_| past.changes).map(|at| Turn { at, trouble: Some("failed"), past }));
            if let Some((at, Ended::Finished)) = past.ended {
                turns.push(Turn { at, trouble: None, past });
            }
        }
        let mut incidents = Vec::new();
        for turns in by_account.values_mut() {
            turns.sort_by_key(|turn| turn.at);
            self.incidents(turns, &mut incidents);
        }
        incidents.sort_by(|a, b| (a.began, &a.account).cmp(&(b.began, &b.account)));
        let ended = |incident: &&Incident| incident.ended.is_some_and(|at| self.period.has(at.0));
        let mut lengths: Vec<Length> = incidents.iter().filter(ended).map(|incident| incident.length).collect();
        lengths.sort();
        Repairs {
            ended: count(&lengths),
            median: lengths.get(lengths.len().saturating_sub(1) / 2).cloned(),
            longest: lengths.last().cloned(),
            open_at_end: count(incidents.iter().filter(|incident| incident.ended.is_none())),
            incidents,
        }
    }

    fn incidents(&self, turns: &[Turn<'_>], incidents: &mut Vec<Incident>) {
        let mut open: Option<(&Turn<'_>, &'static str)> = None;
        let mut told = |(began, word): (&Turn<'_>, &'static str), ended: Option<Timestamp>| {
            if ended.is_none_or(|at| at >= self.period.from.0) {
                incidents.push(Incident {
                    account: began.past.account.clone(),
                    rotation: began.past.rotation.clone(),
                    began_as: word,
                    began: At(began.at),
                    ended: ended.map(At),
                    length: Length::between(began.at, ended.unwrap_or(self.period.to.0)),
                });
            }
        };
        for turn in turns {
            match (turn.trouble, open) {
                (Some(word), None) => open = Some((turn, word)),
                // What changes no password repairs only itself.
                (None, Some(began)) if turn.past.changes || turn.past.rotation == began.0.past.rotation => {
                    told(began, Some(turn.at));
                    open = None;
                }
                _ => {}
            }
        }
        if let Some(began) = open {
            told(began, None);
        }
    }

    /// The rotations that are shown.
    fn told(self, population: &Population) -> Vec<RotationFacts> {
        let max_age = |account: &Text| {
            let found = population.accounts.iter().find(|facts| facts.account == *account);
            found.and_then(|facts| facts.max_age_days)
        };
        let shown = self.rotations.into_iter().filter_map(|past| Some((past.facts?, past.set_at)));
        shown
            .map(|(facts, set_at)| {
                let due = set_at.zip(max_age(&facts.account)).and_then(|(set, max)| ages::due(set, max));
                RotationFacts { due_at: due.map(At), ..*facts }
            })
            .collect()
    }
}

impl Known {
    fn past(&mut self, past: &Past, period: &Period) {
        if let Some(found) = past.found_set_at.filter(|_| !self.touched) {
            self.sets.found(found);
        }
        self.touched |= past.touched;
        if let Some(set_at) = past.set_at {
            self.touched = true;
            self.sets.rotated(set_at);
            self.finished_at = past.last;
            self.rotated += u64::from(past.ended.is_some_and(|(at, _)| period.has(at)));
        }
    }

    fn member(&self) -> Option<&Member> {
        self.asked.last().and_then(|asked| asked.member.as_ref())
    }

    fn facts(&self, name: &str, period: &Period, warned: bool) -> AccountFacts {
        let (to, member, managed) = (period.to.0, self.member(), self.is_managed());
        let set_at = self.sets.last(to);
        let max_age_days = member.and_then(|member| member.max_age_days);
        let overdue = if managed { SignedDuration::ZERO } else { ages::overdue(&self.asked, &self.sets, period) };
        AccountFacts {
            account: Text::of(name),
            kind: Text::of(member.map_or("", |member| &member.kind)),
            state: member.map_or(State::NotInPopulation, |member| ages::state(member, set_at, managed, warned, to)),
            max_age_days,
            schedule: Text::of(member.map_or("", |member| &member.schedule)),
            exempt: member.and_then(|member| member.exempt.as_ref()).map(|exempt| Exemption {
                reason: Text::of(&exempt.reason),
                owner: Text::of(&exempt.owner),
                until: At(exempt.until),
                in_force: to < exempt.until,
            }),
            set_at: set_at.map(At),
            age_days: set_at.map(|set_at| whole_days(set_at.duration_until(to))),
            due_at: set_at.zip(max_age_days).and_then(|(set_at, max)| ages::due(set_at, max)).map(At),
            overdue: Length::of(overdue),
            oldest_days: self.sets.oldest(period).map(whole_days),
            rotated: self.rotated,
        }
    }
}

fn not_begun_of(noted: &Noted) -> Option<NotBegun> {
    let Note::NotBegun { account, trigger, outcome, why } = &noted.note else { return None };
    Some(NotBegun {
        account: Text::of(account),
        at: At(noted.at),
        trigger: trigger_facts(trigger),
        outcome: Text::of(outcome),
        why: Text::of(why),
        position: noted.position,
    })
}

fn coverage(population: &Population) -> Coverage {
    let of = |states: &[State]| count(population.accounts.iter().filter(|account| states.contains(&account.state)));
    let in_policy = of(&[State::InPolicy, State::Near]);
    let asked = in_policy + of(&[State::Overdue, State::Unknown]);
    // In hundredths, rounded down: what is not whole is not called whole.
    let percent = (in_policy * 10_000).checked_div(asked);
    Coverage {
        in_policy,
        of: asked,
        percent: percent.map(|hundredths| format!("{}.{:02}", hundredths / 100, hundredths % 100)),
        near: of(&[State::Near]),
        overdue: of(&[State::Overdue]),
        unknown: of(&[State::Unknown]),
        exempt: of(&[State::Exempt]),
        managed: of(&[State::Managed]),
        no_policy: of(&[State::NoPolicy]),
        not_in_population: of(&[State::NotInPopulation]),
    }
}

fn ages_of<'a>(accounts: impl Iterator<Item = &'a AccountFacts>, period: &Period) -> Vec<Bucket> {
    let mut found = [0; BUCKETS.len()];
    let mut unknown = 0;
    for account in accounts {
        match account.set_at {
            Some(set_at) => found[ages::bucket(set_at.0.duration_until(period.to.0))] += 1,
            None => unknown += 1,
        }
    }
    let known = BUCKETS.iter().zip(found).map(|((days, _), accounts)| Bucket { days: (*days).to_owned(), accounts });
    known.chain([Bucket { days: "unknown".to_owned(), accounts: unknown }]).collect()
}

fn exposure(population: &Population) -> Exposure {
    let ours = |account: &&AccountFacts| !matches!(account.state, State::Managed | State::NotInPopulation);
    // Of several the first that is told.
    let oldest = population.accounts.iter().filter(ours).rev().max_by_key(|account| account.oldest_days);
    let oldest = oldest.filter(|account| account.oldest_days.is_some());
    let overdue = population.accounts.iter().map(|account| account.overdue.seconds).sum();
    Exposure {
        oldest_days: oldest.and_then(|account| account.oldest_days),
        account: oldest.map(|account| account.account.clone()),
        overdue: Length::of(SignedDuration::from_secs(overdue)),
    }
}

fn count<T>(of: impl IntoIterator<Item = T>) -> u64 {
    of.into_iter().fold(0, |number, _| number + 1)
}
