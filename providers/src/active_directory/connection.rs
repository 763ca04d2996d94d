//! One connection to one domain controller: opened, used for one call, closed.
//!
//! Every wait has a limit of its own, and all of a call together end within a minute (`deadline.rs`). What a server may
//! send is bounded (`wire.rs`). The one thing that a caller must know after a failure is whether the request may
//! have left: [`Lost`] says so. After a failure a connection is of no more use; it is cut when it is dropped.

use std::sync::Arc;
use std::time::Duration;

use ldap3::LdapResult;
use ldap3::asn1::ASNTag;
use rustls::ClientConfig;
use tokio::sync::Mutex;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::answer::{self, BindAnswer, Reading};
use super::ber::Element;
use super::deadline;
use super::endpoint::Endpoint;
use super::entry::Entry;
use super::message::{Answer, Change, Request, Scope};
use super::wire::{Trouble, Wire};
use crate::port::{Fault, Secret, tenure};

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
#[derive(Debug)]
pub(super) enum Lost {
    /// It surely never left this process.
    NotSent(String),
    /// It was handed to the network, and what became of it is not known.
    Unanswered(String),
    /// It was not sent: we may not act any more.
    NotHeld(Fault),
}

impl Lost {
    /// For requests that change nothing, both are the same.
    pub(super) fn cause(self) -> String {
        match self {
            Self::NotSent(cause) | Self::Unanswered(cause) => cause,
            Self::NotHeld(fault) => fault.cause,
        }
    }

    /// For requests that write.
    pub(super) fn fault(self, doing: String) -> Fault {
        match self {
            Self::NotSent(cause) => Fault::later(doing, cause)
                .hint("see that the domain controller runs and is reachable from here, then try again"),
            Self::Unanswered(cause) => Fault::unclear(doing, cause)
                .hint("look at the account before anything else: the password may be the new one"),
            Self::NotHeld(fault) => Fault { doing, ..fault },
        }
    }
}

/// A request that failed, and all that is known of it.
struct Failed {
    /// Whether the request may have left.
    sent: bool,
    /// `None`: the time is up.
    trouble: Option<Trouble>,
    limit: Duration,
}

impl Failed {
    fn cause(&self) -> String {
        match &self.trouble {
            Some(Trouble::Cut(cause)) => cause.clone(),
            Some(Trouble::Nonsense(cause)) => format!("the answer is of no use: {cause}"),
            Some(Trouble::NotHeld(fault)) => fault.cause.clone(),
            None => format!("no answer within {} s", self.limit.as_secs()),
        }
    }

    /// For requests that change nothing.
    fn harmless(&self, doing: String) -> Fault {
        match &self.trouble {
            Some(Trouble::NotHeld(fault)) => Fault { doing, ..fault.clone() },
            Some(Trouble::Nonsense(_)) => Fault::broken(doing, self.cause())
                .hint("find out what answers at this address: a domain controller does not do that"),
            Some(Trouble::Cut(_)) | None => Fault::later(doing, self.cause())
                .hint("try again; if it stays so, look at the domain controller and at the network between"),
        }
    }

