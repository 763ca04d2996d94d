use std::path::PathBuf;

use super::paths;
use crate::port::{Fault, Secret};

/// How the adapter comes by its token.
#[derive(Clone, Debug)]
pub enum Login {
    /// A token that somebody made for us. It is renewed while the vault lets it be; when it ends, a person is needed.
    Token(Secret),
    /// A file with a token in it that somebody else keeps fresh (the vault's own agent). It is read again when it
    /// changed and when the vault refuses its token; it is never renewed from here.
    TokenFile(PathBuf),
    /// AppRole: a role id, which is a name, and a secret id, which is a password.
    AppRole {
        /// Where the auth method is mounted, without `auth/`: `approle`.
        mount: String,
        /// The role's id (not its name).
        role_id: String,
        /// The role's password.
        secret_id: SecretId,
    },
    /// Kubernetes: the pod's service account.
    Kubernetes {
        /// Where the auth method is mounted, without `auth/`: `kubernetes`.
        mount: String,
        /// The role's name in the vault.
        role: String,
        /// The projected service account token. Read at each login: the kubelet exchanges it.
        jwt_file: PathBuf,
    },
    /// The client certificate of the connection ([`ClientCertificate`]), which must be given then.
    Certificate {
        /// Where the auth method is mounted, without `auth/`: `cert`.
        mount: String,
        /// The role to log in as; `None` = the vault takes the first that the certificate fits.
        role: Option<String>,
    },
}

/// An AppRole's secret id.
#[derive(Clone, Debug)]
pub enum SecretId {
    /// The secret id itself.
    Plain(Secret),
    /// A file with the secret id in it, read at each login.
    File(PathBuf),
    /// A wrapping token that holds the secret id (response wrapping). It is unwrapped once, at the first login. The
    /// secret id then lives in the memory of this process and nowhere else: after a restart a new wrapping token is
    /// needed.
    Wrapped(Secret),
}

/// The certificate and key that the connection itself shows to the vault (mutual TLS). Both files are read again
/// when one of them changed.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate in PEM form, with intermediate ones after it.
    pub certificate_file: PathBuf,
    /// Its private key in PEM form, not encrypted.
    pub key_file: PathBuf,
}

impl Login {
    /// What can be seen to be wrong before anything is sent.
    pub(super) fn checked(self, client_certificate: bool) -> Result<Self, Fault> {
        let doing = "reading the login for the vault";
        let empty = |what: &str| Fault::broken(doing, format!("{what} is empty"));
        let trimmed = |what: &str, secret: &Secret| {
            let secret = Secret::new(secret.expose().trim());
            if secret.expose().is_empty() { Err(empty(what)) } else { Ok(secret) }
        };
        match self {
            Self::Token(token) => {
                let hint = "put the vault token where the settings say";
                Ok(Self::Token(trimmed("the token", &token).map_err(|fault| fault.hint(hint))?))
            }
            Self::TokenFile(file) => Ok(Self::TokenFile(file)),
            Self::AppRole { mount, role_id, secret_id } => {
                paths::segments("auth mount", &mount)?;
                let role_id = role_id.trim().to_owned();
                if role_id.is_empty() {
                    return Err(empty("the role id"));
                }
                let secret_id = match secret_id {
                    SecretId::Plain(secret_id) => SecretId::Plain(trimmed("the secret id", &secret_id)?),
                    SecretId::Wrapped(token) => SecretId::Wrapped(trimmed("the wrapping token", &token)?),
                    SecretId::File(file) => SecretId::File(file),
                };
                Ok(Self::AppRole { mount, role_id, secret_id })
            }
            Self::Kubernetes { mount, role, jwt_file } => {
                paths::segments("auth mount", &mount)?;
                if role.trim().is_empty() {
                    return Err(empty("the Kubernetes role"));
                }
                Ok(Self::Kubernetes { mount, role, jwt_file })
            }
            Self::Certificate { mount, role } => {
                paths::segments("auth mount", &mount)?;
                if !client_certificate {
                    return Err(Fault::broken(doing, "a login by certificate needs a client certificate and its key")
                        .hint("name the files of the client certificate and its key"));
                }
                Ok(Self::Certificate { mount, role })
            }
        }
    }

    /// Whether the adapter can make a token itself.
    pub(super) fn makes_tokens(&self) -> bool {
        matches!(self, Self::AppRole { .. } | Self::Kubernetes { .. } | Self::Certificate { .. })
    }

    /// What a login is called in faults and checks.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Token(_) => "a token",
            Self::TokenFile(_) => "a token file",
            Self::AppRole { .. } => "AppRole",
            Self::Kubernetes { .. } => "Kubernetes",
            Self::Certificate { .. } => "a TLS certificate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Meaning;

    #[test]
    fn what_can_be_seen_to_be_wrong_is_seen_before_anything_is_sent() {
        let approle = |mount: &str, role_id: &str, secret_id: &str| Login::AppRole {
            mount: mount.into(),
            role_id: role_id.into(),
            secret_id: SecretId::Plain(Secret::new(secret_id)),
        };
        for (login, word) in [
            (Login::Token(Secret::new(" \n")), "token is empty"),
            (approle("approle", "", "hunter2"), "role id is empty"),
            (approle("approle", "id", "\n"), "secret id is empty"),
            (approle("../sys", "id", "hunter2"), "no path"),
            (Login::Certificate { mount: "cert".into(), role: None }, "needs a client certificate"),
        ] {
            let fault = login.checked(false).unwrap_err();
            assert_eq!(fault.meaning, Meaning::Broken);
            assert!(fault.cause.contains(word), "{fault}");
            assert!(!format!("{fault:?}").contains("hunter2"), "{fault}");
        }
        assert!(!format!("{:?}", approle("approle", "id", "hunter2")).contains("hunter2"));
    }
}
