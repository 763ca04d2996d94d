//! RFC 5424, by ourselves: one message of one form. The crates for it write where they like and know no deadline.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

use super::{HeadChannel, HeadLine};
use crate::clock::{Clock, SystemClock};
use crate::notify::Undelivered;

/// Facility 13, log audit; severity 5, notice.
const PRIORITY: u8 = 13 * 8 + 5;

/// The longest name of a host in a message.
const HOST_MAX: usize = 255;

/// A receiver of syslog. None of its ways says that a message arrived: what counts as delivered is what could be handed over.
pub(super) struct Syslog {
    address: String,
    host: String,
}

impl Syslog {
    pub(super) fn new(address: &str, host: &str) -> Self {
        Self { address: address.to_owned(), host: host.to_owned() }
    }
}

#[async_trait]
impl HeadChannel for Syslog {
    async fn send(&self, head: &HeadLine) -> Result<(), Undelivered> {
        let message = message(SystemClock.now(), &self.host, std::process::id(), &head.line);
        let sent = if let Some(at) = self.address.strip_prefix("udp://") {
            udp(at, message.as_bytes()).await
        } else if let Some(at) = self.address.strip_prefix("tcp://") {
            tcp(at, &message).await
        } else {
            local(self.address.trim_start_matches("unix:"), message.as_bytes()).await
        };
        sent.map_err(|cause| Undelivered::for_now(format!("{}: {cause}", self.address)))
    }
}

/// The message. Its text is JSON in ASCII or UTF-8, which a receiver takes as it is.
fn message(at: Timestamp, host: &str, process: u32, line: &str) -> String {
    let printable = host.chars().filter(char::is_ascii_graphic).take(HOST_MAX).collect::<String>();
    let host = if printable.is_empty() { "-" } else { &printable };
    let at = at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
    format!("<{PRIORITY}>1 {at} {host} entra-rotator {process} history-head - {line}")
}

async fn udp(at: &str, message: &[u8]) -> std::io::Result<()> {
    let mut failed = std::io::Error::other("the name has no address");
    for address in tokio::net::lookup_host(at).await? {
        let ours = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(ours).await?;
        match socket.send_to(message, address).await {
            Ok(_) => return Ok(()),
            Err(cause) => failed = cause,
        }
    }
    Err(failed)
}

/// With the message's length before it (RFC 6587, 3.4.1): a line feed in it could not end it.
async fn tcp(at: &str, message: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(format!("{} {message}", message.len()).as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(unix)]
async fn local(path: &str, message: &[u8]) -> std::io::Result<()> {
    let socket = tokio::net::UnixDatagram::unbound()?;
    socket.send_to(message, path).await.map(drop)
}

#[cfg(not(unix))]
async fn local(_: &str, _: &[u8]) -> std::io::Result<()> {
    Err(std::io::Error::other("only Unix has a local socket for syslog: name udp:// or tcp://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_of_rfc_5424() {
        let at: Timestamp = "2026-11-22T08:00:00.123456789Z".parse().unwrap();
        assert_eq!(
            message(at, "SYNC1", 7, r#"{"a":1}"#),
            r#"<109>1 2026-11-22T08:00:00.123456Z SYNC1 entra-rotator 7 history-head - {"a":1}"#
        );
        // A host's name can't bring fields of its own.
        assert!(message(at, "a b\nc", 7, "x").contains("Z abc entra-rotator 7 "));
        assert!(message(at, " ", 7, "x").contains("Z - entra-rotator 7 "));
    }
}
