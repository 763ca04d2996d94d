use form_urlencoded::{Serializer, byte_serialize, parse};

/// The fields of a query or of a form, as they came.
pub type Pairs = Vec<(String, String)>;

/// Reads the fields.
pub fn pairs(text: &[u8]) -> Pairs {
    parse(text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The first value of a field, without the spaces around it.
pub fn value_of<'p>(pairs: &'p [(String, String)], name: &str) -> &'p str {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).unwrap_or_default()
}

/// A path with a query of the fields that are not empty.
pub(super) fn link(path: &str, fields: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    fields.iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
        query.append_pair(name, value);
    });
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The page of a rotation.
pub(super) fn of_rotation(id: &str) -> String {
    // What a form writes as a plus is one in a path.
    format!("/history/{}", byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20"))
}

/// Those of an account that wait for a person.
pub fn of_held(account: &str) -> String {
    link("/held", &[("account", account)])
}

/// Those of an account that are under way.
pub fn of_running(account: &str) -> String {
    link("/running", &[("account", account)])
}

/// The page of what was last ordered for an account.
pub fn of_order(account: &str) -> String {
    link("/ordered", &[("account", account)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_is_it_comes_back() {
        for name in ["a&b=c#d?e", "<script>", "sp ace+plus", "ü\u{202e}\n%2e%2e/", "=="] {
            let link = link("/history", &[("account", name), ("from", "")]);
            let (path, query) = link.split_once('?').expect("a query");
            assert_eq!((path, value_of(&pairs(query.as_bytes()), "account")), ("/history", name));
            assert!(!link.contains(['<', '"', ' ', '\n']), "{link}");
        }
        assert_eq!(link("/history", &[("account", "")]), "/history");
        assert_eq!(of_rotation("a b/../c"), "/history/a%20b%2F..%2Fc");
    }
}
