use jiff::Timestamp;
use providers::port::Fault;
use serde::{Serialize, Serializer};

/// What was seen. Nothing was changed, and nobody logged on with a rotated password.
#[derive(Debug, Default)]
pub struct Drift {
    /// When the password was set, as the directory (or the server, for a user of its own) tells it.
    pub set_at: Option<Timestamp>,
    /// What is not as this program left it, or will not stay well: one for each kind and place, sorted. The same world
    /// gives the same.
    pub found: Vec<Found>,
    /// What could not be seen: nothing is known of it, and it is no drift.
    pub unseen: Vec<Fault>,
}

/// Something that a person must know of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Found {
    /// Its kind.
    pub kind: DriftKind,
    /// The server, `SERVER/CONNECTOR`, or domain controller that it is about; empty = the account.
    pub about: String,
    /// What was seen, a sentence fragment.
    pub seen: String,
    /// What to do.
    pub todo: String,
}

/// The kinds of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftKind {
    /// Somebody else set the account's password.
    Password,
    /// Somebody else changed a connector's credential, or reset the Entra connector account.
    Credential,
    /// The sync engine is not well: it fails, is stopped, or binds as somebody else.
    Engine,
    /// The vault does not hold what the last rotation left there.
    Vault,
    /// The certificate of application-based authentication is near its end, or over.
    Certificate,
    /// A credential that the tool itself works with is old, or near its end.
    OwnCredential,
    /// The account is disabled, locked, expired, or in a group that it should not be in.
    AccountState,
    /// The build does not sync any more, or is another one than at the last rotation.
    Build,
    /// The servers have other roles than at the last rotation.
    Roles,
    /// A domain controller shows another set than the PDC emulator.
    Replication,
}

impl DriftKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Password,
        Self::Credential,
        Self::Engine,
        Self::Vault,
        Self::Certificate,
        Self::OwnCredential,
        Self::AccountState,
        Self::Build,
        Self::Roles,
        Self::Replication,
    ];

    /// Its word in notices, metrics and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Password => "drift-password",
            Self::Credential => "drift-credential",
            Self::Engine => "drift-engine",
            Self::Vault => "drift-vault",
            Self::Certificate => "drift-certificate",
            Self::OwnCredential => "drift-own-credential",
            Self::AccountState => "drift-account-state",
            Self::Build => "drift-build",
            Self::Roles => "drift-roles",
            Self::Replication => "drift-replication",
        }
    }
}

impl Serialize for DriftKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl Drift {
    pub(super) fn add(&mut self, kind: DriftKind, about: &str, seen: impl Into<String>, todo: impl Into<String>) {
        self.found.push(Found { kind, about: about.to_owned(), seen: seen.into(), todo: todo.into() });
    }

    /// One for each kind and place, sorted: a condition has one name for as long as it holds.
    pub(super) fn settle(&mut self) {
        self.found.sort();
        let mut settled: Vec<Found> = Vec::new();
        for next in self.found.drain(..) {
            match settled.last_mut().filter(|last| (last.kind, &last.about) == (next.kind, &next.about)) {
                Some(last) => {
                    append(&mut last.seen, &next.seen);
                    append(&mut last.todo, &next.todo);
                }
                None => settled.push(next),
            }
        }
        self.found = settled;
    }
}

fn append(to: &mut String, more: &str) {
    if !to.split("; ").any(|part| part == more) && to != more {
        to.push_str("; ");
        to.push_str(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_has_one_entry_for_each_kind_and_place_and_one_order() {
        let seen = [
            (DriftKind::Roles, "", "swapped"),
            (DriftKind::Engine, "SYNC1", "stopped"),
            (DriftKind::Engine, "SYNC1", "fails"),
            (DriftKind::Engine, "SYNC1", "stopped"),
            (DriftKind::Engine, "SYNC0", "stopped"),
        ];
        let told = |order: &[usize]| {
            let mut drift = Drift::default();
            for (kind, about, seen) in order.iter().map(|at| seen[*at]) {
                drift.add(kind, about, seen, "look");
            }
            drift.settle();
            drift.found
        };
        let found = told(&[0, 1, 2, 3, 4]);
        assert_eq!(found, told(&[4, 3, 2, 1, 0]));
        let lines: Vec<_> = found.iter().map(|found| (found.about.as_str(), found.seen.as_str())).collect();
        assert_eq!(lines, [("SYNC0", "stopped"), ("SYNC1", "fails; stopped"), ("", "swapped")]);
        assert!(found.iter().all(|found| found.todo == "look"), "{found:?}");
    }

    #[test]
    fn each_kind_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<&str> = DriftKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), DriftKind::ALL.len());
        assert!(words.iter().all(|word| word.starts_with("drift-")));
    }
}
