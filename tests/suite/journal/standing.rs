//! How an account stands, out of the journal alone.

use entra_rotator::history::Given;
use entra_rotator::journal::{Journal, Member, Note, Query};
use entra_rotator::order::{Account, Ledger, verify};
use entra_rotator::rotation::{Event, Seen, Step, Trigger, TurnedBy, Why};
use entra_rotator::schedule::Blocked;
use jiff::{SignedDuration, Timestamp};

use crate::journal::contract::{begun, intent};

const BUDGET: u32 = 5;

pub(crate) fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
}

pub(crate) fn not_begun(outcome: &str) -> Note {
    Note::NotBegun {
        account: "msol".into(),
        trigger: Trigger::Schedule { due: at(0), why: "the calendar says so".into() },
        outcome: outcome.into(),
        why: format!("it was {outcome}"),
    }
}

async fn account(journal: &dyn Journal, now: i64) -> Account {
    let mut ledger = Ledger::default();
    ledger.read_on(journal).await.expect("the notes");
    Account::read(journal, &ledger, "msol", None, BUDGET, at(now)).await.expect("a standing")
}

/// A rotation from `begin` on, an entry a minute.
async fn rotation(journal: &dyn Journal, id: &str, begin: i64, events: &[Event]) {
    journal.begin(id, "msol", at(begin), &begun()).await.expect("begins");
    for (place, event) in events.iter().enumerate() {
        let seq = i64::try_from(place).expect("few") + 1;
        journal.append(id, 1, seq, at(begin + seq), event).await.expect("appended");
    }
}

fn set() -> [Event; 3] {
    let before = Seen::RolesSwapped { servers: Vec::new() };
    [
        Event::Intent { step: Step::Directory, before: Seen::Nothing },
        Event::Done { step: Step::Directory, proof: before },
        Event::Finished,
    ]
}

fn rolled_back(by: TurnedBy) -> [Event; 2] {
    [Event::Turned { by, why: "a test".into() }, Event::RolledBack]
}

pub(crate) async fn what_is_refused_spends_the_budget_and_what_is_not_reached_does_not(journal: &dyn Journal) {
    for minute in 0..20 {
        journal.note(at(minute), &not_begun("later")).await.expect("noted");
    }
    let unreached = account(journal, 30).await;
    assert_eq!(
        (unreached.standing.failures, unreached.unreached),
        (BUDGET - 1, 20),
        "it backs off, and never gives up"
    );
    assert_eq!(unreached.standing.last_failure, Some(at(19)));
    journal.note(at(20), &not_begun("busy")).await.expect("noted");
    assert_eq!(account(journal, 30).await.standing.failures, BUDGET - 1, "somebody else at it is no failure");
    for minute in 21..21 + i64::from(BUDGET) {
        journal.note(at(minute), &not_begun("refused")).await.expect("noted");
    }
    let refused = account(journal, 40).await;
    assert_eq!((refused.standing.failures, refused.unreached), (BUDGET, 0));
    assert_eq!(refused.failure, Some(("refused".into(), "it was refused".into())));
    let renewed = Note::Renewed { account: "msol".into(), by: "a person".into() };
    journal.note(at(50), &renewed).await.expect("noted");
    let again = account(journal, 60).await.standing;
    assert_eq!((again.failures, again.renewed_at), (0, Some(at(50))), "a person lets it try again");
    journal.note(at(61), &not_begun("later")).await.expect("noted");
    assert_eq!(account(journal, 70).await.standing.renewed_at, None, "and it did");
}

pub(crate) async fn a_success_ends_what_failed_before_it(journal: &dyn Journal) {
    journal.note(at(0), &Note::Age { account: "msol".into(), set_at: at(-1_000) }).await.expect("noted");
    assert_eq!(
        account(journal, 1).await.standing.set_at,
        Some(at(-1_000)),
        "what the directory says, until we know better"
    );
    rotation(journal, "r1", 10, &rolled_back(TurnedBy::Engine)).await;
    rotation(journal, "r2", 20, &rolled_back(TurnedBy::Operator)).await;
    journal.note(at(25), &not_begun("refused")).await.expect("noted");
    let failed = account(journal, 30).await;
    assert_eq!(failed.standing.failures, 2, "what a person turned back is no failure");
    assert_eq!(failed.standing.set_at, Some(at(-1_000)));
    rotation(journal, "r3", 40, &set()).await;
    journal.note(at(50), &Note::Renewed { account: "msol".into(), by: "a person".into() }).await.expect("noted");
    assert_eq!(account(journal, 55).await.standing.renewed_at, None, "nothing had failed since");
    let good = account(journal, 60).await;
    assert_eq!((good.standing.failures, good.standing.set_at, good.succeeded), (0, Some(at(42)), Some(at(43))));
    assert_eq!((good.set_by.as_deref(), good.newest.as_deref()), (Some("r3"), Some("r3")));
    rotation(journal, "r4", 70, &rolled_back(TurnedBy::Engine)).await;
    let later = account(journal, 80).await;
    assert_eq!(
        (later.standing.failures, later.standing.set_at),
        (1, Some(at(42))),
        "the password in use is still r3's"
    );
    assert_eq!(later.newest.as_deref(), Some("r4"));
}

