use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use providers::port::{Fingerprint, QuiesceMode};

use crate::diagnosis::OwnChanges;
use crate::engine::{Ports, Rotation, own_changes_of};
use crate::journal::{Journal, JournalError, Query};
use crate::rotation::{Event, Outcome, Procedure, Seen, ServerUse, Side, Step};

/// How many of an account's newest rotations are read, and of the open ones of all accounts.
const NEWEST_MAX: u32 = 100;

/// How far back events are read, and our own changes told apart from somebody else's.
const EVENTS_SINCE: SignedDuration = SignedDuration::from_hours(72);

/// How far a server's clock may be from ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What the journal knows that a look is held against.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The account's distinguished name, and its metadata after our last write; `None` = not known.
    pub last_known: Option<(String, Fingerprint)>,
    /// The last finished rotation that set a password, or adopted one: the vault's current value carries its mark.
    pub last_rotation: Option<String>,
    /// The version that the vault gave that value.
    pub last_version: Option<String>,
    /// The account's rotations in flight or held: their candidates are no strangers'.
    pub open: BTreeSet<String>,
    /// The servers as the last finished rotation, or rehearsal, found them.
    pub servers: Vec<ServerUse>,
    /// Whether a rotation of any account that is still open may have turned the scheduler off.
    pub scheduler_paused: bool,
    /// What we ourselves changed on each server.
    pub own_changes: BTreeMap<String, OwnChanges>,
    /// How far back events are read: what was before the last finished rotation was mended by it.
    pub since: Timestamp,
    /// When the journal was read.
    pub read_at: Timestamp,
}

impl Expected {
    /// Where there is no journal yet, nothing is expected.
    pub fn nothing(ports: &Ports) -> Self {
        let read_at = ports.clock.now();
        Self { since: read_at - EVENTS_SINCE, read_at, ..Self::default() }
    }

    /// What the journal knows of an account. `sharing`: the accounts that work on its servers, itself among them.
    pub async fn of(
        journal: &dyn Journal,
        ports: &Ports,
        account: &str,
        sharing: &BTreeSet<&str>,
    ) -> Result<Self, JournalError> {
        let mut expected = Self::nothing(ports);
        let open = Query { open: true, newest: Some(NEWEST_MAX), ..Query::default() };
        for listed in journal.list(&open).await? {
            let pauses = Rotation::read(journal, &listed.id).await?.plan().inventory.quiesce == QuiesceMode::Disable;
            expected.scheduler_paused |= pauses;
            if listed.account == account {
                expected.open.insert(listed.id);
            }
        }
        let mut known = Known::default();
        let of_account = journal.list(&Query { newest: Some(NEWEST_MAX), ..Query::of(account) }).await?;
        for listed in of_account.iter().rev() {
            if known.is_all() {
                break;
            }
            expected.learn(&Rotation::read(journal, &listed.id).await?, &mut known, ports);
        }
        expected.own_changes = own_changes_of(journal, sharing, expected.since).await?;
        Ok(expected)
    }

    /// A rotation of these accounts with an entry of after this was read.
    pub async fn overtaken(
        &self,
        journal: &dyn Journal,
        sharing: &BTreeSet<&str>,
    ) -> Result<Option<String>, JournalError> {
        // The journal lists a little more than it is asked for.
        let since = Query { since: Some(self.read_at), newest: Some(NEWEST_MAX), ..Query::default() };
        for listed in journal.list(&since).await? {
            if sharing.contains(listed.account.as_str())
                && journal.read(&listed.id).await?.iter().any(|entry| entry.at > self.read_at)
            {
                return Ok(Some(listed.id));
            }
        }
        Ok(None)
    }

    /// Takes from a rotation what no newer one told.
    fn learn(&mut self, rotation: &Rotation, known: &mut Known, ports: &Ports) {
        let inventory = &rotation.plan().inventory;
        let finished = rotation.progress().ended == Some(Outcome::Finished);
        // A password that was given and refused says nothing about the one in use.
        let refused = inventory.procedure == Procedure::Adoption && !finished;
        if !known.metadata && !refused {
            known.metadata = true;
            self.last_known = rotation.last_known(ports).filter(|_| inventory.has_metadata());
        }
        if !finished {
            return;
        }
        if !known.rotation && !matches!(inventory.procedure, Procedure::Rehearsal | Procedure::Entra) {
            known.rotation = true;
            self.last_rotation = Some(rotation.id().to_owned());
            self.last_version = version(rotation);
        }
        if !known.servers && inventory.procedure != Procedure::Adoption {
            known.servers = true;
            self.servers.clone_from(&inventory.servers);
            let ended = rotation.log().iter().find(|entry| matches!(entry.event, Event::Finished));
            if let Some(after) = ended.and_then(|entry| entry.at.checked_sub(CLOCK_SKEW).ok()) {
                self.since = self.since.max(after);
            }
        }
    }
}

/// What was found already, going back in time.
#[derive(Default)]
struct Known {
    metadata: bool,
    rotation: bool,
    servers: bool,
}

impl Known {
    fn is_all(&self) -> bool {
        self.metadata && self.rotation && self.servers
    }
}

/// The version that the vault gave the promoted value.
fn version(rotation: &Rotation) -> Option<String> {
    rotation.log().iter().rev().find_map(|entry| match &entry.event {
        Event::Done { step: Step::Promote, proof: Seen::Secret(at) }
        | Event::Looked { step: Step::Promote, side: Side::New, seen: Seen::Secret(at) } => Some(at.version.clone()),
        _ => None,
    })
}
