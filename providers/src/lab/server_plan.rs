//! What a Connect server of a new world is to look like.

/// A Connect server.
#[derive(Clone, Debug)]
pub struct ServerPlan {
    /// Its name, which is its Windows computer name too.
    pub name: String,
    /// Whether it exports nothing.
    pub staging: bool,
    /// File version of miiserver.exe.
    pub build: String,
    /// Who the service runs as.
    pub service: ServicePlan,
    /// Its AD connectors.
    pub connectors: Vec<ConnectorPlan>,
    /// How it logs on to Entra ID.
    pub entra: EntraPlan,
    /// Programs that are open on it: `AzureADConnect.exe`, `miisclient.exe`.
    pub open_programs: Vec<String>,
    /// Whether a setup or an upgrade runs.
    pub upgrading: bool,
}

/// Who the service `ADSync` runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServicePlan {
    /// The virtual service account `NT SERVICE\ADSync`.
    Virtual,
    /// A group managed or a standalone managed service account: a StartName that ends in `$`.
    Managed(String),
    /// An ordinary user of the model domain.
    Domain {
        /// As the service manager shows it: `CONTOSO\svc-adsync` or `svc-adsync@contoso.test`.
        start_name: String,
        /// sAMAccountName.
        account: String,
    },
    /// A user of the server itself.
    Local {
        /// As the service manager shows it: `.\adsync` or `SYNC1\adsync`.
        start_name: String,
        /// The user's name.
        user: String,
    },
}

/// An AD connector.
#[derive(Clone, Debug)]
pub struct ConnectorPlan {
    /// Its name: the DNS name of the forest that it imports.
    pub forest: String,
    /// The account of the model domain whose password it holds: sAMAccountName.
    pub account: String,
    /// forest-login-user, usually the account's name.
    pub user: String,
    /// forest-login-domain: the account's domain, DNS or NetBIOS name, which need not be the connector's own forest.
    pub domain: String,
    /// The domain controller it binds to. One of another forest authenticates the model domain's accounts through a
    /// trust, at the PDC emulator. `None` = the last one of the model domain.
    pub dc: Option<String>,
    /// Partitions that bind with credentials of their own: `(partition, user)`.
    pub alternate_credentials: Vec<(String, String)>,
}

/// How a server logs on to Entra ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntraPlan {
    /// As a user in the cloud, with a password.
    ServiceAccount,
    /// By application-based authentication.
    Application {
        /// Days until the certificate ends; negative = it has ended.
        days_left: i64,
        /// Whether Entra Connect renews it.
        managed: bool,
    },
}
