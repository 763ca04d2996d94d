use std::collections::BTreeSet;

use providers::port::QuiesceMode;

use crate::engine::Wish;
use crate::journal::{Busy, Journal, Lease};

/// Who we are, for the journal and for whoever finds the lease taken.
pub fn initiator() -> String {
    let user = ["SUDO_USER", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    #[cfg(unix)]
    let no_name = format!("uid {}", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    let no_name = "unknown".to_owned();
    format!("{}@{}", user.unwrap_or(no_name), host())
}

/// This machine's name.
pub fn host() -> String {
    #[cfg(unix)]
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let host = std::env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".into());
    host
}

/// The same with the process, which tells one run from another.
pub fn holder() -> String {
    format!("{}, process {}", initiator(), std::process::id())
}

/// The right to work on an account and on every server that uses it: two accounts of one server must not
/// restart its service under each other.
pub async fn leases(journal: &dyn Journal, wish: &Wish) -> Result<Lease, Busy> {
    let servers = wish.servers.iter().map(|(server, _)| format!("server {server}"));
    // The scheduler's switch is one for the whole tenant.
    let tenant = (wish.quiesce == QuiesceMode::Disable).then(|| "the sync scheduler".to_owned());
    let names = std::iter::once(wish.account.clone()).chain(servers.collect::<BTreeSet<_>>()).chain(tenant);
    journal.lease(&names.collect::<Vec<_>>(), &holder()).await
}
