use serde::{Deserialize, Serialize};

/// What kind of failure the signs of a server or a directory point to. Each has a name, an explanation and a next step
/// in one table (`diagnosis` of the program); an adapter or an action names the kind where it is sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The engine holds another password than the directory, or was not restarted.
    EnginePassword,
    /// A domain controller or the network does not answer.
    Connection,
    /// The right to replicate directory changes is lost.
    ReplicationRight,
    /// A domain controller does not have the new password yet.
    NotReplicated,
    /// Somebody else runs or configures the connector.
    Busy,
    /// The credential for Entra ID is blocked: conditional access, or a second factor.
    CloudCredential,
    /// The Entra connector account's password is wrong.
    EntraAccount,
    /// The service manager holds another password than the account's authority.
    ServiceLogon,
    /// The account may no longer log on as a service.
    ServiceLogonRight,
    /// The engine can't open its encryption key set.
    KeySet,
    /// The certificate of application-based authentication is due or over.
    Certificate,
    /// Somebody else changed a credential.
    ForeignChange,
}
