use std::fmt;

use crate::port::Fault;

/// The port of LDAP over TLS.
pub(super) const LDAPS_PORT: u16 = 636;

/// Where a domain controller listens. The host is also the name that its certificate must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Endpoint {
    /// Reads `ldaps://host[:port]`. Anything else is `Broken`: a password goes over verified TLS or not at all.
    pub(super) fn parse(url: &str) -> Result<Self, Fault> {
        let broken =
            |cause: &str, hint: &str| Fault::broken(format!("reading the directory url {url:?}"), cause).hint(hint);
        let form = "write it as ldaps://dc1.contoso.test or ldaps://dc1.contoso.test:636";
        let (scheme, rest) = url.trim().split_once("://").ok_or_else(|| broken("it has no scheme", form))?;
        match scheme.to_ascii_lowercase().as_str() {
            "ldaps" => {}
            "ldap" => {
                let hint = "use ldaps://, with the issuing CA as ca_file; domain controllers listen on port 636 as soon \
                            as they have a server certificate";
                return Err(broken("passwords never travel over plain ldap://", hint));
            }
            other => return Err(broken(&format!("the scheme {other} is not ldaps"), form)),
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.starts_with('[') {
            return Err(broken("an IPv6 address can't be used here", "name the domain controller"));
        }
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => {
                (host, port.parse().map_err(|_| broken("the port is not a number below 65536", form))?)
            }
            None => (rest, LDAPS_PORT),
        };
        Self::new(host, port).ok_or_else(|| broken("there is more or less in it than a host and a port", form))
    }

    /// `None` when that is no host or no port.
    pub(super) fn new(host: &str, port: u16) -> Option<Self> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        (!host.is_empty() && host.chars().all(legal) && port != 0).then(|| Self { host: host.to_owned(), port })
    }

    /// Whether this is the host called `name`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.host.eq_ignore_ascii_case(name)
    }

    /// The form that ldap3 wants.
    pub(super) fn url(&self) -> String {
        format!("ldaps://{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Meaning;

    #[test]
    fn reads_a_host_with_and_without_a_port() {
        let plain = Endpoint::parse("ldaps://dc1.contoso.test").expect("it is a url");
        assert_eq!((plain.host.as_str(), plain.port), ("dc1.contoso.test", 636));
        let with_port = Endpoint::parse("LDAPS://127.0.0.2:6360/").expect("it is a url");
        assert_eq!(with_port.url(), "ldaps://127.0.0.2:6360");
    }

    #[test]
    fn refuses_plain_ldap_and_says_what_to_use() {
        let fault = Endpoint::parse("ldap://dc1.contoso.test").expect_err("it is refused");
        assert_eq!(fault.meaning, Meaning::Broken);
        assert!(fault.hint.contains("ldaps://"), "{fault}");
    }

    #[test]
    fn refuses_what_is_no_host() {
        for url in [
            "dc1",
            "ldaps://",
            "ldaps://a:b",
            "ldaps://a:0",
            "ldaps://a:70000",
            "ldaps://u@h",
            "ldaps://h/dc=x",
            "ldaps://[::1]",
            "https://h",
        ] {
            assert_eq!(Endpoint::parse(url).expect_err("it is refused").meaning, Meaning::Broken, "{url}");
        }
    }
}
