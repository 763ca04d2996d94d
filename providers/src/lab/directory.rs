//! The lab's directory behind the port.

use async_trait::async_trait;

use super::cipher::random_password;
use super::clock::filetime;
use super::domain::{BindAnswer, ChangeRefusal};
use super::lab_handle::{Lab, Request};
use super::store::Books;
use crate::port::{AccountFacts, Directory, Fault, Fingerprint, Lockout, OwnCredential, ResetRight, Secret};

/// Length of a password that a person sets behind the tool.
pub(super) const FOREIGN_PASSWORD_LENGTH: usize = 24;

pub(super) struct LabDirectory {
    pub(super) lab: Lab,
}

/// Where a request goes: the account's name and the controller's position.
struct Target {
    account: String,
    at: usize,
}

fn target(books: &mut Books, dn: &str, dc: &str, doing: &str) -> Result<Target, Fault> {
    let now = filetime(books.now);
    let domain = books.world.domain(doing)?;
    domain.catch_up(now);
    let at = domain.controller_index(dc).ok_or_else(|| {
        let hosts = domain.controllers.iter().map(|controller| controller.host.as_str()).collect::<Vec<_>>();
        Fault::later(doing, format!("no domain controller answers at {dc}"))
            .hint(format!("the lab's domain controllers are {}", hosts.join(", ")))
    })?;
    let account = domain.accounts.iter().find(|account| account.dn.eq_ignore_ascii_case(dn)).ok_or_else(|| {
        Fault::refused(doing, "there is no such object").hint("look the account up again, it may have moved")
    })?;
    Ok(Target { account: account.name.clone(), at })
}

impl LabDirectory {
    fn account_facts(books: &mut Books, locator: &str) -> Result<AccountFacts, Fault> {
        let doing = format!("looking up the account {locator}");
        let now = filetime(books.now);
        let domain = books.world.domain(&doing)?;
        let found = domain.locate(locator);
        let [account] = found.as_slice() else {
            let cause = match found.len() {
                0 => "no account has this name".to_owned(),
                several => format!("{several} accounts have this name"),
            };
            return Err(Fault::refused(&doing, cause).hint("give its distinguished name"));
        };
        let mut refusals = Vec::new();
        if account.disabled {
            refusals.push("the account is disabled".to_owned());
        }
        if account.is_locked(now) {
            refusals.push("the account is locked".to_owned());
        }
        if account.expires_at.is_some_and(|at| at <= now) {
            refusals.push("the account is expired".to_owned());
        }
        if account.must_change {
            refusals.push("the account must change its password at the next logon, which no service can do".to_owned());
        }
        Ok(AccountFacts {
            dn: account.dn.clone(),
            sid: domain.sid(account),
            sam_account_name: account.name.clone(),
            display_name: account.display_name.clone(),
            description: account.description.clone(),
            domain: domain.forest.clone(),
            netbios: domain.netbios(),
            dc: domain.controllers[domain.pdc_index()].host.clone(),
            refusals,
            warnings: Vec::new(),
            policy: domain.policy_facts(account),
        })
    }

    fn set(books: &mut Books, dn: &str, dc: &str, secret: &Secret, step: &str) -> Result<(), Fault> {
        let doing = format!("setting the password of {dn} on {dc}");
        let now = filetime(books.now);
        let target = target(books, dn, dc, &doing)?;
        if books.faults.strikes("no-reset-right") {
            return Err(Fault::refused(&doing, "access denied: the right to reset this password is missing")
                .hint("give the rotator's account the right \"Reset password\" on this object"));
        }
        let refuses = step == "directory" && books.faults.strikes("directory-refuses");
        let domain = books.world.domain(&doing)?;
        let account = domain.account(&target.account);
        let violation = account.and_then(|account| domain.violation(account, secret.expose()));
        if let Some(violation) = violation.or_else(|| refuses.then(|| "a password filter said no".to_owned())) {
            return Err(Fault::refused(
                &doing,
                format!("0000052D, the password does not meet the policy: {violation}"),
            )
            .hint("nothing was changed; another candidate may pass"));
        }
        let digest = books.world.labels.see(&target.account, secret);
        books.world.domain(&doing)?.set(target.at, &target.account, &digest, now);
        books.world.count("directory-writes");
        if step == "directory" && books.faults.strikes("foreign-password") {
            let third = books.world.labels.see(&target.account, &random_password(FOREIGN_PASSWORD_LENGTH));
            books.world.domain(&doing)?.set(target.at, &target.account, &third, now);
        }
        Ok(())
    }

