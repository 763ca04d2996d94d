//! A TCP proxy that cuts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// So many bytes went to the server.
    pub(crate) passed: Arc<AtomicUsize>,
    cut: Arc<Notify>,
    freeze: Arc<Notify>,
}

impl Proxy {
    /// Takes one connection, and cuts it both ways as soon as so many bytes went to the server.
    pub(crate) async fn start(to: u16, cut_after: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (passed, cut) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let freeze = Arc::new(Notify::new());
        let (count, cutting, freezing) = (Arc::clone(&passed), Arc::clone(&cut), Arc::clone(&freeze));
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let (mut client_in, mut client_out) = client.into_split();
            let (mut server_in, mut server_out) = server.into_split();
            let up = async {
                let mut part = vec![0; 4096];
                loop {
                    let room = (cut_after - count.load(Ordering::SeqCst)).min(part.len());
                    if room == 0 {
                        return;
                    }
                    let Ok(come @ 1..) = client_in.read(&mut part[..room]).await else { return };
                    server_out.write_all(&part[..come]).await.unwrap();
                    count.fetch_add(come, Ordering::SeqCst);
                }
            };
            tokio::select! {
                () = up => {}
                _ = tokio::io::copy(&mut server_in, &mut client_out) => {}
                () = cutting.notified() => {}
                () = freezing.notified() => std::future::pending().await,
            }
        });
        Self { port, passed, cut, freeze }
    }

    /// Cuts now.
    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }

    /// From now on nothing passes any more, and nobody is told.
    pub(crate) fn freeze(&self) {
        self.freeze.notify_one();
    }
}
