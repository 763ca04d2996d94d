use std::net::IpAddr;
use std::path::PathBuf;

use crate::port::Secret;

/// The content type that a secret of ours has when the settings name none.
pub const CONTENT_TYPE: &str = "entra-rotator password";

/// How to reach the vault, and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://NAME.vault.azure.net`.
    pub url: String,
    /// Which cloud the vault and the token authority belong to.
    pub cloud: Cloud,
    /// Who we are.
    pub identity: Identity,
    /// The CA that issued the certificates of vault and authority; `None` = the machine's trust store, which is right
    /// for Azure. Some other one is right behind a proxy that inspects TLS, and for tests.
    pub ca_file: Option<PathBuf>,
    /// The address behind the vault's name, where DNS does not know the private endpoint. The name stays what the
    /// certificate and the token are checked against.
    pub address: Option<IpAddr>,
    /// The content type of the secrets we set; usually [`CONTENT_TYPE`]. One that people gave current stays.
    pub content_type: String,
    /// When a value of current is to be overdue, in days after it was set: its `exp`, so that Key Vault's near-expiry
    /// events speak of it. `None` = values have no end. A value past its end is readable all the same.
    pub expires_after_days: Option<u32>,
}

/// A cloud: where tokens come from, and how its vaults are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// Azure: `login.microsoftonline.com`, `*.vault.azure.net`.
    #[default]
    Public,
    /// Azure for the US government: `login.microsoftonline.us`, `*.vault.usgovcloudapi.net`.
    UsGovernment,
    /// Azure operated by 21Vianet: `login.chinacloudapi.cn`, `*.vault.azure.cn`.
    China,
    /// Another token authority, for tests and emulators. The vault has a name of one of the clouds above.
    Other {
        /// `https://HOST:PORT`.
        authority: String,
    },
}

impl Cloud {
    pub(super) fn vault_suffixes(&self) -> &'static [&'static str] {
        match self {
            Self::Public => &[".vault.azure.net"],
            Self::UsGovernment => &[".vault.usgovcloudapi.net"],
            Self::China => &[".vault.azure.cn"],
            Self::Other { .. } => &[".vault.azure.net", ".vault.usgovcloudapi.net", ".vault.azure.cn"],
        }
    }
}

/// Who we are to the vault, best first.
#[derive(Clone, Debug)]
pub enum Identity {
    /// The managed identity of this Azure machine (or App Service): Azure keeps and renews the credential.
    Managed {
        /// The client id of a user-assigned identity; `None` = the machine's own.
        client_id: Option<String>,
        /// Another address of the metadata service than `http://169.254.169.254`, for tests.
        metadata: Option<String>,
    },
    /// The managed identity of a machine on premises, through its Azure Arc agent.
    AzureArc {
        /// The agent's address on this machine; `None` = `http://localhost:40342`, or what `IDENTITY_ENDPOINT` says.
        endpoint: Option<String>,
        /// Where the agent puts its challenges; `None` = the agent's own folder.
        tokens_folder: Option<PathBuf>,
    },
    /// A federated token of Kubernetes or another issuer, read from a file that its issuer renews.
    Workload {
        /// The tenant's id or name.
        tenant_id: String,
        /// The application's client id.
        client_id: String,
        /// Where the federated token lies.
        token_file: PathBuf,
    },
    /// An app registration with a certificate.
    ClientCertificate {
        /// The tenant's id or name.
        tenant_id: String,
        /// The application's client id.
        client_id: String,
        /// The certificate, PEM. Read at each token, so a renewed one needs no restart.
        certificate_file: PathBuf,
        /// Its private key (RSA, PEM, not encrypted); `None` = it lies in `certificate_file` too.
        key_file: Option<PathBuf>,
    },
    /// An app registration with a secret.
    ClientSecret {
        /// The tenant's id or name.
        tenant_id: String,
        /// The application's client id.
        client_id: String,
        /// The secret's value. White space around it, as files have it, is taken off.
        secret: Secret,
    },
    /// Whoever signed in with `az login`: for a person at a terminal, not for the service.
    AzureCli {
        /// The tenant, where it is not the one signed in to.
        tenant_id: Option<String>,
    },
}

impl Identity {
    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Managed { .. } => "managed identity",
            Self::AzureArc { .. } => "managed identity (Azure Arc)",
            Self::Workload { .. } => "workload identity",
            Self::ClientCertificate { .. } => "client certificate",
            Self::ClientSecret { .. } => "client secret",
            Self::AzureCli { .. } => "Azure CLI sign-in",
        }
    }
}
