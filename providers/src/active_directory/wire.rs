//! One TLS connection that carries LDAP messages, within bounds.
//!
//! ldap3's own connection is not used. It reads an answer of any size, nested as deep as the sender likes: 12 KB
//! of brackets overflow the stack and end the process, a length of 4 GB is waited for, and other odd answers
//! panic in its task, which prints a backtrace on a person's terminal. A relay between it and the network could
//! count bytes, but not look into TLS, and a few kilobytes are enough. Its codec alone can't be used either: it
//! is private. So the bytes are read here, each message only after its length is known to be small; ldap3 is
//! left with what it does well without a peer, the filters.
//!
//! Reading the bytes ourselves also answers the one question that a lost write leaves: whether the request may
//! have left. TLS records are whole or nothing to the other side, so a request of which a single byte is still
//! here can't be understood there.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::handshake_fault;
use super::deadline;
use super::endpoint::Endpoint;
use super::message::{self, Answer};
use super::{answer, resolve};
use crate::port::Fault;

/// To open the TCP connection, for all of a host's addresses together.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// To shake hands.
const TLS_LIMIT: Duration = Duration::from_secs(10);
/// All that a server may send on one connection, as it is on the network. A call that reads an account takes
/// about 50 KiB.
const RECEIVED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Read at once. No more than this is kept beyond the message that is waited for.
const READ_BYTES: usize = 16 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection ended.
    Cut(String),
    /// The server sent what no server should send.
    Nonsense(String),
    /// Nothing was sent: we may not act any more.
    NotHeld(Fault),
}

/// A connection, shaken hands with a verified server. Dropped, it is cut hard.
pub(super) struct Wire {
    tls: TlsStream<Metered>,
    /// What came in.
    received: Vec<u8>,
    /// How much of it was read.
    read: usize,
    /// Whether a request was handed to TLS as a whole.
    handed_over: bool,
}

impl Wire {
    /// Resolves, connects, and shakes hands with a verified server. Not connected is `Later`, a server that can't
    /// be trusted is `Broken`.
    pub(super) async fn open(at: &Endpoint, config: &Arc<ClientConfig>) -> Result<Self, Fault> {
        let doing = || format!("connecting to the domain controller {at}");
        if deadline::within(CONNECT_LIMIT).is_zero() {
            return Err(Fault::later(doing(), "the time for this call is over")
                .hint("see which of the domain controllers that were asked before are slow or unreachable"));
        }
        let name = ServerName::try_from(at.host.clone()).map_err(|_| {
            Fault::broken(doing(), "its name can't stand in a certificate").hint("name it by its host name")
        })?;
        let tcp = connect(at).await.map_err(|cause| {
            let hint = if cause.starts_with("the name") {
                "look at the spelling of the name, and at this machine's name resolution"
            } else {
                "see that it runs, is reachable from here, and listens for LDAPS"
            };
            Fault::later(doing(), cause).hint(hint)
        })?;
        let limit = deadline::within(TLS_LIMIT);
        let tls = timeout(
            limit,
            TlsConnector::from(Arc::clone(config)).connect(name, Metered { tcp, received: 0, polite: false }),
        )
        .await
        .map_err(|_| {
            Fault::later(doing(), format!("no TLS handshake within {} s", limit.as_secs()))
                .hint("see that this port speaks LDAPS")
        })?
        .map_err(|error| handshake_fault(doing(), at, &error))?;
        Ok(Self { tls, received: Vec::new(), read: 0, handed_over: false })
    }

