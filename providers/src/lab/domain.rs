//! The model of Active Directory: one domain, its controllers and its accounts. No input or output here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clock::MINUTE;
use crate::port::{Lockout, PasswordPolicy};

/// How long AD accepts the previous password over NTLM and simple binds (OldPasswordAllowedPeriod).
const OLD_PASSWORD_ALLOWED_MINUTES: i64 = 60;
/// AD takes no longer password, in UTF-16 units.
const LENGTH_MAX: usize = 256;
/// How many digests a controller keeps, as AD's longest history does.
const HISTORY_MAX: usize = 24;
/// 100-nanosecond intervals in one millisecond.
const MILLISECOND: i64 = 10_000;

/// One domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Domain {
    pub(super) forest: String,
    pub(super) policy: Policy,
    pub(super) accounts: Vec<Account>,
    pub(super) controllers: Vec<Controller>,
}

/// The domain's password policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) length_min: u32,
    pub(super) complexity: bool,
    /// Wrong passwords before an account locks; 0 = never.
    pub(super) lockout_threshold: u32,
    /// How long an account stays locked, and how long a wrong password counts.
    pub(super) lockout_minutes: u32,
}

/// An account, as far as it is the same on every controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) dn: String,
    pub(super) display_name: String,
    pub(super) disabled: bool,
    /// A lockout is replicated urgently, so the model has one for the whole domain.
    pub(super) locked_until: Option<i64>,
}

/// A domain controller with its own copy of every account's password data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Controller {
    pub(super) host: String,
    /// The PDC emulator: where a refused logon is asked about again.
    pub(super) pdc: bool,
    /// How long a change made elsewhere needs until it is seen here.
    pub(super) lag_ms: u32,
    pub(super) replicas: BTreeMap<String, Replica>,
    pub(super) inbound: Vec<Change>,
}

/// What one controller knows of one account's password. Digests only, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Replica {
    pub(super) key_version: i64,
    pub(super) password_last_set: i64,
    pub(super) history: Vec<String>,
    pub(super) wrong_count: u32,
    pub(super) wrong_at: i64,
}

/// A change on its way to a controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    account: String,
    visible_at: i64,
    key_version: i64,
    password_last_set: i64,
    history: Vec<String>,
}

/// What a controller answers to a simple bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindAnswer {
    /// With the current password, or within the grace with the previous one.
    Accepted,
    /// `data 52e`, and the same for a name that nobody has.
    Wrong,
    /// `data 775`
    Locked,
    /// `data 533`
    Disabled,
    /// No such controller.
    NoAnswer,
}

