//! An object as a search gave it.

/// An object as a search gave it.
#[derive(Debug)]
pub(super) struct Entry {
    /// The distinguished name, as the directory writes it.
    pub(super) dn: String,
    attributes: Vec<Attribute>,
}

#[derive(Debug)]
struct Attribute {
    name: String,
    values: Values,
}

/// An attribute is text when all its values are.
#[derive(Debug)]
enum Values {
    Texts(Vec<String>),
    Bytes(Vec<Vec<u8>>),
}

impl Entry {
    /// An object of that name, with the values of each attribute as they came.
    pub(super) fn new(dn: String, attributes: Vec<(String, Vec<Vec<u8>>)>) -> Self {
        let attributes = attributes.into_iter().map(|(name, values)| {
            let is_text = values.iter().all(|value| std::str::from_utf8(value).is_ok());
            let values = if is_text {
                Values::Texts(values.into_iter().filter_map(|value| String::from_utf8(value).ok()).collect())
            } else {
                Values::Bytes(values)
            };
            Attribute { name, values }
        });
        Self { dn, attributes: attributes.collect() }
    }

    /// One made by hand, for tests of what is read out of entries.
    #[cfg(test)]
    pub(super) fn of(attributes: &[(&str, &[&str])]) -> Self {
        let values = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
        let attributes = attributes.iter().map(|(name, of)| ((*name).to_owned(), values(of))).collect();
        Self::new("CN=x,DC=contoso,DC=test".to_owned(), attributes)
    }

    /// Attribute names differ in case between servers.
    fn values(&self, name: &str) -> Option<&Values> {
        self.attributes.iter().find(|own| own.name.eq_ignore_ascii_case(name)).map(|own| &own.values)
    }

    /// All values of a text attribute.
    pub(super) fn texts(&self, name: &str) -> &[String] {
        match self.values(name) {
            Some(Values::Texts(texts)) => texts,
            Some(Values::Bytes(_)) | None => &[],
        }
    }

    /// The first value of a text attribute; `None` when it is absent or unreadable.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).first().map(String::as_str)
    }

    /// The value of a number attribute; `None` when it is absent, unreadable or no number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// The values of a binary attribute, whether or not they happen to be text.
    pub(super) fn bytes(&self, name: &str) -> Vec<&[u8]> {
        match self.values(name) {
            Some(Values::Texts(texts)) => texts.iter().map(String::as_bytes).collect(),
            Some(Values::Bytes(bytes)) => bytes.iter().map(Vec::as_slice).collect(),
            None => Vec::new(),
        }
    }
}
