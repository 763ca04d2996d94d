//! The model of Active Directory: one domain, its controllers and its accounts. No input or output here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::clock::MINUTE;
use crate::port::{Lockout, PasswordPolicy};

/// How long AD accepts the previous password over NTLM and simple binds (OldPasswordAllowedPeriod).
const OLD_PASSWORD_ALLOWED_MINUTES: i64 = 60;
/// AD takes no longer password, in UTF-16 units.
const LENGTH_MAX: usize = 256;
/// How many digests a controller keeps, as AD's longest history does.
const HISTORY_MAX: usize = 24;
/// The three numbers that make the model domain's security identifier.
pub(super) const DOMAIN_ID: [u32; 3] = [1_111_111_111, 2_222_222_222, 3_333_333_333];
/// Relative identifier of the first account of a new domain.
pub(super) const FIRST_RELATIVE_ID: u32 = 1104;
/// 100-nanosecond intervals in one millisecond.
const MILLISECOND: i64 = 10_000;

/// One domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Domain {
    pub(super) forest: String,
    pub(super) policy: Policy,
    pub(super) accounts: Vec<Account>,
    pub(super) controllers: Vec<Controller>,
    #[serde(default)]
    pub(super) fine_grained: Vec<FineGrained>,
    /// The DNS name of a second domain of the forest, which this one refers to.
    #[serde(default)]
    pub(super) child: Option<String>,
    /// The relative identifier of the first account.
    #[serde(default = "first_relative_id")]
    pub(super) first_relative_id: u32,
}

fn first_relative_id() -> u32 {
    FIRST_RELATIVE_ID
}

/// A password policy: the domain's, or a fine-grained one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) length_min: u32,
    pub(super) complexity: bool,
    /// Wrong passwords before an account locks; 0 = never.
    pub(super) lockout_threshold: u32,
    /// How long an account stays locked, and how long a wrong password counts.
    pub(super) lockout_minutes: u32,
    /// How many passwords a change may not go back to; a reset may.
    #[serde(default)]
    pub(super) history_length: u32,
    /// How old a password must be before it is changed; a reset does not ask.
    #[serde(default)]
    pub(super) minimum_age_minutes: u32,
    /// How old a password may become, for accounts whose password expires; 0 = any age.
    #[serde(default)]
    pub(super) maximum_age_minutes: u32,
}

/// A policy for some accounts only (a password settings object).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FineGrained {
    pub(super) name: String,
    pub(super) policy: Policy,
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
    /// `data 701`
    AccountExpired,
    /// `data 773`
    MustChange,
    /// `data 532`
    PasswordExpired,
    /// No such controller.
    NoAnswer,
}

/// Why a change of a password, from old to new, is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChangeRefusal {
    /// The old password is wrong.
    WrongOld,
    /// The account is locked out.
    Locked,
    /// Policy, history or minimum age: which.
    Restricted(String),
}

impl Domain {
    /// The policy that holds for an account.
    pub(super) fn policy_of(&self, account: &Account) -> &Policy {
        let fine = account.fine_grained.as_ref();
        let fine = fine.and_then(|name| self.fine_grained.iter().find(|policy| policy.name == *name));
        fine.map_or(&self.policy, |fine| &fine.policy)
    }

