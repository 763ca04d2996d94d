//! The agent's protocol: there and back, on the wire, and where it breaks.

mod agents;
mod replies;
mod there_and_back;
mod turns;
mod wire;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::envelope::{PROTOCOL, Request};
use super::{Answer, Broken, Hidden, Operation, RemoteServer, Transport, agent};
use crate::port::{
    ConnectServer, ConnectorFacts, ConnectorKind, EntraIdentity, Fault, LocalUserFacts, ProofFacts, Secret,
    ServerFacts, ServiceFacts, SyncScheduler, step_scope,
};

/// Stands in every secret here.
const MARK: &str = "Sesame-9-öffne-\"dich\"";

fn secret(number: u32) -> Secret {
    Secret::new(format!("{MARK}-{number}"))
}

fn hidden(number: u32) -> Hidden {
    Hidden(secret(number))
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Each operation once, with arguments that tell one from another.
fn operations() -> Vec<Operation> {
    let (account, connector) = (r".\größe".to_owned(), "größe.test".to_owned());
    vec![
        Operation::Describe,
        Operation::PauseScheduler { restore: true, restore_at: time("2026-11-21T12:00:00.123456789Z") },
        Operation::ReleaseScheduler { enabled: false },
        Operation::SetConnectorPassword { connector: connector.clone(), secret: hidden(1) },
        Operation::SetServiceLogon { account: account.clone(), secret: hidden(2) },
        Operation::LocalUser { account: account.clone() },
        Operation::ChangeLocalPassword { account: account.clone(), old: hidden(3), new: hidden(4) },
        Operation::LocalLogon { account, secret: hidden(5) },
        Operation::Stop,
        Operation::Start,
        Operation::Restart,
        Operation::StoredLogon { connector: connector.clone() },
        Operation::Prove { connector: connector.clone() },
        Operation::ResetEntraAccount { user: "admin@größe.test".to_owned(), secret: hidden(6) },
        Operation::Events { since: time("2026-11-21T11:00:00Z") },
        Operation::Runs { connector },
    ]
}

fn facts() -> ServerFacts {
    ServerFacts {
        server: "SYNC1".to_owned(),
        host: "SYNC1".to_owned(),
        build: "2.6.92.0".to_owned(),
        module: String::new(),
        staging: true,
        service: ServiceFacts {
            account: r".\größe".to_owned(),
            state: "running".to_owned(),
            process_id: 3104,
            started_at: Some(time("2026-11-18T10:00:00.0000001Z")),
        },
        scheduler: SyncScheduler { enabled: true, suspended: false, cycle_running: true, next_cycle_at: None },
        connectors: vec![ConnectorFacts {
            name: "größe.test".to_owned(),
            id: "1".to_owned(),
            kind: ConnectorKind::ActiveDirectory,
            user: "MSOL_1".to_owned(),
            domain: "größe.test".to_owned(),
            dc: None,
            alternate_credentials: vec![("DC=a".to_owned(), "b".to_owned())],
            modified_at: None,
            version: i64::MAX,
        }],
        open_programs: vec!["miisclient.exe".to_owned()],
        upgrading: false,
        engine_answers: true,
        logon_dc: Some("dc1".to_owned()),
        entra: Some(EntraIdentity::Application { certificate_ends_at: None, managed: true }),
    }
}

fn proof() -> ProofFacts {
    ProofFacts {
        connector: "größe.test".to_owned(),
        result: "no-start-credentials".to_owned(),
        steps: vec![("Delta Import".to_owned(), "no-start-credentials".to_owned())],
        connections: vec![("dc1".to_owned(), "failed-authentication".to_owned())],
        at: time("2026-11-21T11:00:00Z"),
    }
}

fn user() -> LocalUserFacts {
    LocalUserFacts {
        name: "größe".to_owned(),
        password_set_at: time("2026-11-20T11:00:00Z"),
        at: time("2026-11-21T11:00:00Z"),
        refusals: vec!["the user is locked".to_owned()],
        length_min: 8,
    }
}

/// A server that writes down what it is asked for, and on behalf of which step; and fails where it is told to.
#[derive(Default)]
struct Recording {
    asked: Mutex<Vec<(String, Operation)>>,
    fault: Option<Fault>,
}

impl Recording {
    fn failing(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    fn asked(&self) -> Vec<(String, Operation)> {
        self.asked.lock().unwrap().clone()
    }

    fn give<T>(&self, operation: Operation, value: T) -> Result<T, Fault> {
        self.asked.lock().unwrap().push((step_scope::current(), operation));
        self.fault.clone().map_or(Ok(value), Err)
    }
}

fn hide(secret: &Secret) -> Hidden {
    Hidden(secret.clone())
}

#[async_trait]
impl ConnectServer for Recording {
    fn name(&self) -> &str {
        "SYNC1"
    }

    async fn describe(&self) -> Result<ServerFacts, Fault> {
        self.give(Operation::Describe, facts())
    }

    async fn pause_scheduler(&self, restore: bool, restore_at: Timestamp) -> Result<(), Fault> {
        self.give(Operation::PauseScheduler { restore, restore_at }, ())
    }

    async fn release_scheduler(&self, enabled: bool) -> Result<(), Fault> {
        self.give(Operation::ReleaseScheduler { enabled }, ())
    }

    async fn set_connector_password(&self, connector: &str, secret: &Secret) -> Result<(), Fault> {
        self.give(Operation::SetConnectorPassword { connector: connector.to_owned(), secret: hide(secret) }, ())
    }

    async fn set_service_logon(&self, account: &str, secret: &Secret) -> Result<(), Fault> {
        self.give(Operation::SetServiceLogon { account: account.to_owned(), secret: hide(secret) }, ())
    }

    async fn local_user(&self, account: &str) -> Result<LocalUserFacts, Fault> {
        self.give(Operation::LocalUser { account: account.to_owned() }, user())
    }

    async fn change_local_password(&self, account: &str, old: &Secret, new: &Secret) -> Result<(), Fault> {
        let (old, new) = (hide(old), hide(new));
        self.give(Operation::ChangeLocalPassword { account: account.to_owned(), old, new }, ())
    }

    async fn local_logon(&self, account: &str, secret: &Secret) -> Result<bool, Fault> {
        self.give(Operation::LocalLogon { account: account.to_owned(), secret: hide(secret) }, false)
    }

    async fn stop(&self) -> Result<(), Fault> {
        self.give(Operation::Stop, ())
    }

    async fn start(&self) -> Result<(), Fault> {
        self.give(Operation::Start, ())
    }

    async fn restart(&self) -> Result<(), Fault> {
        self.give(Operation::Restart, ())
    }

    async fn stored_logon(&self, connector: &str) -> Result<Option<bool>, Fault> {
        self.give(Operation::StoredLogon { connector: connector.to_owned() }, None)
    }

    async fn prove(&self, connector: &str) -> Result<ProofFacts, Fault> {
        self.give(Operation::Prove { connector: connector.to_owned() }, proof())
    }

    async fn reset_entra_account(&self, user: &str, secret: &Secret) -> Result<(), Fault> {
        self.give(Operation::ResetEntraAccount { user: user.to_owned(), secret: hide(secret) }, ())
    }

    async fn events(&self, since: Timestamp) -> Result<Vec<String>, Fault> {
        self.give(Operation::Events { since }, vec!["<Event>größe</Event>\n".to_owned(), String::new()])
    }

    async fn runs(&self, connector: &str) -> Result<Vec<ProofFacts>, Fault> {
        self.give(Operation::Runs { connector: connector.to_owned() }, vec![proof(), proof()])
    }
}

/// A transport whose agent is the recording server.
struct Straight<'a>(&'a Recording);

#[async_trait]
impl Transport for Straight<'_> {
    fn address(&self) -> &str {
        "memory"
    }

    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, _: Duration) -> Result<Answer, Broken> {
        let output = agent::answer(self.0, request).await.encoded().unwrap().into_bytes();
        Ok(Answer { output, ..Answer::default() })
    }
}

