//! Who we are: the logon on a new connection, before anything is asked for.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use rand::RngExt;
use zeroize::Zeroizing;

use super::connection::{Connection, Reply};
use super::endpoint::Endpoint;
use super::ntlm::{self, Moment};
use super::{Logon, channel_binding, kerberos};
use crate::entra_connect::transport::{Broken, Reached};
use crate::port::Secret;

const SCHEME: &str = "Negotiate";
/// What a logon by certificate says instead of a name.
const MUTUAL: HeaderValue =
    HeaderValue::from_static("http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual");

/// What each message on the connection says of who we are. With NTLM and Kerberos the connection itself is logged on.
pub(super) fn each_time(logon: &Logon) -> Option<HeaderValue> {
    matches!(logon, Logon::Certificate { .. }).then_some(MUTUAL)
}

/// Logs the connection on. Only messages without a content are sent.
pub(super) async fn log_on(connection: &mut Connection, at: &Endpoint, logon: &Logon) -> Result<(), Broken> {
    let binding = connection.certificate.as_deref().and_then(channel_binding::of);
    match logon {
        // It was shown in the handshake, and is judged with the first message.
        Logon::Certificate { .. } => Ok(()),
        Logon::Ntlm { user, password } => by_ntlm(connection, at, user, password, binding.as_deref()).await,
        Logon::Kerberos => by_kerberos(connection, at, binding).await,
    }
}

async fn by_ntlm(
    connection: &mut Connection,
    at: &Endpoint,
    user: &str,
    password: &Secret,
    binding: Option<&[u8]>,
) -> Result<(), Broken> {
    let first = ntlm::negotiate();
    let reply = present(connection, at, &first).await?;
    if reply.status != StatusCode::UNAUTHORIZED {
        return judge(&reply, at, Some(user));
    }
    let Some(challenge) = token(&reply) else { return Err(not_offered(&reply, at)) };
    let mut nonce = [0; 8];
    rand::rng().fill(&mut nonce[..]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let moment = Moment { nonce, unix_s: i64::try_from(now.as_secs()).unwrap_or(0) };
    let target = format!("HTTP/{}", at.host);
    let who = ntlm::Logon { user, password, target: &target, binding };
    let last = ntlm::authenticate(&first, &challenge, &who, &moment).ok_or_else(|| {
        Broken::new(Reached::Refused, format!("{at} gives no challenge for NTLMv2"))
            .hint("let the server use NTLMv2, or log on by Kerberos or a certificate")
    })?;
    if connection.closed() {
        let cause = format!("{at} ends the connection between the messages of a logon by NTLM");
        return Err(Broken::new(Reached::Nothing, cause).hint("connect to the server without a proxy in between"));
    }
    let reply = present(connection, at, &last).await?;
    judge(&reply, at, Some(user))
}

async fn by_kerberos(connection: &mut Connection, at: &Endpoint, binding: Option<Vec<u8>>) -> Result<(), Broken> {
    let (context, first) = kerberos::begin(&at.host, binding).await?;
    let reply = present(connection, at, &first).await?;
    if reply.status == StatusCode::UNAUTHORIZED && token(&reply).is_none() && !offered(&reply) {
        return Err(not_offered(&reply, at));
    }
    judge(&reply, at, None)?;
    match token(&reply) {
        Some(proof) => kerberos::finish(context, &proof),
        // The certificate has already told who the server is.
        None => Ok(()),
    }
}

/// One message of the logon.
async fn present(connection: &mut Connection, at: &Endpoint, token: &[u8]) -> Result<Reply, Broken> {
    let text = Zeroizing::new(format!("{SCHEME} {}", STANDARD.encode(token)));
    let value = HeaderValue::from_str(&text)
        .map_err(|_| Broken::new(Reached::Settings, "the logon's message is no header's value"))?;
    connection.post(at, Some(value), Bytes::new()).await.map_err(|lost| lost.broken)
}

/// What the server answers to the logon's message.
fn token(reply: &Reply) -> Option<Vec<u8>> {
    let offer = reply.offers.iter().find_map(|offer| offer.strip_prefix(SCHEME)?.strip_prefix(' '))?;
    STANDARD.decode(offer.trim()).ok()
}

fn offered(reply: &Reply) -> bool {
    reply.offers.iter().any(|offer| offer.starts_with(SCHEME))
}

fn not_offered(reply: &Reply, at: &Endpoint) -> Broken {
    if offered(reply) {
        return Broken::new(Reached::Refused, format!("{at} answers no logon by NTLM"))
            .hint("NTLM may be switched off there by policy: log on by Kerberos or a certificate");
    }
    let mut names: Vec<&str> = reply.offers.iter().filter_map(|offer| offer.split_whitespace().next()).collect();
    names.truncate(5);
    let offers = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Broken::new(Reached::Settings, format!("{at} takes no logon by Negotiate, it offers {offers}")).hint(
        "is it WinRM that listens there, and is its service/auth/Negotiate (or Kerberos) true \
         (winrm get winrm/config/service/auth)?",
    )
}

/// What the end of a logon means. Whatever is no refusal is for the first real message to tell.
fn judge(reply: &Reply, at: &Endpoint, user: Option<&str>) -> Result<(), Broken> {
    match reply.status {
        StatusCode::UNAUTHORIZED => Err(refused(at, user)),
        StatusCode::FORBIDDEN => Err(Broken::new(Reached::Refused, format!("{at} forbids it (HTTP 403)"))
            .hint("let the account use WinRM: member of Remote Management Users on that server")),
        _ => Ok(()),
    }
}

/// The server knows us, or doesn't, and says no.
pub(super) fn refused(at: &Endpoint, user: Option<&str>) -> Broken {
    match user {
        Some(user) => Broken::new(Reached::Refused, format!("{at} refuses the logon of {user} by NTLM (HTTP 401)"))
            .hint("look at the password, the name (DOMAIN\\user), a lockout, and whether NTLM is allowed there"),
        None => Broken::new(Reached::Refused, format!("{at} refuses the logon (HTTP 401)")).hint(
            "a certificate must be mapped to an account there, a ticket's account must be allowed to log on over the network",
        ),
    }
}
