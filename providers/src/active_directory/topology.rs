//! Which domain controller is which.

use super::connection::{Connection, Found};
use super::endpoint::Endpoint;
use super::{filetime, resolve};
use crate::port::Fault;

/// What a domain controller says about itself.
pub(super) struct RootEntry {
    /// The domain's head: `DC=contoso,DC=test`.
    pub(super) domain: String,
    /// Its own full host name.
    pub(super) host: String,
    /// The distinguished name of its NTDS settings object, by which replication knows it.
    pub(super) dsa: String,
    /// Its clock, in 100-nanosecond intervals since 1601.
    pub(super) time: i64,
}

const ROOT_ENTRY: &[&str] = &["defaultNamingContext", "dnsHostName", "dsServiceName", "currentTime"];

/// Reads the root entry.
pub(super) async fn root_entry(connection: &Connection, at: &Endpoint) -> Result<RootEntry, Fault> {
    let doing = || format!("reading the root entry of {at}");
    let hint = "see that the url names an Active Directory domain controller";
    let Found::One(entry) = connection.read("", ROOT_ENTRY).await? else {
        return Err(Fault::broken(doing(), "there is none").hint(hint));
    };
    let text = |name: &str| {
        entry
            .text(name)
            .map(str::to_owned)
            .ok_or_else(|| Fault::broken(doing(), format!("it has no {name}")).hint(hint))
    };
    let clock = text("currentTime")?;
    let time = filetime::from_generalized_time(&clock)
        .ok_or_else(|| Fault::broken(doing(), format!("its clock can't be read: {clock:?}")))?;
    Ok(RootEntry {
        domain: text("defaultNamingContext")?,
        host: text("dnsHostName")?,
        dsa: text("dsServiceName")?,
        time,
    })
}

/// The host name of the domain's PDC emulator.
pub(super) async fn pdc_host(connection: &Connection, domain: &str) -> Result<String, Fault> {
    let doing = || format!("finding the PDC emulator of {domain}");
    let hint = "let the rotator's account read the domain head and the configuration partition";
    let missing = |what: &str| Fault::broken(doing(), format!("{what} can't be read")).hint(hint);
    let Found::One(head) = connection.read(domain, &["fSMORoleOwner"]).await? else {
        return Err(missing("the domain head"));
    };
    let dsa = head.text("fSMORoleOwner").ok_or_else(|| missing("fSMORoleOwner"))?;
    let server = parent(dsa).ok_or_else(|| missing("the role's owner"))?;
    let Found::One(server) = connection.read(server, &["dNSHostName"]).await? else {
        return Err(Fault::broken(doing(), format!("the role is held by {dsa}, which is not there"))
            .hint("seize the PDC role to a domain controller that runs"));
    };
    server.text("dNSHostName").map(str::to_owned).ok_or_else(|| missing("the server's dNSHostName"))
}

/// Whether the name has an address, as seen from here and now.
pub(super) async fn resolves(host: &str, port: u16) -> bool {
    resolve::addresses(host, port).await.is_ok()
}

/// The distinguished name without its first part; commas behind a backslash don't count.
fn parent(dn: &str) -> Option<&str> {
    let mut escaped = false;
    for (at, c) in dn.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => return Some(&dn[at + 1..]),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_begins_after_the_first_real_comma() {
        assert_eq!(parent("CN=NTDS Settings,CN=DC1,DC=x"), Some("CN=DC1,DC=x"));
        assert_eq!(parent(r"CN=a\, b\\,DC=x"), Some("DC=x"));
        assert_eq!(parent("DC=x"), None);
    }
}