    pub(super) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name.eq_ignore_ascii_case(name))
    }

    /// The first label of the DNS name, as installed.
    pub(super) fn netbios(&self) -> String {
        self.forest.split('.').next().unwrap_or_default().to_uppercase()
    }

    /// The accounts that a sAMAccountName, user principal name or distinguished name means.
    pub(super) fn locate(&self, locator: &str) -> Vec<&Account> {
        let means = |account: &&Account| {
            let upn = format!("{}@{}", account.name, self.forest);
            let qualified = [&self.netbios(), &self.forest].map(|domain| format!(r"{domain}\{}", account.name));
            [&account.name, &account.dn, &upn]
                .into_iter()
                .chain(&qualified)
                .any(|name| name.eq_ignore_ascii_case(locator))
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
        let policy = self.policy_of(account);
        if length < policy.length_min as usize || length > LENGTH_MAX {
            return Some(format!("{length} characters, allowed are {} to {LENGTH_MAX}", policy.length_min));
        }
        if !policy.complexity {
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

    /// Whether this is the password in use on one controller, and not the one before.
    pub(super) fn holds(&self, at: usize, name: &str, digest: &str) -> bool {
        let replica = self.controllers[at].replicas.get(name);
        replica.is_some_and(|replica| replica.history.first().is_some_and(|current| current == digest))
    }

    /// How near the account is to being locked on one controller.
    pub(super) fn lockout(&self, at: usize, name: &str, now: i64) -> Lockout {
        let account = self.account(name);
        let policy = account.map_or(&self.policy, |account| self.policy_of(account));
        let window = i64::from(policy.lockout_minutes) * MINUTE;
        let replica = self.controllers[at].replicas.get(name);
        let wrong = replica.map(|replica| if now - replica.wrong_at > window { 0 } else { replica.wrong_count });
        let locked = account.is_some_and(|account| account.is_locked(now));
        Lockout { threshold: Some(policy.lockout_threshold), wrong, locked }
    }

    /// The account's relative identifier: its place in the model.
    pub(super) fn relative_id(&self, account: &Account) -> u32 {
        let place = self.accounts.iter().position(|other| other.name == account.name).unwrap_or_default();
        self.first_relative_id.saturating_add(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The account's security identifier, as text.
    pub(super) fn sid(&self, account: &Account) -> String {
        let [a, b, c] = DOMAIN_ID;
        format!("S-1-5-21-{a}-{b}-{c}-{}", self.relative_id(account))
    }

    /// Sets the password on one controller; the others learn of it after their lag. Repeating it with the
    /// same password is a set of its own, after which the one before is no longer the previous one.
    pub(super) fn set(&mut self, at: usize, name: &str, digest: &str, now: i64) {
        if let Some(account) = self.accounts.iter_mut().find(|account| account.name == name) {
            account.password_resets += 1;
        }
        self.take(at, name, digest, now);
    }

    /// A controller takes a password, after a reset or a change.
    fn take(&mut self, at: usize, name: &str, digest: &str, now: i64) {
        self.catch_up(now);
        let Some(replica) = self.controllers[at].replicas.get_mut(name) else { return };
        replica.key_version += 1;
        // Two sets within one tick of the clock still differ.
        replica.password_last_set = now.max(replica.password_last_set + 1);
        let differs = replica.history.first().is_none_or(|current| current != digest);
        replica.history.insert(0, digest.to_owned());
        replica.history.truncate(HISTORY_MAX);
        let (key_version, password_last_set) = (replica.key_version, replica.password_last_set);
        let history = replica.history.clone();
        if let Some(account) = self.accounts.iter_mut().find(|account| account.name == name) {
            account.must_change = false;
            account.password_sets += 1;
            account.password_changes += u64::from(differs);
        }
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

    /// A change of the password from old to new on one controller, by whoever knows the old one. The old password is the
    /// current one there: no grace, and the PDC emulator is not asked.
    pub(super) fn change(
        &mut self,
        at: usize,
        name: &str,
        (old, new): (&str, &str),
        password: &str,
        now: i64,
    ) -> Result<(), ChangeRefusal> {
        self.catch_up(now);
        let Some(account) = self.account(name) else { return Err(ChangeRefusal::WrongOld) };
        if account.is_locked(now) {
            return Err(ChangeRefusal::Locked);
        }
        let policy = self.policy_of(account).clone();
        let (must_change, violation) = (account.must_change, self.violation(account, password));
        let Some(replica) = self.controllers[at].replicas.get(name) else { return Err(ChangeRefusal::WrongOld) };
        if replica.history.first().is_none_or(|current| current != old) {
            self.count_wrong(&[at, self.pdc_index()], name, old, now);
            return Err(ChangeRefusal::WrongOld);
        }
        let age = now - replica.password_last_set;
        let restriction = if !must_change && age < i64::from(policy.minimum_age_minutes) * MINUTE {
            Some("the password is younger than the minimum age".to_owned())
        } else if replica.history.iter().take(policy.history_length as usize).any(|past| past == new) {
            Some("the password was used before".to_owned())
        } else {
            violation
        };
        if let Some(restriction) = restriction {
            return Err(ChangeRefusal::Restricted(restriction));
        }
        self.take(at, name, new, now);
        Ok(())
    }

    /// A simple bind. A controller that would refuse asks the PDC emulator first; a wrong password counts
    /// on both, except the two previous ones.
    pub(super) fn bind(&mut self, at: usize, name: &str, digest: &str, now: i64) -> BindAnswer {
        self.catch_up(now);
        let Some(account) = self.accounts.iter_mut().find(|account| account.name == name) else {
            return BindAnswer::Wrong;
        };
        if account.is_locked(now) {
            return BindAnswer::Locked;
        }
        account.locked_until = None;
        let account = account.clone();
        let asked = [at, self.pdc_index()];
        if !asked.iter().any(|&index| self.controllers[index].knows(name, digest, now)) {
            self.count_wrong(&asked, name, digest, now);
            return BindAnswer::Wrong;
        }
        // The rest is told only to those who know the password.
        let replica = self.controllers[at].replicas.get(name);
        if let Some(barred) = account.barred(replica, self.policy_of(&account), now) {
            return barred;
        }
        for index in asked {
            if let Some(replica) = self.controllers[index].replicas.get_mut(name) {
                replica.wrong_count = 0;
            }
        }
        BindAnswer::Accepted
    }

    /// A wrong password counts on the controllers that were asked, unless it is one of the two previous ones; too many
    /// lock the account.
    fn count_wrong(&mut self, asked: &[usize], name: &str, digest: &str, now: i64) {
        if asked.iter().any(|&index| self.controllers[index].excuses(name, digest)) {
            return;
        }
        let Some(policy) = self.account(name).map(|account| self.policy_of(account).clone()) else { return };
        let window = i64::from(policy.lockout_minutes) * MINUTE;
        let mut count_most = 0;
        let asked: BTreeSet<usize> = asked.iter().copied().collect();
        for index in asked {
            let Some(replica) = self.controllers[index].replicas.get_mut(name) else { continue };
            replica.wrong_count = if now - replica.wrong_at > window { 1 } else { replica.wrong_count + 1 };
            replica.wrong_at = now;
            count_most = count_most.max(replica.wrong_count);
        }
        if policy.lockout_threshold > 0
            && count_most >= policy.lockout_threshold
            && let Some(account) = self.accounts.iter_mut().find(|account| account.name == name)
        {
            account.locked_until = Some(now.saturating_add(window));
        }
    }

    /// How an account is unlocked by hand.
    pub(super) fn unlock(&mut self, name: &str) {
        if let Some(account) = self.accounts.iter_mut().find(|account| account.name == name) {
            account.locked_until = None;
        }
        for replica in self.controllers.iter_mut().filter_map(|controller| controller.replicas.get_mut(name)) {
            replica.wrong_count = 0;
        }
    }

    /// The policy as the port words it.
    pub(super) fn policy_facts(&self, account: &Account) -> PasswordPolicy {
        let policy = self.policy_of(account);
        PasswordPolicy {
            length_min: policy.length_min,
            complexity: policy.complexity,
            source: account.fine_grained.clone().unwrap_or_else(|| "domain".to_owned()),
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
