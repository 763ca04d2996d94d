//! The login itself: what is sent, and what the answers mean. A login changes no password, so one whose reply was
//! lost may be made again.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::login::{Login, SecretId};
use super::paths;
use super::reply;
use super::wiped::{self, Incoming};
use super::wire::{Payload, Reply, Request, Wire};
use crate::https::Effect;
use crate::port::{Fault, Meaning, Secret};

/// What a login grants.
pub(super) struct Grant {
    pub(super) token: Secret,
    pub(super) lease_s: u64,
    pub(super) renewable: bool,
    /// The AppRole's name, which its secret id is looked up by.
    pub(super) role_name: Option<String>,
}

/// What became of a wrapped secret id. In memory only.
#[derive(Default)]
pub(super) enum Unwrapped {
    #[default]
    NotYet,
    /// Sent, and no reply came: it may have been unwrapped, and then it is lost.
    ReplyLost,
    Known(Secret),
}

/// Where logins go.
pub(super) struct Door<'a> {
    pub(super) wire: &'a Wire,
    pub(super) namespace: Option<&'a str>,
}

#[derive(Serialize)]
struct AppRoleBody<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Serialize)]
struct KubernetesBody<'a> {
    role: &'a str,
    jwt: &'a str,
}

#[derive(Serialize)]
struct CertificateBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct TokenBody<'a> {
    token: &'a str,
}

#[derive(Deserialize)]
struct Envelope {
    auth: Option<Auth>,
}

#[derive(Deserialize)]
struct Auth {
    client_token: Option<Incoming>,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct WrapLookup {
    data: WrapFacts,
}

#[derive(Deserialize)]
struct WrapFacts {
    creation_path: String,
    #[serde(default)]
    creation_time: Option<Timestamp>,
    #[serde(default)]
    creation_ttl: u32,
}

#[derive(Deserialize)]
struct Unwrap {
    data: SecretIdData,
}

#[derive(Deserialize)]
struct SecretIdData {
    secret_id: Incoming,
}

impl Door<'_> {
    /// Logs in. `Login::Token` and `Login::TokenFile` are no logins and never come here.
    pub(super) async fn log_in(&self, login: &Login, unwrapped: &mut Unwrapped) -> Result<Grant, Fault> {
        let (mount, body, hint) = match login {
            Login::AppRole { mount, role_id, secret_id } => {
                let secret_id = self.secret_id(mount, secret_id, unwrapped).await?;
                let body = wiped::body(&AppRoleBody { role_id, secret_id: secret_id.expose() });
                (
                    mount,
                    body,
                    "make a new secret id for the role: this one, or the role id, is wrong, used up or expired; a wrapping \
                     token works with `wrapped = true` alone",
                )
            }
            Login::Kubernetes { mount, role, jwt_file } => {
                let jwt = wiped::file(jwt_file, "the service account's token").await?;
                let body = wiped::body(&KubernetesBody { role, jwt: jwt.expose() });
                (
                    mount,
                    body,
                    "the role must name this service account and its namespace, and the token's audience must be the role's",
                )
            }
            Login::Certificate { mount, role } => {
                let body = wiped::body(&CertificateBody { name: role.as_deref() });
                (mount, body, "the role must trust the client certificate's issuer and allow its names")
            }
            Login::Token(_) | Login::TokenFile(_) => {
                return Err(Fault::broken("logging in to the vault", "there is no login for a token that is given"));
            }
        };
        let doing = format!("logging in to the vault by {} (auth/{mount})", login.method());
        let body = body.map_err(|e| Fault::broken(&doing, format!("can't be encoded: {:?}", e.classify())))?;
        let reply = self.post(&format!("auth/{mount}/login"), body, None, &doing).await?;
        granted(&reply, &doing, mount, hint)
    }

    /// Asks for more life for `token`.
    pub(super) async fn renew(&self, token: &Secret, doing: &str) -> Result<Reply, Fault> {
        self.post("auth/token/renew-self", Bytes::from_static(b"{}"), Some(token), doing).await
    }

    async fn secret_id(&self, mount: &str, given: &SecretId, unwrapped: &mut Unwrapped) -> Result<Secret, Fault> {
        match given {
            SecretId::Plain(secret_id) => Ok(secret_id.clone()),
            SecretId::File(file) => wiped::file(file, "the secret id").await,
            SecretId::Wrapped(token) => {
                if let Unwrapped::Known(secret_id) = unwrapped {
                    return Ok(secret_id.clone());
                }
                let secret_id = self.unwrap(mount, token, unwrapped).await?;
                *unwrapped = Unwrapped::Known(secret_id.clone());
                Ok(secret_id)
            }
        }
    }

    /// The secret id as far as it is known without unwrapping anything.
    pub(super) async fn known_secret_id(&self, given: &SecretId, unwrapped: Option<Secret>) -> Option<Secret> {
        match given {
            SecretId::Plain(secret_id) => Some(secret_id.clone()),
            SecretId::File(file) => wiped::file(file, "the secret id").await.ok(),
            SecretId::Wrapped(_) => unwrapped,
        }
    }