    fn change(books: &mut Books, dn: &str, dc: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let doing = format!("changing the password of {dn} on {dc}");
        if !Self::bind(books, dn, dc, old)? {
            return Err(Fault::refused(&doing, "the old password is refused (data 52e)")
                .hint("nothing was changed; store the password in use"));
        }
        let now = filetime(books.now);
        let target = target(books, dn, dc, &doing)?;
        let (was, digest) =
            (books.world.labels.digest(&target.account, old), books.world.labels.digest(&target.account, new));
        let domain = books.world.domain(&doing)?;
        if let Err(refusal) = domain.change(target.at, &target.account, (&was, &digest), new.expose(), now) {
            let cause = match refusal {
                ChangeRefusal::WrongOld => "00000056, the old password is not the one in use".to_owned(),
                ChangeRefusal::Locked => "00000775, the account is locked".to_owned(),
                ChangeRefusal::Restricted(restriction) => format!("0000052D, {restriction}"),
            };
            return Err(Fault::refused(&doing, cause).hint("nothing was changed"));
        }
        books.world.labels.see(&target.account, new);
        books.world.count("directory-writes");
        Ok(())
    }

    fn bind(books: &mut Books, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault> {
        let doing = format!("logging on as {dn} at {dc}");
        let now = filetime(books.now);
        let target = target(books, dn, dc, &doing)?;
        let digest = books.world.labels.digest(&target.account, secret);
        books.world.count("directory-binds");
        match books.world.domain(&doing)?.bind(target.at, &target.account, &digest, now) {
            BindAnswer::Accepted => Ok(true),
            BindAnswer::Wrong => Ok(false),
            // Neither answer says anything about the password.
            BindAnswer::Locked => Err(Fault::refused(&doing, "the account is locked (data 775)")
                .hint("find out who tries wrong passwords, then unlock it or wait until it unlocks by itself")),
            BindAnswer::Disabled => Err(Fault::refused(&doing, "the account is disabled (data 533)")
                .hint("enable the account, or take it out of the configuration")),
            BindAnswer::AccountExpired => Err(Fault::refused(&doing, "the account is expired (data 701)")),
            BindAnswer::MustChange => Err(Fault::refused(&doing, "the password must be changed first (data 773)")),
            BindAnswer::PasswordExpired => Err(Fault::refused(&doing, "the password is expired (data 532)")),
            BindAnswer::NoAnswer => Err(Fault::later(&doing, "no domain controller answers")),
        }
    }
}

#[async_trait]
impl Directory for LabDirectory {
    fn describe(&self) -> String {
        format!("the model directory of the lab in {}", self.lab.place())
    }

    async fn account(&self, locator: &str) -> Result<AccountFacts, Fault> {
        let request = Request::new("directory", format!("account {locator}"));
        self.lab.request(request, |books| Self::account_facts(books, locator)).await
    }

    async fn fingerprint(&self, dn: &str, dc: &str) -> Result<Fingerprint, Fault> {
        let request = Request::new("directory", format!("fingerprint at {dc}"));
        let read = |books: &mut Books| {
            let doing = format!("reading the password metadata of {dn} on {dc}");
            let now = filetime(books.now);
            let target = target(books, dn, dc, &doing)?;
            let controller = &books.world.domain(&doing)?.controllers[target.at];
            let replica = controller.replicas.get(&target.account);
            let replica = replica.ok_or_else(|| Fault::broken(&doing, "the controller has no copy of the account"))?;
            Ok(Fingerprint {
                dc: controller.host.clone(),
                key_version: replica.key_version,
                password_last_set: replica.password_last_set,
                dc_time: now,
            })
        };
        self.lab.request(request, read).await
    }