impl Domain {
    pub(super) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name.eq_ignore_ascii_case(name))
    }

    /// The accounts that a sAMAccountName, user principal name or distinguished name means.
    pub(super) fn locate(&self, locator: &str) -> Vec<&Account> {
        let means = |account: &&Account| {
            let upn = format!("{}@{}", account.name, self.forest);
            [&account.name, &account.dn, &upn].iter().any(|name| name.eq_ignore_ascii_case(locator))
        };
        self.accounts.iter().filter(means).collect()
    }

    pub(super) fn controller_index(&self, host: &str) -> Option<usize> {
        self.controllers.iter().position(|controller| controller.host.eq_ignore_ascii_case(host))
    }

    pub(super) fn pdc_index(&self) -> usize {
        self.controllers.iter().position(|controller| controller.pdc).unwrap_or(0)
    }

    /// The newest set anywhere in the domain: what the password truly is, replicated or not.
    pub(super) fn live(&self, name: &str) -> Option<&Replica> {
        let replicas = self.controllers.iter().filter_map(|controller| controller.replicas.get(name));
        replicas.max_by_key(|replica| (replica.key_version, replica.password_last_set))
    }

    /// Lets every change arrive that is due.
    pub(super) fn catch_up(&mut self, now: i64) {
        for controller in &mut self.controllers {
            let (due, later) =
                std::mem::take(&mut controller.inbound).into_iter().partition(|change| change.visible_at <= now);
            controller.inbound = later;
            let due: Vec<Change> = due;
            for change in due {
                controller.receive(change);
            }
        }
    }

    /// Why AD would refuse this password, in its own words; `None` when it would take it.
    pub(super) fn violation(&self, account: &Account, password: &str) -> Option<String> {
        let length = password.encode_utf16().count();
        if length < self.policy.length_min as usize || length > LENGTH_MAX {
            return Some(format!("{length} characters, allowed are {} to {LENGTH_MAX}", self.policy.length_min));
        }
        if !self.policy.complexity {
            return None;
        }
        if character_classes(password) < 3 {
            return Some("fewer than three character classes".to_owned());
        }
        let lowered = password.to_lowercase();
        let separators = [' ', ',', '.', '\t', '-', '_', '#'];
        let names = std::iter::once(account.name.as_str()).chain(account.display_name.split(separators));
        let contained =
            names.filter(|name| name.chars().count() > 2).any(|name| lowered.contains(&name.to_lowercase()));
        contained.then(|| "it contains a part of the account's name".to_owned())
    }

    /// Why AD would refuse this change, in its own words: unlike a reset, a change shows the password in use and
    /// obeys the history.
    pub(super) fn change_violation(
        &self,
        at: usize,
        name: &str,
        old: &str,
        new: &str,
        password: &str,
    ) -> Option<String> {
        let history = &self.controllers[at].replicas.get(name)?.history;
        if history.first().is_none_or(|current| current != old) {
            return Some("00000056, the old password is not the one in use".to_owned());
        }
        if history.iter().any(|used| used == new) {
            return Some("0000052D, the password was used before".to_owned());
        }
        self.violation(self.account(name)?, password).map(|violation| format!("0000052D, {violation}"))
    }

    /// How near the account is to being locked on one controller.
    pub(super) fn lockout(&self, at: usize, name: &str, now: i64) -> Lockout {
        let window = i64::from(self.policy.lockout_minutes) * MINUTE;
        let replica = self.controllers[at].replicas.get(name);
        let wrong = replica.map(|replica| if now - replica.wrong_at > window { 0 } else { replica.wrong_count });
        let locked = self.account(name).is_some_and(|account| account.locked_until.is_some_and(|until| now < until));
        Lockout { threshold: Some(self.policy.lockout_threshold), wrong, locked }
    }

    /// A security identifier for the account: the model's domain, and the account's place in it.
    pub(super) fn sid(&self, account: &Account) -> String {
        const FIRST_RELATIVE_ID: usize = 1104;
        let place = self.accounts.iter().position(|other| other.name == account.name).unwrap_or_default();
        format!("S-1-5-21-1111111111-2222222222-3333333333-{}", FIRST_RELATIVE_ID + place)
    }

    /// Sets the password on one controller; the others learn of it after their lag. Repeating it with the
    /// same password is a set of its own, after which the one before is no longer the previous one.
    pub(super) fn set(&mut self, at: usize, name: &str, digest: &str, now: i64) {
        self.catch_up(now);
        let Some(replica) = self.controllers[at].replicas.get_mut(name) else { return };
        replica.key_version += 1;
        // Two sets within one tick of the clock still differ.
        replica.password_last_set = now.max(replica.password_last_set + 1);
        replica.history.insert(0, digest.to_owned());
        replica.history.truncate(HISTORY_MAX);
        let (key_version, password_last_set) = (replica.key_version, replica.password_last_set);
        let history = replica.history.clone();
        for (index, controller) in self.controllers.iter_mut().enumerate() {
            if index != at {
                controller.inbound.push(Change {
                    account: name.to_owned(),
                    visible_at: now.saturating_add(i64::from(controller.lag_ms) * MILLISECOND),
                    key_version,
                    password_last_set,
                    history: history.clone(),
                });
            }
        }
        self.catch_up(now);
    }

    /// Brings what `from` knows of the account to `to` at once.
    pub(super) fn replicate(&mut self, name: &str, from: usize, to: usize, now: i64) {
        self.catch_up(now);
        let Some(source) = self.controllers[from].replicas.get(name) else { return };
        let change = Change {
            account: name.to_owned(),
            visible_at: now,
            key_version: source.key_version,
            password_last_set: source.password_last_set,
            history: source.history.clone(),
        };
        self.controllers[to].receive(change);
    }

    /// A simple bind. A controller that would refuse asks the PDC emulator first; a wrong password counts
    /// on both, except the two previous ones.
    pub(super) fn bind(&mut self, at: usize, name: &str, digest: &str, now: i64) -> BindAnswer {
        self.catch_up(now);
        let Some(account) = self.accounts.iter_mut().find(|account| account.name == name) else {
            return BindAnswer::Wrong;
        };
        if account.disabled {
            return BindAnswer::Disabled;
        }
        if account.locked_until.is_some_and(|until| now < until) {
            return BindAnswer::Locked;
        }
        account.locked_until = None;
        let asked = [at, self.controllers.iter().position(|controller| controller.pdc).unwrap_or(0)];
        let accepted = asked.iter().any(|&index| self.controllers[index].knows(name, digest, now));
        let excused = asked.iter().any(|&index| self.controllers[index].excuses(name, digest));
        let window = i64::from(self.policy.lockout_minutes) * MINUTE;
        let mut count_most = 0;
        for index in asked.iter().take(if asked[0] == asked[1] { 1 } else { 2 }) {
            let Some(replica) = self.controllers[*index].replicas.get_mut(name) else { continue };
            if accepted {
                replica.wrong_count = 0;
            } else if !excused {
                replica.wrong_count = if now - replica.wrong_at > window { 1 } else { replica.wrong_count + 1 };
                replica.wrong_at = now;
            }
            count_most = count_most.max(replica.wrong_count);
        }
        if accepted {
            return BindAnswer::Accepted;
        }
        if self.policy.lockout_threshold > 0 && count_most >= self.policy.lockout_threshold {
            account.locked_until = Some(now + window);
        }
        BindAnswer::Wrong
    }

    /// The policy as the port words it.
    pub(super) fn policy_facts(&self) -> PasswordPolicy {
        PasswordPolicy {
            length_min: self.policy.length_min,
            complexity: self.policy.complexity,
            source: "domain".to_owned(),
        }
    }
}

