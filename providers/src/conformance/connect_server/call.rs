//! Every call of the port, with arguments that are right.

use std::time::Duration;

use super::scene::{At, Scene};
use super::subject::Situation;
use crate::conformance::Able;
use crate::conformance::verdict::done;
use crate::port::{ConnectServer, Fault, Secret};
use jiff::Timestamp;

/// How far ahead a restore task is planted that nobody waits for.
const LATER: Duration = Duration::from_secs(3600);
/// An administrator of Entra ID.
pub(super) const ADMINISTRATOR: &str = "admin@contoso.onmicrosoft.com";

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Describe,
    PauseScheduler,
    ReleaseScheduler,
    SetConnectorPassword,
    SetServiceLogon,
    LocalUser,
    ChangeLocalPassword,
    LocalLogon,
    Stop,
    Start,
    Restart,
    StoredLogon,
    Prove,
    ResetEntraAccount,
    Events,
    Runs,
}

impl Call {
    pub(super) const ALL: [Self; 16] = [
        Self::Describe,
        Self::PauseScheduler,
        Self::ReleaseScheduler,
        Self::SetConnectorPassword,
        Self::SetServiceLogon,
        Self::LocalUser,
        Self::ChangeLocalPassword,
        Self::LocalLogon,
        Self::Stop,
        Self::Start,
        Self::Restart,
        Self::StoredLogon,
        Self::Prove,
        Self::ResetEntraAccount,
        Self::Events,
        Self::Runs,
    ];

    /// The port's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::PauseScheduler => "pause_scheduler",
            Self::ReleaseScheduler => "release_scheduler",
            Self::SetConnectorPassword => "set_connector_password",
            Self::SetServiceLogon => "set_service_logon",
            Self::LocalUser => "local_user",
            Self::ChangeLocalPassword => "change_local_password",
            Self::LocalLogon => "local_logon",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::StoredLogon => "stored_logon",
            Self::Prove => "prove",
            Self::ResetEntraAccount => "reset_entra_account",
            Self::Events => "events",
            Self::Runs => "runs",
        }
    }

    /// Whether it leaves the world as it is, whatever becomes of it. A logon is counted, and a run takes place.
    pub(super) fn looks(self) -> bool {
        matches!(self, Self::Describe | Self::LocalUser | Self::StoredLogon | Self::Events | Self::Runs)
    }

    /// Whether it needs the tenure. A logon does not.
    pub(super) fn changes(self) -> bool {
        !self.looks() && self != Self::LocalLogon
    }

    /// A server that it can be made on, ready for it.
    pub(super) async fn ready(self, scene: &Scene) -> Able<At> {
        let situation = match self {
            Self::SetServiceLogon => Situation::DomainService,
            Self::LocalUser | Self::ChangeLocalPassword | Self::LocalLogon => Situation::LocalService,
            _ => Situation::AsInstalled,
        };
        let at = scene.at(situation).await?;
        if self == Self::Start {
            done(at.site.direct().stop().await, "stopping past the adapter")?;
        }
        Ok(at)
    }

    pub(super) async fn make(self, server: &dyn ConnectServer, at: &At, secret: &Secret) -> Result<(), Fault> {
        let known = &at.known;
        let old = known.service_secret.as_ref().unwrap_or(secret);
        match self {
            Self::Describe => server.describe().await.map(drop),
            Self::PauseScheduler => server.pause_scheduler(true, Timestamp::now() + LATER).await,
            Self::ReleaseScheduler => server.release_scheduler(true).await,
            Self::SetConnectorPassword => server.set_connector_password(&known.connector, secret).await,
            Self::SetServiceLogon => server.set_service_logon(&known.start_name, secret).await,
            Self::LocalUser => server.local_user(&known.start_name).await.map(drop),
            Self::ChangeLocalPassword => server.change_local_password(&known.start_name, old, secret).await,
            Self::LocalLogon => server.local_logon(&known.start_name, old).await.map(drop),
            Self::Stop => server.stop().await,
            Self::Start => server.start().await,
            Self::Restart => server.restart().await,
            Self::StoredLogon => server.stored_logon(&known.connector).await.map(drop),
            Self::Prove => server.prove(&known.connector).await.map(drop),
            Self::ResetEntraAccount => server.reset_entra_account(ADMINISTRATOR, secret).await,
            Self::Events => server.events(Timestamp::UNIX_EPOCH).await.map(drop),
            Self::Runs => server.runs(&known.connector).await.map(drop),
        }
    }
}
