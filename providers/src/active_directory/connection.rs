//! One connection to one domain controller: opened, used for one call, closed.
//!
//! Every wait has a limit of its own; together they end a call within a minute. The one thing that a caller must know after a failure is whether the request
//! may have left: [`Lost`] says so. ldap3 copies a password into the request it sends and does not wipe
//! that copy; what is ours is wiped.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::net::TcpStream as StdTcpStream;
use std::sync::Arc;
use std::time::Duration;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Mod, Scope, SearchOptions, StdStream};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::answer::{self, BindAnswer, Reading};
use super::certificate::{handshake_fault, plain_words};
use super::endpoint::Endpoint;
use super::entry::Entry;
use crate::port::{Fault, Secret};

/// A name that does not resolve in this time counts as not resolvable now.
pub(super) const RESOLVE_LIMIT: Duration = Duration::from_secs(5);
/// To open the TCP connection, for all of a host's addresses together.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// To shake hands.
const TLS_LIMIT: Duration = Duration::from_secs(10);
/// A logon may be passed on to another domain controller.
const BIND_LIMIT: Duration = Duration::from_secs(15);
/// The searches here are for single objects.
const SEARCH_LIMIT: Duration = Duration::from_secs(15);
/// A set is a write to disk there, and may run into others.
const MODIFY_LIMIT: Duration = Duration::from_secs(20);
/// Politeness only: the connection is cut in any case.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// Two would do to see that a name is ambiguous; the rest is for the message.
const MATCHES_MAX: usize = 5;

/// Why a request has no answer.
pub(super) enum Lost {
    /// It surely never left this process.
    NotSent(String),
    /// It was handed to the network, and what became of it is not known.
    Unanswered(String),
}

impl Lost {
    /// For requests that change nothing, both are the same.
    pub(super) fn cause(self) -> String {
        match self {
            Self::NotSent(cause) | Self::Unanswered(cause) => cause,
        }
    }

    /// For requests that write.
    pub(super) fn fault(self, doing: String) -> Fault {
        match self {
            Self::NotSent(cause) => Fault::later(doing, cause),
            Self::Unanswered(cause) => Fault::unclear(doing, cause),
        }
    }
}

/// What a search found.
pub(super) enum Found {
    /// There is no such object, or nobody may know of it.
    Nothing,
    One(Entry),
    /// More than one; some of their names.
    Several(Vec<String>),
}

/// Bytes of a request that are wiped after use.
#[derive(PartialEq, Eq)]
pub(super) struct Octets(pub(super) Zeroizing<Vec<u8>>);

impl Octets {
    pub(super) fn of(text: &str) -> Self {
        Self(Zeroizing::new(text.as_bytes().to_vec()))
    }
}

impl AsRef<[u8]> for Octets {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Hash for Octets {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

pub(super) struct Connection {
    ldap: Ldap,
    driver: JoinHandle<()>,
    /// The same socket once more, to cut it hard. `None` once that is no longer wanted.
    wire: Option<StdTcpStream>,
    at: Endpoint,
}

impl Connection {
    /// Resolves, connects, and shakes hands with a verified server. Not connected is `Later`, a server
    /// that can't be trusted is `Broken`.
    pub(super) async fn open(at: &Endpoint, tls: &Arc<ClientConfig>) -> Result<Self, Fault> {
        let doing = || format!("connecting to the domain controller {at}");
        let stream = connect(at).await.map_err(|cause| {
            let hint = if cause.starts_with("the name") {
                "look at the spelling of the name, and at this machine's name resolution"
            } else {
                "see that it runs, is reachable from here, and listens for LDAPS"
            };
            Fault::later(doing(), cause).hint(hint)
        })?;
        let keep = |stream: TcpStream| {
            let stream = stream.into_std()?;
            Ok::<_, std::io::Error>((stream.try_clone()?, stream))
        };
        let (wire, stream) = keep(stream).map_err(|e| Fault::later(doing(), e.to_string()))?;
        let settings = LdapConnSettings::new().set_config(Arc::clone(tls)).set_std_stream(StdStream::Tcp(stream));
        let (traffic, ldap) = timeout(TLS_LIMIT, LdapConnAsync::with_settings(settings, &at.url()))
            .await
            .map_err(|_| {
                Fault::later(doing(), format!("no TLS handshake within {} s", TLS_LIMIT.as_secs()))
                    .hint("see that this port speaks LDAPS")
            })?
            .map_err(|e| handshake_fault(doing(), at, &e))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = traffic.drive().await {
                tracing::debug!(cause = plain_words(&error), "the connection to the domain controller ended");
            }
        });
        Ok(Self { ldap, driver, wire: Some(wire), at: at.clone() })
    }

    /// One simple bind, never repeated. `Err` means that there was no answer.
    pub(super) async fn bind(&self, name: &str, secret: &Secret) -> Result<BindAnswer, Fault> {
        let doing = || format!("logging on to {} as {name}", self.at);
        if secret.expose().is_empty() {
            // LDAP takes a logon without a password as one of nobody, and says yes.
            return Err(Fault::broken(doing(), "the password is empty").hint("store a password first"));
        }
        let (mut ldap, owned, secret) = (self.ldap.clone(), name.to_owned(), secret.clone());
        let result = answered(BIND_LIMIT, async move { ldap.simple_bind(&owned, secret.expose()).await })
            .await
            .map_err(|lost| Fault::later(doing(), lost.cause()))?;
        Ok(answer::bind(&result))
    }