impl Controller {
    /// Takes a change in unless this controller has a later one: the higher version wins, then the later time.
    fn receive(&mut self, change: Change) {
        let Some(replica) = self.replicas.get_mut(&change.account) else { return };
        if (change.key_version, change.password_last_set) > (replica.key_version, replica.password_last_set) {
            replica.key_version = change.key_version;
            replica.password_last_set = change.password_last_set;
            replica.history = change.history;
        }
    }

    /// Whether this controller by itself accepts the password: the current one, or the previous one within
    /// the grace, which runs from the last set.
    fn knows(&self, name: &str, digest: &str, now: i64) -> bool {
        let Some(replica) = self.replicas.get(name) else { return false };
        let in_grace = now - replica.password_last_set < OLD_PASSWORD_ALLOWED_MINUTES * MINUTE;
        replica.history.first().is_some_and(|current| current == digest)
            || (in_grace && replica.history.get(1).is_some_and(|previous| previous == digest))
    }

    /// Whether a refused password is one of the two previous ones, which do not count toward lockout.
    fn excuses(&self, name: &str, digest: &str) -> bool {
        let replica = self.replicas.get(name);
        replica.is_some_and(|replica| replica.history.iter().skip(1).take(2).any(|previous| previous == digest))
    }
}

fn character_classes(password: &str) -> usize {
    let classes: [fn(char) -> bool; 5] = [
        |c| c.is_uppercase(),
        |c| c.is_lowercase(),
        |c| c.is_ascii_digit(),
        |c| c.is_ascii_punctuation() || c == ' ',
        |c| c.is_alphabetic() && !c.is_uppercase() && !c.is_lowercase(),
    ];
    classes.iter().filter(|class| password.chars().any(**class)).count()
}
