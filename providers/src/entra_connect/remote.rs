use async_trait::async_trait;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::envelope::{Outcome, PROTOCOL, REQUEST_BYTES_MAX, Reply, Request};
use super::said::{said, worded};
use super::transport::{Answer, Broken, Reached, Transport};
use super::{Hidden, Operation};
use crate::port::{ConnectServer, Fault, LocalUserFacts, Meaning, ProofFacts, Secret, ServerFacts, step_scope, tenure};

/// A Connect server that an agent speaks for, at the other end of a transport.
pub struct RemoteServer<T> {
    name: String,
    transport: T,
}

impl<T: Transport> RemoteServer<T> {
    /// The server named so in the configuration.
    pub fn new(name: impl Into<String>, transport: T) -> Self {
        Self { name: name.into(), transport }
    }

    async fn call<V: DeserializeOwned>(&self, operation: Operation) -> Result<V, Fault> {
        let doing = operation.doing(&self.name);
        let (acts, name, limit) = (operation.acts(), operation.name(), operation.limit());
        let needed = tenure::current().filter(|_| operation.changes());
        let secrets = operation.secrets();
        let request = Request { protocol: PROTOCOL, step: step_scope::current(), operation };
        let bytes = request.encoded().map_err(|cause| Fault::broken(&doing, cause.to_string()))?;
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(Fault::broken(&doing, format!("the request is longer than {REQUEST_BYTES_MAX} bytes")));
        }
        tracing::debug!(server = self.name, address = self.transport.address(), operation = name, "asking the agent");
        let call = Call { doing, name, acts, secrets, address: self.transport.address() };
        match tenure::within(needed, self.transport.exchange(&bytes, limit)).await {
            Ok(answer) => call.read(&answer),
            Err(broken) => Err(call.broken(broken)),
        }
    }
}

/// What is known of a call once it was made.
struct Call<'a> {
    doing: String,
    name: &'static str,
    acts: bool,
    /// What no word of the other side may repeat.
    secrets: Vec<Secret>,
    address: &'a str,
}

impl Call<'_> {
    /// The value in an answer, or what its absence means.
    fn read<V: DeserializeOwned>(&self, answer: &Answer) -> Result<V, Fault> {
        let reply = match Reply::found_in(&answer.output) {
            Some(Ok(reply)) => reply,
            Some(Err(cause)) => return Err(self.unreadable(&cause)),
            None => {
                let status = answer.status.map_or_else(|| "without a status".to_owned(), |code| format!("with {code}"));
                return Err(self
                    .lost(format!("the agent ended {status} and gave no reply{}", said(answer, &self.secrets)))
                    .hint(
                        "look whether entra-rotator is there and may be run by the account that logs on: \
                     `entra-rotator agent --version` on the server",
                    ));
            }
        };
        if reply.protocol != PROTOCOL {
            // An agent of another version does nothing at all.
            return Err(Fault::broken(
                &self.doing,
                format!(
                    "the agent at {} speaks version {} of the protocol, we {PROTOCOL}",
                    self.address, reply.protocol
                ),
            )
            .hint("install the same version of entra-rotator on both sides"));
        }
        match reply.outcome {
            Outcome::Fault(fault) => {
                let [doing, cause, hint] =
                    [&fault.doing, &fault.cause, &fault.hint].map(|text| worded(text, &self.secrets));
                Err(Fault { doing, cause, hint, ..fault })
            }
            Outcome::Done(_) if reply.operation != self.name => {
                Err(self.lost(format!("the agent answered `{}` instead of `{}`", reply.operation, self.name)))
            }
            Outcome::Done(value) => serde_json::from_value(value).map_err(|cause| self.unreadable(&cause)),
        }
    }

    /// The reader's own words quote what they met.
    fn unreadable(&self, cause: &impl std::fmt::Display) -> Fault {
        self.lost(format!("the agent's reply can't be read: {}", worded(&cause.to_string(), &self.secrets)))
    }

    /// The request arrived, or may have: whatever acts may have happened.
    fn lost(&self, cause: String) -> Fault {
        let meaning = if self.acts { Meaning::Unclear } else { Meaning::Later };
        Fault::new(meaning, &self.doing, format!("{cause} ({})", self.address))
    }

    fn broken(&self, broken: Broken) -> Fault {
        let Broken { reached, cause, hint } = broken;
        let cause = worded(&cause, &self.secrets);
        let fault = match reached {
            Reached::Request => self.lost(cause),
            Reached::Nothing => Fault::later(&self.doing, format!("{cause} ({})", self.address)),
            Reached::Refused => Fault::refused(&self.doing, format!("{cause} ({})", self.address)),
            Reached::Settings => Fault::broken(&self.doing, format!("{cause} ({})", self.address)),
        };
        fault.hint(hint)
    }
}

#[async_trait]
impl<T: Transport> ConnectServer for RemoteServer<T> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn describe(&self) -> Result<ServerFacts, Fault> {
        let facts: ServerFacts = self.call(Operation::Describe).await?;
        // The agent doesn't know what we call the server.
        Ok(ServerFacts { server: self.name.clone(), ..facts })
    }

    async fn pause_scheduler(&self, restore: bool, restore_at: Timestamp) -> Result<(), Fault> {
        self.call(Operation::PauseScheduler { restore, restore_at }).await
    }

    async fn release_scheduler(&self, enabled: bool) -> Result<(), Fault> {
        self.call(Operation::ReleaseScheduler { enabled }).await
    }

    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        let secret = Hidden(secret.clone());
        self.call(Operation::SetConnectorPassword { connector: connector.to_owned(), secret }).await
    }

    async fn set_service_logon(&self, account: &str, secret: &Secret) -> Result<(), Fault> {
        let secret = Hidden(secret.clone());
        self.call(Operation::SetServiceLogon { account: account.to_owned(), secret }).await
    }

    async fn local_user(&self, account: &str) -> Result<LocalUserFacts, Fault> {
        self.call(Operation::LocalUser { account: account.to_owned() }).await
    }

    async fn change_local_password(&self, account: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let (old, new) = (Hidden(old.clone()), Hidden(new.clone()));
        self.call(Operation::ChangeLocalPassword { account: account.to_owned(), old, new }).await
    }

    async fn local_logon(&self, account: &str, secret: &Secret) -> Result<bool, Fault> {
        let secret = Hidden(secret.clone());
        self.call(Operation::LocalLogon { account: account.to_owned(), secret }).await
    }

    async fn stop(&self) -> Result<(), Fault> {
        self.call(Operation::Stop).await
    }

    async fn start(&self) -> Result<(), Fault> {
        self.call(Operation::Start).await
    }

    async fn restart(&self) -> Result<(), Fault> {
        self.call(Operation::Restart).await
    }

    async fn stored_logon(&self, connector: &str) -> Result<Option<bool>, Fault> {
        self.call(Operation::StoredLogon { connector: connector.to_owned() }).await
    }

    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault> {
        self.call(Operation::Prove { connector: connector.to_owned() }).await
    }

    async fn reset_entra_account(&self, user: &str, secret: &Secret) -> Result<(), Fault> {
        let secret = Hidden(secret.clone());
        self.call(Operation::ResetEntraAccount { user: user.to_owned(), secret }).await
    }

    async fn events(&self, since: Timestamp) -> Result<Vec<String>, Fault> {
        self.call(Operation::Events { since }).await
    }

    async fn runs(&self, connector: &str) -> Result<Vec<ProofFacts>, Fault> {
        self.call(Operation::Runs { connector: connector.to_owned() }).await
    }
}
