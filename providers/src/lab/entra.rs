//! How a model server logs on to Entra ID, and what the cloud holds against it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::builds;
use super::cipher::{Sealed, open_password, random_password, seal_password};
use super::engine::Server;
use super::server_plan::EntraPlan;
use crate::port::{ConnectorKind, EntraIdentity, Fault};

/// From so many days before its end the server warns of the certificate.
const CERTIFICATE_DUE_DAYS: i64 = 150;
const CLOUD_PASSWORD_LENGTH: usize = 48;

/// The server's identity in the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Entra {
    ServiceAccount {
        user: String,
        /// The engine's copy of the password, under its key set.
        stored: Option<Sealed>,
        /// The cloud's own; no part of this world can read it, so it lies under the machine's key.
        cloud: Sealed,
    },
    Application {
        days_left: i64,
        /// Fixed when the world begins.
        ends_at: Option<Timestamp>,
        managed: bool,
    },
}

impl Entra {
    pub(super) fn new(plan: EntraPlan, user: &str, key: &[u8], machine_key: &[u8]) -> Self {
        match plan {
            EntraPlan::ServiceAccount => {
                let secret = random_password(CLOUD_PASSWORD_LENGTH);
                Self::ServiceAccount {
                    user: user.to_owned(),
                    stored: Some(seal_password(key, &secret)),
                    cloud: seal_password(machine_key, &secret),
                }
            }
            EntraPlan::Application { days_left, managed } => Self::Application { days_left, ends_at: None, managed },
        }
    }

    pub(super) fn begin(&mut self, now: Timestamp) {
        if let Self::Application { days_left, ends_at, .. } = self {
            let left = SignedDuration::from_hours(days_left.saturating_mul(24));
            *ends_at = ends_at.or_else(|| now.checked_add(left).ok());
        }
    }

    /// The engine has no copy of the password any more.
    pub(super) fn forget(&mut self) {
        if let Self::ServiceAccount { stored, .. } = self {
            *stored = None;
        }
    }

    pub(super) fn facts(&self, build: &str) -> Option<EntraIdentity> {
        builds::at_least(build, builds::IDENTITY_MIN).then(|| match self {
            Self::ServiceAccount { user, .. } => EntraIdentity::ServiceAccount { user: user.clone() },
            Self::Application { ends_at, managed, .. } => {
                EntraIdentity::Application { certificate_ends_at: *ends_at, managed: *managed }
            }
        })
    }
}

impl Server {
    /// The name of the connector to Entra ID.
    pub(super) fn entra_connector(&self) -> String {
        let found = self.connectors.iter().find(|connector| connector.kind == ConnectorKind::Entra);
        found.map(|connector| connector.name.clone()).unwrap_or_default()
    }

    /// Whether the cloud accepts this server now. What it refuses stands in the event log afterwards.
    pub(super) fn entra_accepts(&mut self, now: Timestamp) -> Result<bool, Fault> {
        let key = self.key()?;
        match &self.entra {
            Entra::Application { ends_at, .. } => {
                let over = ends_at.is_some_and(|ends_at| ends_at <= now);
                self.look_at_certificate(now);
                Ok(!over)
            }
            Entra::ServiceAccount { stored, cloud, .. } => {
                let stored = stored.as_ref().map(|stored| open_password(&key, stored)).transpose()?.flatten();
                let accepted = stored.is_some() && stored == open_password(self.machine_key.as_bytes(), cloud)?;
                if !accepted {
                    self.log_entra_refused(&self.entra_connector(), now);
                }
                Ok(accepted)
            }
        }
    }

    /// Warns of a certificate that ends soon or has ended.
    pub(super) fn look_at_certificate(&mut self, now: Timestamp) {
        let Entra::Application { ends_at: Some(ends_at), .. } = self.entra else { return };
        if ends_at.duration_since(now) <= SignedDuration::from_hours(CERTIFICATE_DUE_DAYS * 24) {
            self.log_certificate(&self.entra_connector(), ends_at, now);
        }
    }

    /// Whether there is a password at all.
    pub(super) fn has_entra_password(&self) -> bool {
        matches!(self.entra, Entra::ServiceAccount { .. })
    }

    /// The cloud's password becomes another one, which the server does not know.
    pub(super) fn break_entra_password(&mut self) {
        if let Entra::ServiceAccount { cloud, .. } = &mut self.entra {
            *cloud = seal_password(self.machine_key.as_bytes(), &random_password(CLOUD_PASSWORD_LENGTH));
        }
    }

    /// A new password on both sides. `Refused` where there is none to reset.
    pub(super) fn reset_entra_account(&mut self, now: Timestamp, doing: &str) -> Result<(), Fault> {
        let key = self.key()?;
        let Entra::ServiceAccount { stored, cloud, .. } = &mut self.entra else {
            return Err(Fault::refused(doing, "this server authenticates as an application, it has no password")
                .hint("a reset would roll application-based authentication back; look at the certificate instead"));
        };
        let secret = random_password(CLOUD_PASSWORD_LENGTH);
        *stored = Some(seal_password(&key, &secret));
        *cloud = seal_password(self.machine_key.as_bytes(), &secret);
        let name = self.entra_connector();
        if let Some(connector) = self.connectors.iter_mut().find(|connector| connector.name == name) {
            connector.version += 1;
            connector.modified_at = Some(now);
        }
        if builds::at_least(&self.build, builds::AUDIT_MIN) {
            self.log_entra_reset(&name, now);
        }
        Ok(())
    }
}
