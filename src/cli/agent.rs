//! `agent`: answers one request about the Connect server that it runs on, for an entra-rotator elsewhere.

use std::io::{IsTerminal, Read, Write};
use std::time::Duration;

use providers::entra_connect::agent;
use providers::entra_connect::envelope::REQUEST_BYTES_MAX;
use zeroize::Zeroizing;

use super::arguments::{AgentOptions, Global};
use super::output::say;
use super::session;
use crate::order::{self, Exit, sentence};
use crate::wiring;

/// How long a request may take to arrive.
const REQUEST_LIMIT: Duration = Duration::from_secs(60);

pub(super) async fn run(global: &Global, options: &AgentOptions) -> Exit {
    if std::io::stdin().is_terminal() {
        say(
            "the agent is asked by entra-rotator itself, with one request on standard input\n  next step: name this server \
             in the configuration of the entra-rotator that is to reach it, as [[server]] with kind = \"ssh\" or \"winrm\"",
        );
        return Exit::Usage;
    }
    let server = if global.lab {
        session::lab_dir(global).and_then(|dir| {
            wiring::lab_server(&dir, global.lab_world.as_deref(), options.lab_server.as_deref())
                .map_err(|fault| usage(&sentence(&fault)))
        })
    } else {
        wiring::this_server(&order::host()).map_err(|fault| usage(&sentence(&fault)))
    };
    let server = match server {
        Ok(server) => server,
        Err(exit) => return exit,
    };
    let request = match request().await {
        Ok(request) => request,
        Err(cause) => return usage(&format!("no request was read from standard input: {cause}")),
    };
    let reply = match agent::answer(&*server, &request).await.encoded() {
        Ok(reply) => reply,
        Err(cause) => return usage(&format!("the reply can't be written: {cause}")),
    };
    // What was done is done. Nobody may be there to hear of it any more; then the next look shows it.
    let mut out = std::io::stdout();
    let _ = out.write_all(reply.as_bytes()).and_then(|()| out.flush());
    Exit::Done
}

fn usage(what: &str) -> Exit {
    say(what);
    Exit::Usage
}

/// All of standard input, up to one byte more than a request may have.
async fn request() -> Result<Zeroizing<Vec<u8>>, String> {
    let (read, comes) = tokio::sync::oneshot::channel();
    // In a thread that nobody waits for: a read that hangs must not keep the process.
    std::thread::spawn(move || {
        let most = REQUEST_BYTES_MAX + 1;
        // A buffer that grows leaves copies of a secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
        let done = std::io::stdin().take(most as u64).read_to_end(&mut bytes);
        let _ = read.send(done.map(|_| bytes).map_err(|cause| cause.to_string()));
    });
    match tokio::time::timeout(REQUEST_LIMIT, comes).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err("its reader is gone".to_owned()),
        Err(_) => Err(format!("it did not end within {} s", REQUEST_LIMIT.as_secs())),
    }
}
