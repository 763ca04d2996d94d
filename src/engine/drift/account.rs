//! The account where it lives: its password's metadata, and its state.

use providers::port::{AccountFacts, Fingerprint};

use super::{DriftKind, Look};
use crate::engine::AccountKind;
use crate::engine::examine::{ExaminedAccount, ExaminedServer, compare, fingerprint, limited, noted};
use crate::engine::scene::{local_fingerprint, same_local_set};
use crate::procedure::StartName;

const SET_BY_SOMEBODY: &str = "find out who set it, then store the password in use (`adopt`), or let `rotate --repair` set a fresh one everywhere";

impl Look<'_> {
    pub(super) fn account(&mut self, seen: &ExaminedAccount) {
        let Some(facts) = &seen.facts else { return };
        self.state(facts.refusals.iter().chain(&facts.warnings));
        if let Some(now) = &seen.fingerprint {
            self.drift.set_at = now.password_last_set_at();
            self.password(facts, now);
        }
        for lagging in seen.replication.iter().filter(|replication| replication.agrees == Some(false)) {
            self.lags(&lagging.dc, &lagging.evidence);
        }
    }

    fn state<'s>(&mut self, sentences: impl Iterator<Item = &'s String>) {
        for sentence in sentences {
            let (seen, todo) = sentence.split_once(": ").unwrap_or((sentence, "look at the account"));
            self.drift.add(DriftKind::AccountState, "", seen, todo.trim_end_matches('.'));
        }
    }

    /// Whether the last set is the one that the journal knows.
    fn password(&mut self, facts: &AccountFacts, now: &Fingerprint) {
        let Some((dn, known)) = &self.expected.last_known else { return };
        // "Must change at the next logon" takes the time away and sets nothing; the account's state tells it.
        let only_marked = now.key_version == known.key_version && now.password_last_set == 0;
        if now.same_set(known) || only_marked {
            return;
        }
        let moved = if dn == &facts.dn { String::new() } else { format!(" of {dn}") };
        let seen = format!("{}, and the last record{moved} is that {}", shown(now), shown(known));
        let elsewhere = !now.dc.eq_ignore_ascii_case(&known.dc);
        if elsewhere && now.password_last_set < known.password_last_set {
            // The role moved to a domain controller that does not have our last set.
            self.lags(&now.dc, &seen);
        } else {
            self.drift.add(DriftKind::Password, "", seen, SET_BY_SOMEBODY);
        }
    }

    fn lags(&mut self, dc: &str, seen: &str) {
        self.drift.add(
            DriftKind::Replication,
            dc,
            seen,
            "wait for replication, or mend it (`repadmin /showrepl`); don't set the password again",
        );
    }

    /// A user of the server itself, where the service runs as one.
    pub(super) async fn local_user(&mut self, servers: &[ExaminedServer]) {
        if self.wish.kind != AccountKind::Service {
            return;
        }
        for seen in servers.iter().map(|server| &server.seen) {
            let Ok(facts) = &seen.facts else { continue };
            if !matches!(StartName::parse(&self.wish.locator, &facts.host), StartName::LocalUser { .. }) {
                continue;
            }
            let Some(server) = noted(self.ports.server(&seen.server), &mut self.drift.unseen) else { continue };
            let doing = format!("reading the user {} of {}", self.wish.locator, seen.server);
            let asked = limited(doing, server.local_user(&self.wish.locator)).await;
            let Some(user) = noted(asked, &mut self.drift.unseen) else { continue };
            self.state(user.refusals.iter());
            self.drift.set_at = Some(user.password_set_at);
            let Some((_, known)) = &self.expected.last_known else { continue };
            let now = local_fingerprint(&seen.server, &user);
            let known_at = known.password_last_set_at();
            if same_local_set(&now, known) {
                // Windows tells an age in seconds, so the time that was recorded is the steadier one.
                self.drift.set_at = known_at.or(self.drift.set_at);
            } else {
                let at = known_at.map_or_else(|| "no time".to_owned(), |at| format!("{at:.0}"));
                let seen = format!("{} set its password at another time than the recorded {at}", seen.server);
                self.drift.add(DriftKind::Password, "", seen, SET_BY_SOMEBODY);
            }
        }
    }

    /// The domain controllers that the servers themselves log on at know a service account's last set.
    pub(super) async fn logon_controllers(&mut self, servers: &[ExaminedServer], account: Option<&ExaminedAccount>) {
        let of_service = account.filter(|_| self.wish.kind == AccountKind::Service);
        let Some((facts, at_pdc)) =
            of_service.and_then(|seen| Some((seen.facts.as_ref()?, seen.fingerprint.as_ref()?)))
        else {
            return;
        };
        let mut asked = vec![facts.dc.to_lowercase()];
        for described in servers.iter().filter_map(|server| server.seen.facts.as_ref().ok()) {
            let Some(dc) = &described.logon_dc else { continue };
            if asked.contains(&dc.to_lowercase()) {
                continue;
            }
            asked.push(dc.to_lowercase());
            let there = fingerprint(self.ports, facts, dc, &mut self.drift.unseen).await;
            if let (Some(false), evidence) = compare(Some(at_pdc), there.as_ref()) {
                self.lags(dc, &evidence);
            }
        }
    }
}

fn shown(print: &Fingerprint) -> String {
    let at = print.password_last_set_at().map_or_else(|| "no time".to_owned(), |at| format!("{at:.0}"));
    format!("{} shows key version {} set at {at}", print.dc, print.key_version)
}
