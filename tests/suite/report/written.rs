//! Journals written for a report, entry by entry.

use entra_rotator::history::Given;
use entra_rotator::journal::{Exempt, Journal, Member, Note, SqliteJournal};
use entra_rotator::order::verify;
use entra_rotator::report::{Period, Report, Verified, load};
use entra_rotator::rotation::{
    ConnectorUse, EngineMethod, Event, Inventory, Limits, Method, OldPassword, Procedure, Seen, ServerUse, Step,
    Trigger, plan,
};
use jiff::Timestamp;
use providers::port::{Fingerprint, QuiesceMode, SecretRef, Slot};
use tempfile::TempDir;

pub(super) struct Written {
    pub(super) journal: SqliteJournal,
    _folder: TempDir,
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|cause| panic!("{text}: {cause}"))
}

pub(super) fn print_of(key_version: i64, set_at: &str) -> Fingerprint {
    let unix = at(set_at).as_microsecond();
    let password_last_set = unix * 10 + 116_444_736_000_000_000;
    Fingerprint { dc: "dc1.contoso.test".into(), key_version, password_last_set, dc_time: password_last_set }
}

pub(super) fn member(account: &str, kind: &str, max_age_days: Option<u32>) -> Member {
    Member {
        account: account.into(),
        kind: kind.into(),
        vault_name: format!("entra/{account}"),
        max_age_days,
        schedule: "the first Sunday of a month at 02:00 (Europe/Berlin)".into(),
        exempt: None,
    }
}

pub(super) fn exempt(reason: &str, owner: &str, until: &str) -> Exempt {
    Exempt { reason: reason.into(), owner: owner.into(), until: at(until) }
}

pub(super) fn inventory(account: &str, found: Fingerprint) -> Inventory {
    let used = ConnectorUse { connector: "contoso.test".into(), dc: None, vault_name: None };
    Inventory {
        account: account.into(),
        vault_name: format!("entra/{account}"),
        dn: format!("CN={account},DC=contoso,DC=test"),
        fingerprint: found,
        procedure: Procedure::Connector,
        engine_method: EngineMethod::ObjectModel,
        scheduler_owed: None,
        owed_by_repaired: None,
        entra_administrator: None,
        old: OldPassword::Known,
        method: Method::Reset,
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
        forbidden_names: vec![account.into()],
        credentials: Vec::new(),
        limits: Limits::default(),
    }
}

pub(super) fn begun(account: &str, found: Fingerprint, words: [&str; 3], trigger: Trigger) -> Event {
    let [initiator, reason, ticket] = words.map(str::to_owned);
    let plan = Box::new(plan(inventory(account, found)).expect("a plan"));
    Event::Begun { plan, initiator, reason, ticket, trigger, approved: None, without_approval: None }
}

/// The password is set, and shows.
pub(super) fn set(key_version: i64, set_at: &str) -> [Event; 2] {
    [
        Event::Intent { step: Step::Directory, before: Seen::Nothing },
        Event::Done { step: Step::Directory, proof: Seen::Directory(print_of(key_version, set_at)) },
    ]
}

pub(super) fn promoted(account: &str, version: &str) -> [Event; 2] {
    let place =
        SecretRef { name: format!("entra/{account}"), slot: Slot::Current, version: version.into(), rotation: None };
    [
        Event::Intent { step: Step::Promote, before: Seen::Nothing },
        Event::Done { step: Step::Promote, proof: Seen::Secret(place) },
    ]
}

impl Written {
    pub(super) async fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let journal = SqliteJournal::open(&folder.path().join("journal.db")).await.expect("a journal");
        Self { journal, _folder: folder }
    }

    pub(super) async fn note(&self, when: &str, note: Note) {
        self.journal.note(at(when), &note).await.expect("a note");
    }

    /// The first event begins the rotation.
    pub(super) async fn rotation(&self, id: &str, account: &str, events: &[(&str, Event)]) {
        for (seq, (when, event)) in events.iter().enumerate() {
            if seq == 0 {
                self.journal.begin(id, account, at(when), event).await.expect("begins");
            } else {
                self.append(id, seq as i64, when, event.clone()).await;
            }
        }
    }

    pub(super) async fn append(&self, id: &str, seq: i64, when: &str, event: Event) {
        self.journal.append(id, 1, seq, at(when), &event).await.expect("appends");
    }

    pub(super) async fn report(&self, from: &str, to: &str) -> Report {
        let period = Period::new(at(from), at(to)).expect("a period");
        let verified = verify(&self.journal, &Given::default(), &[]).await.expect("read");
        assert_eq!(verified.finding, None, "the chain is broken");
        load(&self.journal, period, Verified::Intact).await.expect("a report")
    }
}
