use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A credential that the tool itself works with: who holds it, and how old it is. Holds no secret.
///
/// Reports list all of them: a rotator whose own password nobody changes, or whose token runs out
/// unseen, is itself what it is meant to prevent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnCredential {
    /// Where it is used: `directory` or `vault`.
    pub holder: String,
    /// Whose it is: the account's distinguished name, the token's display name.
    pub name: String,
    /// What it is: `password`, `Kerberos key`, `token` …
    pub kind: String,
    /// When it was set or issued; `None` = not known, and `note` says why.
    pub set_at: Option<Timestamp>,
    /// When it ends by itself; `None` = never, or not known, and then `note` says which.
    pub expires_at: Option<Timestamp>,
    /// What a person should know, as a sentence fragment; empty when there is nothing to add.
    pub note: String,
}
