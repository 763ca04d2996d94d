//! Ways to an agent that need no network: in memory, and as a process of its own, which is this program again.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use providers::entra_connect::envelope::{REQUEST_BYTES_MAX, Reply};
use providers::entra_connect::{Answer, Broken, ProcessTransport, Reached, Transport, agent, held};
use providers::lab::Lab;
use providers::port::tenure;
use tokio::sync::Notify;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::lab::{HOST, Place, setting};

/// The word that makes this program an agent.
pub(crate) const AGENT: &str = "agent";
/// The status of an agent that ended in the middle, as by SIGKILL.
const KILLED: i64 = 137;

/// An agent in this process. A call of the lab in which the process is to end gives no reply.
pub(crate) struct InMemory {
    place: Place,
}

impl InMemory {
    pub(crate) fn new(place: &Place) -> Self {
        Self { place: place.clone() }
    }
}

#[async_trait]
impl Transport for InMemory {
    fn address(&self) -> &str {
        "memory"
    }

    async fn exchange(&self, request: &Zeroizing<Vec<u8>>, limit: Duration) -> Result<Answer, Broken> {
        if self.place.closed.load(Ordering::SeqCst) {
            return Err(Broken::new(Reached::Nothing, "connection refused"));
        }
        tokio::time::sleep(self.place.delay()).await;
        held().await?;
        let ended = Arc::new(Notify::new());
        let end = Arc::clone(&ended);
        let lab = Lab::open(&self.place.dir, setting(Arc::new(move || end.notify_one()))).expect("the lab");
        let server = lab.server(HOST).expect("its server");
        let answered = async {
            tokio::select! {
                // Somebody else's process has none of our tenure.
                reply = tenure::within(None, agent::answer(&*server, request)) => Answer {
                    output: reply.encoded().expect("a reply").into_bytes(),
                    status: Some(0),
                    ..Answer::default()
                },
                () = ended.notified() => Answer { status: Some(KILLED), ..Answer::default() },
            }
        };
        timeout(limit, answered).await.map_err(|_| Broken::new(Reached::Request, "no answer in time"))
    }
}

/// An agent as a child of this process.
pub(crate) fn process(place: &Place) -> ProcessTransport {
    let program = std::env::current_exe().expect("this program's own path");
    let dir = place.dir.display().to_string();
    ProcessTransport::new(program.display().to_string(), vec![AGENT.to_owned(), dir])
}

/// What this program does as an agent: one request from standard input, one reply to standard output.
pub(crate) fn be_agent(dir: &Path) -> ExitCode {
    let mut request = Zeroizing::new(Vec::with_capacity(REQUEST_BYTES_MAX + 1));
    let limit = u64::try_from(REQUEST_BYTES_MAX + 1).expect("a small number");
    std::io::stdin().take(limit).read_to_end(&mut request).expect("standard input");
    let end = Arc::new(|| std::process::abort());
    let server = Lab::open(dir, setting(end)).expect("the lab").server(HOST).expect("its server");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let reply: Reply = runtime.block_on(agent::answer(&*server, &request));
    let line = reply.encoded().expect("a reply");
    std::io::stdout().write_all(line.as_bytes()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
