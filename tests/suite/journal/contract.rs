//! What every store of the journal keeps to. Each check gets an empty one.

use entra_rotator::journal::{Journal, JournalError, Query, State};
use entra_rotator::rotation::{
    Approval, ConnectorUse, EngineMethod, Event, Inventory, Limits, OldPassword, Procedure, Seen, ServerUse, Step,
    Trigger, Why, plan,
};
use jiff::Timestamp;
use providers::port::{Fault, Fingerprint, QuiesceMode};

pub(crate) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

pub(crate) fn begun() -> Event {
    begun_with(None, None)
}

pub(crate) fn begun_with(approved: Option<Approval>, without_approval: Option<String>) -> Event {
    let print = Fingerprint { dc: "dc1".into(), key_version: 2, password_last_set: 3, dc_time: 4 };
    let used = ConnectorUse { connector: "contoso.test".into(), dc: None, vault_name: None };
    let inventory = Inventory {
        account: "msol".into(),
        vault_name: "entra/msol".into(),
        dn: "CN=msol,DC=contoso,DC=test".into(),
        fingerprint: print,
        procedure: Procedure::Connector,
        engine_method: EngineMethod::ObjectModel,
        scheduler_owed: None,
        owed_by_repaired: None,
        entra_administrator: None,
        old: OldPassword::Known,
        method: entra_rotator::rotation::Method::Reset,
        servers: vec![ServerUse {
            server: "SYNC1".into(),
            staging: false,
            connectors: vec![used],
            build: "2.6.92.0".into(),
            module: "1.0.0.0".into(),
            start_name: String::new(),
            logon_dc: None,
            entra_connector: None,
        }],
        quiesce: QuiesceMode::Gap,
        repair: false,
        repairs: Vec::new(),
        takes_over: Vec::new(),
        length: 64,
        forbidden_names: vec!["msol".into()],
        credentials: Vec::new(),
        limits: Limits::default(),
    };
    Event::Begun {
        plan: Box::new(plan(inventory).expect("a plan")),
        initiator: "me@host".into(),
        reason: "quarterly".into(),
        ticket: "T-1".into(),
        trigger: Trigger::Person,
        approved: approved.map(Box::new),
        without_approval,
    }
}

pub(crate) fn intent() -> Event {
    Event::Intent { step: Step::Stage, before: Seen::Nothing }
}

pub(crate) async fn an_entry_goes_only_where_the_writer_thinks_it_goes(journal: &dyn Journal) {
    journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    journal.append("r1", 1, 1, NOW, &intent()).await.expect("the next entry");
    let again = journal.append("r1", 1, 1, NOW, &intent()).await;
    assert!(matches!(again, Err(JournalError::Fenced { .. })), "the same sequence twice: {again:?}");
    let gap = journal.append("r1", 1, 5, NOW, &intent()).await;
    assert!(matches!(gap, Err(JournalError::Fenced { .. })), "a gap: {gap:?}");
    let epoch = journal.claim("r1", "another", NOW).await.expect("claimed");
    let stale = journal.append("r1", 1, 3, NOW, &intent()).await;
    assert!(matches!(stale, Err(JournalError::Fenced { .. })), "the earlier holder wrote: {stale:?}");
    journal.append("r1", epoch, 3, NOW, &intent()).await.expect("the new holder writes");
    assert_eq!(journal.read("r1").await.expect("read").len(), 4);
    assert!(matches!(journal.read("r9").await, Err(JournalError::Unknown { .. })));
}

pub(crate) async fn changes_of_engines_are_found_among_all_entries(journal: &dyn Journal) {
    journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    let (server, connector) = ("SYNC1".to_owned(), "a % b".to_owned());
    let engine = Step::Engine { server: server.clone(), connector: connector.clone() };
    let steps = [
        Step::Directory,
        engine.clone(),
        Step::Restart { server: server.clone() },
        Step::Reenter { server: server.clone(), connector },
        Step::EntraReset { server },
    ];
    let mut expected = Vec::new();
    for (place, step) in (0_i64..).zip(&steps) {
        let intent = Event::Intent { step: step.clone(), before: Seen::Nothing };
        let done = Event::Done { step: step.clone(), proof: Seen::Nothing };
        let failed = Event::LookFailed { step: step.clone(), fault: Fault::later("looking", "no answer") };
        for (part, event) in (0..).zip([intent, failed, done]) {
            journal.append("r1", 1, 1 + 3 * place + part, NOW, &event).await.expect("appended");
            let of_engine = !matches!(step, Step::Directory | Step::Restart { .. });
            if of_engine && !matches!(event, Event::LookFailed { .. }) {
                expected.push(event);
            }
        }
    }
    let found = journal.engine_changes("r1").await.expect("read");
    assert_eq!(found.into_iter().map(|entry| entry.event).collect::<Vec<_>>(), expected);
    assert!(journal.engine_changes("r9").await.expect("read").is_empty());
}

