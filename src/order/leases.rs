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

/// Every name by which the operating system knows who we are: to hold against those of an approver. A person can set the
/// environment; the number of the user, and its name where this machine itself keeps it, he can't.
pub fn initiator_names() -> Vec<String> {
    let mut names: Vec<String> =
        ["SUDO_USER", "USER", "USERNAME"].iter().filter_map(|name| std::env::var(name).ok()).collect();
    if let (Ok(domain), Ok(user)) = (std::env::var("USERDOMAIN"), std::env::var("USERNAME")) {
        names.push(format!(r"{domain}\{user}"));
    }
    #[cfg(unix)]
    {
        let uid = rustix::process::getuid().as_raw().to_string();
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let of_uid = passwd.lines().filter(|line| line.split(':').nth(2) == Some(&uid));
        names.extend(of_uid.filter_map(|line| line.split(':').next()).map(str::to_owned));
        names.push(format!("uid {uid}"));
    }
    names.sort();
    names.dedup();
    names
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
