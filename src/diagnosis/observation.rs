use jiff::Timestamp;
use providers::port::{ConnectorKind, FailureClass, Fault, ProofFacts, ServerFacts};
use serde::Serialize;

use super::ServerEvent;

/// Everything that was seen of one Connect server.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The server's name, as configured.
    pub server: String,
    /// What it is and does; the fault, when it would not say.
    pub facts: Result<ServerFacts, Fault>,
    /// What its logs hold.
    pub events: Vec<ServerEvent>,
    /// The results of its last runs, of all connectors, in any order; of one connector the newest first.
    pub runs: Vec<ProofFacts>,
    /// What our own journal explains.
    pub ours: OwnChanges,
    /// How far the accounts' passwords have got.
    pub replication: Vec<Replication>,
    /// The time of the look.
    pub now: Timestamp,
}

/// What this program itself changed on the server, as its journal knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnChanges {
    /// Passwords given to connectors.
    pub connector_passwords: Vec<OwnChange>,
    /// Resets of the Entra connector account.
    pub entra_resets: Vec<OwnChange>,
}

/// One change: from the moment that it was intended to the moment by which it had happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnChange {
    /// The connector; `None` = it is the server's only one of its kind.
    pub connector: Option<String>,
    /// When the intent was written.
    pub from: Timestamp,
    /// When the call had ended, or the latest time at which it may still have taken effect.
    pub to: Timestamp,
}

/// Whether the domain controller of a connector has the account's last password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replication {
    /// The account, as configured.
    pub account: String,
    /// The server.
    pub server: String,
    /// The connector that binds as it.
    pub connector: String,
    /// That connector's domain controller.
    pub dc: String,
    /// The PDC emulator of the account's domain.
    pub pdc: String,
    /// Whether both show the same set; `None` = one of them could not be asked.
    pub agrees: Option<bool>,
    /// What they show.
    pub evidence: String,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind; [`class_row`](super::class_row) has the explanation.
    pub class: FailureClass,
    /// The server.
    pub server: String,
    /// The connector, where it concerns one.
    pub connector: Option<String>,
    /// The signs, newest first.
    pub evidence: Vec<String>,
    /// How many signs there are, shown or not.
    pub signs: usize,
    /// The newest sign.
    pub last_seen_at: Option<Timestamp>,
    /// What to do.
    pub next_step: String,
}

impl Observation {
    /// The kind of a connector, where the server told.
    pub(super) fn kind(&self, connector: &str) -> Option<ConnectorKind> {
        let connectors = self.facts.as_ref().map_or(&[][..], |facts| &facts.connectors);
        connectors.iter().find(|facts| facts.name.eq_ignore_ascii_case(connector)).map(|facts| facts.kind)
    }

    /// The names of the connectors of that kind.
    pub(super) fn connectors(&self, kind: ConnectorKind) -> Vec<&str> {
        let connectors = self.facts.as_ref().map_or(&[][..], |facts| &facts.connectors);
        connectors.iter().filter(|facts| facts.kind == kind).map(|facts| facts.name.as_str()).collect()
    }

    /// The connector that a text is about: the one with the longest name in it, else the only one of that kind.
    pub(super) fn connector_in(&self, text: &str, kind: ConnectorKind) -> Option<String> {
        let of_kind = self.connectors(kind);
        let from_runs = self.runs.iter().map(|run| run.connector.as_str());
        let all = of_kind.iter().copied().chain(from_runs.filter(|name| self.kind(name).is_none_or(|is| is == kind)));
        let named = all.filter(|name| names(text, name)).max_by_key(|name| name.len());
        let only = || of_kind.first().copied().filter(|_| of_kind.len() == 1);
        named.or_else(only).map(str::to_owned)
    }
}

/// Whether the text holds the name as a word of its own, or as the end of a longer DNS name (a domain of the forest).
fn names(text: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let in_word = |next: Option<char>| next.is_some_and(|next| next.is_alphanumeric() || next == '-' || next == '_');
    text.match_indices(&name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let goes_on = after.strip_prefix('.').is_some_and(|after| in_word(after.chars().next()));
        !in_word(before.chars().next_back()) && !in_word(after.chars().next()) && !goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_name_is_found_as_a_word() {
        assert!(names("The management agent \"contoso.test\" failed", "Contoso.TEST"));
        assert!(names("domain: child.contoso.test.", "contoso.test"), "a domain of that forest");
        assert!(names("contoso.test", "contoso.test"));
        for other in ["xcontoso.test", "contoso.testing", "contoso.test.example", "my-contoso.test", ""] {
            assert!(!names(other, "contoso.test"), "{other}");
        }
        assert!(!names("anything", ""));
    }
}
