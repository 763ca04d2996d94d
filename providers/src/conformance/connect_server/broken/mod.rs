//! Adapters with a defect each, around any good one, and the checks that must catch them by name.
//!
//! Each defect is one that an adapter written in good faith may have. The suite is worth what it catches: a run
//! against one of these must fail in [`Defect::caught_by`], and in nothing else but [`Defect::may_be_caught_by`].

mod defect;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::port::{
    ConnectServer, ConnectorKind, EVENTS_MAX, Fault, LocalUserFacts, Meaning, ProofFacts, Secret, ServerFacts,
    step_scope, tenure,
};

pub use self::defect::Defect;

/// An adapter with a defect.
pub struct Broken {
    inner: Arc<dyn ConnectServer>,
    defect: Defect,
    /// What was described first.
    first: Mutex<Option<ServerFacts>>,
}

impl Broken {
    /// Breaks `inner`.
    pub fn new(inner: Arc<dyn ConnectServer>, defect: Defect) -> Self {
        Self { inner, defect, first: Mutex::default() }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// The fault as this adapter words it.
    fn worded<T>(&self, answer: Result<T, Fault>) -> Result<T, Fault> {
        answer.map_err(|mut fault| {
            match self.defect {
                Defect::DropsTheClass => fault.class = None,
                Defect::DropsTheHint => fault.hint.clear(),
                Defect::CallsASilentServerBroken if fault.cause.contains("does not answer") => {
                    fault.meaning = Meaning::Broken;
                }
                _ => {}
            }
            fault
        })
    }

    async fn runs_now(&self) -> Result<bool, Fault> {
        Ok(self.inner.describe().await?.service.state == "running")
    }

    async fn start_name(&self) -> Result<String, Fault> {
        Ok(self.inner.describe().await?.service.account)
    }
}

fn done_all_the_same(answer: Result<(), Fault>) -> Result<(), Fault> {
    answer.or_else(|fault| if fault.meaning == Meaning::Refused { Ok(()) } else { Err(fault) })
}

fn without_number(fault: Fault) -> Fault {
    Fault { cause: "the service did not start".to_owned(), ..fault }
}

#[async_trait]
impl ConnectServer for Broken {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn describe(&self) -> Result<ServerFacts, Fault> {
        let mut facts = self.worded(self.inner.describe().await)?;
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let first = first.get_or_insert_with(|| facts.clone());
        match self.defect {
            Defect::NamesItselfByItsHost => facts.server = facts.host.to_lowercase(),
            Defect::DescribesWhatItSawFirst => facts = first.clone(),
            Defect::RemembersTheProcess => {
                facts.service.process_id = first.service.process_id.max(1);
                facts.service.started_at = first.service.started_at;
            }
            Defect::ShowsOneKindOfConnector => {
                facts.connectors.retain(|connector| connector.kind == ConnectorKind::ActiveDirectory);
            }
            Defect::ChangesTheLettersOfNames => facts.service.account = facts.service.account.to_uppercase(),
            _ => {}
        }
        Ok(facts)
    }

    async fn pause_scheduler(&self, restore: bool, restore_at: Timestamp) -> Result<(), Fault> {
        if self.is(Defect::PlantsTheTaskAnew) {
            self.inner.release_scheduler(false).await?;
        }
        if self.is(Defect::PausesOnce) && !self.inner.describe().await?.scheduler.enabled {
            return Ok(());
        }
        let restore = restore || self.is(Defect::RestoresOneValue);
        self.worded(self.inner.pause_scheduler(restore, restore_at).await)
    }

    async fn release_scheduler(&self, enabled: bool) -> Result<(), Fault> {
        self.worded(self.inner.release_scheduler(enabled || self.is(Defect::ReleasesOneValue)).await)
    }

    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let trimmed = Secret::new(secret.expose().trim());
        let secret = if self.is(Defect::TrimsThePassword) { &trimmed } else { secret };
        if self.is(Defect::LosesThePassword) {
            return self.worded(self.inner.describe().await.map(drop));
        }
        if self.is(Defect::LogsThePassword) {
            tracing::trace!(text = secret.expose(), "setting");
        }
        let mut answer = match self.defect {
            Defect::ForgetsTheStep => {
                step_scope::within(String::new(), self.inner.set_connector_password(connector, secret)).await
            }
            Defect::ForgetsTheTenure => {
                tenure::within(None, self.inner.set_connector_password(connector, secret)).await
            }
            Defect::AsksForTheTenureTooEarly => {
                tenure::held("setting a password").await?;
                tenure::within(None, self.inner.set_connector_password(connector, secret)).await
            }
            _ => self.inner.set_connector_password(connector, secret).await,
        };
        match self.defect {
            Defect::RestartsWithThePassword => {
                answer?;
                answer = self.inner.restart().await;
            }
            Defect::AsksTwice => {
                answer?;
                answer = self.inner.set_connector_password(connector, secret).await;
            }
            Defect::SwallowsWhatTheEngineRefuses => answer = done_all_the_same(answer),
            Defect::ShowsThePassword => {
                answer = answer.map_err(|fault| Fault { hint: format!("try {}", secret.expose()), ..fault });
            }
            _ => {}
        }
        self.worded(answer)
    }

