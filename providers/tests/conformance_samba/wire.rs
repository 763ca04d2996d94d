//! A TCP wire in front of a domain controller that can lose one reply on demand. It can't read the encrypted traffic,
//! but it can count what the client sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const LDAPS_PORT: u16 = 636;
/// The first byte of an encrypted record.
const APPLICATION_DATA: u8 = 23;
/// Encrypted records that the client sends, in order: 1 ends the handshake (TLS 1.3), 2 is the bind, 3 the modify.
const BIND: usize = 2;
const MODIFY: usize = 3;
/// How long a logon is held.
pub(crate) const DELAY: Duration = Duration::from_secs(1);

/// One wire; ended when dropped.
pub(crate) struct Wire {
    losing: Arc<AtomicBool>,
    delaying: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    /// Listens on the domain controller's own address.
    pub(crate) async fn start(address: &'static str, port: u16) -> Self {
        let listener = TcpListener::bind((address, port)).await.expect("an address of our own");
        let (losing, delaying) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (lose, delay) = (Arc::clone(&losing), Arc::clone(&delaying));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, address, Arc::clone(&lose), Arc::clone(&delay)));
            }
        });
        Self { losing, delaying, task }
    }

    /// Whether the next third request of a connection loses its answer.
    pub(crate) fn lose(&self, next: bool) {
        self.losing.store(next, Ordering::SeqCst);
    }

    /// Whether the next logon of a connection is held for a while before it is passed on.
    pub(crate) fn delay(&self, next: bool) {
        self.delaying.store(next, Ordering::SeqCst);
    }
}

async fn carry(client: TcpStream, address: &str, losing: Arc<AtomicBool>, delaying: Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect((address, LDAPS_PORT)).await else { return };
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let answers = Arc::new(Answers::default());
    let passing = tokio::spawn(Arc::clone(&answers).pass(from_server, to_client));
    let mut records = 0;
    while let Some(record) = record(&mut from_client).await {
        records += usize::from(record[0] == APPLICATION_DATA);
        let lost = records == MODIFY && record[0] == APPLICATION_DATA && losing.swap(false, Ordering::SeqCst);
        if records == BIND && record[0] == APPLICATION_DATA && delaying.swap(false, Ordering::SeqCst) {
            tokio::time::sleep(DELAY).await;
        }
        if lost {
            answers.muted.store(true, Ordering::SeqCst);
        }
        if to_server.write_all(&record).await.is_err() {
            break;
        }
        if lost {
            answers.withheld.notified().await;
            break;
        }
    }
    passing.abort();
}

async fn record(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record).await.ok()?;
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    from.read_exact(&mut record[5..]).await.ok()?;
    Some(record)
}

/// The way back to the client.
#[derive(Default)]
struct Answers {
    muted: AtomicBool,
    /// Told when an answer came that was not passed on.
    withheld: Notify,
}

impl Answers {
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
