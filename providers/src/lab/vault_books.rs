//! What only the lab asks of the vault's book: whose secrets lie in it, and what a person does to it by hand.

use crate::port::{Secret, Slot};
use crate::vault_book::{Places, Value, VaultBook};

impl Places {
    /// Every secret here, candidates that were taken over included, in the order in which they came.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        let mut values: Vec<&Value> =
            [&self.previous, &self.current, &self.pending].into_iter().flatten().chain(&self.kept).collect();
        values.sort_by_key(|value| value.version);
        values.into_iter().map(|value| &value.secret.0).collect()
    }

    /// Candidates that a repair took over, oldest first.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Secret> {
        self.kept.iter().map(|value| &value.secret.0)
    }

    /// The secret in one slot.
    pub(super) fn secret(&self, slot: Slot) -> Option<&Secret> {
        self.slot(slot).map(|value| &value.secret.0)
    }
}

impl VaultBook {
    /// The accounts that changed since it was read, or since they were last asked for.
    pub(super) fn forget_changes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.changes)
    }

    /// A person overwrites current by hand: no rotation, and what was there is gone.
    pub(super) fn overwrite_current(&mut self, name: &str, secret: &Secret) {
        let places = self.accounts.entry(name.to_owned()).or_default();
        places.current = Some(places.next(secret, None));
        self.changes.push(name.to_owned());
    }
}