    /// The object called `dn` itself.
    pub(super) async fn read(&self, dn: &str, attributes: &'static [&'static str]) -> Result<Found, Fault> {
        self.search(dn, Scope::Base, "(objectClass=*)", attributes).await
    }

    /// Everything under `base` that the filter matches. Values in the filter are escaped by the caller.
    pub(super) async fn find(
        &self,
        base: &str,
        filter: &str,
        attributes: &'static [&'static str],
    ) -> Result<Found, Fault> {
        self.search(base, Scope::Subtree, filter, attributes).await
    }

    async fn search(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &'static [&'static str],
    ) -> Result<Found, Fault> {
        let doing = || {
            let what = if base.is_empty() { "the root entry" } else { base };
            format!("reading {what} on {}", self.at)
        };
        let (mut ldap, base, filter) = (self.ldap.clone(), base.to_owned(), filter.to_owned());
        let limits = SearchOptions::new()
            .sizelimit(i32::try_from(MATCHES_MAX).unwrap_or(i32::MAX))
            .timelimit(i32::try_from(SEARCH_LIMIT.as_secs()).unwrap_or(i32::MAX));
        let (mut entries, result) = answered(SEARCH_LIMIT, async move {
            let found = ldap.with_search_options(limits).search(&base, scope, &filter, attributes).await?;
            Ok((found.0.into_iter().map(Entry::new).collect::<Vec<_>>(), found.1))
        })
        .await
        .map_err(|lost| Fault::later(doing(), lost.cause()))?;
        let reading = answer::read(doing, &result)?;
        if reading == Reading::Absent {
            return Ok(Found::Nothing);
        }
        Ok(match (entries.pop(), entries.is_empty()) {
            (None, _) => Found::Nothing,
            (Some(one), true) if reading == Reading::Whole => Found::One(one),
            (Some(last), _) => {
                Found::Several(entries.into_iter().map(|e| e.dn).chain(std::iter::once(last.dn)).collect())
            }
        })
    }

    /// Replaces one attribute's value.
    pub(super) async fn replace(&self, dn: &str, attribute: &str, value: Octets) -> Result<LdapResult, Lost> {
        let (mut ldap, dn, attribute) = (self.ldap.clone(), dn.to_owned(), Octets::of(attribute));
        answered(
            MODIFY_LIMIT,
            async move { ldap.modify(&dn, vec![Mod::Replace(attribute, HashSet::from([value]))]).await },
        )
        .await
    }

    /// Takes one value of an attribute away and adds another, in one request.
    pub(super) async fn exchange(
        &self,
        dn: &str,
        attribute: &str,
        old: Octets,
        new: Octets,
    ) -> Result<LdapResult, Lost> {
        let (mut ldap, dn) = (self.ldap.clone(), dn.to_owned());
        let (out, into) = (Octets::of(attribute), Octets::of(attribute));
        let changes = vec![Mod::Delete(out, HashSet::from([old])), Mod::Add(into, HashSet::from([new]))];
        answered(MODIFY_LIMIT, async move { ldap.modify(&dn, changes).await }).await
    }

    /// Says goodbye. After a lost write, drop the connection instead: that cuts it.
    pub(super) async fn close(mut self) {
        let unbind = answered(CLOSE_LIMIT, {
            let mut ldap = self.ldap.clone();
            async move { ldap.unbind().await }
        });
        if unbind.await.is_ok() {
            self.wire = None;
        }
    }
}

impl Drop for Connection {
    /// Cuts the connection. What was not sent by now must never arrive: a set that was given up and then
    /// comes out of a buffer, minutes later, would look like somebody else's.
    fn drop(&mut self) {
        self.driver.abort();
        // Outside a runtime the process is ending, and the socket with it.
        if let Some(wire) = self.wire.take()
            && Handle::try_current().is_ok()
        {
            let reset = TcpStream::from_std(wire).and_then(|stream| stream.set_zero_linger());
            if let Err(error) = reset {
                tracing::debug!(%error, "the connection to the domain controller could not be reset");
            }
        }
    }
}

async fn connect(at: &Endpoint) -> Result<TcpStream, String> {
    let addresses = timeout(RESOLVE_LIMIT, tokio::net::lookup_host((at.host.as_str(), at.port)))
        .await
        .map_err(|_| format!("the name is not resolved within {} s", RESOLVE_LIMIT.as_secs()))?
        .map_err(|e| format!("the name can't be resolved: {e}"))?;
    let addresses: Vec<_> = addresses.collect();
    let stream = timeout(CONNECT_LIMIT, TcpStream::connect(addresses.as_slice()))
        .await
        .map_err(|_| format!("no connection within {} s", CONNECT_LIMIT.as_secs()))?
        .map_err(|e| format!("no connection: {e}"))?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    Ok(stream)
}

/// Waits for an answer within `limit`. The request runs in a task of its own, so that an answer which ldap3
/// can't read, and panics over, is a lost answer and not our end.
async fn answered<T: Send + 'static>(
    limit: Duration,
    request: impl Future<Output = Result<T, LdapError>> + Send + 'static,
) -> Result<T, Lost> {
    match timeout(limit, tokio::spawn(request)).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        // ldap3's own queue was closed: the connection had ended before the request.
        Ok(Ok(Err(error @ LdapError::OpSend { .. }))) => Err(Lost::NotSent(plain_words(&error))),
        Ok(Ok(Err(error))) => Err(Lost::Unanswered(plain_words(&error))),
        Ok(Err(_)) => Err(Lost::Unanswered("the answer could not be read".to_owned())),
        Err(_) => Err(Lost::Unanswered(format!("no answer within {} s", limit.as_secs()))),
    }
}
