//! Distinguished names as text (RFC 4514): taken apart, never put together from values.

/// The parts, from the object's own to the root's; commas behind a backslash or in quotes don't count.
pub(super) fn parts(dn: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut escaped, mut quoted) = (Vec::new(), 0, false, false);
    for (at, c) in dn.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            // RFC 2253 still took the semicolon, and so does Windows.
            ',' | ';' if !quoted => {
                parts.push(&dn[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&dn[begin..]);
    parts
}

/// The distinguished name without its first part.
pub(super) fn parent(dn: &str) -> Option<&str> {
    let first = parts(dn)[0].len();
    dn.get(first + 1..)
}

/// The value of a part `ATTRIBUTE=value` with nothing escaped in it, which is all that a domain's label can be.
pub(super) fn value_of(part: &str, attribute: &str) -> Option<String> {
    let (name, value) = part.split_once('=')?;
    let plain = !value.contains(['\\', '"', '+', '#']);
    (plain && name.trim().eq_ignore_ascii_case(attribute)).then(|| value.trim().to_owned())
}

/// The same name with every colon written as `\3A`, for places where a colon separates names.
pub(super) fn without_colons(dn: &str) -> String {
    let (mut text, mut escaped) = (String::with_capacity(dn.len()), false);
    for c in dn.chars() {
        match c {
            ':' if escaped => text.push_str("3A"),
            ':' => text.push_str(r"\3A"),
            other => text.push(other),
        }
        escaped = c == '\\' && !escaped;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_stay_in_their_part() {
        assert_eq!(parts(r"CN=a\, b\\,OU=x\2Cy\;z,DC=x"), [r"CN=a\, b\\", r"OU=x\2Cy\;z", "DC=x"]);
        assert_eq!(parts(r#"CN="a,b;c",DC=x;DC=y"#), [r#"CN="a,b;c""#, "DC=x", "DC=y"]);
        assert_eq!(parts(r#"CN=\"a,DC=x"#), [r#"CN=\"a"#, "DC=x"]);
        assert_eq!(parts(r"CN=\ lead\+\#\<\>\=trail\ ,DC=ü"), [r"CN=\ lead\+\#\<\>\=trail\ ", "DC=ü"]);
        assert_eq!(parts(""), [""]);
    }

    #[test]
    fn the_parent_begins_after_the_first_real_comma() {
        assert_eq!(parent("CN=NTDS Settings,CN=DC1,DC=x"), Some("CN=DC1,DC=x"));
        assert_eq!(parent(r"CN=a\, b\\,DC=x"), Some("DC=x"));
        assert_eq!(parent("DC=x"), None);
    }

    #[test]
    fn a_value_is_only_read_where_it_is_plain() {
        assert_eq!(value_of(" dc = contoso ", "DC").as_deref(), Some("contoso"));
        for part in ["CN=x", "DC", r"DC=a\,b", "DC=a+CN=b", "DC=#04"] {
            assert_eq!(value_of(part, "DC"), None, "{part}");
        }
    }

    #[test]
    fn a_colon_can_not_end_the_name_early() {
        assert_eq!(without_colons("CN=a,DC=x"), "CN=a,DC=x");
        assert_eq!(without_colons(r"CN=a:SECRETS_ONLY\\:b\:c,DC=x"), r"CN=a\3ASECRETS_ONLY\\\3Ab\3Ac,DC=x");
    }
}
