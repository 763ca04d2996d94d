//! Which domain controller is which.

use super::connection::{Connection, Found};
use super::distinguished_name::parent;
use super::domain_name::DomainName;
use super::endpoint::Endpoint;
use super::entry::Entry;
use super::{filetime, resolve};
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
    match connection.read("", ROOT_ENTRY).await? {
        Found::One(entry) => understood(&entry).map_err(|cause| Fault::broken(doing(), cause).hint(hint)),
        Found::Nothing | Found::Several(_) => Err(Fault::broken(doing(), "there is none").hint(hint)),
    }
}

fn understood(entry: &Entry) -> Result<RootEntry, String> {
    let text = |name: &str| entry.text(name).map(str::to_owned).ok_or_else(|| format!("it has no {name}"));
    let clock = text("currentTime")?;
    let time = filetime::from_generalized_time(&clock).ok_or_else(|| format!("its clock can't be read: {clock:?}"))?;
    let domain = text("defaultNamingContext")?;
    let domain_name = DomainName::of_dn(&domain).ok_or_else(|| format!("its domain has no DNS name: {domain:?}"))?;
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
    resolve::addresses(host, port).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(more: &[(&str, &[&str])]) -> Result<RootEntry, String> {
        let mut attributes: Vec<(&str, &[&str])> = vec![
            ("configurationNamingContext", &["CN=Configuration,DC=contoso,DC=test"]),
            ("dnsHostName", &["dc1.contoso.test"]),
            ("dsServiceName", &["CN=NTDS Settings,CN=DC1"]),
            ("currentTime", &["20261121024623.0Z"]),
        ];
        attributes.extend(more);
        understood(&Entry::of(&attributes))
    }

    #[test]
    fn a_read_only_domain_controller_is_told_by_its_capabilities() {
        let domain: (&str, &[&str]) = ("defaultNamingContext", &["DC=contoso,DC=test"]);
        let active_directory = "1.2.840.113556.1.4.800";
        for (capabilities, read_only) in
            [(&[active_directory][..], false), (&[active_directory, PARTIAL_SECRETS][..], true), (&[][..], false)]
        {
            let root = root(&[domain, ("supportedCapabilities", capabilities)]).expect("it is whole");
            assert_eq!((root.read_only, root.domain_name.to_string().as_str()), (read_only, "contoso.test"));
        }
    }

    #[test]
    fn a_root_entry_of_something_else_is_not_understood() {
        let cause = |more: &[(&str, &[&str])]| root(more).err().expect("it is refused");
        assert!(cause(&[]).contains("defaultNamingContext"));
        assert!(cause(&[("defaultNamingContext", &["O=contoso"])]).contains("no DNS name"));
    }
}
