//! The other side: one request in, one reply out.

use serde::Serialize;
use serde_json::Value;

use super::Operation;
use super::envelope::{Outcome, PROTOCOL, REQUEST_BYTES_MAX, Reply, Request};
use crate::port::{ConnectServer, Fault, step_scope};

/// What the version of a request is read from, whatever else is in it.
#[derive(serde::Deserialize)]
struct Version {
    protocol: u32,
}

/// Reads one request, does what it asks for with `server`, and gives the reply. Never fails: what can't be read or done is
/// a reply too.
pub async fn answer(server: &dyn ConnectServer, request: &[u8]) -> Reply {
    let (operation, outcome) = match read(request) {
        Err(fault) => (String::new(), Outcome::Fault(fault)),
        Ok(Request { step, operation, .. }) => {
            let name = operation.name().to_owned();
            let done = step_scope::within(step, act(server, operation)).await;
            (name, done.map_or_else(Outcome::Fault, Outcome::Done))
        }
    };
    Reply { protocol: PROTOCOL, operation, outcome }
}

fn read(request: &[u8]) -> Result<Request, Fault> {
    const DOING: &str = "reading the request";
    if request.len() > REQUEST_BYTES_MAX {
        return Err(Fault::broken(DOING, format!("it is longer than {REQUEST_BYTES_MAX} bytes")));
    }
    // A reader's message would name the value that it did not expect, which may be a secret: only the place is told.
    let unread = |cause: serde_json::Error| {
        Fault::broken(DOING, format!("it is no request, at byte {} of its line {}", cause.column(), cause.line()))
            .hint("`entra-rotator agent` is asked by entra-rotator itself, with one line of JSON on standard input")
    };
    let version: Version = serde_json::from_slice(request).map_err(unread)?;
    if version.protocol != PROTOCOL {
        let cause = format!("it speaks version {} of the protocol, this agent {PROTOCOL}", version.protocol);
        return Err(Fault::broken(DOING, cause).hint("install the same version of entra-rotator on both sides"));
    }
    serde_json::from_slice(request).map_err(unread)
}

async fn act(server: &dyn ConnectServer, operation: Operation) -> Result<Value, Fault> {
    use Operation as Op;
    match operation {
        Op::Describe => value(server.describe().await?),
        Op::PauseScheduler { restore, restore_at } => value(server.pause_scheduler(restore, restore_at).await?),
        Op::ReleaseScheduler { enabled } => value(server.release_scheduler(enabled).await?),
        Op::SetConnectorPassword { connector, secret } => {
            value(server.set_connector_password(&connector, &secret.0).await?)
        }
        Op::SetServiceLogon { account, secret } => value(server.set_service_logon(&account, &secret.0).await?),
        Op::LocalUser { account } => value(server.local_user(&account).await?),
        Op::ChangeLocalPassword { account, old, new } => {
            value(server.change_local_password(&account, &old.0, &new.0).await?)
        }
        Op::LocalLogon { account, secret } => value(server.local_logon(&account, &secret.0).await?),
        Op::Stop => value(server.stop().await?),
        Op::Start => value(server.start().await?),
        Op::Restart => value(server.restart().await?),
        Op::StoredLogon { connector } => value(server.stored_logon(&connector).await?),
        Op::Prove { connector } => value(server.prove(&connector).await?),
        Op::ResetEntraAccount { user, secret } => value(server.reset_entra_account(&user, &secret.0).await?),
        Op::Events { since } => value(server.events(since).await?),
        Op::Runs { connector } => value(server.runs(&connector).await?),
    }
}

fn value(done: impl Serialize) -> Result<Value, Fault> {
    // It was done: that it can't be told is no reason to call it undone.
    serde_json::to_value(done).map_err(|cause| Fault::unclear("writing the reply", cause.to_string()))
}
