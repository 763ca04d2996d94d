//! A domain's DNS name, and how it stands in a distinguished name.

use std::fmt;

use super::distinguished_name::{self, parts};

/// The name is kept in lower case and without a dot at its end: `contoso.test`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DomainName(String);

/// RFC 1035: no name is longer.
const NAME_CHARS_MAX: usize = 253;
const LABEL_CHARS_MAX: usize = 63;

impl DomainName {
    /// `None` when the text is no name that DNS could know a domain by.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let legal = |label: &str| {
            (1..=LABEL_CHARS_MAX).contains(&label.len())
                && label.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
        };
        (name.len() <= NAME_CHARS_MAX && name.split('.').all(legal)).then_some(Self(name))
    }

    /// The domain that an object lies in, by the `DC=` parts at the end of its name.
    pub(super) fn of_dn(dn: &str) -> Option<Self> {
        let mut labels: Vec<String> =
            parts(dn).into_iter().rev().map_while(|part| distinguished_name::value_of(part, "DC")).collect();
        labels.reverse();
        Self::parse(&labels.join("."))
    }

    /// The domain that a host of this full name is in; `None` for an address and for a name without dots.
    pub(super) fn of_host(host: &str) -> Option<Self> {
        if host.parse::<std::net::IpAddr>().is_ok() {
            return None;
        }
        host.split_once('.').and_then(|(_, domain)| Self::parse(domain))
    }

    /// Whether `host` is a name inside this domain, or inside a domain below it.
    pub(super) fn contains(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        host.strip_suffix(&self.0)
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|rest| Self::parse(rest).is_some())
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).expect("it is a name")
    }

    #[test]
    fn only_names_that_dns_knows() {
        assert_eq!(name("Contoso.TEST.").to_string(), "contoso.test");
        for text in ["", ".", "a..b", "a b.test", "a/b", "contoso.test..", "*.test", "ä.test", &"a".repeat(64)] {
            assert_eq!(DomainName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_object_lies_in_the_domain_at_the_end_of_its_name() {
        let of = |dn| DomainName::of_dn(dn).map(|name| name.to_string());
        assert_eq!(of("CN=a,OU=b,DC=Contoso,DC=test").as_deref(), Some("contoso.test"));
        assert_eq!(of(r"CN=DC\=evil\,DC\=org,dc=contoso, dc = test").as_deref(), Some("contoso.test"));
        assert_eq!(of("DC=zone,CN=MicrosoftDNS,DC=contoso,DC=test").as_deref(), Some("contoso.test"));
        for dn in ["", "CN=a", "DC=contoso,DC=test,CN=x", r"CN=x,DC=a\,b"] {
            assert_eq!(of(dn), None, "{dn}");
        }
    }

    #[test]
    fn a_host_is_inside_by_whole_labels() {
        let domain = name("contoso.test");
        for host in ["dc1.contoso.test", "DC1.Contoso.Test.", "dc.child.contoso.test"] {
            assert!(domain.contains(host), "{host}");
        }
        for host in [
            "contoso.test",
            "evilcontoso.test",
            "dc1.contoso.test.evil.org",
            ".contoso.test",
            "a b.contoso.test",
            "dc1",
        ] {
            assert!(!domain.contains(host), "{host}");
        }
        assert_eq!(DomainName::of_host("dc1.contoso.test"), Some(domain));
        assert_eq!(DomainName::of_host("10.0.0.1"), None);
        assert_eq!(DomainName::of_host("dc1"), None);
    }
}
