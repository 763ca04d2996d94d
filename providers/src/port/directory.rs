use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fault, OwnCredential, Secret};

/// An account as the directory knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// The distinguished name.
    pub dn: String,
    /// objectSid, as text (`S-1-5-21-…`).
    pub sid: String,
    /// sAMAccountName.
    pub sam_account_name: String,
    /// displayName, empty when there is none.
    pub display_name: String,
    /// The DNS name of its domain.
    pub domain: String,
    /// The NetBIOS name of its domain; empty when it can't be told.
    pub netbios: String,
    /// description, empty when there is none or it can't be read: the wizard writes the server's name into it.
    pub description: String,
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
    /// Where the policy comes from, for people: `domain`, a PSO's name, or why it could not be read.
    pub source: String,
}

/// How near an account is to being locked, on one domain controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    /// Wrong passwords before the account locks; 0 = never; `None` = can't be read.
    pub threshold: Option<u32>,
    /// Wrong passwords that count at this moment: those of the running observation window; `None` = can't be
    /// read.
    pub wrong: Option<u32>,
    /// Whether it is locked.
    pub locked: bool,
}

impl Lockout {
    /// Why a password that may be wrong must not be tried now; `None` when one may be.
    ///
    /// One wrong password of ours must never lock the account, and ours together never take more than half
    /// of what the policy allows in a window: the engine's own loop needs the rest. What can't be read gives
    /// no reason, and one try.
    pub fn forbids_a_try(&self) -> Option<String> {
        if self.locked {
            return Some("the account is locked out".to_owned());
        }
        let (threshold, wrong) = (self.threshold.filter(|&threshold| threshold > 0)?, self.wrong?);
        let after = wrong.saturating_add(1);
        (after >= threshold || (wrong > 0 && after > threshold / 2))
            .then(|| format!("{wrong} wrong passwords count already, and at {threshold} the account locks"))
    }
}

/// Whether the rotator may reset an account's password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetRight {
    /// It may.
    Held,
    /// It may not.
    Missing,
    /// The directory's answer does not tell: what it said.
    Unknown(String),
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

    /// Changes the password on `dc` as the account itself: the old one is shown, the new one taken. Unlike a
    /// reset it obeys history and minimum age, and needs no right. Only over an encrypted and verified
    /// connection.
    async fn change_password(&self, dn: &str, dc: &str, old: &Secret, new: &Secret) -> Result<(), Fault>;

    /// Whether [`set_password`](Self::set_password) would be permitted. Changes nothing.
    async fn reset_right(&self, dn: &str, dc: &str) -> Result<ResetRight, Fault>;

    /// How near the account is to being locked on `dc`.
    async fn lockout(&self, dn: &str, dc: &str) -> Result<Lockout, Fault>;

    /// The domain controller that [`account`](Self::account) would name for this account now: roles move.
    async fn working_dc(&self, dn: &str) -> Result<String, Fault>;

    /// Whether `dc` accepts a logon with `secret`. One bind, never repeated by the adapter. It proves
    /// nothing alone: AD accepts the previous password for 60 minutes. Call it only with a password that
    /// the account has had, and where [`lockout`](Self::lockout) leaves room for a wrong one.
    async fn accepts(&self, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault>;

    /// Whether `secret` is the password in use on `dc`, and not the one before, which [`accepts`](Self::accepts)
    /// takes for 60 minutes. Asked as the account itself, by a change from `secret` to `secret`: the old one is
    /// compared first, the history refuses the rest; where there is no history it is one more set of the same
    /// password. `None` = the directory's answer does not tell. The cautions of `accepts` hold.
    async fn in_use(&self, dn: &str, dc: &str, secret: &Secret) -> Result<Option<bool>, Fault>;

    /// Asks for the account to be replicated from the domain controller `from` to `to`, where that is
    /// permitted. Not permitted = `Later`: replication will come by itself. The proof is the
    /// [`Fingerprint`] on `to`, not this call.
    async fn replicate(&self, dn: &str, from: &str, to: &str) -> Result<(), Fault>;

    /// The credential that this directory is worked on with. Reads only. An age that can't be read is no
    /// fault: it is `None`, and the note says why.
    async fn own_credential(&self) -> Result<OwnCredential, Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_never_locks_and_never_takes_more_than_half() {
        let may = |threshold, wrong| Lockout { threshold, wrong, locked: false }.forbids_a_try().is_none();
        assert!(may(Some(0), Some(99)) && may(None, Some(3)) && may(Some(3), None));
        for (threshold, tries) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (10, 5)] {
            let allowed = (0..threshold).take_while(|&wrong| may(Some(threshold), Some(wrong))).count();
            assert_eq!(allowed, tries, "threshold {threshold}");
        }
        assert!(Lockout { threshold: None, wrong: None, locked: true }.forbids_a_try().is_some());
    }
}
