//! Distinguished names, as far as the stand-in compares them.

/// The same text for two spellings of one name: lower case, no space around the parts.
pub(super) fn normal(dn: &str) -> String {
    let parts = parts(dn).into_iter().map(|part| match part.split_once('=') {
        Some((kind, value)) => format!("{}={}", kind.trim(), value.trim()),
        None => part.trim().to_owned(),
    });
    parts.collect::<Vec<_>>().join(",").to_lowercase()
}

pub(super) fn same(a: &str, b: &str) -> bool {
    normal(a) == normal(b)
}

/// Whether `dn` is `base` or lies below it.
pub(super) fn is_within(dn: &str, base: &str) -> bool {
    let (dn, base) = (normal(dn), normal(base));
    base.is_empty() || dn == base || dn.ends_with(&format!(",{base}"))
}

/// The name without its first part.
pub(super) fn parent(dn: &str) -> String {
    parts(dn).get(1..).map(|rest| rest.join(",")).unwrap_or_default()
}

/// `DC=contoso,DC=test` out of `contoso.test`.
pub(super) fn of_domain(dns: &str) -> String {
    dns.split('.').map(|label| format!("DC={label}")).collect::<Vec<_>>().join(",")
}

/// The domain that a name lies in, as DNS writes it; empty when it has no DC parts at its end.
pub(super) fn domain_of(dn: &str) -> String {
    let normal = normal(dn);
    let parts = parts(&normal);
    let tail: Vec<&str> = parts.iter().rev().map_while(|part| part.strip_prefix("dc=")).collect();
    tail.into_iter().rev().collect::<Vec<_>>().join(".")
}

/// Whether it has the form of a name: each part is `KIND=VALUE`.
pub(super) fn is_name(dn: &str) -> bool {
    let well =
        |part: &&str| part.split_once('=').is_some_and(|(kind, value)| !kind.trim().is_empty() && !value.is_empty());
    dn.is_empty() || parts(dn).iter().all(well)
}

/// Split at commas that are not behind a backslash.
fn parts(dn: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in dn.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(&dn[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&dn[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_are_one_name() {
        assert!(same("CN=a, dc=Contoso,DC=test", "cn=A,DC=contoso , DC=TEST"));
        assert!(is_within("CN=a,DC=x", "DC=x") && is_within("DC=x", "dc=X") && !is_within("CN=a,DC=xx", "DC=x"));
        assert_eq!(parent(r"CN=a\,b,OU=c,DC=x"), "OU=c,DC=x");
        assert_eq!(domain_of("CN=a,OU=dc,DC=child,DC=contoso,DC=test"), "child.contoso.test");
        assert!(is_name("CN=a,DC=x") && is_name("") && !is_name("somebody") && !is_name("CN=a,x"));
    }
}
