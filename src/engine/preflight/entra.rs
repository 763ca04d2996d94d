//! The Entra connector account: reset as a repair, and only where it has a password.

use providers::port::{ConnectorKind, EntraIdentity, Fault, Fingerprint, Slot};

use super::check::Checks;
use super::server::server_use;
use super::{Found, Look, Purpose, Refusal};
use crate::rotation::{Method, OldPassword, Procedure, ServerUse};

impl Look<'_> {
    pub(super) async fn entra(&self, checks: &mut Checks) -> Result<Option<Found>, Refusal> {
        let [(name, _)] = &self.wish.servers[..] else {
            return Err(
                Fault::broken("looking at the server of the Entra connector account", "name exactly one").into()
            );
        };
        if matches!(self.wish.purpose, Purpose::Rehearse | Purpose::Adopt) {
            checks.refuse(
                "plan",
                name,
                "nobody learns the password of the Entra connector account",
                "there is nothing to adopt or to rehearse",
            );
            return Ok(None);
        }
        let facts = self.server(checks, name).await?;
        let user = match &facts.entra {
            Some(EntraIdentity::ServiceAccount { user }) => {
                checks.pass("entra-identity", name, format!("it logs on as {user}, with a password"));
                user.clone()
            }
            Some(EntraIdentity::Application { certificate_ends_at, managed }) => {
                let now = self.ports.clock.now();
                let left = certificate_ends_at.map(|at| at.duration_since(now).as_hours().div_euclid(24));
                let ends = match left {
                    Some(days) if days < 0 => format!("its certificate ended {} days ago", -days),
                    Some(days) => format!("its certificate has {days} days left"),
                    None => "when its certificate ends can't be told".to_owned(),
                };
                let todo = if *managed {
                    "nothing to rotate here: Entra Connect renews the certificate itself; events 1011 and 1012 tell when it does not"
                } else {
                    "bring a new certificate and register it with Invoke-ADSyncApplicationCredentialRotation -CertificateSHA256Hash"
                };
                checks.refuse(
                    "entra-identity",
                    name,
                    format!("it logs on by application-based authentication, and a reset would undo that; {ends}"),
                    todo,
                );
                return Ok(None);
            }
            None => {
                checks.refuse(
                    "entra-identity",
                    name,
                    "the build does not tell how it logs on to Entra ID",
                    "look at Get-ADSyncEntraConnectorCredential on the server",
                );
                return Ok(None);
            }
        };
        self.administrator(checks).await?;
        let entra = facts.connectors.iter().find(|facts| facts.kind == ConnectorKind::Entra);
        if entra.is_none() {
            checks.refuse("connectors", name, "it has no connector to Entra ID", "look at its connectors");
        }
        let server = ServerUse { entra_connector: entra.map(|facts| facts.name.clone()), ..server_use(name, &facts) };
        Ok(Some(Found {
            procedure: Procedure::Entra,
            dn: user,
            fingerprint: Fingerprint { dc: String::new(), key_version: 0, password_last_set: 0, dc_time: 0 },
            method: Method::Reset,
            servers: vec![server],
            old: OldPassword::Unknown,
            takes_over: Vec::new(),
            length: 0,
            forbidden_names: Vec::new(),
        }))
    }

    /// Whether the credential for the reset is at hand.
    async fn administrator(&self, checks: &mut Checks) -> Result<(), Refusal> {
        let Some(administrator) = &self.wish.entra_administrator else {
            checks.refuse(
                "entra-administrator",
                "",
                "no administrator of Entra ID is configured for it",
                "add `administrator` to the account",
            );
            return Ok(());
        };
        match self.ports.vault.find(&administrator.vault_name, Slot::Current).await? {
            Some(_) => checks.pass(
                "entra-administrator",
                "",
                format!("{} is in the vault as {}", administrator.user, administrator.vault_name),
            ),
            None => checks.refuse(
                "entra-administrator",
                "",
                format!("the vault has no password for {} as {}", administrator.user, administrator.vault_name),
                "store it there",
            ),
        }
        Ok(())
    }
}
