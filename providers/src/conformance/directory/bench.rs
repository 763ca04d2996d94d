//! What the suite needs of the world that an adapter is tried in. Everything here is read and done *past* the
//! adapter: an adapter that lies is not asked whether it did.

use std::time::Duration;

use async_trait::async_trait;

use crate::conformance::{Able, unable};
use crate::port::Secret;

/// How long a call to an adapter may take before the suite says that it has no deadline.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// An account that the bench made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its distinguished name, spelled as the directory does.
    pub dn: String,
    /// Its sAMAccountName.
    pub sam_account_name: String,
    /// Its displayName, empty when there is none.
    pub display_name: String,
    /// Every name by which it must be found.
    pub locators: Vec<String>,
}

/// What one domain controller truly holds about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// msDS-KeyVersionNumber.
    pub key_version: i64,
    /// pwdLastSet.
    pub password_last_set: i64,
    /// badPwdCount.
    pub wrong: u32,
    /// Whether it is locked out.
    pub locked: bool,
}

/// What the domain demands of passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Shortest password of the subject.
    pub length_min: u32,
    /// Whether complexity is asked for.
    pub complexity: bool,
    /// Wrong passwords before the subject locks; at least 3.
    pub lockout_threshold: u32,
}

/// A world to try an adapter in, seen from outside the adapter.
///
/// The second half are capabilities. A bench without one keeps the default, and the checks that need it are
/// reported as not applicable.
#[async_trait]
pub trait Bench: Send + Sync {
    /// The account whose password the adapter may reset, and which may change its own at once.
    fn subject(&self) -> Account;

    /// An account that the adapter could reset too, and never must.
    fn bystander(&self) -> Account;

    /// The host names of the domain controllers: the PDC emulator, then the others.
    fn controllers(&self) -> Vec<String>;

    /// What the domain demands.
    fn rules(&self) -> Rules;

    /// A password that the domain takes, another each time.
    fn fresh(&self) -> Secret;

    /// A password that is against the policy, and unlike any ordinary word.
    fn against_policy(&self) -> Secret;

    /// What `dc` holds about an account now.
    async fn truth(&self, dn: &str, dc: &str) -> Able<Truth>;

    /// The clock of `dc`, in 100-nanosecond intervals since 1601.
    async fn clock(&self, dc: &str) -> Able<i64>;

    /// Whether `dc` itself holds this password as the current one: no grace for the one before, no other domain
    /// controller asked. A password that is not may count as a wrong one.
    async fn is_current(&self, dn: &str, dc: &str, secret: &Secret) -> Able<bool>;

    /// A person resets the password at `dc`.
    async fn person_sets(&self, dn: &str, dc: &str, secret: &Secret) -> Able<()>;

    /// Somebody else tries a password at `dc`, once.
    async fn somebody_tries(&self, dn: &str, dc: &str, secret: &Secret) -> Able<()>;

    /// Takes back all that a check asked for: replication goes, roles and rules are as they were, no account is
    /// locked, no wrong password counts, no mishap waits, and the domain controllers agree. Called before each check.
    async fn settle(&self) -> Able<()>;

    /// How long a call may take.
    fn call_limit(&self) -> Duration {
        CALL_LIMIT
    }

    /// The secrets that the adapter works with itself.
    fn own_secrets(&self) -> Vec<Secret> {
        Vec::new()
    }

    /// Whatever else the adapter shows: its `Debug` form, its log.
    fn shown(&self) -> Vec<String> {
        Vec::new()
    }

    /// A name that means more than one account.
    fn ambiguous_locator(&self) -> Able<String> {
        unable("no name here means two accounts")
    }

    /// Accounts that must not be rotated: a name, and a word that the reason must contain.
    fn barred(&self) -> Able<Vec<(String, String)>> {
        unable("no account here is barred")
    }

    /// An account whose password the adapter may not reset, until things are settled again.
    async fn without_right(&self) -> Able<Account> {
        unable("the adapter may reset every account here")
    }

    /// Replication stands still until it is let go.
    async fn hold_replication(&self) -> Able<()> {
        unable("there is one domain controller")
    }

    /// Whether the adapter is permitted to ask for replication.
    fn may_replicate(&self) -> Able<bool> {
        unable("there is one domain controller")
    }

    /// The next set of the adapter takes effect, and its reply is lost.
    async fn lose_the_next_reply(&self) -> Able<()> {
        unable("no reply can be lost here")
    }

    /// The next set of the adapter waits on its way to where it is done, before it is sent: how long.
    async fn delay_the_next_set(&self) -> Able<Duration> {
        unable("nothing can be delayed here")
    }

    /// From now on a password must be a day old before it is changed.
    async fn demand_age(&self) -> Able<()> {
        unable("there is no minimum age here")
    }

    /// Whether the domain keeps a history that a change must obey.
    fn keeps_history(&self) -> Able<()> {
        unable("there is no history here")
    }

    /// Moves the role of the PDC emulator to another domain controller that is there: its host name.
    async fn move_role(&self) -> Able<String> {
        unable("there is one domain controller")
    }

    /// A host that takes a connection and says nothing.
    async fn silent_controller(&self) -> Able<String> {
        unable("no host here keeps silent")
    }
}
