//! Secrets that somebody deleted. The vault says the same of them as of names that never were, everywhere but among the
//! deleted ones and where one would be set. So whoever finds nothing asks there before he believes it, and has recovered
//! what was deleted. Looks do that as well: the engine looks before it stages, promotes or goes back, and would end at the
//! look. A recovery brings back what lay there, and changes no value.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::{Asked, Failed, No};
use super::secrets::{Secrets, wipe};
use super::version::Version;
use crate::https::Effect;
use crate::port::{Fault, Meaning, Secret, tenure};

/// How long a recovery may take while somebody waits for it. Seconds are usual.
const RECOVERY_LIMIT: Duration = Duration::from_secs(30);
const RECOVERY_POLL: Duration = Duration::from_secs(1);

/// A secret among the deleted ones.
pub(super) struct Deleted {
    on: Option<Timestamp>,
}

impl Deleted {
    /// `svc was deleted on …`
    pub(super) fn text(&self, secret: &str) -> String {
        match self.on {
            Some(on) => format!("{secret} was deleted on {on}"),
            None => format!("{secret} was deleted"),
        }
    }
}

impl Secrets {
    /// The latest version with its value; `None` = there never was one.
    pub(super) async fn latest(&self, secret: &str, doing: &str) -> Result<Option<(Version, Secret)>, Fault> {
        let found = self.get(secret, None, doing).await?;
        if found.is_none() && self.came_back(secret, doing).await? {
            return self.get(secret, None, doing).await;
        }
        Ok(found)
    }

    /// All versions, without values; none = there never were any.
    pub(super) async fn all_versions(&self, secret: &str, doing: &str) -> Result<Vec<Version>, Fault> {
        let found = self.versions(secret, doing).await?;
        if found.is_empty() && self.came_back(secret, doing).await? {
            return self.versions(secret, doing).await;
        }
        Ok(found)
    }

    /// Of a secret that was not found: whether it was deleted and has been recovered, so that another look is worth it.
    /// `false` = it never was, as far as we may see: whoever lacks the right to ask goes on with his work.
    pub(super) async fn came_back(&self, secret: &str, doing: &str) -> Result<bool, Fault> {
        let passing = |no: &No| no.fault(&Asked { doing, secret, right: "get", effect: Effect::Read });
        match self.deleted(secret, doing).await? {
            Ok(Some(_)) => return self.recover(secret, doing).await.map(|()| true),
            Ok(None) => {}
            Err(no) if no.is_soft_deleted() => return self.recover(secret, doing).await.map(|()| true),
            Err(no) if no.is_passing() => return Err(passing(&no)),
            Err(no) => {
                tracing::debug!(secret, status = no.status, "whether it was deleted is not known");
                return Ok(false);
            }
        }
        // One whose recovery is under way is in neither list for some seconds, but asking for it again is a conflict. Where
        // nothing was deleted, asking changes nothing. Whoever may not act any more does not ask: it is as one without the
        // right, and what it goes on with is refused by itself.
        if tenure::held(doing).await.is_err() {
            return Ok(false);
        }
        match self.ask_back(secret, doing).await.map_err(unchanged)? {
            Ok(()) => self.recover(secret, doing).await.map(|()| true),
            Err(no) if no.is_soft_deleted() => self.recover(secret, doing).await.map(|()| true),
            // It is there by now.
            Err(no) if no.status == 409 => Ok(true),
            Err(no) if no.is_passing() => Err(passing(&no)),
            Err(no) => {
                tracing::debug!(secret, status = no.status, "there is nothing to recover");
                Ok(false)
            }
        }
    }

    /// What a person does about a deleted secret.
    pub(super) fn way_back(&self, secret: &str) -> String {
        let vault = self.vault.host_str().unwrap_or_default().split('.').next().unwrap_or_default();
        format!(
            "find out who deletes it; az keyvault secret recover --vault-name {vault} --name {secret} brings it back, and so \
             does the next rotation"
        )
    }

