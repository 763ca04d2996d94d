//! An account of the model domain, as far as it is the same on every controller. No input or output here.

use serde::{Deserialize, Serialize};

use super::clock::MINUTE;
use super::domain::{BindAnswer, Policy, Replica};

/// An account, without its password data, which every controller has a copy of its own of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) dn: String,
    pub(super) display_name: String,
    /// What the wizard or a person wrote about it.
    #[serde(default)]
    pub(super) description: String,
    pub(super) disabled: bool,
    /// A lockout is replicated urgently, so the model has one for the whole domain.
    pub(super) locked_until: Option<i64>,
    /// accountExpires.
    #[serde(default)]
    pub(super) expires_at: Option<i64>,
    /// The password must be changed at the next logon: pwdLastSet is 0 until the next set.
    #[serde(default)]
    pub(super) must_change: bool,
    /// Without it the password never expires (DONT_EXPIRE_PASSWORD), as the wizard makes its account.
    #[serde(default)]
    pub(super) password_expires: bool,
    /// Relative ids of the domain's groups that it is in, besides Domain Users.
    #[serde(default)]
    pub(super) groups: Vec<u32>,
    /// The name of the fine-grained policy that holds for it.
    #[serde(default)]
    pub(super) fine_grained: Option<String>,
    #[serde(default)]
    pub(super) rights: Rights,
    /// How often its password was reset, rather than changed by itself.
    #[serde(default)]
    pub(super) password_resets: u32,
    /// How often its password was set, by a reset or a change.
    #[serde(default)]
    pub(super) password_sets: u64,
    /// How many of these gave it another password than it had.
    #[serde(default)]
    pub(super) password_changes: u64,
}

/// What an account may do to others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// Everything, to everybody.
    pub administrator: bool,
    /// The accounts (sAMAccountName) whose password it may reset: User-Force-Change-Password.
    pub resets: Vec<String>,
    /// DS-Replication-Synchronize on the domain.
    pub synchronizes: bool,
    /// Whether it may read the values of fine-grained policies. Without that it sees an account's policy by name only.
    pub reads_fine_grained: bool,
}

impl Rights {
    /// Those of an administrator.
    pub fn administrator() -> Self {
        Self { administrator: true, ..Self::default() }
    }

    /// Those of a rotator: it may reset the passwords of `accounts`, replicate, and read fine-grained policies.
    pub fn rotator(accounts: &[&str]) -> Self {
        Self {
            administrator: false,
            resets: accounts.iter().map(|&name| name.to_owned()).collect(),
            synchronizes: true,
            reads_fine_grained: true,
        }
    }

    pub(super) fn may_reset(&self, account: &str) -> bool {
        self.administrator || self.resets.iter().any(|name| name.eq_ignore_ascii_case(account))
    }
}

impl Account {
    pub(super) fn new(name: &str, dn: String, display_name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dn,
            display_name: display_name.to_owned(),
            description: String::new(),
            disabled: false,
            locked_until: None,
            expires_at: None,
            must_change: false,
            password_expires: false,
            groups: Vec::new(),
            fine_grained: None,
            rights: Rights::default(),
            password_resets: 0,
            password_sets: 0,
            password_changes: 0,
        }
    }

    pub(super) fn is_locked(&self, now: i64) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// Why an account does not log on although its password is right; the order is Windows'.
    pub(super) fn barred(&self, replica: Option<&Replica>, policy: &Policy, now: i64) -> Option<BindAnswer> {
        if self.disabled {
            return Some(BindAnswer::Disabled);
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Some(BindAnswer::AccountExpired);
        }
        if self.must_change {
            return Some(BindAnswer::MustChange);
        }
        let age_max = i64::from(policy.maximum_age_minutes) * MINUTE;
        let age = replica.map_or(0, |replica| now - replica.password_last_set);
        (self.password_expires && age_max > 0 && age >= age_max).then_some(BindAnswer::PasswordExpired)
    }
}
