use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// How long one address of a server may take, so that a dead one leaves time for the next: a server is often known by an
/// IPv6 address that a firewall drops silently.
const EACH_LIMIT: Duration = Duration::from_secs(4);

/// A connection to the first of the host's addresses that answers; else what the last one said.
pub(super) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut why = io::Error::other("the name has no address");
    for address in lookup_host((host, port)).await? {
        why = match timeout(EACH_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(cause)) => cause,
            Err(_) => io::Error::other(format!("{address} does not answer within {} s", EACH_LIMIT.as_secs())),
        };
    }
    Err(why)
}
