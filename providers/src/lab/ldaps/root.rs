//! The root entry (rootDSE) of a controller.

use jiff::Timestamp;

use super::tree::{Entry, View};

/// What this controller says about itself, at its time `now`.
pub(super) fn entry(view: &View<'_>, now: Timestamp) -> Entry {
    let (head, configuration, schema) = (view.head(), view.configuration(), view.schema());
    let number = view.at + 1;
    let forest = &view.domain.forest;
    let newest = view.controller().replicas.values().map(|replica| replica.key_version).sum::<i64>();
    Entry::new("")
        .with("currentTime", now.strftime("%Y%m%d%H%M%S.0Z"))
        .with("subschemaSubentry", format!("CN=Aggregate,{schema}"))
        .with("dsServiceName", view.dsa(view.at))
        .with_all("namingContexts", [&head, &configuration, &schema].map(String::as_str))
        .with("defaultNamingContext", &head)
        .with("schemaNamingContext", &schema)
        .with("configurationNamingContext", &configuration)
        .with("rootDomainNamingContext", &head)
        // Active Directory (V51, V60, V61 …), as a current Windows Server says.
        .with_all("supportedCapabilities", CAPABILITIES)
        .with_all("supportedLDAPVersion", ["3"])
        .with("highestCommittedUSN", 10_000 + newest)
        .with("dnsHostName", &view.controller().host)
        .with("ldapServiceName", format!("{forest}:dc{number}$@{}", forest.to_uppercase()))
        .with("serverName", view.server(view.at))
        .with_all("supportedExtension", [super::session::WHO_AM_I])
        .with("isSynchronized", "TRUE")
        .with("isGlobalCatalogReady", "TRUE")
        .with("domainFunctionality", 7)
        .with("forestFunctionality", 7)
        .with("domainControllerFunctionality", 7)
}

const CAPABILITIES: [&str; 6] = [
    "1.2.840.113556.1.4.800",
    "1.2.840.113556.1.4.1670",
    "1.2.840.113556.1.4.1791",
    "1.2.840.113556.1.4.1935",
    "1.2.840.113556.1.4.2080",
    "1.2.840.113556.1.4.2237",
];
