// needs: packages-ssh.txt
// limit: 600
//! The SSH transport against OpenSSH's own server, agent and key maker, on loopback, for the account that runs the tests:
//! it needs a shell to log on to.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise, and so may what helps it")]

mod ends;
mod host_keys;
mod hostile;
mod logon;
mod output;
mod proxy;
mod secrets;
mod sshd;

use std::time::Duration;

use providers::entra_connect::ssh::{Settings, SshTransport};
use providers::entra_connect::{Answer, Broken, Transport};
use zeroize::Zeroizing;

/// Long enough for everything that is to succeed on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// One exchange.
async fn exchange(settings: Settings, request: &[u8], limit: Duration) -> Result<Answer, Broken> {
    SshTransport::new(settings).exchange(&Zeroizing::new(request.to_vec()), limit).await
}

/// One exchange that must succeed, with a command that gives the request back.
async fn echoed(settings: Settings) {
    let answer = exchange(settings, b"a request\n", LIMIT).await.unwrap();
    assert_eq!((answer.output.as_slice(), answer.status), (b"a request\n".as_slice(), Some(0)), "{answer:?}");
}

/// One exchange that must break.
async fn broken(settings: Settings, limit: Duration) -> Broken {
    exchange(settings, b"a request\n", limit).await.unwrap_err()
}
