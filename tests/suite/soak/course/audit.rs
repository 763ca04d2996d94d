//! Holds the journal against the truth of the labs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use entra_rotator::history::Given;
use entra_rotator::journal::{Entry, Journal, Note, Noted, Query, State};
use entra_rotator::order::verify;
use entra_rotator::rotation::{Direction, Event, Outcome, Progress, Seen, Side, Step, Trigger};
use entra_rotator::wiring::World;
use jiff::{SignedDuration, Timestamp};
use providers::lab::Fleet;

use super::MAX_AGE_DAYS;

/// An alarm about an account, from when to when.
struct Alarm {
    key: String,
    from: Timestamp,
    to: Timestamp,
}

pub(super) struct Audit {
    fleet: Fleet,
    journal: Arc<dyn Journal>,
    start: Timestamp,
    /// Account, when its age was over, by the truth.
    over: Mutex<BTreeSet<(String, Timestamp)>>,
    wrong: Mutex<Vec<String>>,
}

fn max_age() -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(MAX_AGE_DAYS))
}

impl Audit {
    pub(super) fn new(fleet: Fleet, journal: Arc<dyn Journal>, start: Timestamp) -> Self {
        Self { fleet, journal, start, over: Mutex::default(), wrong: Mutex::default() }
    }

    /// Which passwords are too old, and whether any is lost.
    pub(super) async fn sample(&self, now: Timestamp) {
        let query = Query { open: true, ..Query::default() };
        let open = self.journal.list(&query).await.expect("the journal is read");
        let open: BTreeSet<String> = open.into_iter().map(|listed| listed.account).collect();
        for account in self.fleet.accounts() {
            let truth = self.fleet.truth(&account.name).expect("an account of the fleet");
            let say = |what: String| self.wrong.lock().expect("no panic under this lock").push(what);
            if let Some(over_at) = truth.set_at.map(|at| at + max_age()).filter(|at| *at <= now && *at > self.start) {
                self.over.lock().expect("no panic under this lock").insert((account.name.clone(), over_at));
            }
            if !open.contains(&account.name) && (!truth.live_is_current || truth.pending) {
                say(format!("{now}: {} has nothing open, and {truth:?}", account.name));
            }
        }
    }

    async fn notes(&self) -> Vec<Noted> {
        let (mut notes, mut read_to) = (Vec::new(), 0);
        loop {
            let page = self.journal.notes(read_to).await.expect("the journal is read");
            let Some(last) = page.last() else { return notes };
            read_to = last.position;
            notes.extend(page);
        }
    }

    /// The alarms of each account.
    async fn alarms(&self) -> BTreeMap<String, Vec<Alarm>> {
        let mut alarms: BTreeMap<String, Vec<Alarm>> = BTreeMap::new();
        for noted in self.notes().await {
            match noted.note {
                Note::Raised { key, severity, account: Some(account), .. } if severity == "alarm" => {
                    alarms.entry(account).or_default().push(Alarm { key, from: noted.at, to: Timestamp::MAX });
                }
                Note::Cleared { key, account: Some(account), .. } => {
                    let of_account = alarms.entry(account).or_default().iter_mut();
                    of_account
                        .filter(|alarm| alarm.key == key && alarm.to == Timestamp::MAX)
                        .for_each(|alarm| alarm.to = noted.at);
                }
                _ => {}
            }
        }
        alarms
    }

    /// What is wrong, at the end.
    pub(super) async fn conclude(&self, world: &World, now: Timestamp) -> Vec<String> {
        self.sample(now).await;
        let mut wrong = std::mem::take(&mut *self.wrong.lock().expect("no panic under this lock"));
        let alarms = self.alarms().await;
        let over = self.over.lock().expect("no panic under this lock").clone();
        for (account, over_at) in &over {
            let of_account = alarms.get(account).map_or(&[][..], Vec::as_slice);
            if !of_account.iter().any(|alarm| alarm.from <= *over_at && alarm.to >= *over_at) {
                wrong.push(format!("{account} was over its maximum age at {over_at}, without an alarm before"));
            }
        }
        let mut totals: BTreeMap<String, usize> = BTreeMap::new();
        let mut exact = 0;
        let notes = self.notes().await;
        for wish in &world.wishes {
            exact += usize::from(self.rotations_of(&wish.account, world, &notes, &mut wrong, &mut totals).await);
            let truth = self.fleet.truth(&wish.account).expect("an account of the fleet");
            if !truth.live_is_current
                || !truth.converged
                || !truth.engines_agree
                || !truth.services_run
                || truth.pending
            {
                wrong.push(format!("at the end {}: {truth:?}", wish.account));
            }
        }
        println!(
            "outcomes: {totals:?}; over age with an alarm before: {}; accounts whose changes are told exactly: {exact}",
            over.len()
        );
        wrong
    }

