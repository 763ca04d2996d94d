//! Adapters with a defect each, around any good one, and the checks that must catch them by name.
//!
//! Each defect is one that an adapter written in good faith may have. The suite is worth what it catches: a run
//! against one of these must fail in [`Defect::caught_by`], as far as the bench can show it, and in nothing else but
//! [`Defect::may_be_caught_by`].

mod defect;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::bench::Account;
use crate::port::{
    AccountFacts, Directory, Fault, Fingerprint, Lockout, Meaning, OwnCredential, ResetRight, Secret, tenure,
};

pub use self::defect::Defect;

/// An adapter with a defect.
pub struct Broken {
    inner: Arc<dyn Directory>,
    defect: Defect,
    other: Account,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    print: Option<Fingerprint>,
    role: Option<String>,
}

impl Broken {
    /// Breaks `inner`. `other` is who is written by mistake.
    pub fn new(inner: Arc<dyn Directory>, defect: Defect, other: Account) -> Self {
        Self { inner, defect, other, remembered: Mutex::default() }
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a call really goes.
    async fn at(&self, dn: &str, dc: &str) -> Result<String, Fault> {
        match self.defect {
            Defect::IgnoresTheController => self.inner.working_dc(dn).await,
            _ => Ok(dc.to_owned()),
        }
    }

    /// The fault as this adapter words it, or the wait that it never ends.
    async fn worded<T>(&self, answer: Result<T, Fault>, secret: Option<&Secret>) -> Result<T, Fault> {
        let Err(mut fault) = answer else { return answer };
        match self.defect {
            Defect::WaitsForEver if fault.meaning == Meaning::Later => std::future::pending().await,
            Defect::ShowsThePassword => {
                if let Some(secret) = secret {
                    fault.cause = format!("{} ({})", fault.cause, secret.expose());
                }
            }
            _ => {}
        }
        Err(fault)
    }

    async fn set(&self, dn: &str, dc: &str, secret: &Secret) -> Result<(), Fault> {
        let set = self.inner.set_password(dn, dc, secret);
        let answer = match self.defect {
            Defect::ForgetsTheTenure => tenure::within(None, set).await,
            Defect::AsksForTheTenureTooEarly => {
                tenure::held("setting a password").await?;
                tenure::within(None, set).await
            }
            _ => set.await,
        };
        let policy = |fault: &Fault| fault.cause.contains("0000052D");
        match (self.defect, answer) {
            (Defect::WritesOneAccountMore, Ok(())) => self.inner.set_password(&self.other.dn, dc, secret).await,
            (Defect::SetsTwice, Ok(())) => self.inner.set_password(dn, dc, secret).await,
            (Defect::SwallowsThePolicy, Err(fault)) if policy(&fault) => Ok(()),
            (Defect::LosesTheCodeOfThePolicy, Err(fault)) if policy(&fault) => {
                Err(Fault { cause: "the directory said no".to_owned(), ..fault })
            }
            (Defect::SetsAgainWhenTheReplyIsLost, Err(fault)) if fault.meaning == Meaning::Unclear => {
                self.inner.set_password(dn, dc, secret).await
            }
            (Defect::TakesALostReplyForSuccess, Err(fault)) if fault.meaning == Meaning::Unclear => Ok(()),
            (Defect::CallsALostReplyLater, Err(fault)) if fault.meaning == Meaning::Unclear => Err(later(fault)),
            (Defect::CallsNobodyLater, Err(fault)) if fault.cause.contains("no such object") => Err(later(fault)),
            (Defect::CallsAMissingRightLater, Err(fault)) if fault.cause.contains("access denied") => Err(later(fault)),
            (_, answer) => answer,
        }
    }
}

/// The same fault, said to be worth another try.
fn later(fault: Fault) -> Fault {
    Fault { meaning: Meaning::Later, ..fault }
}

/// A password that no bench knows.
fn made_up() -> Secret {
    Secret::new("Made-up-by-a-broken-adapter-1")
}

#[async_trait]
impl Directory for Broken {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    async fn account(&self, locator: &str) -> Result<AccountFacts, Fault> {
        let mut answer = self.inner.account(locator).await;
        match (self.defect, &mut answer) {
            (Defect::KnowsOneFormOfName, Ok(facts)) if !facts.sam_account_name.eq_ignore_ascii_case(locator) => {
                answer = Err(Fault::refused(format!("finding {locator}"), "no account has this name"));
            }
            (Defect::TakesTheFirstOfSeveral, Err(fault)) if locator.contains('@') && !fault.cause.is_empty() => {
                answer = self.inner.account(&self.other.sam_account_name).await;
            }
            (Defect::CallsNobodyLater, Err(fault)) => fault.meaning = Meaning::Later,
            (Defect::InventsThePolicy, Ok(facts)) => facts.policy.length_min += 1,
            (Defect::SeesNoReasonToRefuse, Ok(facts)) => facts.refusals.clear(),
            _ => {}
        }
        self.worded(answer, None).await
    }

    async fn fingerprint(&self, dn: &str, dc: &str) -> Result<Fingerprint, Fault> {
        if self.defect == Defect::AsksForTheTenureToRead {
            tenure::held("reading the password's metadata").await?;
        }
        if self.defect == Defect::RemembersMetadata
            && let Some(print) = self.remembered().print.clone()
        {
            return Ok(Fingerprint { dc: dc.to_owned(), ..print });
        }
        let at = match self.defect {
            Defect::ReadsAnotherController => self.inner.working_dc(dn).await?,
            _ => self.at(dn, dc).await?,
        };
        let mut answer = self.inner.fingerprint(dn, &at).await;
        match (self.defect, &mut answer) {
            (Defect::IgnoresTheController | Defect::ReadsAnotherController, Ok(print)) => print.dc = dc.to_owned(),
            (Defect::CallsNobodyLater, Err(fault)) => fault.meaning = Meaning::Later,
            (Defect::TellsAnotherTime, Ok(print)) => print.dc_time = 0,
            (Defect::RemembersMetadata, Ok(print)) => self.remembered().print = Some(print.clone()),
            _ => {}
        }
        self.worded(answer, None).await
    }

