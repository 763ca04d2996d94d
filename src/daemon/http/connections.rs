//! How many connections are let in, and how long one may take nothing of what it asked for. The rotator needs descriptors of
//! its own: whoever connects must not be able to use them up.

use std::collections::BTreeMap;
use std::future::{Future, Ready, ready};
use std::io::{self, ErrorKind, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::tries::network_of;

/// What a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How long it may take for its side of a handshake, and for the head of each request.
    pub(super) head: Duration,
    /// How long it may read nothing of an answer.
    pub(super) stall: Duration,
    /// Connections in all.
    pub(super) all: usize,
    /// Connections of one address.
    pub(super) of_one: usize,
}

impl Limits {
    /// A process may have 1,024 descriptors in most places.
    pub(super) const USUAL: Self =
        Self { head: Duration::from_secs(10), stall: Duration::from_secs(60), all: 256, of_one: 64 };
}

/// Lets connections in as long as there is room. One that is not let in is closed at once, before any handshake.
#[derive(Clone)]
pub(super) struct Gate {
    limits: Limits,
    inside: Arc<Inside>,
}

/// How many connections there are, by where they come from.
#[derive(Default)]
struct Inside(Mutex<Count>);

#[derive(Default)]
struct Count {
    of: BTreeMap<IpAddr, usize>,
    all: usize,
    /// It was told that there are too many, and they have not gone since.
    is_told: bool,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, inside: Arc::default() }
    }

    fn place(&self, from: IpAddr) -> Option<Placed> {
        let network = network_of(from);
        let mut count = self.inside.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = count.of.get(&network).copied().unwrap_or_default();
        if count.all >= self.limits.all || of_one >= self.limits.of_one {
            if !std::mem::replace(&mut count.is_told, true) {
                tracing::warn!(%from, of_one, all = count.all, "too many connections: further ones are closed at once");
            }
            return None;
        }
        count.of.insert(network, of_one + 1);
        count.all += 1;
        Some(Placed { network, inside: Arc::clone(&self.inside) })
    }

    fn enter(&self, stream: TcpStream) -> io::Result<Watched> {
        let placed = self.place(stream.peer_addr()?.ip());
        let placed = placed.ok_or_else(|| io::Error::other("too many connections"))?;
        Ok(Watched { stream, limit: self.limits.stall, stalled: None, _placed: placed })
    }
}

impl<S> Accept<TcpStream, S> for Gate {
    type Stream = Watched;
    type Service = S;
    type Future = Ready<io::Result<(Watched, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.enter(stream).map(|stream| (stream, service)))
    }
}

/// A connection's place, given back when it goes.
struct Placed {
    network: IpAddr,
    inside: Arc<Inside>,
}

impl Drop for Placed {
    fn drop(&mut self) {
        let mut count = self.inside.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = count.of.get(&self.network).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            count.of.remove(&self.network);
        } else {
            count.of.insert(self.network, left);
        }
        count.all = count.all.saturating_sub(1);
        if count.all == 0 {
            count.is_told = false;
        }
    }
}

/// A connection that ends when nobody reads what is written to it.
pub(super) struct Watched {
    stream: TcpStream,
    limit: Duration,
    /// Runs while nothing can be written.
    stalled: Option<Pin<Box<Sleep>>>,
    _placed: Placed,
}

impl Watched {
    /// Writes, or says that this was in vain for too long.
    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let written = write(Pin::new(&mut self.stream), context);
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        stalled.as_mut().poll(context).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
