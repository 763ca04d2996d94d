use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fault, OwnCredential, Secret};

/// An account as the directory knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// The distinguished name.
    pub dn: String,
    /// sAMAccountName.
    pub sam_account_name: String,
    /// displayName, empty when there is none.
    pub display_name: String,
    /// The domain controller to work at: the PDC emulator of the account's domain.
    pub dc: String,
    /// Reasons not to rotate, as sentences: disabled, locked, expired, must change at next logon.
    pub refusals: Vec<String>,
    /// What a person should know, as sentences.
    pub warnings: Vec<String>,
    /// The password policy that holds for this account.
    pub policy: PasswordPolicy,
}

/// What a password must be. Lengths in UTF-16 units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordPolicy {
    /// Shortest password allowed.
    pub length_min: u32,
    /// Three of the character classes, and no part of the account's names.
    pub complexity: bool,
    /// Wrong passwords before the account locks; 0 = never locks; `None` = could not be read, so assume one.
    pub lockout_threshold: Option<u32>,
    /// Where the policy comes from, for people: `domain`, a PSO's name, or why it could not be read.
    pub source: String,
}

/// What shows a password set without knowing the password: the account's metadata on one domain controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The domain controller that answered.
    pub dc: String,
    /// msDS-KeyVersionNumber there. One more per set, on one domain controller.
    pub key_version: i64,
    /// pwdLastSet there, in 100-nanosecond intervals since 1601, as AD stores it.
    pub password_last_set: i64,
    /// The domain controller's own clock, in the same unit.
    pub dc_time: i64,
}

impl Fingerprint {
    /// pwdLastSet as an instant; `None` when AD has none (0) or it is out of range.
    pub fn password_last_set_at(&self) -> Option<Timestamp> {
        const UNIX_EPOCH_AS_FILETIME: i64 = 116_444_736_000_000_000;
        if self.password_last_set <= 0 {
            return None;
        }
        Timestamp::from_microsecond((self.password_last_set - UNIX_EPOCH_AS_FILETIME) / 10).ok()
    }

    /// Whether both show the same set of the same password. The clock is not part of it.
    pub fn same_set(&self, other: &Self) -> bool {
        self.key_version == other.key_version && self.password_last_set == other.password_last_set
    }
}

/// A directory: Active Directory over LDAPS, or its model.
#[async_trait]
pub trait Directory: Send + Sync {
    /// What this directory is, for people.
    fn describe(&self) -> String;

    /// Finds exactly one account by sAMAccountName, user principal name or distinguished name.
    /// None or several = `Refused`.
    async fn account(&self, locator: &str) -> Result<AccountFacts, Fault>;

    /// The account's metadata on the domain controller `dc`, read there and nowhere else.
    async fn fingerprint(&self, dn: &str, dc: &str) -> Result<Fingerprint, Fault>;

    /// Resets the password on `dc`. Only over an encrypted and verified connection.
    async fn set_password(&self, dn: &str, dc: &str, secret: &Secret) -> Result<(), Fault>;

    /// Whether `dc` accepts a logon with `secret`. One bind, never repeated by the adapter. It proves
    /// nothing alone: AD accepts the previous password for 60 minutes. Call it only with a password that
    /// the account has had, or the account may lock.
    async fn accepts(&self, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault>;

    /// Asks for the account to be replicated from the domain controller `from` to `to`, where that is
    /// permitted. Not permitted = `Later`: replication will come by itself. The proof is the
    /// [`Fingerprint`] on `to`, not this call.
    async fn replicate(&self, dn: &str, from: &str, to: &str) -> Result<(), Fault>;

    /// The credential that this directory is worked on with. Reads only. An age that can't be read is no
    /// fault: it is `None`, and the note says why.
    async fn own_credential(&self) -> Result<OwnCredential, Fault>;
}
