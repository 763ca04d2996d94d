//! Logon by Kerberos: libkrb5 on Unix, SSPI on Windows, with the ticket of the process itself.
//!
//! On Unix libkrb5 gets it from the client keytab that `KRB5_CLIENT_KTNAME` or krb5.conf names. On Windows it is the account
//! that the process runs as. The logon is bound to the TLS connection.

use std::thread;
use std::time::Duration;

use cross_krb5::{ClientCtx, InitiateFlags, PendingClientCtx, Step};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::entra_connect::transport::{Broken, Reached};

/// What the server's last message is held against.
pub(super) type Context = PendingClientCtx;

/// For the ticket and the service's ticket. libkrb5 asks each KDC several times.
const TICKET_LIMIT: Duration = Duration::from_secs(20);
/// A logon that was given up still sits in libkrb5 until that gives up too. No more than these at once.
const LOGONS_MAX: usize = 4;
/// The longest piece of libkrb5's own words that goes into a cause.
const CAUSE_CHARS_MAX: usize = 300;
const HINT: &str = "see what `kinit` and `kvno HTTP/` with the host's name say here; the server needs the service principal \
                    name HTTP/ (or HOST/) and the url its full host name";

static LOGONS: Semaphore = Semaphore::const_new(LOGONS_MAX);

/// The context, and its first token for the server.
pub(super) async fn begin(host: &str, binding: Option<Vec<u8>>) -> Result<(Context, Vec<u8>), Broken> {
    let late = |_| {
        let cause = format!("Kerberos has no ticket within {} s", TICKET_LIMIT.as_secs());
        Err(Broken::new(Reached::Nothing, cause).hint("see that port 88 of a domain controller is reachable from here"))
    };
    timeout(TICKET_LIMIT, ask(format!("HTTP/{host}"), binding)).await.unwrap_or_else(late)
}

/// libkrb5 blocks its thread while it asks the KDC, so it gets one of its own, which can't be stopped.
async fn ask(service: String, binding: Option<Vec<u8>>) -> Result<(Context, Vec<u8>), Broken> {
    let permit = LOGONS.acquire().await.map_err(|_| Broken::new(Reached::Nothing, "no logon is allowed any more"))?;
    let (tell, told) = oneshot::channel();
    let ask = move || {
        // Inside TLS nothing is encrypted once more.
        let flags = InitiateFlags::DISABLE_CONFIDENTIALITY;
        let begun = ClientCtx::new(flags, None, &service, binding.as_deref());
        // Nobody listens any more when the logon was given up.
        let _ =
            tell.send(begun.map(|(context, token)| (context, token.to_vec())).map_err(|error| format!("{error:#}")));
        drop(permit);
    };
    thread::Builder::new()
        .name("kerberos".to_owned())
        .spawn(ask)
        .map_err(|error| Broken::new(Reached::Nothing, format!("there is no thread for Kerberos: {error}")))?;
    match told.await {
        Ok(begun) => begun.map_err(|said| explain(&said)),
        Err(_) => Err(Broken::new(Reached::Nothing, "libkrb5 ended without an answer")),
    }
}

/// The server's own proof.
pub(super) fn finish(context: Context, proof: &[u8]) -> Result<(), Broken> {
    match context.step(proof) {
        Ok(Step::Finished(_)) => Ok(()),
        Ok(Step::Continue(_)) => Err(Broken::new(Reached::Refused, "the server wants more messages than Kerberos has")),
        Err(error) => Err(explain(&format!("{error:#}"))),
    }
}

/// A KDC that can't be reached passes by itself; everything else waits for a person.
fn explain(said: &str) -> Broken {
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CAUSE_CHARS_MAX).collect();
    let low = said.to_lowercase();
    let unreached = ["cannot contact any kdc", "unable to reach any kdc", "no authority could be contacted"];
    let reached = if unreached.iter().any(|words| low.contains(words)) { Reached::Nothing } else { Reached::Settings };
    Broken::new(reached, format!("Kerberos says no ({said})")).hint(HINT)
}