    async fn set_password(&self, dn: &str, dc: &str, secret: &Secret) -> Result<(), Fault> {
        let request = Request::new("directory", format!("set_password at {dc}")).acting();
        let lost = match request.step.as_str() {
            "directory" => Some("directory-reply-lost"),
            "seal" => Some("seal-reply-lost"),
            _ => None,
        };
        let step = request.step.clone();
        self.lab.request(request.losing(lost), |books| Self::set(books, dn, dc, secret, &step)).await
    }

    async fn change_password(&self, dn: &str, dc: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let request = Request::new("directory", format!("change_password at {dc}")).acting();
        let lost = (request.step == "directory").then_some("directory-reply-lost");
        self.lab.request(request.losing(lost), |books| Self::change(books, dn, dc, old, new)).await
    }

    async fn reset_right(&self, dn: &str, dc: &str) -> Result<ResetRight, Fault> {
        let request = Request::new("directory", format!("reset_right at {dc}"));
        let ask = |books: &mut Books| {
            target(books, dn, dc, &format!("asking whether {dn} may be reset on {dc}"))?;
            Ok(if books.faults.strikes("no-reset-right") { ResetRight::Missing } else { ResetRight::Held })
        };
        self.lab.request(request, ask).await
    }

    async fn lockout(&self, dn: &str, dc: &str) -> Result<Lockout, Fault> {
        let request = Request::new("directory", format!("lockout at {dc}"));
        let read = |books: &mut Books| {
            let doing = format!("reading the lockout of {dn} on {dc}");
            let now = filetime(books.now);
            let target = target(books, dn, dc, &doing)?;
            Ok(books.world.domain(&doing)?.lockout(target.at, &target.account, now))
        };
        self.lab.request(request, read).await
    }

    async fn working_dc(&self, dn: &str) -> Result<String, Fault> {
        let request = Request::new("directory", "working_dc");
        let read = |books: &mut Books| {
            let domain = books.world.domain(&format!("finding the PDC emulator for {dn}"))?;
            Ok(domain.controllers[domain.pdc_index()].host.clone())
        };
        self.lab.request(request, read).await
    }

    async fn in_use(&self, dn: &str, dc: &str, secret: &Secret) -> Result<Option<bool>, Fault> {
        let request = Request::new("directory", format!("in_use at {dc}")).changing();
        let ask = |books: &mut Books| {
            let doing = format!("asking whether {dn} has this password on {dc}");
            if !Self::bind(books, dn, dc, secret)? {
                return Ok(Some(false));
            }
            let target = target(books, dn, dc, &doing)?;
            let digest = books.world.labels.digest(&target.account, secret);
            Ok(Some(books.world.domain(&doing)?.holds(target.at, &target.account, &digest)))
        };
        self.lab.request(request, ask).await
    }

    async fn accepts(&self, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault> {
        let request = Request::new("directory", format!("accepts at {dc}"));
        self.lab.request(request, |books| Self::bind(books, dn, dc, secret)).await
    }

    async fn replicate(&self, dn: &str, from: &str, to: &str) -> Result<(), Fault> {
        let request = Request::new("directory", format!("replicate from {from} to {to}")).acting();
        let bring = |books: &mut Books| {
            let doing = format!("replicating {dn} from {from} to {to}");
            let now = filetime(books.now);
            let source = target(books, dn, from, &doing)?;
            let sink = target(books, dn, to, &doing)?;
            books.world.domain(&doing)?.replicate(&source.account, source.at, sink.at, now);
            Ok(())
        };
        self.lab.request(request, bring).await
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        let request = Request::new("directory", "own_credential");
        self.lab.request(request, |_| Ok(own_credential("directory"))).await
    }
}

/// The lab asks nobody who they are, and says so.
pub(super) fn own_credential(holder: &str) -> OwnCredential {
    OwnCredential {
        holder: holder.to_owned(),
        name: "the lab's rotator".to_owned(),
        kind: "none".to_owned(),
        set_at: None,
        expires_at: None,
        note: "the lab asks for no credential, so there is nothing that grows old".to_owned(),
    }
}
