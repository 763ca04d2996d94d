//! The ways to name an account.

use ldap3::ldap_escape;

use super::domain_name::DomainName;
use crate::port::Fault;

/// How somebody named an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locator<'a> {
    /// A distinguished name, of any domain of the forest.
    Dn(&'a str),
    /// `NETBIOS\name` or `domain.test\name`: a sAMAccountName in that domain.
    Qualified { domain: &'a str, name: &'a str },
    /// A sAMAccountName of the configured domain, or a user principal name.
    Name(&'a str),
}

impl<'a> Locator<'a> {
    /// Tells the kinds apart. A name with nothing in it is `Refused`: it would match by accident or not at all.
    pub(super) fn parse(text: &'a str) -> Result<Self, Fault> {
        // No logon name has an equals sign in it, and every distinguished name has; so it may have backslashes.
        let locator = if text.contains('=') {
            Self::Dn(text)
        } else if let Some((domain, name)) = text.split_once('\\') {
            Self::Qualified { domain, name }
        } else {
            Self::Name(text)
        };
        let named = match locator {
            Self::Dn(_) => true,
            Self::Qualified { domain, name } => !domain.trim().is_empty() && !name.trim().is_empty(),
            Self::Name(name) => !name.trim().is_empty(),
        };
        if named {
            return Ok(locator);
        }
        Err(Fault::refused(format!("finding the account {text:?}"), "it is no name")
            .hint(r"name it by sAMAccountName, DOMAIN\name, user principal name or distinguished name"))
    }

    /// What stands behind the `@`.
    pub(super) fn principal_suffix(&self) -> Option<&'a str> {
        match self {
            Self::Name(name) => name.rsplit_once('@').map(|(_, suffix)| suffix),
            Self::Dn(_) | Self::Qualified { .. } => None,
        }
    }

    /// The filters to look with in `domain`, the next one only where the one before finds nothing. None for a
    /// distinguished name: it is read, not looked for.
    pub(super) fn filters(&self, domain: &DomainName) -> Vec<String> {
        let account = |by: String| format!("(&(objectClass=user){by})");
        match *self {
            Self::Dn(_) => Vec::new(),
            Self::Qualified { name, .. } => vec![account(format!("(sAMAccountName={})", ldap_escape(name)))],
            Self::Name(name) => {
                let escaped = ldap_escape(name);
                let mut filters = vec![account(format!("(|(sAMAccountName={escaped})(userPrincipalName={escaped}))"))];
                // Every account has a second, unwritten principal name: sAMAccountName@domain.
                if let Some((local, suffix)) = name.rsplit_once('@')
                    && DomainName::parse(suffix).is_some_and(|suffix| suffix == *domain)
                    && !local.trim().is_empty()
                {
                    filters.push(account(format!("(sAMAccountName={})", ldap_escape(local))));
                }
                filters
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Meaning;

    fn domain() -> DomainName {
        DomainName::parse("contoso.test").expect("it is a name")
    }

    #[test]
    fn the_kinds_are_told_apart() {
        let parse = |text| Locator::parse(text).expect("it is a name");
        assert_eq!(parse("MSOL_1"), Locator::Name("MSOL_1"));
        assert_eq!(parse("msol@contoso.test"), Locator::Name("msol@contoso.test"));
        assert_eq!(parse(r"CONTOSO\MSOL_1"), Locator::Qualified { domain: "CONTOSO", name: "MSOL_1" });
        assert_eq!(parse(r"CN=a\\b,DC=contoso,DC=test"), Locator::Dn(r"CN=a\\b,DC=contoso,DC=test"));
        for text in ["", "  ", r"CONTOSO\", r"\MSOL_1", r"CONTOSO\ "] {
            assert_eq!(Locator::parse(text).expect_err("it is no name").meaning, Meaning::Refused, "{text}");
        }
    }

    #[test]
    fn a_locator_can_not_widen_the_filter() {
        let filters = |text| Locator::parse(text).expect("it is a name").filters(&domain());
        assert_eq!(
            filters("a*)(cn~\0("),
            [r"(&(objectClass=user)(|(sAMAccountName=a\2a\29\28cn~\00\28)(userPrincipalName=a\2a\29\28cn~\00\28)))"]
        );
        assert_eq!(filters(r"C)(\a*\b"), [r"(&(objectClass=user)(sAMAccountName=a\2a\5cb))"]);
        // What is special in names and not in filters stays as it is.
        assert_eq!(
            filters(" ü,+\"#<>;'x "),
            ["(&(objectClass=user)(|(sAMAccountName= ü,+\"#<>;'x )(userPrincipalName= ü,+\"#<>;'x )))"]
        );
    }

    #[test]
    fn the_unwritten_principal_name_comes_second_and_in_its_own_domain() {
        let filters = |text| Locator::parse(text).expect("it is a name").filters(&domain());
        assert_eq!(filters("svc*@Contoso.Test")[1..], [r"(&(objectClass=user)(sAMAccountName=svc\2a))"]);
        for text in ["svc@fabrikam.test", "svc", "@contoso.test"] {
            assert_eq!(filters(text).len(), 1, "{text}");
        }
    }
}