/// A transport that gives what it was told to, one after the other.
struct Canned(Mutex<VecDeque<Result<Answer, Broken>>>);

impl Canned {
    fn one(answer: Result<Answer, Broken>) -> Self {
        Self(Mutex::new([answer].into()))
    }

    fn saying(output: impl Into<Vec<u8>>) -> Self {
        Self::one(Ok(Answer { output: output.into(), ..Answer::default() }))
    }
}

#[async_trait]
impl Transport for Canned {
    fn address(&self) -> &str {
        "canned"
    }

    async fn exchange(&self, _: &Zeroizing<Vec<u8>>, _: Duration) -> Result<Answer, Broken> {
        self.0.lock().unwrap().pop_front().expect("it is asked no more than once")
    }
}

fn remote<T: Transport>(transport: T) -> RemoteServer<T> {
    RemoteServer::new("connect-größe", transport)
}

/// Makes the port's call of an operation.
async fn call(server: &dyn ConnectServer, operation: &Operation) -> Result<(), Fault> {
    match operation.clone() {
        Operation::Describe => server.describe().await.map(drop),
        Operation::PauseScheduler { restore, restore_at } => server.pause_scheduler(restore, restore_at).await,
        Operation::ReleaseScheduler { enabled } => server.release_scheduler(enabled).await,
        Operation::SetConnectorPassword { connector, secret } => {
            server.set_connector_password(&connector, &secret.0).await
        }
        Operation::SetServiceLogon { account, secret } => server.set_service_logon(&account, &secret.0).await,
        Operation::LocalUser { account } => server.local_user(&account).await.map(drop),
        Operation::ChangeLocalPassword { account, old, new } => {
            server.change_local_password(&account, &old.0, &new.0).await
        }
        Operation::LocalLogon { account, secret } => server.local_logon(&account, &secret.0).await.map(drop),
        Operation::Stop => server.stop().await,
        Operation::Start => server.start().await,
        Operation::Restart => server.restart().await,
        Operation::StoredLogon { connector } => server.stored_logon(&connector).await.map(drop),
        Operation::Prove { connector } => server.prove(&connector).await.map(drop),
        Operation::ResetEntraAccount { user, secret } => server.reset_entra_account(&user, &secret.0).await,
        Operation::Events { since } => server.events(since).await.map(drop),
        Operation::Runs { connector } => server.runs(&connector).await.map(drop),
    }
}

fn request(operation: Operation) -> Request {
    Request { protocol: PROTOCOL, step: "engine:SYNC1/größe.test".to_owned(), operation }
}

/// No part of a secret, in whatever form a text may show it.
#[track_caller]
fn shows_no_secret(text: &str) {
    for part in ["Sesame", "öffne", "dich", "\\u00f6"] {
        assert!(!text.contains(part), "a secret is shown: {text}");
    }
}