    /// Walks through an account's rotations; whether the number of its changes was told exactly.
    async fn rotations_of(
        &self,
        account: &str,
        world: &World,
        notes: &[Noted],
        wrong: &mut Vec<String>,
        totals: &mut BTreeMap<String, usize>,
    ) -> bool {
        let gap = world.roster.posts[account].policy.minimum_gap;
        let (mut fires, mut ended_well) = (BTreeSet::new(), None::<Timestamp>);
        let (mut least, mut most, mut sets_least, mut sets_most) = (0_u64, 0_u64, 0_u64, 0_u64);
        let of_account = |noted: &&Noted| matches!(&noted.note, Note::Renewed { account: of, .. } if of == account);
        let renewed: Vec<i64> = notes.iter().filter(of_account).map(|noted| noted.position).collect();
        let mut last_position = 0;
        for listed in self.journal.list(&Query::of(account)).await.expect("the journal is read") {
            let log = self.journal.read(&listed.id).await.expect("the journal is read");
            let Some((_, progress)) = Progress::of(log.iter().map(|entry| (entry.at, &entry.event))) else {
                wrong.push(format!("{account}: {} does not begin a rotation", listed.id));
                continue;
            };
            if listed.state != State::Closed {
                wrong.push(format!("{account}: {} is still {:?}", listed.id, listed.state));
            }
            // A person's word to try again brings the same fire back.
            if renewed.iter().any(|position| (last_position..log[0].position).contains(position)) {
                fires.clear();
            }
            last_position = log.last().map_or(0, |entry| entry.position);
            if let Event::Begun { trigger: Trigger::Schedule { due, .. }, .. } = &log[0].event {
                if !fires.insert(*due) {
                    wrong.push(format!("{account}: two rotations for {due}"));
                }
                if ended_well.is_some_and(|ended| log[0].at < ended + gap) {
                    wrong.push(format!("{account}: {} within the minimum gap", listed.id));
                }
            }
            let (least_sets, most_sets) = sets(&log);
            (sets_least, sets_most) = (sets_least + least_sets, sets_most + most_sets);
            let touched =
                log.iter().filter(|entry| matches!(&entry.event, Event::Intent { step: Step::Directory, .. })).count()
                    as u64;
            let word = match &progress.ended {
                Some(Outcome::Finished) if progress.direction == Direction::Forward => {
                    ended_well = log.iter().rev().find(|entry| entry.event == Event::Finished).map(|entry| entry.at);
                    (least, most) = (least + 1, most + 1);
                    "finished"
                }
                _ if touched == 0 => "not touched",
                Some(Outcome::RolledBack) => {
                    most += 2;
                    "rolled back"
                }
                _ => {
                    // Held, and replaced by a repair: the new one may have been live, put back, and a stranger's come.
                    most += 3;
                    "superseded"
                }
            };
            let proofs_seen = log.iter().any(|entry| matches!(&entry.event, Event::Looked { seen: Seen::Nothing, .. }));
            *totals.entry(word.to_owned()).or_default() += 1;
            *totals.entry(format!("{word}, looked")).or_default() += usize::from(proofs_seen);
        }
        let truth = self.fleet.truth(account).expect("an account of the fleet");
        if truth.changes < least || truth.changes > most {
            wrong.push(format!(
                "{account}: the journal explains {least} to {most} changes, the directory saw {}",
                truth.changes
            ));
        }
        if truth.sets < sets_least || truth.sets > sets_most {
            wrong.push(format!(
                "{account}: the journal explains {sets_least} to {sets_most} sets of its password, the directory saw {}",
                truth.sets
            ));
        }
        least == most
    }

    pub(super) async fn print_growth(&self, bytes: u64) {
        let rotations = self.journal.list(&Query::default()).await.expect("the journal is read").len() as u64;
        let notes = self.notes().await.len() as u64;
        let verified = verify(&*self.journal, &Given::default(), &[]).await.expect("the journal is read");
        assert_eq!(verified.finding, None, "an unbroken chain");
        let entries = verified.verdict.entries;
        let each = rotations.max(1);
        println!(
            "journal: {rotations} rotations, {entries} entries ({notes} notes), {bytes} bytes: {} bytes and {} entries for a rotation, all included",
            bytes / each,
            entries / each
        );
    }
}

/// How often a rotation surely set a password, and how often at most: each intent does it once, unless somebody looked
/// afterwards and saw nothing of it. Whoever acts on an intent after that look acts a second time.
fn sets(log: &[Entry]) -> (u64, u64) {
    let (mut least, mut most) = (0, 0);
    for setting in [Step::Directory, Step::Seal] {
        let mut intent = false;
        for entry in log {
            match &entry.event {
                Event::Intent { step, .. } if *step == setting => (most, intent) = (most + 1, true),
                Event::Done { step, .. } if *step == setting => (least, intent) = (least + 1, false),
                Event::Looked { step, side: Side::Old, .. } if *step == setting && intent => {
                    (most, intent) = (most - 1, false);
                }
                _ => {}
            }
        }
    }
    (least, most)
}
