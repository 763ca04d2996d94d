//! Bad luck on order: named faults that wait in `faults.json` until they strike.
//!
//! A fault that strikes a limited number of times disappears after the last; the others stay until
//! [`clear`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::mishap::{self, Mishap};
use super::store::{Books, Store};
use crate::port::{Fault, Slot};

/// Every fault with a fixed name: how often it strikes by default, and what it does.
const NAMED: [(&str, Option<u32>, &str); 16] = [
    ("no-reset-right", None, "the rotator may not reset the account's password"),
    ("directory-refuses", None, "the directory refuses the new password as against its policy"),
    ("directory-reply-lost", Some(1), "the directory sets the password, its reply is lost"),
    ("seal-reply-lost", Some(1), "the directory sets the password a second time, its reply is lost"),
    ("foreign-password", Some(1), "right after the directory took the new password, a person sets a third one"),
    ("engine-refuses", None, "the sync engine refuses a password"),
    ("engine-keeps-old", None, "the sync engine reports success and keeps the old password"),
    ("engine-reply-lost", Some(1), "the sync engine stores the password, its reply is lost"),
    ("restart-fails", None, "the service does not stop, its old process goes on"),
    ("restart-reply-lost", Some(1), "the service restarts, the reply is lost"),
    (
        "proof-fails",
        None,
        "test syncs give no-start-credentials while the live password is not the vault's current one",
    ),
    ("stage-fails", None, "the vault can't be reached while a candidate is staged"),
    ("stage-reply-lost", Some(1), "the vault stores the candidate, its reply is lost"),
    ("promote-fails", None, "the vault can't be reached while the candidate is promoted"),
    ("promote-reply-lost", Some(1), "the vault promotes the candidate, its reply is lost"),
    ("look-fails", Some(2), "a request of a look gets no answer"),
];

/// Faults that strike at a step: `PREFIX:STEP`, once by default.
const AT_STEP: [(&str, &str); 3] = [
    ("crash-before", "the process ends before the step's first request, or before the step is recorded as done"),
    ("crash-after", "the process ends when the step's first acting request took effect, or the step is recorded"),
    ("slow", "a request of the step waits three seconds first"),
];

/// Faults that strike at the journal's N-th entry of a process: `PREFIX:N`, once by default.
const AT_APPEND: [(&str, &str); 2] = [
    ("crash-before-append", "the process ends before its N-th journal entry is written"),
    ("crash-after-append", "the process ends after its N-th journal entry is written"),
];

/// A fault that waits to strike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmedFault {
    /// Its name.
    pub name: String,
    /// How often it will still strike; `None` = always.
    pub times: Option<u32>,
    /// With a real directory, what each engine stored when the fault was added: then this stands for what
    /// the vault holds as current. Labels, not passwords.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub engines: BTreeMap<String, Option<String>>,
}

/// What `faults.json` holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct FaultList {
    faults: Vec<ArmedFault>,
    /// Whether the file has to be written again.
    #[serde(skip)]
    pub(super) changed: bool,
}

impl FaultList {
    pub(super) fn armed(&self, name: &str) -> Option<&ArmedFault> {
        self.faults.iter().find(|fault| fault.name == name)
    }

    /// The names of all that wait, in the order in which they were added.
    pub(super) fn names(&self) -> Vec<String> {
        self.faults.iter().map(|fault| fault.name.clone()).collect()
    }

    /// Whether the fault strikes now. Each strike counts.
    pub(super) fn strikes(&mut self, name: &str) -> bool {
        let Some(at) = self.faults.iter().position(|fault| fault.name == name) else { return false };
        if let Some(times) = &mut self.faults[at].times {
            self.changed = true;
            *times -= 1;
            if *times == 0 {
                self.faults.remove(at);
            }
        }
        true
    }
}

/// Every fault's name or form, its default number of times (`None` = always), and what it does.
pub fn known() -> Vec<(String, Option<u32>, &'static str)> {
    let named = NAMED.iter().map(|(name, times, does)| ((*name).to_owned(), *times, *does));
    let at_step = AT_STEP.iter().map(|(prefix, does)| (format!("{prefix}:STEP"), Some(1), *does));
    let at_append = AT_APPEND.iter().map(|(prefix, does)| (format!("{prefix}:N"), Some(1), *does));
    let on_the_wire = mishap::FORMS.iter().map(|(form, times, does)| ((*form).to_owned(), *times, *does));
    named.chain(at_step).chain(at_append).chain(on_the_wire).collect()
}

