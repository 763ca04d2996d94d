//! The domains of a forest and their servers, as the configuration partition has them. Every domain
//! controller of the forest holds a copy of it.
//!
//! Other domains are found here and nowhere else. A referral is never followed: it may point anywhere, and
//! whoever sent it would choose where the rotator's logon goes.

use ldap3::ldap_escape;

use super::connection::{Connection, Found};
use super::domain_name::DomainName;
use super::locator::Locator;
use super::topology::RootEntry;
use crate::port::Fault;

/// A domain of the forest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Domain {
    /// Its DNS name: dnsRoot.
    pub(super) name: DomainName,
}

/// The domain that the locator names, when it is another one than that of the domain controller asked.
/// A domain that is not one of this forest is `Refused`.
pub(super) async fn elsewhere(
    connection: &Connection,
    root: &RootEntry,
    locator: &Locator<'_>,
) -> Result<Option<Domain>, Fault> {
    let (told, filter) = match *locator {
        Locator::Name(_) => return Ok(None),
        Locator::Dn(dn) => match DomainName::of_dn(dn) {
            // Without a domain in it, it is no name of an account: asking the domain controller says so.
            None => return Ok(None),
            Some(name) if name == root.domain_name => return Ok(None),
            Some(name) => (name.to_string(), by_dns_name(&name)),
        },
        Locator::Qualified { domain, .. } => match DomainName::parse(domain) {
            Some(name) if name == root.domain_name => return Ok(None),
            Some(name) if domain.contains('.') => (name.to_string(), by_dns_name(&name)),
            _ => (domain.to_owned(), format!("(nETBIOSName={})", ldap_escape(domain))),
        },
    };
    let domain = find(connection, root, &filter).await?.ok_or_else(|| {
        Fault::refused(
            format!("finding the domain {told} in the forest of {}", root.domain_name),
            "the forest has no such domain, or the rotator's account may not see it",
        )
        .hint(
            "look at the spelling of the account's domain; an account of another forest needs a rotator that is \
             configured for that forest",
        )
    })?;
    Ok((domain.name != root.domain_name).then_some(domain))
}

/// The other domain whose DNS name a user principal name ends with, if there is one.
pub(super) async fn of_principal(
    connection: &Connection,
    root: &RootEntry,
    locator: &Locator<'_>,
) -> Result<Option<Domain>, Fault> {
    match locator.principal_suffix().and_then(DomainName::parse) {
        Some(name) if name != root.domain_name => find(connection, root, &by_dns_name(&name)).await,
        _ => Ok(None),
    }
}

/// The domain of the domain controller with this full host name; `None` when the forest has none of that name.
pub(super) async fn of_domain_controller(
    connection: &Connection,
    root: &RootEntry,
    host: &str,
) -> Result<Option<DomainName>, Fault> {
    let sites = format!("CN=Sites,{}", root.configuration);
    let filter = format!("(&(objectClass=server)(dNSHostName={}))", ldap_escape(host));
    match connection.find(&sites, &filter, &["serverReference"]).await? {
        Found::One(server) => Ok(server.text("serverReference").and_then(DomainName::of_dn)),
        Found::Nothing | Found::Several(_) => Ok(None),
    }
}

/// The NetBIOS name of the domain that `root` stands for; `None` when it can't be read.
pub(super) async fn netbios_name(connection: &Connection, root: &RootEntry) -> Result<Option<String>, Fault> {
    let partitions = format!("CN=Partitions,{}", root.configuration);
    let filter = format!("(&(objectClass=crossRef)(nETBIOSName=*){})", by_dns_name(&root.domain_name));
    match connection.find(&partitions, &filter, &["nETBIOSName"]).await? {
        Found::One(entry) => Ok(entry.text("nETBIOSName").map(str::to_owned)),
        Found::Nothing | Found::Several(_) => Ok(None),
    }
}

fn by_dns_name(name: &DomainName) -> String {
    // Letters, digits, dots, hyphens and underscores: nothing that a filter would see.
    format!("(dnsRoot={name})")
}

/// The other partitions carry a dnsRoot too; only a domain's crossRef has a nETBIOSName.
async fn find(connection: &Connection, root: &RootEntry, filter: &str) -> Result<Option<Domain>, Fault> {
    let partitions = format!("CN=Partitions,{}", root.configuration);
    let filter = format!("(&(objectClass=crossRef)(nETBIOSName=*){filter})");
    let doing = || format!("finding a domain in {partitions}");
    match connection.find(&partitions, &filter, &["nCName", "dnsRoot"]).await? {
        Found::Nothing => Ok(None),
        Found::Several(names) => {
            Err(Fault::broken(doing(), format!("several have that name: {}", names.join(" and ")))
                .hint("name the account by its distinguished name"))
        }
        Found::One(entry) => {
            let name = entry.text("dnsRoot").and_then(DomainName::parse);
            let of_context = entry.text("nCName").and_then(DomainName::of_dn);
            match name {
                Some(name) if of_context.as_ref() == Some(&name) => Ok(Some(Domain { name })),
                _ => Err(Fault::broken(doing(), format!("nCName and dnsRoot of {} don't fit together", entry.dn))
                    .hint("look at that crossRef object: both must name the domain")),
            }
        }
    }
}
