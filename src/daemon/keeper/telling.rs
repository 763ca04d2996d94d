//! Conditions: which hold, and who is told.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::super::alarms::{self};
use super::Keeper;
use crate::journal::{JournalError, Listed, Note, Query};
use crate::notify::{Severity, Standing as Told};
use crate::order::Raised;
use crate::schedule::{Blocked, CLOCK_STEP_LEAST};

/// How often every account's place is decided anew, whatever happened to it.
const PLACED_EVERY: SignedDuration = SignedDuration::from_hours(1);

impl Keeper {
    /// Which conditions hold, and whom that concerns.
    pub(super) async fn tell(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let tick = SignedDuration::try_from(self.setting.tick).unwrap_or(SignedDuration::MAX);
        let told = |at: Timestamp| now.duration_since(at) < tick && now >= at;
        if self.conditions_at.is_some_and(told) {
            return Ok(());
        }
        self.conditions_at = Some(now);
        self.service.behind = self.service.behind.filter(|newest| newest.duration_since(now) > CLOCK_STEP_LEAST);
        self.service.orphans = self.orphans().await?;
        self.service.signer = self.hands.world.signer.standing();
        let placed = self.placed_at.is_some_and(|at| now >= at && now.duration_since(at) < PLACED_EVERY);
        if !placed {
            // Ages, exemptions and windows change with time alone.
            self.placed_at = Some(now);
            let names: Vec<String> = self.seats.keys().cloned().collect();
            names.iter().for_each(|name| self.place(name, now));
        }
        if let Some(after) = self.setting.nothing_succeeded {
            self.service.nothing_succeeded(self.seats.values(), after, now);
        }
        self.holding = alarms::all(&self.seats, &self.running, &self.service, now);
        let recovering = self
            .seats
            .values()
            .any(|seat| matches!(seat.account.standing.blocked, Some(Blocked::Running { .. })) && !seat.rests(now));
        self.board.ready(!recovering || !self.service.is_new(now));
        let notices = self.conditions.update(now, self.holding.clone());
        for notice in &notices {
            let note = match notice.standing {
                Told::Raised if self.ledger.raised().any(|(key, _)| *key == notice.key) => None,
                Told::Raised => Some(Note::Raised {
                    key: notice.key.clone(),
                    kind: notice.kind.to_owned(),
                    severity: word_of(notice.severity).to_owned(),
                    account: notice.account.clone(),
                    title: notice.title.clone(),
                    text: notice.text.clone(),
                }),
                Told::Cleared => Some(Note::Cleared {
                    key: notice.key.clone(),
                    kind: notice.kind.to_owned(),
                    account: notice.account.clone(),
                }),
                Told::Repeated | Told::Event => None,
            };
            if let Some(note) = note {
                self.note(now, &note).await?;
            }
        }
        self.clear_what_is_over(now).await?;
        self.board.holding(self.holding.iter().map(|condition| condition.kind));
        notices.into_iter().for_each(|notice| (self.sink)(notice));
        Ok(())
    }

    /// What held when the service before this one ended, and holds no more. Drift is known after a look only.
    async fn clear_what_is_over(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let known: BTreeSet<&str> = self.conditions.holding().map(|condition| condition.key.as_str()).collect();
        let looked = |account: &Option<String>| {
            let seat = account.as_ref().and_then(|account| self.seats.get(account));
            seat.is_none_or(|seat| seat.drift.as_ref().is_some_and(|drift| drift.unseen.is_empty()))
        };
        let over: Vec<(String, Raised)> = self
            .ledger
            .raised()
            .filter(|(key, raised)| {
                !known.contains(key.as_str()) && (!raised.kind.starts_with("drift-") || looked(&raised.account))
            })
            .map(|(key, raised)| (key.clone(), raised.clone()))
            .collect();
        for (key, raised) in over {
            let note = Note::Cleared { key: key.clone(), kind: raised.kind.clone(), account: raised.account.clone() };
            self.note(now, &note).await?;
            (self.sink)(alarms::over(key, &raised, &self.setting.host, now));
        }
        Ok(())
    }

    /// Open rotations of accounts that the configuration does not have any more: nobody else would tell of them.
    async fn orphans(&self) -> Result<Vec<Listed>, JournalError> {
        let open = self.hands.journal.list(&Query { open: true, ..Query::default() }).await?;
        Ok(open.into_iter().filter(|listed| !self.seats.contains_key(&listed.account)).collect())
    }
}

fn word_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Alarm => "alarm",
    }
}
