//! Bad luck on order: named faults that wait in `faults.json` until they strike.
//!
//! A fault of a server strikes on every server, or on one: `NAME@SERVER`.
//!
//! A fault that strikes a limited number of times disappears after the last; the others stay until
//! [`clear`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::lab_handle::Lab;
use super::mishap::{self, Mishap};
use super::store::{Books, Store};
use crate::port::{Fault, Slot};

/// Every fault of the directory, the vault or any of them: how often it strikes by default, and what it does.
const NAMED: [Row; 11] = [
    ("no-reset-right", None, "the rotator may not reset the account's password"),
    ("directory-refuses", None, "the directory refuses the new password as against its policy"),
    ("directory-reply-lost", Some(1), "the directory sets the password, its reply is lost"),
    ("seal-reply-lost", Some(1), "the directory sets the password a second time, its reply is lost"),
    ("foreign-password", Some(1), "right after the directory took the new password, a person sets a third one"),
    ("stage-fails", None, "the vault can't be reached while a candidate is staged"),
    ("announce-fails", None, "the vault can't be reached while readers are told of the candidate"),
    ("stage-reply-lost", Some(1), "the vault stores the candidate, its reply is lost"),
    ("promote-fails", None, "the vault can't be reached while the candidate is promoted"),
    ("promote-reply-lost", Some(1), "the vault promotes the candidate, its reply is lost"),
    ("look-fails", Some(2), "a request of a look gets no answer"),
];

/// Every fault of a Connect server. With `@SERVER` behind its name it strikes on that server only.
const OF_A_SERVER: [Row; 24] = [
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
    ("server-unreachable", None, "the server does not answer any request"),
    ("service-logon-refuses", None, "the service manager refuses a password"),
    ("service-logon-keeps-old", None, "the service manager reports success and keeps the old password"),
    ("service-logon-reply-lost", Some(1), "the service manager stores the password, its reply is lost"),
    (
        "service-right-lost",
        Some(1),
        "at its next start the service's account has lost the right to log on as a service",
    ),
    ("key-set-lost", Some(1), "at its next start the service's account has lost the key that opens the key set"),
    ("connectors-undecryptable", Some(1), "from its next start on the engine can't decipher what it stores"),
    ("stop-fails", None, "the service does not stop"),
    ("start-fails", None, "the service does not start in time"),
    ("replication-right-lost", None, "password hash sync is denied replication (8453)"),
    ("rpc-unavailable", None, "the connector's domain controller can't be reached (RPC 1722)"),
    ("connector-busy", None, "somebody else runs or configures the connectors"),
    ("cloud-credential-blocked", None, "Entra ID asks the server's account for more than a password"),
    ("entra-password-wrong", Some(1), "somebody has reset the password of the Entra connector account"),
    ("entra-reset-refused", None, "Entra ID refuses the administrator who resets the Entra connector account"),
    ("local-change-reply-lost", Some(1), "a local user's password is changed, the reply is lost"),
    ("release-fails", None, "the scheduler's switch can't be given back"),
    ("pause-reply-lost", Some(1), "the scheduler is switched off, the reply is lost"),
];

/// A fault's name, how often it strikes by default (`None` = always), and what it does.
type Row = (&'static str, Option<u32>, &'static str);

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

/// What a step's name begins with, behind `look:` and `back:`. The rest, if any, is `:REST`.
const STEP_WORDS: [&str; 20] = [
    "baseline",
    "stage",
    "quiesce",
    "directory",
    "converge-directory",
    "converge-seal",
    "engine",
    "restart",
    "seal",
    "prove",
    "logon",
    "promote",
    "release",
    "discard",
    "service-logon",
    "stop",
    "start",
    "reenter",
    "abandon-key",
    "entra-reset",
];

