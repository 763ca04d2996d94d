use ldap3::{ResultEntry, SearchEntry};

/// An object as a search gave it.
pub(super) struct Entry {
    /// The distinguished name, as the directory writes it.
    pub(super) dn: String,
    raw: SearchEntry,
}

impl Entry {
    pub(super) fn new(entry: ResultEntry) -> Self {
        let mut raw = SearchEntry::construct(entry);
        Self { dn: std::mem::take(&mut raw.dn), raw }
    }

    /// One made by hand, for tests of what is read out of entries.
    #[cfg(test)]
    pub(super) fn of(attributes: &[(&str, &[&str])]) -> Self {
        let attrs = attributes
            .iter()
            .map(|(name, values)| ((*name).to_owned(), values.iter().map(|&value| value.to_owned()).collect()));
        let raw =
            SearchEntry { dn: String::new(), attrs: attrs.collect(), bin_attrs: std::collections::HashMap::new() };
        Self { dn: "CN=x,DC=contoso,DC=test".to_owned(), raw }
    }

    /// All values of a text attribute; attribute names differ in case between servers.
    pub(super) fn texts(&self, name: &str) -> &[String] {
        self.raw
            .attrs
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or(&[], |(_, values)| values.as_slice())
    }

    /// The first value of a text attribute; `None` when it is absent or unreadable.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).first().map(String::as_str)
    }

    /// The value of a number attribute; `None` when it is absent, unreadable or no number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// The values of a binary attribute. One that happens to be valid text is sorted among the texts.
    pub(super) fn bytes(&self, name: &str) -> Vec<&[u8]> {
        let binary = self.raw.bin_attrs.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let binary = binary.flat_map(|(_, values)| values.iter().map(Vec::as_slice));
        binary.chain(self.texts(name).iter().map(String::as_bytes)).collect()
    }
}
