use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};
use rustls::ClientConfig;
use zeroize::Zeroizing;

use super::gate::{self, Gate};
use super::{Effect, Peer, innermost};
use crate::port::Fault;

/// For the name, the connection and the TLS handshake. Shorter than [`CALL_LIMIT`]: only then is it certain that a call
/// that failed to connect was never sent.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For one whole request and its reply.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(15);
/// What vaults answer is below 200 kB.
const REPLY_BYTES_MAX: usize = 1024 * 1024;

/// HTTP as we want it: bounded in time, no redirect, no proxy, no try of its own, no idle connection (a write on one that
/// is just being closed could not be told from a write that arrived).
pub(crate) fn builder(tls: ClientConfig) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_LIMIT)
        .timeout(CALL_LIMIT)
        // There is no idle connection, so every request passes here.
        .connector_layer(Gate)
        .user_agent(concat!("entra-rotator/", env!("CARGO_PKG_VERSION")))
}

/// The client of a builder.
pub(crate) fn build(builder: ClientBuilder) -> Result<Client, Fault> {
    builder.build().map_err(|e| Fault::broken("preparing the connection to the vault", innermost(&e)))
}

/// The head of the reply to a request that is being sent. One that may change something leaves under a tenure alone.
pub(crate) async fn sent(
    sending: impl Future<Output = reqwest::Result<Response>>,
    peer: &Peer,
    effect: Effect,
    doing: &str,
) -> Result<Response, Fault> {
    let answer = match effect {
        Effect::Write => gate::changing(sending).await,
        Effect::Read => sending.await,
    };
    answer.map_err(|error| match gate::not_held(&error) {
        Some(fault) => Fault { doing: doing.to_owned(), ..fault.clone() },
        None => peer.cut(&error, effect, doing),
    })
}

/// Whose word a certificate is believed by, for people.
pub(crate) fn trusted(ca_file: Option<&Path>) -> String {
    match ca_file {
        Some(file) => format!("the CA in {}", file.display()),
        None => "the CAs of this machine".to_owned(),
    }
}

/// The whole body of a reply, in a buffer that is wiped.
pub(crate) async fn body(
    response: &mut Response,
    peer: &Peer,
    effect: Effect,
    doing: &str,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(part) = response.chunk().await.map_err(|e| peer.cut(&e, effect, doing))? {
        if body.len() + part.len() > REPLY_BYTES_MAX {
            let cause = format!("the reply is longer than {REPLY_BYTES_MAX} bytes");
            return Err(Fault::new(effect.lost(), doing, cause));
        }
        append(&mut body, &part);
    }
    Ok(body)
}

/// Appends without leaving an unwiped copy behind when the buffer must grow.
fn append(body: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    if body.capacity() - body.len() < part.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + part.len()).next_power_of_two()));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(part);
}