    /// The secret among the deleted ones; `None` = it is not there.
    pub(super) async fn deleted(&self, secret: &str, doing: &str) -> Result<Result<Option<Deleted>, No>, Fault> {
        let asked = Asked { doing, secret, right: "get", effect: Effect::Read };
        match self.client.get_deleted_secret(secret, None).await {
            Ok(response) => {
                let found = response.into_model().ok();
                let on = found.as_ref().and_then(|found| found.deleted_date);
                // It carries no value, but wiping nothing costs nothing.
                wipe(found.and_then(|found| found.value));
                Ok(Ok(Some(Deleted { on: on.and_then(|on| Timestamp::from_second(on.unix_timestamp()).ok()) })))
            }
            Err(error) => match Failed::read(&error, &asked) {
                Failed::No(no) if no.is_missing() => Ok(Ok(None)),
                Failed::No(no) => Ok(Err(no)),
                Failed::Fault(fault) => Err(fault),
            },
        }
    }

    /// Asks for a deleted secret to be brought back. `Ok(Err(…))` is the vault's own no.
    pub(super) async fn ask_back(&self, secret: &str, doing: &str) -> Result<Result<(), No>, Fault> {
        let asked = Asked { doing, secret, right: "recover", effect: Effect::Write };
        match self.client.recover_deleted_secret(secret, None).await {
            Ok(response) => {
                wipe(response.into_model().ok().and_then(|found| found.value));
                tracing::warn!(secret, "a deleted secret is being recovered");
                Ok(Ok(()))
            }
            Err(error) => match Failed::read(&error, &asked) {
                Failed::No(no) => Ok(Err(no)),
                Failed::Fault(fault) => Err(fault),
            },
        }
    }

    /// Brings a deleted secret back with all its versions, and waits until it is there. Whoever deleted it did not mean
    /// its values to be lost, or would have purged it. No value changes by it, so no fault says that one may have.
    pub(super) async fn recover(&self, secret: &str, doing: &str) -> Result<(), Fault> {
        let lookup = Asked { doing, secret, right: "get", effect: Effect::Read };
        let asked = Asked { doing, secret, right: "recover", effect: Effect::Read };
        let mut waited = Duration::ZERO;
        loop {
            match self.deleted(secret, doing).await? {
                Ok(Some(deleted)) => match self.ask_back(secret, doing).await.map_err(unchanged)? {
                    // Not deleted any more, or under way: seen by the next look.
                    Ok(()) => {}
                    Err(no) if no.status == 409 || no.is_missing() => {}
                    Err(no) => {
                        let fault = no.fault(&asked);
                        let cause = format!("{}, and can't be recovered: {}", deleted.text(secret), fault.cause);
                        return Err(Fault { cause, ..fault });
                    }
                },
                // A set may meet the end of a recovery that shows its versions already: nobody is back at once.
                Ok(None) => match self.ask_versions(secret, doing).await? {
                    Ok(found) if !found.is_empty() && waited > Duration::ZERO => return Ok(()),
                    Ok(_) => {}
                    Err(no) if no.is_missing() || no.is_soft_deleted() => {}
                    Err(no) => return Err(no.fault(&lookup)),
                },
                Err(no) if no.is_soft_deleted() => {}
                Err(no) => return Err(no.fault(&lookup)),
            }
            if waited >= RECOVERY_LIMIT {
                let cause = format!("{secret} was deleted, and is not recovered after {} s", RECOVERY_LIMIT.as_secs());
                return Err(Fault::later(doing, cause).hint(self.way_back(secret)));
            }
            tokio::time::sleep(RECOVERY_POLL).await;
            waited += RECOVERY_POLL;
        }
    }
}

/// A recovery that may have begun changes no value.
fn unchanged(fault: Fault) -> Fault {
    match fault.meaning {
        Meaning::Unclear => Fault { meaning: Meaning::Later, ..fault },
        _ => fault,
    }
}