pub(crate) async fn one_rotation_of_an_account_is_in_flight(journal: &dyn Journal) {
    journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    let second = journal.begin("r2", "msol", NOW, &begun()).await;
    assert!(matches!(second, Err(JournalError::InFlight { .. })), "{second:?}");
    journal.begin("r3", "other", NOW, &begun()).await.expect("another account");
    let why = Why::Foreign { step: Step::Seal };
    journal.append("r1", 1, 1, NOW, &Event::Held { why }).await.expect("held");
    journal.begin("r4", "msol", NOW, &begun()).await.expect("a repair beside the held one");
    let states: Vec<_> = journal
        .list(&Query::default())
        .await
        .expect("listed")
        .into_iter()
        .map(|listed| (listed.id, listed.state))
        .collect();
    let expected = [("r1", State::Held), ("r3", State::Running), ("r4", State::Running)];
    assert_eq!(states, expected.map(|(id, state)| (id.to_owned(), state)));
    // A claim is not the operator's word: the rotation stays held.
    journal.claim("r1", "another", NOW).await.expect("claimed");
    assert_eq!(journal.list(&Query::default()).await.expect("listed")[0].state, State::Held);
}

/// No text that somebody wrote is taken for it, and none keeps it from being found.
pub(crate) async fn who_pauses_the_scheduler_is_found_whatever_is_written(journal: &dyn Journal) {
    let mut hostile = begun();
    if let Event::Begun { reason, .. } = &mut hostile {
        *reason = "\0 \"quiesce\":\"disable\" \\".into();
    }
    journal.begin("r1", "msol", NOW, &hostile).await.expect("begins");
    let mut pausing = begun();
    if let Event::Begun { plan, .. } = &mut pausing {
        plan.inventory.quiesce = QuiesceMode::Disable;
    }
    journal.begin("r2", "other", NOW, &pausing).await.expect("begins");
    let listed = journal.list(&Query { open: true, pausing: true, ..Query::default() }).await.expect("listed");
    assert_eq!(listed.into_iter().map(|listed| listed.id).collect::<Vec<_>>(), ["r2"]);
    assert_eq!(journal.read("r1").await.expect("read")[0].event, hostile);
}

/// One test for each check, on what `$fresh` makes: an empty journal, and what it must be kept with.
macro_rules! kept_by {
    ($fresh:path) => {
        $crate::journal::contract::kept_by!($fresh, contract:
            an_entry_goes_only_where_the_writer_thinks_it_goes
            changes_of_engines_are_found_among_all_entries
            one_rotation_of_an_account_is_in_flight
            who_pauses_the_scheduler_is_found_whatever_is_written);
        $crate::journal::contract::kept_by!($fresh, moved:
            a_note_is_made_of_the_entry_right_before_it
            what_is_taken_in_is_what_was_there
            what_can_not_be_taken_in_whole_is_not_there_at_all
            closed_rotations_go_with_a_tombstone_or_not_at_all);
        $crate::journal::contract::kept_by!($fresh, standing:
            what_is_refused_spends_the_budget_and_what_is_not_reached_does_not
            a_success_ends_what_failed_before_it
            what_is_open_blocks
            what_the_schedule_began_may_rest_until_it_touches_something
            what_windows_manages_is_looked_at_again_after_a_month
            notes_stand_in_the_same_chain_and_are_no_rotations);
    };
    ($fresh:path, $room:ident: $($check:ident)*) => {
        $(#[tokio::test]
        async fn $check() {
            let (journal, _kept) = $fresh().await;
            $crate::journal::$room::$check(&journal).await;
        })*
    };
}
pub(crate) use kept_by;