    async fn set_service_logon(&self, account: &str, secret: &Secret) -> Result<(), Fault> {
        if self.is(Defect::TakesAnotherAccount) {
            return self.worded(self.inner.set_service_logon(&self.start_name().await?, secret).await);
        }
        self.worded(self.inner.set_service_logon(account, secret).await)?;
        // A wrong one does not start, which such an adapter leaves to whoever starts it next.
        if self.is(Defect::RestartsWithTheLogon) { self.inner.stop().await } else { Ok(()) }
    }

    async fn local_user(&self, account: &str) -> Result<LocalUserFacts, Fault> {
        if self.is(Defect::KnowsOneFormOfName) && account.starts_with('.') {
            return Err(Fault::refused(format!("reading {account}"), "there is no such user"));
        }
        if self.is(Defect::ChangesWhatItLooksAt) {
            self.inner.restart().await?;
        }
        self.worded(self.inner.local_user(account).await)
    }

    async fn change_local_password(&self, account: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let answer = self.inner.change_local_password(account, old, new).await;
        self.worded(if self.is(Defect::SwallowsARefusedChange) { done_all_the_same(answer) } else { answer })
    }

    async fn local_logon(&self, account: &str, secret: &Secret) -> Result<bool, Fault> {
        let accepted = self.worded(self.inner.local_logon(account, secret).await)?;
        match self.defect {
            Defect::CallsAWrongPasswordAFault if !accepted => {
                Err(Fault::refused(format!("logging on as {account}"), "the password is wrong (error 1326)"))
            }
            Defect::AcceptsEverything => Ok(true),
            _ => Ok(accepted),
        }
    }

    async fn stop(&self) -> Result<(), Fault> {
        if self.is(Defect::FailsAtAStoppedService) && !self.runs_now().await? {
            return Err(Fault::refused("stopping ADSync", "error 1062, the service has not been started"));
        }
        let answer = self.inner.stop().await;
        self.worded(if self.is(Defect::SaysStoppedThoughItIsNot) { done_all_the_same(answer) } else { answer })
    }

    async fn start(&self) -> Result<(), Fault> {
        match self.defect {
            Defect::FailsAtARunningService if self.runs_now().await? => {
                Err(Fault::refused("starting ADSync", "error 1056, an instance of the service is already running"))
            }
            Defect::RestartsARunningService if self.runs_now().await? => self.inner.restart().await,
            Defect::SaysStartedThoughItIsNot => done_all_the_same(self.inner.start().await),
            Defect::LosesTheNumber => self.inner.start().await.map_err(without_number),
            _ => self.worded(self.inner.start().await),
        }
    }

    async fn restart(&self) -> Result<(), Fault> {
        match self.defect {
            Defect::KeepsTheProcess | Defect::OnlyStarts => self.inner.start().await,
            Defect::LosesTheNumber => self.inner.restart().await.map_err(without_number),
            _ => self.worded(self.inner.restart().await),
        }
    }

    async fn stored_logon(&self, connector: &str) -> Result<Option<bool>, Fault> {
        let answer = self.worded(self.inner.stored_logon(connector).await)?;
        Ok(if self.is(Defect::TakesNoSearchForNo) { answer.or(Some(false)) } else { answer })
    }

    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault> {
        let answer = self.inner.prove(connector).await;
        match (self.defect, answer) {
            (Defect::CallsAFailedRunAFault, Ok(proof)) if proof.result != "success" => {
                Err(Fault::refused(format!("running a delta import on {connector}"), proof.result))
            }
            (Defect::CallsNoRunAResult, Err(fault)) => Ok(ProofFacts {
                connector: connector.to_owned(),
                result: fault.cause,
                steps: Vec::new(),
                connections: Vec::new(),
                at: Timestamp::UNIX_EPOCH,
            }),
            (Defect::LeavesOutTheConnections, Ok(proof)) => Ok(ProofFacts { connections: Vec::new(), ..proof }),
            (_, answer) => self.worded(answer),
        }
    }

    async fn reset_entra_account(&self, user: &str, secret: &Secret) -> Result<(), Fault> {
        let mut answer = self.inner.reset_entra_account(user, secret).await;
        if let (Defect::CallsTheCloudsRefusalLater, Err(fault)) = (self.defect, &mut answer) {
            fault.meaning = Meaning::Later;
        }
        self.worded(answer)
    }

    async fn events(&self, since: Timestamp) -> Result<Vec<String>, Fault> {
        let since = if self.is(Defect::ForgetsSince) { Timestamp::UNIX_EPOCH } else { since };
        let mut events = self.worded(self.inner.events(since).await)?;
        match self.defect {
            Defect::GivesEventsNewestFirst => events.reverse(),
            // As a reader does that begins at the old end and stops at its bound.
            Defect::KeepsTheOldestEvents => events.truncate(EVENTS_MAX - 2),
            _ => {}
        }
        Ok(events)
    }

    async fn runs(&self, connector: &str) -> Result<Vec<ProofFacts>, Fault> {
        let mut runs = self.worded(self.inner.runs(connector).await)?;
        if self.is(Defect::GivesRunsOldestFirst) {
            runs.reverse();
        }
        Ok(runs)
    }
}
