//! Names to addresses, in bounded time.
//!
//! The system's resolver can't be stopped: a dead name server holds it for half a minute and more. So it works on a
//! thread of its own that nobody waits for at the end of the process, and no more than a few at once.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::deadline;

/// A name that does not resolve in this time counts as not resolvable now.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);
/// Lookups that were given up hold their place until the system's resolver gives up too.
const LOOKUPS_MAX: usize = 8;
/// A domain controller has one or two; the name of a domain has one for each domain controller.
const ADDRESSES_MAX: usize = 8;

static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_MAX);

/// The addresses of `host`, at least one. `Err` is a fragment that begins with `the name`.
pub(super) async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let limit = deadline::within(RESOLVE_LIMIT);
    let found = timeout(limit, look_up(host.to_owned(), port))
        .await
        .unwrap_or_else(|_| Err(format!("the name is not resolved within {} s", limit.as_secs())))?;
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
}

async fn look_up(host: String, port: u16) -> Result<Vec<SocketAddr>, String> {
    let failed = |cause: String| format!("the name can't be resolved: {cause}");
    let place = LOOKUPS.acquire().await.map_err(|e| failed(e.to_string()))?;
    let (answer, answered) = oneshot::channel();
    let work = move || {
        let found = (host, port).to_socket_addrs().map(|found| found.take(ADDRESSES_MAX).collect());
        drop(place);
        // Nobody listens any more when it took too long.
        let _ = answer.send(found);
    };
    thread::Builder::new().name("resolve".to_owned()).spawn(work).map_err(|e| failed(e.to_string()))?;
    match answered.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("the resolver ended without an answer".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_addresses_in_bounded_time() {
        let given = addresses("127.0.0.9", 636).await.expect("it is one already");
        assert_eq!(given, [SocketAddr::from(([127, 0, 0, 9], 636))]);
        let local = addresses("localhost", 636).await.expect("every machine has it");
        assert!(local.iter().all(|address| address.ip().is_loopback() && address.port() == 636), "{local:?}");
        let none = addresses("no-such-host.invalid", 636).await.expect_err("nobody has it");
        assert!(none.starts_with("the name"), "{none}");

        // All places taken, as by a resolver that never answers.
        let all = LOOKUPS.acquire_many(u32::try_from(LOOKUPS_MAX).expect("a few")).await.expect("it is never closed");
        let begun = std::time::Instant::now();
        let none = addresses("localhost", 636).await.expect_err("nobody looks it up");
        assert_eq!(none, "the name is not resolved within 5 s");
        assert!(begun.elapsed() < RESOLVE_LIMIT + Duration::from_secs(3), "{:?}", begun.elapsed());
        drop(all);
        assert!(addresses("localhost", 636).await.is_ok());
    }
}