/// A name with no more wrong letters than this is taken for a slip of the hand, a short one with fewer.
const SLIP_MAX: usize = 2;

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

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The names of all that wait, in the order in which they were added.
    pub(super) fn names(&self) -> Vec<String> {
        self.faults.iter().map(|fault| fault.name.clone()).collect()
    }

    /// The one of the two that waits to strike on this server: `NAME@SERVER` or `NAME`.
    pub(super) fn armed_on(&self, name: &str, server: &str) -> Option<&ArmedFault> {
        if self.is_empty() {
            return None;
        }
        self.armed(&format!("{name}@{server}")).or_else(|| self.armed(name))
    }

    /// Whether a server's fault strikes on this one now. Each strike counts.
    pub(super) fn strikes_on(&mut self, name: &str, server: &str) -> bool {
        !self.is_empty() && (self.strikes(&format!("{name}@{server}")) || self.strikes(name))
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
    let named = NAMED.iter().chain(&OF_A_SERVER).map(|(name, times, does)| ((*name).to_owned(), *times, *does));
    let at_step = AT_STEP.iter().map(|(prefix, does)| (format!("{prefix}:STEP"), Some(1), *does));
    let at_append = AT_APPEND.iter().map(|(prefix, does)| (format!("{prefix}:N"), Some(1), *does));
    let on_the_wire = mishap::FORMS.iter().map(|(form, times, does)| ((*form).to_owned(), *times, *does));
    named.chain(at_step).chain(at_append).chain(on_the_wire).collect()
}

/// Arms a fault, `times` or its default number of times. The same fault again replaces the first.
/// A name that is not known is `Refused`, with the names that are.
pub fn add(dir: &Path, name: &str, times: Option<u32>) -> Result<(), Fault> {
    let order = Order::new(name, times)?;
    Store::new(dir).with(None, |books| order.arm(books))
}

/// An order that has been read, for a fault that is known.
struct Order<'a> {
    name: &'a str,
    times: Option<u32>,
    doing: String,
}

impl<'a> Order<'a> {
    fn new(name: &'a str, times: Option<u32>) -> Result<Self, Fault> {
        let doing = format!("adding the fault {name}");
        let default = default_times(name).ok_or_else(|| {
            let names = known().into_iter().map(|(name, ..)| name).collect::<Vec<_>>().join(", ");
            let cause = match (unknown_step(name), meant(name)) {
                (_, Some(meant)) => format!("there is no such fault; did you mean {meant}?"),
                (Some(step), None) => format!("no step is named {step}"),
                (None, None) => "there is no such fault".to_owned(),
            };
            Fault::refused(&doing, cause)
                .hint(format!("known faults: {names}; one of a server takes @SERVER; steps: {}", STEP_WORDS.join(", ")))
        })?;
        if times == Some(0) {
            return Err(Fault::refused(&doing, "it would strike zero times").hint("give a number of 1 or more"));
        }
        Ok(Self { name, times: times.or(default), doing })
    }

    fn arm(&self, books: &mut Books) -> Result<(), Fault> {
        let (name, times, doing) = (self.name, self.times, &self.doing);
        if let Some(server) = server_of(name) {
            books.world.server(server, doing)?;
        }
        let needs_domain = name.starts_with("directory-") || name == "seal-reply-lost" || name == "foreign-password";
        if needs_domain {
            books.world.domain(doing)?;
        }
        let engines = if base_of(name) == "proof-fails" && books.world.domain.is_none() {
            books.engine_labels()?
        } else {
            BTreeMap::new()
        };
        books.faults.faults.retain(|fault| fault.name != name);
        books.faults.faults.push(ArmedFault { name: name.to_owned(), times, engines });
        books.faults.changed = true;
        Ok(())
    }
}

impl Lab {
    /// The same as [`add`], for the lab in hand. In memory no fault that ends the process can be ordered: there is no
    /// other process that would find the world.
    pub fn order_fault(&self, name: &str, times: Option<u32>) -> Result<(), Fault> {
        let order = Order::new(name, times)?;
        if self.is_in_memory() && name.starts_with("crash-") {
            return Err(Fault::refused(order.doing, "this lab is in memory, which dies with its process")
                .hint("make the lab in a folder"));
        }
        self.books(|books| order.arm(books))
    }

    /// Takes one fault back. One that does not wait = `Ok`.
    pub fn take_fault_back(&self, name: &str) -> Result<(), Fault> {
        self.books(|books| {
            books.faults.faults.retain(|fault| fault.name != name);
            books.faults.changed = true;
            Ok(())
        })
    }

    /// Takes every fault back.
    pub fn take_faults_back(&self) -> Result<(), Fault> {
        self.books(|books| {
            books.faults.faults.clear();
            books.faults.changed = true;
            Ok(())
        })
    }

