//! The account's place in the vault: the marks that its values carry. No value is read.

use providers::port::Slot;

use super::{DriftKind, Look};
use crate::engine::AccountKind;
use crate::engine::examine::{limited, noted};

impl Look<'_> {
    pub(super) async fn vault(&mut self) {
        // Nobody learns the password of the Entra connector account.
        if self.wish.kind == AccountKind::Entra || self.managed_by_windows() {
            return;
        }
        let name = &self.wish.vault_name;
        let vault = &self.ports.vault;
        let pending = limited(format!("looking for a pending candidate of {name}"), vault.find(name, Slot::Pending));
        if let Some(Some(pending)) = noted(pending.await, &mut self.drift.unseen)
            && !pending.rotation.as_ref().is_some_and(|rotation| self.expected.open.contains(rotation))
        {
            let whose = mark(pending.rotation.as_deref());
            self.drift.add(
                DriftKind::Vault,
                "",
                format!("the vault holds a pending candidate of {whose}, which this journal does not have in flight: it may be the live password"),
                "find the journal that made it, or remove it once it is known to be unused",
            );
        }
        let current = limited(format!("looking for the current value of {name}"), vault.find(name, Slot::Current));
        let Some(current) = noted(current.await, &mut self.drift.unseen) else { return };
        let Some(last) = &self.expected.last_rotation else { return };
        let seen = match &current {
            None => format!("the vault has no current value, and {last} had made one"),
            Some(at) if at.rotation.as_ref().is_some_and(|rotation| self.expected.open.contains(rotation)) => return,
            Some(at) if at.rotation.as_ref() != Some(last) => {
                let whose = mark(at.rotation.as_deref());
                format!("the vault's current value, version {}, is of {whose}, not of {last}", at.version)
            }
            Some(at) => match &self.expected.last_version {
                Some(version) if *version != at.version => format!(
                    "the vault's current value was written again: it is version {}, and {last} had made version {version}",
                    at.version
                ),
                _ => return,
            },
        };
        self.drift.add(
            DriftKind::Vault,
            "",
            seen,
            "find out who wrote to the vault; bring back the version of that rotation, or let `rotate --repair` set a fresh password everywhere",
        );
    }
}

fn mark(rotation: Option<&str>) -> &str {
    rotation.unwrap_or("no known rotation")
}
