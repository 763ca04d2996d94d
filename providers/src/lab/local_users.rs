//! The users of a model server's own account database (SAM). There is no grace for the password before.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::engine::Server;
use super::labels::Labels;
use crate::port::{Fault, LocalUserFacts, Secret};

/// How many digests are kept.
const HISTORY_MAX: usize = 24;
/// Windows takes no longer local password, in UTF-16 units.
const LENGTH_MAX: usize = 127;

/// A local user. Digests only, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LocalUser {
    pub(super) name: String,
    pub(super) password_set_at: Option<Timestamp>,
    pub(super) history: Vec<String>,
    pub(super) disabled: bool,
    /// How often somebody set the password by force: each time Windows loses what was protected with it.
    pub(super) resets: u32,
    /// How often it was set, by force or by a change.
    #[serde(default)]
    pub(super) sets: u64,
    /// How many of these gave it another password than it had.
    #[serde(default)]
    pub(super) changes: u64,
    wrong_count: u32,
    wrong_at: Option<Timestamp>,
    locked_until: Option<Timestamp>,
}

/// The server's password policy for its local users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LocalPolicy {
    pub(super) length_min: u32,
    pub(super) history_length: u32,
    pub(super) minimum_age_minutes: u32,
    /// Wrong passwords before a user locks; 0 = never.
    pub(super) lockout_threshold: u32,
    pub(super) lockout_minutes: u32,
}

impl Default for LocalPolicy {
    fn default() -> Self {
        Self { length_min: 8, history_length: 24, minimum_age_minutes: 0, lockout_threshold: 10, lockout_minutes: 10 }
    }
}

/// Why a local logon is refused, as Windows' error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalRefusal {
    /// ERROR_LOGON_FAILURE
    Wrong = 1326,
    /// ERROR_ACCOUNT_DISABLED
    Disabled = 1331,
    /// ERROR_ACCOUNT_LOCKED_OUT
    Locked = 1909,
}

impl LocalUser {
    pub(super) fn new(name: &str, digest: String) -> Self {
        Self {
            name: name.to_owned(),
            password_set_at: None,
            history: vec![digest],
            disabled: false,
            resets: 0,
            sets: 0,
            changes: 0,
            wrong_count: 0,
            wrong_at: None,
            locked_until: None,
        }
    }

    pub(super) fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// The digest of the password in use.
    pub(super) fn digest(&self) -> Option<&str> {
        self.history.first().map(String::as_str)
    }

    /// A logon. A wrong password counts; too many lock the user.
    pub(super) fn logon(&mut self, digest: &str, policy: &LocalPolicy, now: Timestamp) -> Result<(), LocalRefusal> {
        if self.is_locked(now) {
            return Err(LocalRefusal::Locked);
        }
        if self.digest() != Some(digest) {
            let window = SignedDuration::from_mins(i64::from(policy.lockout_minutes));
            let recent = self.wrong_at.is_some_and(|at| now.duration_since(at) <= window);
            self.wrong_count = if recent { self.wrong_count + 1 } else { 1 };
            self.wrong_at = Some(now);
            if policy.lockout_threshold > 0 && self.wrong_count >= policy.lockout_threshold {
                self.locked_until = now.checked_add(window).ok();
                self.wrong_count = 0;
            }
            return Err(LocalRefusal::Wrong);
        }
        self.wrong_count = 0;
        if self.disabled { Err(LocalRefusal::Disabled) } else { Ok(()) }
    }

    fn take(&mut self, digest: &str, now: Timestamp) {
        self.sets += 1;
        self.changes += u64::from(self.digest() != Some(digest));
        self.history.insert(0, digest.to_owned());
        self.history.truncate(HISTORY_MAX);
        self.password_set_at = Some(now);
    }

    fn facts(&self, policy: &LocalPolicy, now: Timestamp) -> LocalUserFacts {
        let refusals = [(self.disabled, "the user is disabled"), (self.is_locked(now), "the user is locked")];
        LocalUserFacts {
            name: self.name.clone(),
            password_set_at: self.password_set_at.unwrap_or(now),
            at: now,
            refusals: refusals.iter().filter(|(bars, _)| *bars).map(|(_, word)| (*word).to_owned()).collect(),
            length_min: policy.length_min,
        }
    }
}

