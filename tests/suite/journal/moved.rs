//! Notes that speak of the entry before them, what is taken in from another journal, and what is removed.

use async_trait::async_trait;
use entra_rotator::journal::{
    Became, Cut, Journal, JournalError, Note, Noted, Query, Range, Source, SqliteJournal, Stored,
};
use entra_rotator::rotation::{Event, Procedure, Step, Why};
use tempfile::TempDir;

use crate::journal::contract::{NOW, begun, intent};
use crate::journal::standing::not_begun;

const NONE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn head(position: i64, hash: &str) -> Note {
    Note::Head { position, hash: hash.to_owned(), key: String::new(), signature: String::new() }
}

async fn all(journal: &dyn Journal) -> Vec<Stored> {
    let mut all = Vec::new();
    loop {
        let page = journal.stored(all.last().map_or(0, |stored: &Stored| stored.position)).await.expect("read");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub(crate) async fn a_note_is_made_of_the_entry_right_before_it(journal: &dyn Journal) {
    let first = journal.vouch(NOW, &head).await.expect("vouched");
    assert_eq!((first.position, &first.note), (1, &head(0, NONE)));
    let entry = journal.begin("r1", "msol", NOW, &begun()).await.expect("begins");
    let second = journal.vouch(NOW, &head).await.expect("vouched");
    assert_eq!((second.position, &second.note), (3, &head(2, &entry.hash)));
    assert_eq!(journal.notes(0).await.expect("the notes"), [first, second]);
}

/// Rotations of every state, and texts that a format could stumble over.
async fn fill(journal: &dyn Journal) {
    journal
        .note(NOW, &not_begun("back\\slash \\n \t tab \r\n \u{2028} \u{1f511} \\. \"quoted\""))
        .await
        .expect("noted");
    let endings = [
        ("r1", "msol", Event::Finished),
        ("r2", "msol", Event::RolledBack),
        ("r3", "other", Event::Held { why: Why::Foreign { step: Step::Seal } }),
        ("r4", "other", Event::Superseded { by: "r5".into() }),
        ("r5", "third", intent()),
    ];
    for (id, account, ending) in endings {
        let Event::Begun { mut plan, initiator, reason, ticket, trigger, .. } = begun() else {
            panic!("it begins one")
        };
        plan.inventory.account = account.to_owned();
        let begun = Event::Begun { plan, initiator, reason, ticket, trigger, approved: None, without_approval: None };
        journal.begin(id, account, NOW, &begun).await.expect("begins");
        let epoch = journal.claim(id, "another", NOW).await.expect("claimed");
        journal.append(id, epoch, 2, NOW, &ending).await.expect("appended");
    }
    journal.vouch(NOW, &head).await.expect("vouched");
}

struct Pages(Vec<Vec<Stored>>, Option<JournalError>);

#[async_trait]
impl Source for Pages {
    async fn next(&mut self) -> Result<Vec<Stored>, JournalError> {
        if self.0.is_empty() {
            return self.1.take().map_or(Ok(Vec::new()), Err);
        }
        Ok(self.0.remove(0))
    }
}

fn pages(stored: &[Stored]) -> Vec<Vec<Stored>> {
    stored.chunks(4).map(<[Stored]>::to_vec).collect()
}

pub(crate) async fn what_is_taken_in_is_what_was_there(journal: &dyn Journal) {
    let folder = TempDir::new().expect("a folder");
    let other = SqliteJournal::open(&folder.path().join("journal.db")).await.expect("a journal");
    fill(&other).await;
    let there = all(&other).await;
    assert_eq!(journal.import(&mut Pages(pages(&there), None)).await.expect("taken in"), there.len() as u64);
    assert_eq!(all(journal).await, there);
    let mut queries = vec![
        Query::default(),
        Query::of("msol"),
        Query { open: true, ..Query::default() },
        Query { since: Some(NOW), ..Query::default() },
        Query { procedure: Some(Procedure::Connector), ..Query::default() },
        Query { initiator: Some("me@host".into()), ..Query::default() },
        Query { began: (Some(NOW), None), ..Query::default() },
    ];
    queries.extend(Became::ALL.map(|became| Query { became: Some(became), ..Query::default() }));
    for query in queries {
        let expected = other.list(&query).await.expect("a list");
        assert!(!expected.is_empty(), "it asks for nothing: {query:?}");
        assert_eq!(journal.list(&query).await.expect("a list"), expected, "{query:?}");
    }
    // Both go on, alike.
    for event in [intent(), Event::Finished] {
        let seq = i64::try_from(other.read("r5").await.expect("read").len()).expect("few");
        let expected = other.append("r5", 2, seq, NOW, &event).await.expect("goes on");
        assert_eq!(journal.append("r5", 2, seq, NOW, &event).await.expect("goes on"), expected);
    }
    assert_eq!(journal.vouch(NOW, &head).await.expect("vouched"), other.vouch(NOW, &head).await.expect("vouched"));
    let again = journal.import(&mut Pages(pages(&there), None)).await;
    assert!(matches!(again, Err(JournalError::NotEmpty { .. })), "{again:?}");
}

pub(crate) async fn what_can_not_be_taken_in_whole_is_not_there_at_all(journal: &dyn Journal) {
    let folder = TempDir::new().expect("a folder");
    let other = SqliteJournal::open(&folder.path().join("journal.db")).await.expect("a journal");
    fill(&other).await;
    let there = all(&other).await;
    let fault = JournalError::NotImported { cause: "for a test".into() };
    let refused = journal.import(&mut Pages(pages(&there), Some(fault))).await;
    assert!(matches!(refused, Err(JournalError::NotImported { .. })), "{refused:?}");
    let unfit: [fn(&mut Vec<Stored>); 4] = [
        |stored| stored[5].event = "{".into(),
        |stored| stored[6].seq = 9,
        |stored| stored[6].epoch = 0,
        |stored| drop(stored.remove(1)),
    ];
    for spoil in unfit {
        let mut spoiled = there.clone();
        spoil(&mut spoiled);
        let refused = journal.import(&mut Pages(pages(&spoiled), None)).await;
        assert!(matches!(refused, Err(JournalError::Unreadable { .. })), "{refused:?}");
        assert_eq!(all(journal).await, []);
    }
    assert_eq!(journal.list(&Query::default()).await.expect("a list"), []);
    assert_eq!(journal.import(&mut Pages(pages(&there), None)).await.expect("now it is"), there.len() as u64);
}

fn tombstone(position: i64, hash: &str) -> Note {
    let (by, reason, key, signature) = ("me".into(), "old".into(), String::new(), String::new());
    Note::Pruned { position, hash: hash.to_owned(), ranges: Vec::new(), before: NOW, by, reason, key, signature }
}

pub(crate) async fn closed_rotations_go_with_a_tombstone_or_not_at_all(journal: &dyn Journal) {
    fill(journal).await;
    let there = all(journal).await;
    let last = there.last().expect("entries").clone();
    // Entry 1 is a note; then three entries of each rotation.
    let range =
        |from: i64, to: i64| Range { from, to, hash: there[usize::try_from(to - 1).expect("few")].hash.clone() };
    let good = Cut { rotations: vec!["r1".into(), "r2".into()], ranges: vec![range(2, 7)], entries: 6 };
    let wrong = [
        ("held", Cut { rotations: vec!["r3".into()], ranges: vec![range(8, 10)], entries: 3 }),
        ("running", Cut { rotations: vec!["r5".into()], ranges: vec![range(14, 16)], entries: 3 }),
        ("unknown", Cut { rotations: vec!["r9".into()], ranges: Vec::new(), entries: 0 }),
        ("written to since", Cut { entries: 5, ..good.clone() }),
        ("more than goes", Cut { ranges: vec![range(2, 8)], ..good.clone() }),
        ("another hash", Cut { ranges: vec![Range { hash: NONE.into(), ..range(2, 7) }], ..good.clone() }),
    ];
    for (what, cut) in wrong {
        let refused = journal.prune(NOW, &cut, &tombstone).await;
        assert!(matches!(refused, Err(JournalError::NotPruned { .. })), "{what}: {refused:?}");
        assert_eq!(all(journal).await, there, "{what}");
    }
    let noted: Noted = journal.prune(NOW, &good, &tombstone).await.expect("pruned");
    assert_eq!((noted.position, &noted.note), (last.position + 1, &tombstone(last.position, &last.hash)));
    let left = all(journal).await;
    assert_eq!(
        left.iter().map(|stored| stored.position).collect::<Vec<_>>(),
        [1, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
    );
    let ids: Vec<_> = journal.list(&Query::default()).await.expect("a list").into_iter().map(|one| one.id).collect();
    assert_eq!(ids, ["r3", "r4", "r5"]);
    assert!(matches!(journal.read("r1").await, Err(JournalError::Unknown { .. })));
    let entry = journal.append("r5", 2, 3, NOW, &intent()).await.expect("goes on");
    assert_eq!(entry.position, 19);
    let next = journal.begin("r6", "msol", NOW, &begun()).await.expect("begins");
    assert_eq!(next.position, 20);
}