    /// Whether the wrapping token holds a secret id of `mount`, and until when, where that is told. It stays good.
    pub(super) async fn look_at_wrapped(
        &self,
        mount: &str,
        token: &Secret,
        unwrapped: &Unwrapped,
        doing: &str,
    ) -> Result<Option<Timestamp>, Fault> {
        let encoded = |e: serde_json::Error| Fault::broken(doing, format!("can't be encoded: {:?}", e.classify()));
        let body = wiped::body(&TokenBody { token: token.expose() }).map_err(encoded)?;
        let reply = self.post("sys/wrapping/lookup", body, None, doing).await?;
        if matches!(reply.status.as_u16(), 400 | 403 | 404) {
            return Err(used(doing, unwrapped));
        }
        let Ok(WrapLookup { data }) = serde_json::from_slice(&reply.body) else {
            return Err(reply::unexpected(&reply, doing));
        };
        let begins = format!("auth/{mount}/role/");
        let path = data.creation_path.as_str();
        let at_role = path.starts_with(&begins) || path.contains(&format!("/{begins}"));
        if !at_role || !(path.ends_with("/secret-id") || path.ends_with("/custom-secret-id")) {
            let path: String = path.chars().filter(|c| !c.is_control()).take(200).collect();
            let cause = format!("the wrapping token was made at {path:?}, not for a secret id of auth/{mount}");
            return Err(Fault::refused(doing, cause)
                .hint("it was not unwrapped; somebody may have exchanged it: ask whoever delivered it"));
        }
        let life = SignedDuration::from_secs(i64::from(data.creation_ttl));
        Ok(data.creation_time.filter(|_| !life.is_zero()).and_then(|made| made.checked_add(life).ok()))
    }

    async fn unwrap(&self, mount: &str, token: &Secret, unwrapped: &mut Unwrapped) -> Result<Secret, Fault> {
        let doing = "unwrapping the secret id";
        // Where it was wrapped is asked first: a token that a stranger wrapped is not to be trusted with anything.
        self.look_at_wrapped(mount, token, unwrapped, doing).await?;
        *unwrapped = Unwrapped::ReplyLost;
        let reply = self.post("sys/wrapping/unwrap", Bytes::new(), Some(token), doing).await?;
        if matches!(reply.status.as_u16(), 400 | 403 | 404) {
            *unwrapped = Unwrapped::NotYet;
            return Err(used(doing, unwrapped));
        }
        match serde_json::from_slice(&reply.body) {
            Ok(Unwrap { data }) if reply.status.is_success() => Ok(data.secret_id.0),
            _ => Err(reply::unexpected(&reply, doing)),
        }
    }

    async fn post(&self, path: &str, body: Bytes, token: Option<&Secret>, doing: &str) -> Result<Reply, Fault> {
        let request = Request {
            effect: Effect::Read,
            path: paths::parts(path),
            payload: Payload::Json(body),
            namespace: self.namespace,
        };
        self.wire.call(request, token, doing).await
    }
}

/// The wrapping token is good for nothing. Whether that is theft, only people can find out.
fn used(doing: &str, unwrapped: &Unwrapped) -> Fault {
    let cause = "the wrapping token is not valid any more: it was unwrapped before, or its time is over";
    let hint = match unwrapped {
        Unwrapped::ReplyLost => {
            "our own earlier unwrapping got no reply, so it may have been that; deliver a new wrapping token"
        }
        _ => {
            "a wrapping token serves one process: did a command of this program that was run by hand, or an earlier start of \
             the service, use it up, or is it too old? Then deliver a new one. If not, somebody else has \
             the secret id: treat it as stolen, destroy it, then deliver a new wrapping token. (With `wrapped = true` the \
             secret id itself does not do.)"
        }
    };
    Fault::refused(doing, cause).hint(hint)
}

/// The token in the answer to a login.
fn granted(reply: &Reply, doing: &str, mount: &str, hint: &str) -> Result<Grant, Fault> {
    match reply.status.as_u16() {
        200 => {}
        400 | 401 => return Err(Fault::refused(doing, reply::said(reply)).hint(hint)),
        // A path where nothing is mounted gets this answer too.
        403 => {
            return Err(Fault::refused(doing, reply::said(reply))
                .hint(format!("is the auth method mounted at \"auth/{mount}\" (in this namespace)? If so: {hint}")));
        }
        404 => {
            return Err(Fault::refused(doing, reply::said(reply))
                .hint(format!("is there an auth method at \"auth/{mount}\" (in this namespace)?")));
        }
        _ => return Err(reply::unexpected(reply, doing)),
    }
    let auth = serde_json::from_slice::<Envelope>(&reply.body).ok().and_then(|envelope| envelope.auth);
    let Some(auth) = auth else { return Err(reply::unexpected(reply, doing)) };
    match auth.client_token {
        Some(Incoming(token)) if !token.expose().is_empty() => Ok(Grant {
            token,
            lease_s: auth.lease_duration,
            renewable: auth.renewable,
            role_name: auth.metadata.and_then(|mut facts| facts.remove("role_name")),
        }),
        _ => Err(Fault::new(Meaning::Refused, doing, "the vault gave no token")
            .hint("does it want a second factor? an unattended program has none")),
    }
}

/// The new lease in the answer to a renewal: seconds, and whether there may be another.
pub(super) fn renewed(reply: &Reply) -> Option<(u64, bool)> {
    let envelope: Envelope = serde_json::from_slice(&reply.body).ok().filter(|_| reply.status.is_success())?;
    envelope.auth.map(|auth| (auth.lease_duration, auth.renewable))
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn a_refused_login_says_what_else_the_same_answer_may_mean() {
        let hint = |status: u16| {
            let reply = Reply { status: StatusCode::from_u16(status).unwrap(), ..Reply::default() };
            granted(&reply, "logging in", "other", "make a new one").err().unwrap().hint
        };
        assert_eq!(hint(400), "make a new one");
        let forbidden = hint(403);
        assert!(forbidden.contains("\"auth/other\"") && forbidden.ends_with("make a new one"), "{forbidden}");
    }
}