impl Server {
    /// The local user that a StartName means: `.\user` or `HOST\user`.
    pub(super) fn local_user(&mut self, start_name: &str, doing: &str) -> Result<&mut LocalUser, Fault> {
        let host = self.name.clone();
        let name = start_name.split_once('\\').filter(|(place, _)| *place == "." || place.eq_ignore_ascii_case(&host));
        let Some((_, name)) = name else {
            return Err(Fault::refused(doing, format!("{start_name} is no user of {host}"))
                .hint(format!("a local user is named .\\user or {host}\\user")));
        };
        self.local_users.iter_mut().find(|user| user.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            Fault::refused(doing, format!("{host} has no user {name} (error 2221)")).hint("look at the account's name")
        })
    }

    pub(super) fn local_user_facts(&mut self, start_name: &str, now: Timestamp) -> Result<LocalUserFacts, Fault> {
        let policy = self.local_policy.clone();
        Ok(self.local_user(start_name, &format!("reading the user {start_name}"))?.facts(&policy, now))
    }

    /// Whether the password is accepted. A user that can't log on for another reason is `Refused`: that says nothing
    /// about the password.
    pub(super) fn local_logon(
        &mut self,
        start_name: &str,
        secret: &Secret,
        labels: &Labels,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let doing = format!("logging on as {start_name} on {}", self.name);
        let policy = self.local_policy.clone();
        let user = self.local_user(start_name, &doing)?;
        let digest = labels.digest(&user.name, secret);
        match user.logon(&digest, &policy, now) {
            Ok(()) => Ok(true),
            Err(LocalRefusal::Wrong) => Ok(false),
            Err(LocalRefusal::Locked) => Err(Fault::refused(doing, "the user is locked out (error 1909)")
                .hint("find out who tries wrong passwords, then unlock it or wait until it unlocks by itself")),
            Err(LocalRefusal::Disabled) => {
                Err(Fault::refused(doing, "the user is disabled (error 1331)").hint("enable the user"))
            }
        }
    }

    /// A change from old to new, by whoever knows the old one.
    pub(super) fn change_local_password(
        &mut self,
        start_name: &str,
        (old, new): (&Secret, &Secret),
        labels: &mut Labels,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let doing = format!("changing the password of {start_name} on {}", self.name);
        let policy = self.local_policy.clone();
        let user = self.local_user(start_name, &doing)?;
        let (was, digest) = (labels.digest(&user.name, old), labels.digest(&user.name, new));
        match user.logon(&was, &policy, now) {
            // A disabled user's password can be changed all the same.
            Ok(()) | Err(LocalRefusal::Disabled) => {}
            Err(LocalRefusal::Wrong) => {
                return Err(Fault::refused(doing, "the old password is not the one in use (error 86)")
                    .hint("nothing was changed; store the password in use"));
            }
            Err(LocalRefusal::Locked) => {
                return Err(Fault::refused(doing, "the user is locked out (error 1909)").hint("nothing was changed"));
            }
        }
        let minimum_age = SignedDuration::from_mins(i64::from(policy.minimum_age_minutes));
        let length = new.expose().encode_utf16().count();
        let restriction = if user.password_set_at.is_some_and(|at| now.duration_since(at) < minimum_age) {
            Some("the password is younger than the minimum age")
        } else if user.history.iter().take(policy.history_length as usize).any(|past| *past == digest) {
            Some("the password was used before")
        } else if length < policy.length_min as usize || length > LENGTH_MAX {
            Some("its length is not allowed")
        } else {
            None
        };
        if let Some(restriction) = restriction {
            return Err(Fault::refused(doing, format!("{restriction} (error 2245)")).hint("nothing was changed"));
        }
        user.take(&digest, now);
        labels.see(&user.name.clone(), new);
        Ok(())
    }

    /// Somebody sets the password of a local user without the old one: what Windows protected with it is lost.
    pub(super) fn reset_local_password(
        &mut self,
        name: &str,
        secret: &Secret,
        labels: &mut Labels,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let doing = format!("setting the password of {name} on {} by force", self.name);
        let user = self.local_user(&format!(".\\{name}"), &doing)?;
        let digest = labels.see(&user.name.clone(), secret);
        user.take(&digest, now);
        user.resets += 1;
        user.locked_until = None;
        Ok(())
    }
}
