use serde::Serialize;

/// The account that a Windows service runs as, in the forms in which StartName names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StartName {
    /// `NT SERVICE\…`.
    VirtualServiceAccount {
        /// The service's name.
        name: String,
    },
    /// `LocalSystem`, `NT AUTHORITY\…`.
    System {
        /// What stands there.
        name: String,
    },
    /// A (group) managed service account: its name ends in `$`.
    Managed {
        /// Its domain, DNS or NetBIOS; empty when not named.
        domain: String,
        /// Its name with the `$`.
        user: String,
    },
    /// A user of the server's own account database.
    LocalUser {
        /// Its name.
        user: String,
    },
    /// A user of a domain.
    DomainUser {
        /// The domain, DNS or NetBIOS, as it stands there.
        domain: String,
        /// The user's name.
        user: String,
    },
    /// None of these.
    Unreadable {
        /// What stands there.
        text: String,
    },
}

impl StartName {
    /// Reads a StartName. `host` is the server's computer name: what stands before the backslash of a local user.
    pub fn parse(text: &str, host: &str) -> Self {
        let text = text.trim();
        let unreadable = || Self::Unreadable { text: text.to_owned() };
        let (domain, user) = match text.split_once('\\') {
            Some((domain, user)) => (domain, user),
            // The last one: a user's name may hold an @, a domain's may not.
            None => match text.rsplit_once('@') {
                Some((user, domain)) if !domain.is_empty() => (domain, user),
                Some(_) => return unreadable(),
                None => ("", text),
            },
        };
        if user.is_empty() || user.contains('\\') || (domain.is_empty() && text.starts_with('\\')) {
            return unreadable();
        }
        let is = |a: &str, b: &str| same(a, b);
        if is(domain, "NT SERVICE") {
            return Self::VirtualServiceAccount { name: user.to_owned() };
        }
        let local = domain.is_empty() || domain == "." || is(domain, host);
        if is(domain, "NT AUTHORITY") || (local && is(user, "LocalSystem")) {
            return Self::System { name: text.to_owned() };
        }
        if user.ends_with('$') {
            return Self::Managed { domain: domain.to_owned(), user: user.to_owned() };
        }
        if local {
            return Self::LocalUser { user: user.to_owned() };
        }
        Self::DomainUser { domain: domain.to_owned(), user: user.to_owned() }
    }

    /// Why there is no password to rotate, as a sentence: Windows itself manages it. `None` = there is one.
    pub fn managed_by_windows(&self) -> Option<&'static str> {
        match self {
            Self::VirtualServiceAccount { .. } => {
                Some("it is a virtual service account: Windows manages its password, and there is nothing to rotate")
            }
            Self::System { .. } => Some("it is an account of Windows itself, which has no password to rotate"),
            Self::Managed { .. } => Some(
                "its name ends in $, so it is a managed service account: Windows changes its password, and there is nothing to rotate",
            ),
            Self::LocalUser { .. } | Self::DomainUser { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Whether both name the same account of the same server. `domain` is the domain's DNS name and its NetBIOS
    /// name: `DOM\user` and `user@dom.test` are one account.
    pub fn same_account(&self, other: &Self, domain: (&str, &str)) -> bool {
        let same_domain = |a: &str, b: &str| {
            let of_it = |name: &str| !name.is_empty() && (same(name, domain.0) || same(name, domain.1));
            same(a, b) || (of_it(a) && of_it(b))
        };
        match (self, other) {
            (Self::VirtualServiceAccount { name: a }, Self::VirtualServiceAccount { name: b }) => same(a, b),
            (Self::System { name: a }, Self::System { name: b }) => same(a, b),
            (Self::LocalUser { user: a }, Self::LocalUser { user: b }) => same(a, b),
            (Self::Managed { domain: a, user }, Self::Managed { domain: b, user: other })
            | (Self::DomainUser { domain: a, user }, Self::DomainUser { domain: b, user: other }) => {
                same(user, other) && same_domain(a, b)
            }
            // What can't be read is no account at all, so it is none that is known.
            _ => false,
        }
    }
}

/// Names in Windows are compared without case.
fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> StartName {
        StartName::parse(text, "SYNC1")
    }

    #[test]
    fn every_form_is_told() {
        let local = |user: &str| StartName::LocalUser { user: user.into() };
        let domain = |domain: &str, user: &str| StartName::DomainUser { domain: domain.into(), user: user.into() };
        assert_eq!(parse(r"NT SERVICE\ADSync"), StartName::VirtualServiceAccount { name: "ADSync".into() });
        assert_eq!(parse(r"nt service\ADSync"), StartName::VirtualServiceAccount { name: "ADSync".into() });
        for system in ["LocalSystem", "localsystem", r".\LocalSystem", r"NT AUTHORITY\NetworkService"] {
            assert_eq!(parse(system), StartName::System { name: system.into() });
        }
        for managed in [r"CONTOSO\gmsa$", "gmsa$@contoso.test"] {
            assert!(matches!(parse(managed), StartName::Managed { .. }), "{managed}");
        }
        assert_eq!(parse(r".\svc"), local("svc"));
        assert_eq!(parse(r"sync1\svc"), local("svc"));
        assert_eq!(parse(r"CONTOSO\svc"), domain("CONTOSO", "svc"));
        assert_eq!(parse("svc@contoso.test"), domain("contoso.test", "svc"));
        assert_eq!(parse("a@b@contoso.test"), domain("contoso.test", "a@b"));
        for wrong in ["", "  ", r"\svc", r"CONTOSO\", "svc@", r"A\B\c"] {
            assert!(matches!(parse(wrong), StartName::Unreadable { .. }), "{wrong:?}");
        }
    }

    #[test]
    fn what_windows_manages_is_never_rotated() {
        for managed in [r"NT SERVICE\ADSync", "LocalSystem", r"CONTOSO\gmsa$", "gmsa$@contoso.test"] {
            assert!(parse(managed).managed_by_windows().is_some(), "{managed}");
        }
        for rotated in [r".\svc", r"CONTOSO\svc", "svc@contoso.test", r"CONTOSO\sv$c"] {
            assert!(parse(rotated).managed_by_windows().is_none(), "{rotated}");
        }
    }

    #[test]
    fn one_account_has_two_names_and_two_domains_two_accounts() {
        let same = |a: &str, b: &str| parse(a).same_account(&parse(b), ("contoso.test", "CONTOSO"));
        assert!(same(r"CONTOSO\svc", "SVC@contoso.test") && same("svc@CONTOSO.TEST", r"contoso\svc"));
        assert!(same(r".\svc", r"SYNC1\SVC") && same(r"CONTOSO\gmsa$", "gmsa$@contoso.test"));
        assert!(same(r"FABRIKAM\svc", r"fabrikam\svc"), "one name is one account, whatever the domain");
        assert!(!same(r"FABRIKAM\svc", "svc@contoso.test") && !same(r"CONTOSO\svc", r"CONTOSO\svc2"));
        assert!(!same(r".\svc", r"CONTOSO\svc"), "a local user is none of the domain's");
        assert!(!same("", "") && !same(r"CONTOSO\svc$", r"CONTOSO\svc"));
        let unknown = |a: &str, b: &str| parse(a).same_account(&parse(b), ("contoso.test", ""));
        assert!(!unknown(r"CONTOSO\svc", "svc@contoso.test"), "without the NetBIOS name it can't be told");
    }
}
