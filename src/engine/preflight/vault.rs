//! The vault: is there a password to go back to, and is no stranger's candidate in the way.

use jiff::SignedDuration;
use providers::port::Slot;

use super::account::Account;
use super::check::Checks;
use super::{AccountKind, Look, Purpose, Refusal};
use crate::engine::logon;
use crate::rotation::{EngineMethod, OldPassword};

/// AD accepts the password before for an hour: within it a stale value in the vault would look good.
const SETTLED_AGE: SignedDuration = SignedDuration::from_mins(60);

impl Look<'_> {
    /// Whether the vault's current value is the password in use, and the candidates that a repair takes over.
    pub(super) async fn old_password(
        &self,
        checks: &mut Checks,
        account: &Account,
    ) -> Result<(OldPassword, Vec<String>), Refusal> {
        let pending = self.ports.vault.find(&self.wish.vault_name, Slot::Pending).await?;
        if self.wish.purpose == Purpose::Repair {
            checks.pass("vault-current", "", "not asked: a repair sets a fresh password whatever is in use");
            return Ok((OldPassword::Unknown, pending.and_then(|pending| pending.rotation).into_iter().collect()));
        }
        if let Some(pending) = pending {
            let whose = pending.rotation.as_deref().unwrap_or("an unknown rotation");
            checks.refuse(
                "vault-pending",
                "",
                format!("the vault holds a pending candidate of {whose}, which this journal does not have in flight: it may be the live password"),
                "find the journal that made it, or remove it once it is known to be unused",
            );
            return Ok((OldPassword::Unknown, Vec::new()));
        }
        checks.pass("vault-pending", "", "empty");
        if self.wish.purpose == Purpose::Adopt {
            return Ok((OldPassword::Unknown, Vec::new()));
        }
        let old = self.known_password(checks, account).await?;
        if self.wish.purpose == Purpose::Rehearse {
            self.may_rehearse(checks, account, old);
        } else {
            self.way_back(checks, old);
        }
        Ok((old, Vec::new()))
    }

    /// One logon, with a password that the account has had unless the vault is wrong.
    async fn known_password(&self, checks: &mut Checks, account: &Account) -> Result<OldPassword, Refusal> {
        let (dn, print) = (&account.facts.dn, &account.fingerprint);
        let Some(current) = self.ports.vault.find(&self.wish.vault_name, Slot::Current).await? else {
            return Ok(OldPassword::Unknown);
        };
        // What a rotation made current was the live password when it ended. If another was set since, a logon would
        // not show it: for 60 minutes the directory goes on accepting the one before.
        let set_since =
            self.last_known.is_some_and(|(of, known)| of == dn && known.dc == print.dc && !known.same_set(print));
        if set_since && current.rotation.is_some() {
            checks.refuse(
                "vault-current",
                "",
                "somebody set the password after our last rotation, and the vault's current value is still that rotation's",
                "store the password in use (`adopt`), or `rotate --repair` sets a fresh one everywhere",
            );
            return Ok(OldPassword::Unknown);
        }
        let secret = self.ports.vault.read(&current).await?;
        if logon::accepts(&*self.ports.directory, dn, &print.dc, &secret).await? {
            checks.pass("vault-current", "", format!("version {}, accepted at {}", current.version, print.dc));
            return Ok(OldPassword::Known);
        }
        checks.refuse(
            "vault-current",
            "",
            "the directory refuses the password that the vault holds as current: somebody set another one, or the vault was restored from an older copy",
            "store the password in use (`adopt`), or `rotate --repair` sets a fresh one everywhere",
        );
        Ok(OldPassword::Unknown)
    }

    /// Whether there is something to go back to, or another reason to go on without.
    fn way_back(&self, checks: &mut Checks, old: OldPassword) {
        if checks.refused() {
            return;
        }
        if old == OldPassword::Known {
            checks.pass("way-back", "", "the old password is in the vault");
            return;
        }
        let seen = "the vault has no current password for this account";
        let attended = self.wish.engine_method == EngineMethod::Attended;
        // For a connector the engine's method decides: it may have been rehearsed with another one.
        let decided_elsewhere =
            self.wish.kind == AccountKind::Connector && (attended || !self.wish.rehearsed.is_empty());
        if self.wish.kind == AccountKind::Own {
            checks.refuse("way-back", "", format!("{seen}, and a change must show it"), "store it (`adopt`)");
        } else if self.wish.forward_only || decided_elsewhere {
            checks.warn(
                "way-back",
                "",
                format!(
                    "{seen}: the old password is not known, and once the directory is touched there is no way back"
                ),
                "it goes forward only from there; the plan says where",
            );
        } else {
            checks.refuse(
                "way-back",
                "",
                format!("{seen}, so there would be no way back"),
                "`adopt` it where somebody knows it, or accept that with --accept-forward-only",
            );
        }
    }

    /// A rehearsal writes the password in use: a stale value in the vault must not overwrite a good one in the engine.
    fn may_rehearse(&self, checks: &mut Checks, account: &Account, old: OldPassword) {
        if checks.refused() {
            return;
        }
        if old == OldPassword::Unknown {
            checks.refuse(
                "vault-current",
                "",
                "the vault has no current password for this account",
                "`adopt` it first",
            );
            return;
        }
        let (dn, print) = (&account.facts.dn, &account.fingerprint);
        match self.last_known {
            Some((of, known)) if of == dn && known.dc == print.dc && known.same_set(print) => {
                checks.pass("last-record", "", format!("key version {} as recorded", print.key_version));
            }
            Some(_) => checks.refuse(
                "last-record",
                "",
                "the account's key version or pwdLastSet is not the one last recorded: somebody set its password since",
                "`adopt` the password in use, or `rotate --repair`",
            ),
            None => checks.refuse(
                "last-record",
                "",
                "this journal has no record of the account",
                "`adopt` the password in use: that records it",
            ),
        }
        let age = print.password_last_set_at().map(|at| self.ports.clock.now().duration_since(at));
        match age {
            Some(age) if age > SETTLED_AGE => checks.pass("age", "", format!("set {} hours ago", age.as_hours())),
            _ => checks.refuse(
                "age",
                "",
                "the password was set within the last 60 minutes, in which the one before is accepted too",
                "wait until it is an hour old",
            ),
        }
    }
}