/// Arms a fault, `times` or its default number of times. The same fault again replaces the first.
/// A name that is not known is `Refused`, with the names that are.
pub fn add(dir: &Path, name: &str, times: Option<u32>) -> Result<(), Fault> {
    let doing = format!("adding the fault {name}");
    let default = default_times(name).ok_or_else(|| {
        let names = known().into_iter().map(|(name, ..)| name).collect::<Vec<_>>().join(", ");
        Fault::refused(&doing, "there is no such fault").hint(format!("known faults: {names}"))
    })?;
    if times == Some(0) {
        return Err(Fault::refused(&doing, "it would strike zero times").hint("give a number of 1 or more"));
    }
    Store::new(dir).with(None, |books| {
        let needs_domain = name.starts_with("directory-") || name == "seal-reply-lost" || name == "foreign-password";
        if needs_domain {
            books.world.domain(&doing)?;
        }
        let engines = if name == "proof-fails" && books.world.domain.is_none() {
            books.engine_labels()?
        } else {
            BTreeMap::new()
        };
        books.faults.faults.retain(|fault| fault.name != name);
        books.faults.faults.push(ArmedFault { name: name.to_owned(), times: times.or(default), engines });
        books.faults.changed = true;
        Ok(())
    })
}

/// The faults that wait to strike, in the order in which they were added.
pub fn list(dir: &Path) -> Result<Vec<ArmedFault>, Fault> {
    Store::new(dir).with(None, |books| Ok(books.faults.faults.clone()))
}

/// Takes every fault back.
pub fn clear(dir: &Path) -> Result<(), Fault> {
    Store::new(dir).with(None, |books| {
        books.faults.faults.clear();
        books.faults.changed = true;
        Ok(())
    })
}

/// `None` = no such fault, `Some(None)` = it strikes always.
fn default_times(name: &str) -> Option<Option<u32>> {
    if let Some((_, times, _)) = NAMED.iter().find(|(known, ..)| *known == name) {
        return Some(*times);
    }
    if let Some(mishap) = Mishap::parse(name) {
        return Some(if mishap.hides() { None } else { Some(1) });
    }
    let (prefix, target) = name.split_once(':')?;
    let at_step = AT_STEP.iter().any(|(known, _)| *known == prefix) && !target.is_empty();
    let at_append =
        AT_APPEND.iter().any(|(known, _)| *known == prefix) && target.parse::<u64>().is_ok_and(|number| number > 0);
    (at_step || at_append).then_some(Some(1))
}

impl Books {
    /// Whether the fault `proof-fails` makes a run of this connector fail: it does while the password that
    /// counts now is not the one that was proven before.
    pub(super) fn proof_must_fail(&mut self, server: &str, connector: &str) -> Result<bool, Fault> {
        let Some(fault) = self.faults.armed("proof-fails") else { return Ok(false) };
        let key = engine_key(server, connector);
        let differs = if let Some(domain) = &self.world.domain {
            let account = match self.world.servers.iter().find(|known| known.name == server) {
                Some(known) => known.connector(connector, "running a test sync")?.account.clone(),
                None => return Ok(false),
            };
            let live = domain.live(&account).and_then(|replica| replica.history.first());
            let live = live.and_then(|digest| self.world.labels.of_digest(&account, digest));
            live != self.vault_label(&account, Slot::Current)
        } else {
            fault
                .engines
                .get(&key)
                .is_some_and(|then| self.engine_labels().is_ok_and(|now| now.get(&key) != Some(then)))
        };
        Ok(differs && self.faults.strikes("proof-fails"))
    }

    /// The label of what each engine stores for each AD connector.
    fn engine_labels(&self) -> Result<BTreeMap<String, Option<String>>, Fault> {
        let mut labels = BTreeMap::new();
        for server in &self.world.servers {
            for connector in &server.connectors {
                if let Some(stored) = server.stored_password(connector)? {
                    let label = self.world.labels.of(&connector.account, &stored);
                    labels.insert(engine_key(&server.name, &connector.name), label);
                }
            }
        }
        Ok(labels)
    }
}

/// How an engine's copy of a password is named.
pub(super) fn engine_key(server: &str, connector: &str) -> String {
    format!("{server}/{connector}")
}
