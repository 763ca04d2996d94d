//! A server that speaks TLS and reads LDAP requests as any other, and then does what its test says.

use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::bytes::bound;
use crate::certificates::{Authority, GOOD};
use crate::world::World;

/// Listens until it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves each TCP connection with `conduct`.
pub(crate) async fn tcp<F: Future<Output = ()> + Send + 'static>(
    conduct: impl Fn(TcpStream) -> F + Send + 'static,
) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port of our own");
    serve(listener, conduct)
}

/// The same, and the network holds no more than a few kilobytes of what nobody reads.
pub(crate) async fn narrow_tcp<F: Future<Output = ()> + Send + 'static>(
    conduct: impl Fn(TcpStream) -> F + Send + 'static,
) -> Server {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small one");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port of our own");
    serve(socket.listen(16).expect("it is bound"), conduct)
}

fn serve<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    conduct: impl Fn(TcpStream) -> F + Send + 'static,
) -> Server {
    let port = listener.local_addr().expect("it is bound").port();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("it is a TCP stream");
            tokio::spawn(conduct(stream));
        }
    });
    Server { port, task }
}

/// Shakes hands on each connection, if the client wants to, and serves it with `conduct`.
pub(crate) async fn tls<F: Future<Output = ()> + Send + 'static>(
    config: Arc<ServerConfig>,
    conduct: impl Fn(Session) -> F + Clone + Send + Sync + 'static,
) -> Server {
    tcp(move |stream| {
        let (acceptor, conduct) = (TlsAcceptor::from(Arc::clone(&config)), conduct.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                conduct(Session { stream }).await;
            }
        }
    })
    .await
}

/// A directory, and the server behind it, whose certificate is good and whose conduct is not.
pub(crate) async fn world<F: Future<Output = ()> + Send + 'static>(
    conduct: impl Fn(Session) -> F + Clone + Send + Sync + 'static,
) -> (World, Server) {
    let authority = Authority::new();
    let server = tls(authority.server(&GOOD), conduct).await;
    (World::new(server.port, authority.pem()), server)
}

/// One connection of the adapter's. When the other side is gone, everything here ends quietly.
pub(crate) struct Session {
    pub(crate) stream: TlsStream<TcpStream>,
}

/// What the client asks.
pub(crate) const BIND: u8 = 0x60;
pub(crate) const SEARCH: u8 = 0x63;
pub(crate) const MODIFY: u8 = 0x66;

impl Session {
    /// The next request: its number and its kind. `None` when the client is gone.
    pub(crate) async fn request(&mut self) -> Option<(u8, u8)> {
        let tag = self.byte().await?;
        assert_eq!(tag, 0x30, "not a message");
        let mut length = usize::from(self.byte().await?);
        if length >= 0x80 {
            let mut count = length & 0x7f;
            length = 0;
            while count > 0 {
                length = length << 8 | usize::from(self.byte().await?);
                count -= 1;
            }
        }
        let mut content = vec![0; length];
        self.stream.read_exact(&mut content).await.ok()?;
        // 02 01 id kind: there are never more than a few requests.
        Some((content[2], content[3]))
    }

    async fn byte(&mut self) -> Option<u8> {
        self.stream.read_u8().await.ok()
    }

    /// Answers logons, until something else is asked.
    pub(crate) async fn after_logon(&mut self) -> Option<(u8, u8)> {
        loop {
            match self.request().await? {
                (id, BIND) => self.send(&bound(id, 0, "")).await?,
                other => return Some(other),
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).await.ok()?;
        self.stream.flush().await.ok()
    }

    /// Sends the same again and again, as long as somebody takes it.
    pub(crate) async fn flood(&mut self, bytes: &[u8]) {
        let many = bytes.repeat((16 * 1024 / bytes.len()).max(1));
        while self.stream.write_all(&many).await.is_ok() {}
    }

    /// Waits for the client to go.
    pub(crate) async fn linger(&mut self) {
        while self.byte().await.is_some() {}
    }
}
