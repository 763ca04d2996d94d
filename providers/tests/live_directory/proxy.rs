//! A TCP proxy in front of the domain controller that fails at a chosen moment. It can't read the encrypted
//! traffic, but it can count what the client sends.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::world::{ADDRESS, HOST};

/// Encrypted records that the client sends, in order: 1 ends the handshake (TLS 1.3), 2 is the bind, 3 the modify.
pub(crate) const BIND: usize = 2;
pub(crate) const MODIFY: usize = 3;

#[derive(Clone, Copy)]
pub(crate) enum Mischief {
    /// Cuts both sides before the record is passed on.
    CutBefore,
    /// Passes the record on, waits for the answer, cuts.
    CutAfter,
    /// Passes the record on and never any answer.
    Swallow,
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    /// Whether a client cut its side hard, so that nothing it still held can arrive.
    reset: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens beside the domain controller; fails every connection at its record number `at`.
    pub(crate) async fn start(mischief: Mischief, at: usize) -> Self {
        let listener = TcpListener::bind((ADDRESS, 0)).await.expect("an address of our own");
        let port = listener.local_addr().expect("it is bound").port();
        let reset = Arc::new(AtomicBool::new(false));
        let noticed = Arc::clone(&reset);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                tokio::spawn(serve(client, mischief, at, Arc::clone(&noticed)));
            }
        });
        Self { url: format!("ldaps://{HOST}:{port}"), reset, task }
    }

    pub(crate) async fn was_reset(&self) -> bool {
        // The news of it travels through the kernel.
        for _ in 0..20 {
            if self.reset.load(Ordering::SeqCst) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, mischief: Mischief, at: usize, reset: Arc<AtomicBool>) {
    const APPLICATION_DATA: u8 = 23;
    let server = TcpStream::connect((ADDRESS, 636)).await.expect("the domain controller listens");
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let answers = Arc::new(Answers::default());
    let passing = tokio::spawn(Arc::clone(&answers).pass(from_server, to_client));
    let mut records = 0;
    loop {
        let mut record = vec![0; 5];
        if let Err(error) = from_client.read_exact(&mut record).await {
            reset.store(error.kind() == ErrorKind::ConnectionReset, Ordering::SeqCst);
            break;
        }
        records += usize::from(record[0] == APPLICATION_DATA);
        let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
        record.resize(5 + length, 0);
        if from_client.read_exact(&mut record[5..]).await.is_err() {
            break;
        }
        if records == at {
            answers.muted.store(true, Ordering::SeqCst);
            if matches!(mischief, Mischief::CutBefore) {
                break;
            }
        }
        if to_server.write_all(&record).await.is_err() {
            break;
        }
        if records == at && matches!(mischief, Mischief::CutAfter) {
            answers.withheld.notified().await;
            break;
        }
    }
    passing.abort();
}

/// The way back to the client.
#[derive(Default)]
struct Answers {
    muted: AtomicBool,
    /// Told when an answer came that was not passed on.
    withheld: Notify,
}

impl Answers {
    /// Passes answers on until muted; then takes them, and keeps the client's connection open all the same.
    async fn pass(self: Arc<Self>, mut from_server: OwnedReadHalf, mut to_client: OwnedWriteHalf) {
        let mut answer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from_server.read(&mut answer).await {
            if self.muted.load(Ordering::SeqCst) {
                self.withheld.notify_one();
            } else if to_client.write_all(&answer[..length]).await.is_err() {
                return;
            }
        }
    }
}
