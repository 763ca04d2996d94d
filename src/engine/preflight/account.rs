//! The account in its directory.

use providers::port::{AccountFacts, Fault, Fingerprint, ResetRight};

use super::check::Checks;
use super::{Found, Look, Refusal};
use crate::password::Rules;
use crate::rotation::{Method, OldPassword, Procedure, ServerUse};

/// What the wizard writes into an account's description before the server's name (Microsoft Entra Connect: Accounts and
/// permissions).
const RUNNING_ON: &str = "running on computer ";

/// The account, as far as it was found.
pub(super) struct Account {
    pub(super) facts: AccountFacts,
    pub(super) fingerprint: Fingerprint,
    rules: Rules,
}

impl Account {
    pub(super) fn found(
        self,
        procedure: Procedure,
        method: Method,
        servers: Vec<ServerUse>,
        old: OldPassword,
        takes_over: Vec<String>,
    ) -> Found {
        Found {
            procedure,
            dn: self.facts.dn,
            fingerprint: self.fingerprint,
            method,
            servers,
            old,
            takes_over,
            length: self.rules.length,
            forbidden_names: self.rules.forbidden,
        }
    }
}

impl Look<'_> {
    /// Finds it; `None` when a check refuses already. Nothing is tried with its password here.
    pub(super) async fn account(&self, checks: &mut Checks) -> Result<Option<Account>, Refusal> {
        let facts = self.ports.directory.account(&self.wish.locator).await?;
        checks.pass("account", "", format!("{}, worked at {}", facts.dn, facts.dc));
        for refusal in &facts.refusals {
            let (seen, todo) = refusal.split_once(": ").unwrap_or((refusal, "look at the account in the directory"));
            checks.refuse("account-state", "", seen, todo.trim_end_matches('.'));
        }
        for warning in &facts.warnings {
            checks.warn("account-state", "", warning, "look whether that is meant so");
        }
        if facts.refusals.is_empty() && facts.warnings.is_empty() {
            checks.pass("account-state", "", "usable");
        }
        let fingerprint = self.ports.directory.fingerprint(&facts.dn, &facts.dc).await?;
        let policy = &facts.policy;
        match Rules::new(self.wish.length, policy, &facts.sam_account_name, &facts.display_name) {
            Ok(rules) => {
                let asked =
                    format!("{} characters at least ({}), {} are made", policy.length_min, policy.source, rules.length);
                checks.pass("password-policy", "", asked);
                Ok(Some(Account { facts, fingerprint, rules }))
            }
            Err(unfit) => {
                checks.refuse("password-policy", "", unfit.to_string(), "give the account a policy of its own");
                Ok(None)
            }
        }
    }

    /// Whether the rotator may reset at all. Asked before a candidate is made.
    pub(super) async fn reset_right(&self, checks: &mut Checks, account: &Account) -> Result<(), Refusal> {
        let dn = &account.facts.dn;
        match self.ports.directory.reset_right(dn, &account.fingerprint.dc).await? {
            ResetRight::Held => checks.pass("reset-right", "", "held"),
            ResetRight::Missing => checks.refuse(
                "reset-right",
                "",
                format!("the rotator may not reset the password of {dn}"),
                "give it the right \"Reset password\" on this object by an explicit entry (deploy/active-directory); hardening by Set-ADSyncRestrictedPermissions removes it, so grant it afterwards",
            ),
            ResetRight::Unknown(said) => {
                checks.warn("reset-right", "", format!("the directory does not tell: {said}"), "it shows when the password is set");
            }
        }
        Ok(())
    }

    /// Whether the account's description names a server that nobody configured: it would be left with the old password.
    pub(super) fn description(&self, checks: &mut Checks, facts: &AccountFacts) {
        let Some((_, after)) = facts.description.split_once(RUNNING_ON) else { return };
        let host = after.split_whitespace().next().unwrap_or_default().trim_end_matches(['.', ',']);
        if host.is_empty() {
            return;
        }
        if self.wish.servers.iter().any(|(name, _)| same_host(name, host)) {
            checks.pass("description", "", format!("it names {host}, which is configured"));
        } else {
            checks.warn(
                "description",
                "",
                format!("the account's description says that it is used on {host}, which is not among its servers"),
                format!("if {host} still runs Entra Connect, add it: it would be left with the old password"),
            );
        }
    }

    /// Whether the domain controllers that are asked about the account agree with the working one before anything is
    /// set. What is split or far behind would only be found out in the middle.
    pub(super) async fn replicated(&self, checks: &mut Checks, account: &Account, dcs: &[&str]) -> Result<(), Refusal> {
        let at = &account.fingerprint;
        let mut asked = vec![at.dc.as_str()];
        for dc in dcs {
            if asked.iter().any(|known| known.eq_ignore_ascii_case(dc)) {
                continue;
            }
            asked.push(dc);
            let there = self.ports.directory.fingerprint(&account.facts.dn, dc).await?;
            if !there.same_set(at) {
                let cause = format!(
                    "it shows key version {} set at {}, {} shows {} set at {}",
                    there.key_version,
                    instant(&there),
                    at.dc,
                    at.key_version,
                    instant(at)
                );
                return Err(Refusal::Unseen(
                    Fault::later(format!("comparing {dc} with {}", at.dc), cause)
                        .hint("wait for replication, or mend it (`repadmin /showrepl`); nothing was changed"),
                ));
            }
        }
        checks.pass("replication", "", format!("{} agree", asked.join(", ")));
        Ok(())
    }
}

/// Whether a configured name and a computer's name mean the same machine: with or without its domain.
pub(super) fn same_host(a: &str, b: &str) -> bool {
    let label = |name: &str| name.split('.').next().unwrap_or(name).to_lowercase();
    label(a) == label(b)
}

fn instant(print: &Fingerprint) -> String {
    print.password_last_set_at().map_or_else(|| "no time".to_owned(), |at| at.to_string())
}