    /// The server's certificate, in DER form.
    #[cfg(feature = "kerberos")]
    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        self.tls.get_ref().1.peer_certificates()?.first().map(|certificate| certificate.to_vec())
    }

    /// Whether the server is still there, as far as that is known here. What it says unasked is read.
    pub(super) async fn still_there(&mut self) -> Result<(), Trouble> {
        self.handed_over = false;
        // Lets the runtime hear what the network has to tell.
        tokio::task::yield_now().await;
        loop {
            if let Some((_, answer)) = self.next_received()? {
                return Err(unasked(&answer));
            }
            // Once, without waiting.
            match poll_fn(|context| Poll::Ready(self.poll_more(context))).await {
                Poll::Pending => return Ok(()),
                Poll::Ready(more) => more?,
            }
        }
    }

    /// Sends a request. What became of it after a failure, [`may_have_left`](Self::may_have_left) says.
    pub(super) async fn send(&mut self, request: &[u8]) -> Result<(), Trouble> {
        self.handed_over = false;
        self.tls.write_all(request).await.map_err(cut)?;
        self.handed_over = true;
        self.tls.flush().await.map_err(cut)
    }

    /// Whether the last byte of the request may be on its way. As long as one is here, the rest is of no use to
    /// anybody: it is part of a TLS record, or of a message, that is not whole.
    pub(super) fn may_have_left(&self) -> bool {
        self.handed_over && !self.tls.get_ref().1.wants_write()
    }

    /// The answer to request number `id`, or one of several.
    pub(super) async fn receive(&mut self, id: u32) -> Result<Answer, Trouble> {
        loop {
            match self.next_received()? {
                Some((_, answer @ Answer::Farewell(_))) => return Err(unasked(&answer)),
                Some((of, answer)) if of == id => return Ok(answer),
                Some(_) => return Err(Trouble::Nonsense("it answers what was not asked".to_owned())),
                None => poll_fn(|context| self.poll_more(context)).await?,
            }
        }
    }

    /// The next message of those that came in.
    fn next_received(&mut self) -> Result<Option<(u32, Answer)>, Trouble> {
        let nonsense = |cause: &str| Trouble::Nonsense(cause.to_owned());
        let Some(length) = message::length(&self.received[self.read..]).map_err(nonsense)? else { return Ok(None) };
        let Some(bytes) = self.received[self.read..].get(..length) else { return Ok(None) };
        let message = message::read(bytes).ok_or_else(|| nonsense("it can't be read"))?;
        self.read += length;
        Ok(Some(message))
    }

    /// Waits until more came in.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Trouble>> {
        let mut room = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut room);
        std::task::ready!(Pin::new(&mut self.tls).poll_read(context, &mut buffer)).map_err(cut)?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Err(cut(io::ErrorKind::UnexpectedEof.into())));
        }
        self.received.drain(..self.read);
        self.read = 0;
        self.received.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }

    /// Says goodbye, and lets what was sent arrive.
    pub(super) async fn close(mut self, goodbye: &[u8]) -> Result<(), Trouble> {
        self.send(goodbye).await?;
        self.tls.shutdown().await.map_err(cut)?;
        self.tls.get_mut().0.polite = true;
        Ok(())
    }
}

/// What an error of the stream says about the other side.
fn cut(error: io::Error) -> Trouble {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (tls, error.kind()) {
        (Some(rustls::Error::AlertReceived(alert)), _) => Trouble::Cut(format!("the server ended TLS: {alert:?}")),
        (Some(broken), _) => Trouble::Nonsense(format!("TLS is broken: {broken}")),
        (None, io::ErrorKind::UnexpectedEof) => Trouble::Cut("the server closed the connection".to_owned()),
        // Ours, or rustls' own bounds.
        (None, io::ErrorKind::Other | io::ErrorKind::InvalidData) => Trouble::Nonsense(error.to_string()),
        (None, _) => Trouble::Cut(format!("the connection was cut: {error}")),
    }
}

fn unasked(answer: &Answer) -> Trouble {
    match answer {
        Answer::Farewell(result) => Trouble::Cut(format!("the server ended the connection: {}", answer::words(result))),
        _ => Trouble::Nonsense("it answers what was not asked".to_owned()),
    }
}

async fn connect(at: &Endpoint) -> Result<TcpStream, String> {
    let addresses = resolve::addresses(&at.host, at.port).await?;
    let end = Instant::now() + deadline::within(CONNECT_LIMIT);
    let mut cause = "no connection".to_owned();
    for (left, address) in (1..=u32::try_from(addresses.len()).unwrap_or(u32::MAX)).rev().zip(&addresses) {
        // Each has its share of the time: one that swallows everything leaves something for the next.
        let share = end.saturating_duration_since(Instant::now()) / left;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(|e| e.to_string())?;
                return Ok(stream);
            }
            Ok(Err(error)) => cause = format!("no connection to {address}: {error}"),
            Err(_) => cause = format!("no connection to {address} within {:.1} s", share.as_secs_f32()),
        }
    }
    Err(cause)
}

/// A TCP connection that takes no more than so much from the other side, and that is cut hard when it is dropped.
///
/// What was not sent by now must never arrive: a set that was given up and then comes out of a buffer, minutes
/// later, would look like somebody else's.
struct Metered {
    tcp: TcpStream,
    received: usize,
    /// What was sent may still arrive.
    polite: bool,
}

impl Drop for Metered {
    fn drop(&mut self) {
        if !self.polite
            && let Err(error) = self.tcp.set_zero_linger()
        {
            tracing::debug!(%error, "the connection to the domain controller could not be reset");
        }
    }
}

/// The other side does not stop.
#[derive(Debug)]
struct TooMuch;

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it sends more than {} MiB", RECEIVED_BYTES_MAX / 1024 / 1024)
    }
}

impl Error for TooMuch {}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.received > RECEIVED_BYTES_MAX {
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut self.tcp).poll_read(cx, buf))?;
        self.received += buf.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