    /// For requests that write.
    fn lost(&self) -> Lost {
        if let Some(Trouble::NotHeld(fault)) = &self.trouble {
            return Lost::NotHeld(fault.clone());
        }
        if self.sent { Lost::Unanswered(self.cause()) } else { Lost::NotSent(self.cause()) }
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
pub(super) struct Octets(pub(super) Zeroizing<Vec<u8>>);

impl Octets {
    pub(super) fn of(text: &str) -> Self {
        Self(Zeroizing::new(text.as_bytes().to_vec()))
    }
}

pub(super) struct Connection {
    /// `None` once a request has failed: what comes in then could belong to any.
    wire: Mutex<Option<Numbered>>,
    at: Endpoint,
}

/// A wire and the number of its last request.
struct Numbered {
    wire: Wire,
    id: u32,
}

/// What to do with one answer: `Ok` ends the request.
type Step<T> = Result<T, Wait>;

/// Why an answer does not end its request.
enum Wait {
    /// Others follow.
    ForMore,
    /// It is not one that can follow.
    Never(&'static str),
}

const MISPLACED: Wait = Wait::Never("it is the answer to another kind of request");

impl Connection {
    /// Resolves, connects, and shakes hands with a verified server. Not connected is `Later`, a server
    /// that can't be trusted is `Broken`.
    pub(super) async fn open(at: &Endpoint, tls: &Arc<ClientConfig>) -> Result<Self, Fault> {
        let wire = Numbered { wire: Wire::open(at, tls).await?, id: 0 };
        Ok(Self { wire: Mutex::new(Some(wire)), at: at.clone() })
    }

    /// One simple bind, never repeated. `Err` means that there was no answer.
    pub(super) async fn bind(&self, name: &str, secret: &Secret) -> Result<BindAnswer, Fault> {
        let doing = || format!("logging on to {} as {name}", self.at);
        if secret.expose().is_empty() {
            // LDAP takes a logon without a password as one of nobody, and says yes.
            return Err(Fault::broken(doing(), "the password is empty").hint("store a password first"));
        }
        let request = Request::Bind { name, password: secret.expose() };
        let result = self
            .ask(BIND_LIMIT, request, |answer| match answer {
                Answer::Bound { result, .. } => Ok(result),
                _ => Err(MISPLACED),
            })
            .await
            .map_err(|failed| failed.harmless(doing()))?;
        Ok(answer::bind(&result))
    }

    /// One message of a SASL logon, and what the server has to say to it. Nothing is to be asked in between.
    #[cfg(feature = "kerberos")]
    pub(super) async fn sasl(
        &self,
        mechanism: &str,
        token: Option<&[u8]>,
        doing: &str,
    ) -> Result<(LdapResult, Vec<u8>), Fault> {
        self.ask(BIND_LIMIT, Request::Sasl { mechanism, token }, |answer| match answer {
            Answer::Bound { result, token } => Ok((result, token)),
            _ => Err(MISPLACED),
        })
        .await
        .map_err(|failed| failed.harmless(doing.to_owned()))
    }

    /// The server's certificate, in DER form; `None` when the connection has ended.
    #[cfg(feature = "kerberos")]
    pub(super) async fn certificate(&self) -> Option<Vec<u8>> {
        self.wire.lock().await.as_ref()?.wire.certificate()
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
        let filter = ldap3::parse_filter(filter)
            .map_err(|()| Fault::broken(doing(), format!("{filter} is no filter")).hint("report it"))?;
        let request = Request::Search {
            base,
            scope,
            filter: Element::of_filter(filter.into_structure()),
            attributes,
            entries_max: u32::try_from(MATCHES_MAX).unwrap_or(u32::MAX),
            seconds_max: u32::try_from(SEARCH_LIMIT.as_secs()).unwrap_or(u32::MAX),
        };
        let mut entries = Vec::new();
        let result = self
            .ask(SEARCH_LIMIT, request, |answer| match answer {
                Answer::Entry(_) if entries.len() == MATCHES_MAX => {
                    Err(Wait::Never("it has more objects than were asked for"))
                }
                Answer::Entry(entry) => {
                    entries.push(entry);
                    Err(Wait::ForMore)
                }
                Answer::Passing => Err(Wait::ForMore),
                Answer::Searched(result) => Ok(result),
                _ => Err(MISPLACED),
            })
            .await
            .map_err(|failed| failed.harmless(doing()))?;
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
        self.modify(dn, attribute, &[Change::Replace(&value.0)]).await
    }

    /// Takes one value of an attribute away and adds another, in one request.
    pub(super) async fn exchange(
        &self,
        dn: &str,
        attribute: &str,
        old: Octets,
        new: Octets,
    ) -> Result<LdapResult, Lost> {
        self.modify(dn, attribute, &[Change::Delete(&old.0), Change::Add(&new.0)]).await
    }

    async fn modify(&self, dn: &str, attribute: &str, changes: &[Change<'_>]) -> Result<LdapResult, Lost> {
        self.ask(MODIFY_LIMIT, Request::Modify { dn, attribute, changes }, |answer| match answer {
            Answer::Modified(result) => Ok(result),
            _ => Err(MISPLACED),
        })
        .await
        .map_err(|failed| failed.lost())
    }

    /// Sends one request and hands its answers on until one ends it.
    async fn ask<T>(
        &self,
        limit: Duration,
        request: Request<'_>,
        mut step: impl FnMut(Answer) -> Step<T>,
    ) -> Result<T, Failed> {
        let limit = deadline::within(limit);
        if limit.is_zero() {
            let over = Trouble::Cut("the time for this call is over".to_owned());
            return Err(Failed { sent: false, trouble: Some(over), limit });
        }
        let mut slot = self.wire.lock().await;
        let Some(mut line) = slot.take() else {
            let ended = Trouble::Cut("the connection had ended".to_owned());
            return Err(Failed { sent: false, trouble: Some(ended), limit });
        };
        line.id += 1;
        let (id, wire) = (line.id, &mut line.wire);
        let (writes, message) = (request.writes(), request.encode(id));
        let mut begun = false;
        let outcome = timeout(limit, async {
            wire.still_there().await?;
            if writes {
                // The last thing before the bytes leave.
                tenure::held("").await.map_err(Trouble::NotHeld)?;
            }
            begun = true;
            wire.send(&message).await?;
            loop {
                match step(wire.receive(id).await?) {
                    Ok(end) => return Ok(end),
                    Err(Wait::ForMore) => {}
                    Err(Wait::Never(cause)) => return Err(Trouble::Nonsense(cause.to_owned())),
                }
            }
        })
        .await;
        let trouble = match outcome {
            Ok(Ok(end)) => {
                *slot = Some(line);
                return Ok(end);
            }
            Ok(Err(trouble)) => Some(trouble),
            Err(_) => None,
        };
        // The wire is dropped here, which cuts it.
        Err(Failed { sent: begun && line.wire.may_have_left(), trouble, limit })
    }

    /// Says goodbye. After a lost write, drop the connection instead: that cuts it.
    pub(super) async fn close(self) {
        let Some(Numbered { wire, id }) = self.wire.into_inner() else { return };
        let goodbye = Request::Unbind.encode(id + 1);
        if !matches!(timeout(CLOSE_LIMIT, wire.close(&goodbye)).await, Ok(Ok(()))) {
            tracing::debug!(at = %self.at, "the domain controller did not take the goodbye");
        }
    }
}