    async fn set_password(&self, dn: &str, dc: &str, secret: &Secret) -> Result<(), Fault> {
        let at = self.at(dn, dc).await?;
        match self.defect {
            Defect::ReportsASetWithoutWriting => return Ok(()),
            Defect::CallsABindAProof if self.inner.accepts(dn, &at, secret).await == Ok(true) => return Ok(()),
            _ => {}
        }
        let dn = if self.defect == Defect::WritesAnotherAccount { &self.other.dn } else { dn };
        let escaped = Secret::new(secret.expose().replace('&', "&amp;"));
        let secret = if self.defect == Defect::EscapesThePassword { &escaped } else { secret };
        let answer = self.set(dn, &at, secret).await;
        self.worded(answer, Some(secret)).await
    }

    async fn change_password(&self, dn: &str, dc: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let at = self.at(dn, dc).await?;
        let answer = match self.defect {
            Defect::ReportsAChangeWithoutWriting => Ok(()),
            Defect::ChangesByReset => self.inner.set_password(dn, &at, new).await,
            _ => self.inner.change_password(dn, &at, old, new).await,
        };
        let again = self.defect == Defect::RetriesAWrongOldPassword && answer.is_err();
        let answer = if again { self.inner.change_password(dn, &at, old, new).await } else { answer };
        self.worded(answer, Some(new)).await
    }

    async fn reset_right(&self, dn: &str, dc: &str) -> Result<ResetRight, Fault> {
        let at = self.at(dn, dc).await?;
        let answer = match self.defect {
            Defect::AssumesTheRight => Ok(ResetRight::Held),
            Defect::AsksForTheRightByASet => Ok(match self.inner.set_password(dn, &at, &made_up()).await {
                Ok(()) => ResetRight::Held,
                Err(_) => ResetRight::Missing,
            }),
            _ => self.inner.reset_right(dn, &at).await,
        };
        self.worded(answer, None).await
    }

    async fn lockout(&self, dn: &str, dc: &str) -> Result<Lockout, Fault> {
        let at = self.at(dn, dc).await?;
        if self.defect == Defect::ReadsByTrying {
            self.inner.accepts(dn, &at, &made_up()).await?;
        }
        let mut answer = self.inner.lockout(dn, &at).await;
        if let (Defect::CountsNoWrongPassword, Ok(lockout)) = (self.defect, &mut answer) {
            (lockout.wrong, lockout.locked) = (Some(0), false);
        }
        self.worded(answer, None).await
    }

    async fn working_dc(&self, dn: &str) -> Result<String, Fault> {
        match self.defect {
            Defect::WorksElsewhere => return Ok("elsewhere.contoso.test".to_owned()),
            Defect::RemembersTheRole => {
                if let Some(role) = self.remembered().role.clone() {
                    return Ok(role);
                }
            }
            _ => {}
        }
        let role = self.inner.working_dc(dn).await?;
        self.remembered().role = Some(role.clone());
        Ok(role)
    }

    async fn in_use(&self, dn: &str, dc: &str, secret: &Secret) -> Result<Option<bool>, Fault> {
        let at = self.at(dn, dc).await?;
        self.worded(self.inner.in_use(dn, &at, secret).await, Some(secret)).await
    }

    async fn accepts(&self, dn: &str, dc: &str, secret: &Secret) -> Result<bool, Fault> {
        let at = self.at(dn, dc).await?;
        let answer = match (self.defect, self.inner.accepts(dn, &at, secret).await) {
            (Defect::AcceptsEverything, _) => Ok(true),
            (Defect::AcceptsNothing, Ok(_)) => Ok(false),
            (Defect::RetriesARefusedLogon, Ok(false)) => self.inner.accepts(dn, &at, secret).await,
            (Defect::CallsAWrongPasswordAFault, Ok(false)) => {
                Err(Fault::refused(format!("logging on as {dn}"), "the password is wrong"))
            }
            (Defect::CallsALockedAccountWrong, Err(fault)) if fault.meaning == Meaning::Refused => Ok(false),
            (_, answer) => answer,
        };
        self.worded(answer, Some(secret)).await
    }

    async fn replicate(&self, dn: &str, from: &str, to: &str) -> Result<(), Fault> {
        let (from, to) = (self.at(dn, from).await?, self.at(dn, to).await?);
        let same = from.eq_ignore_ascii_case(&to);
        let answer = match self.defect {
            Defect::CallsReplicationDone => Ok(()),
            Defect::RefusesToReplicateToItself if same => {
                Err(Fault::refused(format!("replicating {dn}"), "source and target are the same"))
            }
            _ => self.inner.replicate(dn, &from, &to).await,
        };
        self.worded(answer, None).await
    }

    async fn own_credential(&self) -> Result<OwnCredential, Fault> {
        assert!(self.defect != Defect::Panics, "a panic on order");
        let mut own = self.inner.own_credential().await?;
        if self.defect == Defect::HidesItsCredential {
            own.name.clear();
        }
        Ok(own)
    }
}