    /// The faults that wait to strike, in the order in which they were added.
    pub fn faults(&self) -> Result<Vec<ArmedFault>, Fault> {
        self.books(|books| Ok(books.faults.faults.clone()))
    }
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

/// The name without `@SERVER`.
fn base_of(name: &str) -> &str {
    name.split_once('@').map_or(name, |(base, _)| base)
}

/// The server that a server's fault is limited to.
fn server_of(name: &str) -> Option<&str> {
    let (base, server) = name.split_once('@')?;
    OF_A_SERVER.iter().any(|(known, ..)| *known == base).then_some(server)
}

/// `None` = no such fault, `Some(None)` = it strikes always.
fn default_times(name: &str) -> Option<Option<u32>> {
    if let Some((_, times, _)) = NAMED.iter().chain(&OF_A_SERVER).find(|(known, ..)| *known == name) {
        return Some(*times);
    }
    if let Some((_, times, _)) = OF_A_SERVER.iter().find(|(known, ..)| *known == base_of(name)) {
        return Some(*times);
    }
    if let Some(mishap) = Mishap::parse(name) {
        return Some(if mishap.hides() { None } else { Some(1) });
    }
    let (prefix, target) = name.split_once(':')?;
    let at_step = AT_STEP.iter().any(|(known, _)| *known == prefix) && is_step(target);
    let at_append =
        AT_APPEND.iter().any(|(known, _)| *known == prefix) && target.parse::<u64>().is_ok_and(|number| number > 0);
    (at_step || at_append).then_some(Some(1))
}

/// A step's word and its rest, behind the prefixes.
fn step_parts(step: &str) -> (&str, Option<&str>) {
    let step = step.strip_prefix("look:").unwrap_or(step);
    let step = step.strip_prefix("back:").unwrap_or(step);
    step.split_once(':').map_or((step, None), |(word, rest)| (word, Some(rest)))
}

/// Whether a step could have this name.
fn is_step(step: &str) -> bool {
    let (word, rest) = step_parts(step);
    STEP_WORDS.contains(&word) && rest != Some("")
}

/// The step's name in an order whose step can't exist.
fn unknown_step(name: &str) -> Option<&str> {
    let (prefix, step) = name.split_once(':')?;
    (AT_STEP.iter().any(|(known, _)| *known == prefix) && !step.is_empty()).then_some(step)
}

/// The name that was meant, where a few letters are wrong.
fn meant(name: &str) -> Option<String> {
    if let Some((prefix, step)) = name.split_once(':') {
        let known = AT_STEP.iter().chain(&AT_APPEND).map(|(known, _)| *known);
        let prefix_meant = nearest(prefix, known)?;
        let (word, rest) = step_parts(step);
        let before = &step[..step.len() - word.len() - rest.map_or(0, |rest| rest.len() + 1)];
        let at_step = AT_STEP.iter().any(|(known, _)| *known == prefix_meant);
        let word = if at_step { nearest(word, STEP_WORDS.iter().copied())? } else { word };
        let name = format!("{prefix_meant}:{before}{word}{}", rest.map(|rest| format!(":{rest}")).unwrap_or_default());
        return default_times(&name).map(|_| name);
    }
    let base = base_of(name);
    let meant = nearest(base, NAMED.iter().chain(&OF_A_SERVER).map(|(known, ..)| *known))?;
    let name = format!("{meant}{}", &name[base.len()..]);
    default_times(&name).map(|_| name)
}

/// The nearest of the known words, when it is near enough.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (letters_apart(word, known), known)).min_by_key(|(apart, _)| *apart)?;
    (near.0 <= SLIP_MAX.min(word.chars().count() / 3)).then_some(near.1)
}

/// How many letters have to be put in, left out or replaced to make one word of the other.
fn letters_apart(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (to, wanted) in other.iter().enumerate() {
            let replaced = before + usize::from(letter != *wanted);
            before = row[to + 1];
            row[to + 1] = replaced.min(before + 1).min(row[to] + 1);
        }
    }
    row[other.len()]
}

impl Books {
    /// Whether the fault `proof-fails` makes a run of this connector fail: it does while the password that
    /// counts now is not the one that was proven before.
    pub(super) fn proof_must_fail(&mut self, server: &str, connector: &str) -> Result<bool, Fault> {
        let Some(fault) = self.faults.armed_on("proof-fails", server) else { return Ok(false) };
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
        Ok(differs && self.faults.strikes_on("proof-fails", server))
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