pub(crate) async fn what_is_open_blocks(journal: &dyn Journal) {
    rotation(journal, "r1", 0, &[intent()]).await;
    assert_eq!(account(journal, 9).await.standing.blocked, Some(Blocked::Running { rotation: "r1".into() }));
    let why = Why::Foreign { step: Step::Seal };
    journal.append("r1", 1, 2, at(5), &Event::Held { why: why.clone() }).await.expect("held");
    let held = account(journal, 9).await;
    assert_eq!((held.standing.blocked, held.held), (Some(Blocked::Held { rotation: "r1".into() }), Some((at(5), why))));
    // A repair that is under way goes before the hold that it mends, and does not make it forgotten.
    rotation(journal, "r2", 10, &[intent()]).await;
    let repaired = account(journal, 19).await;
    assert_eq!(repaired.standing.blocked, Some(Blocked::Running { rotation: "r2".into() }));
    assert!(repaired.held.is_some());
}

pub(crate) async fn what_the_schedule_began_may_rest_until_it_touches_something(journal: &dyn Journal) {
    let Event::Begun { plan, initiator, reason, ticket, .. } = begun() else { panic!("a beginning") };
    let trigger = Trigger::Schedule { due: at(0), why: "a test".into() };
    let scheduled = Event::Begun { plan, initiator, reason, ticket, trigger, approved: None, without_approval: None };
    journal.begin("r1", "msol", at(0), &scheduled).await.expect("begins");
    journal.append("r1", 1, 1, at(1), &intent()).await.expect("stages");
    assert!(account(journal, 9).await.resting);
    let directory = Event::Intent { step: Step::Directory, before: Seen::Nothing };
    journal.append("r1", 1, 2, at(2), &directory).await.expect("resets");
    assert!(!account(journal, 9).await.resting, "a server may wait for the rest");
    // A person's is not put off.
    journal.append("r1", 1, 3, at(3), &Event::Held { why: Why::Foreign { step: Step::Seal } }).await.expect("held");
    rotation(journal, "r2", 10, &[intent()]).await;
    assert!(!account(journal, 19).await.resting);
}

pub(crate) async fn what_windows_manages_is_looked_at_again_after_a_month(journal: &dyn Journal) {
    journal.note(at(0), &not_begun("managed-by-windows")).await.expect("noted");
    assert_eq!(account(journal, 60).await.standing.blocked, Some(Blocked::Managed));
    let later = account(journal, 31 * 24 * 60).await.standing;
    assert_eq!((later.blocked, later.failures), (None, 0));
}

pub(crate) async fn notes_stand_in_the_same_chain_and_are_no_rotations(journal: &dyn Journal) {
    let member = Member {
        account: "msol".into(),
        kind: "connector".into(),
        vault_name: "msol".into(),
        max_age_days: Some(90),
        schedule: String::new(),
        exempt: None,
    };
    journal.note(at(0), &Note::Population { accounts: vec![member] }).await.expect("noted");
    rotation(journal, "r1", 1, &[intent()]).await;
    journal.note(at(9), &not_begun("later")).await.expect("noted");
    let verified = verify(journal, &Given::default(), &[]).await.expect("verified");
    assert_eq!((verified.finding, verified.verdict.entries), (None, 4));
    assert_eq!(journal.list(&Query::default()).await.expect("a list").len(), 1);
    let notes = journal.notes(0).await.expect("the notes");
    assert_eq!(notes.iter().map(|noted| noted.position).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(journal.notes(1).await.expect("those after").len(), 1);
}
