//! Which domain controller is which.

use tokio::time::timeout;

use super::connection::{Connection, Found, RESOLVE_LIMIT};
use super::distinguished_name::parent;
use super::domain_name::DomainName;
use super::endpoint::Endpoint;
use super::filetime;
use crate::port::Fault;

/// What a domain controller says about itself.
pub(super) struct RootEntry {
    /// The domain's head: `DC=contoso,DC=test`.
    pub(super) domain: String,
    /// The domain's DNS name.
    pub(super) domain_name: DomainName,
    /// The forest's configuration partition.
    pub(super) configuration: String,
    /// Its own full host name.
    pub(super) host: String,
    /// The distinguished name of its NTDS settings object, by which replication knows it.
    pub(super) dsa: String,
    /// A read-only domain controller: it never writes, and may know fewer secrets than it should.
    pub(super) read_only: bool,
    /// Its clock, in 100-nanosecond intervals since 1601.
    pub(super) time: i64,
}

const ROOT_ENTRY: &[&str] = &[
    "defaultNamingContext",
    "configurationNamingContext",
    "dnsHostName",
    "dsServiceName",
    "supportedCapabilities",
    "currentTime",
];
/// LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID: only read-only domain controllers have it.
const PARTIAL_SECRETS: &str = "1.2.840.113556.1.4.1920";

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
    let domain = text("defaultNamingContext")?;
    let domain_name = DomainName::of_dn(&domain)
        .ok_or_else(|| Fault::broken(doing(), format!("its domain has no DNS name: {domain:?}")).hint(hint))?;
    Ok(RootEntry {
        domain,
        domain_name,
        configuration: text("configurationNamingContext")?,
        host: text("dnsHostName")?,
        dsa: text("dsServiceName")?,
        read_only: entry.texts("supportedCapabilities").iter().any(|capability| capability == PARTIAL_SECRETS),
        time,
    })
}

/// Who holds a role.
pub(super) struct RoleOwner {
    /// Its full host name.
    pub(super) host: String,
    /// Its NTDS settings object.
    pub(super) dsa: String,
}

/// The domain's PDC emulator, as this domain controller knows it.
pub(super) async fn pdc_emulator(connection: &Connection, domain: &str) -> Result<RoleOwner, Fault> {
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
    let host = server.text("dNSHostName").ok_or_else(|| missing("the server's dNSHostName"))?;
    Ok(RoleOwner { host: host.to_owned(), dsa: dsa.to_owned() })
}

/// Whether the name has an address, as seen from here and now.
pub(super) async fn resolves(host: &str, port: u16) -> bool {
    let found = timeout(RESOLVE_LIMIT, tokio::net::lookup_host((host, port))).await;
    found.is_ok_and(|found| found.is_ok_and(|mut addresses| addresses.next().is_some()))
}
